#!/usr/bin/env python3
"""Records what the `gguf` package reads in a GGUF file: the test of formats/ compares.

Usage: tools/make_gguf_golden.py MODEL.gguf > tests/golden/gguf/default_model.txt

One line an item, fields split by tabs: `key NAME TYPE COUNT CRC` and `tensor NAME FORMAT SHAPE CRC`.
TYPE is integer, number, boolean or string; COUNT is -1 for a single value. CRC is the CRC-32 of the
values one after the other as int64, float64 or one byte, little-endian, strings after their length
as int64; for a tensor that of its bytes. SHAPE is outermost first.
"""

import platform
import struct
import sys
import zlib
from importlib.metadata import version

from gguf import GGUFReader, GGUFValueType as V

KINDS = {V.BOOL: "boolean", V.STRING: "string", V.FLOAT32: "number", V.FLOAT64: "number"}
PACKED = {"boolean": "<?", "number": "<d", "integer": "<q"}


def main():
    reader = GGUFReader(sys.argv[1])
    print(f"# tools/make_gguf_golden.py with Python {platform.python_version()}, gguf {version('gguf')}")
    for name, field in reader.fields.items():
        if name.startswith("GGUF."):
            continue
        is_array = field.types[0] == V.ARRAY
        kind = KINDS.get(field.types[-1], "integer")
        crc = 0
        for index in field.data:
            part = field.parts[index]
            if kind == "string":
                crc = zlib.crc32(struct.pack("<q", len(part)) + part.tobytes(), crc)
            else:
                crc = zlib.crc32(struct.pack(PACKED[kind], part[0].item()), crc)
        print("key", name, kind, len(field.data) if is_array else -1, crc, sep="\t")
    for tensor in reader.tensors:
        shape = ",".join(str(n) for n in reversed(tensor.shape.tolist()))
        print("tensor", tensor.name, tensor.tensor_type.name.lower(), shape,
              zlib.crc32(tensor.data.tobytes()), sep="\t")


if __name__ == "__main__":
    main()
