#!/usr/bin/env python3
"""Writes down what llama.cpp's converter makes of the part of a folder that sees or hears: tests/golden/mmproj/NAME.json; or of its
language model: tests/golden/mmproj/text/NAME.json.

usage: tools/record_mmproj.py CONVERTED.gguf NAME VERSION

CONVERTED.gguf is what `convert_hf_to_gguf.py FOLDER --mmproj --outtype f32` of the llama.cpp in VERSION ("llama-cpp-python 0.3.36")
wrote of NAME in build/release/golden/pictures or build/release/golden/hearing, or the same without `--mmproj` (the converter doesn't know the tiny tokenizers by their
digest: its `get_vocab_base_pre` has to answer "qwen2"). Its weights aren't kept: they are the folder's. Needs gguf from PyPI.
"""

import json
import pathlib
import sys

import gguf

ROOT = pathlib.Path(__file__).resolve().parent.parent


def record(path, name, script, version):
    """The keys of the GGUF file `path`, and the shapes of its tensors, as NAME.json."""
    reader = gguf.GGUFReader(path)
    keys = {field.name: field.contents() for field in reader.fields.values()
            if not field.name.startswith(("GGUF.", "tokenizer."))}
    tensors = {tensor.name: [int(extent) for extent in reversed(tensor.shape)] for tensor in reader.tensors}
    record = {"made_with": {"script": script, "converter": version}, **keys, "tensors": tensors}
    folder = ROOT / "tests/golden/mmproj"
    if keys["general.architecture"] != "clip":
        folder /= "text"
    to = folder / f"{name}.json"
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(json.dumps(record, indent=1) + "\n")


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    path, name, version = sys.argv[1:]
    record(path, name, "tools/record_mmproj.py", version)


if __name__ == "__main__":
    main()
