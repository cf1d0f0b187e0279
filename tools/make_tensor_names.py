#!/usr/bin/env python3
"""Writes the names of all tensors that any architecture has in GGUF files, as the `gguf` package lists them, for
tests/models/unread_tensors_test.cpp: one a line, {bid} for a layer's number.

    python3 -m venv ~/.cache/sirocco-reference
    ~/.cache/sirocco-reference/bin/pip install gguf
    ~/.cache/sirocco-reference/bin/python tools/make_tensor_names.py
"""

import importlib.metadata
import pathlib

from gguf.constants import TENSOR_NAMES

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/gguf/tensor_names.txt"


def main():
    names = sorted(set(TENSOR_NAMES.values()))
    version = importlib.metadata.version("gguf")
    OUT.write_text("".join(f"{line}\n" for line in [f"# gguf {version}", *names]))
    print(f"{OUT}: {len(names)} names")


if __name__ == "__main__":
    main()
