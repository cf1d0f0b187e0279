#!/usr/bin/env python3
"""Writes small right GGUF files, with the `gguf` package, for the fuzzer to begin from.

Usage: tools/make_gguf_seeds.py [OUTPUT_FOLDER]
"""

import pathlib
import sys

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFWriter
from gguf.quants import quantize


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                       pathlib.Path(__file__).parent.parent / "tests/fuzz/corpus/gguf")
    out.mkdir(parents=True, exist_ok=True)

    vocabulary = GGUFWriter(out / "vocabulary.gguf", "llama")
    vocabulary.add_token_list(["<s>", "a", "b"])
    vocabulary.add_token_types([3, 1, 1])
    vocabulary.add_token_scores([0.0, -1.0, -2.0])
    weights = GGUFWriter(out / "weights.gguf", "llama")
    weights.add_custom_alignment(64)
    weights.add_bool("flag", True)
    weights.add_float64("number", 0.5)
    weights.add_int64("integer", -1)
    values = np.arange(64, dtype=np.float32).reshape(2, 32)
    weights.add_tensor("f32", values)
    for kind in (Type.Q4_0, Type.Q8_0):
        weights.add_tensor(kind.name, quantize(values, kind), raw_dtype=kind)
    for writer in (vocabulary, weights):
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


if __name__ == "__main__":
    main()
