#!/usr/bin/env python3
"""Records what the `gguf` package makes of blocks of every weight format that sirocco reads.

Writes tests/golden/quant/NAME.bin, one file a format, and versions.txt beside them. A file is four
little-endian uint32 (encoded bytes, decoded floats, floats to encode, bytes they become; the last
two are 0 where the package doesn't encode the format), then those four arrays in that order.

Needs numpy and gguf. Usage: tools/make_quant_golden.py [OUTPUT_FOLDER]
"""

import pathlib
import platform
import struct
import sys
import warnings
from importlib.metadata import version

import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType as Type
from gguf.quants import dequantize, quantize

# Where the f16 scales of a block stand.
SCALES = {
    Type.F32: [], Type.F16: [], Type.BF16: [],
    Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0],
    Type.Q2_K: [80, 82], Type.Q3_K: [108], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2], Type.Q6_K: [208],
    Type.IQ4_NL: [0], Type.IQ4_XS: [0], Type.MXFP4: [],
}
ENCODED = {Type.F32, Type.F16, Type.BF16, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q8_0}

# Zeros, the ends of the denormals, one, the ends of the range, infinities, a quiet NaN.
EXTREME_HALVES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03FF, 0x0400, 0x3C00, 0x7BFF, 0xFBFF, 0x7C00,
                  0xFC00, 0x7E00]


def blocks_to_decode(kind, rng):
    elements, size = GGML_QUANT_SIZES[kind]
    if kind == Type.F32:
        return rng.standard_normal(256).astype(np.float32).view(np.uint8)
    if elements == 1:
        edges = [e for e in EXTREME_HALVES if e != 0x7E00] if kind == Type.F16 else EXTREME_HALVES
        bits = rng.integers(0, 1 << 16, 2048).astype(np.uint16)
        value = bits.view(np.float16) if kind == Type.F16 else (bits.astype(np.uint32) << 16).view(np.float32)
        bits[np.isnan(value)] = 0x1234  # NaNs are compared by the unit test, as NaNs
        return np.concatenate([np.array(edges, np.uint16), bits]).view(np.uint8)
    count = 2 * len(EXTREME_HALVES) + (64 if elements == 32 else 8)
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    blocks[0, :] = 0
    blocks[1, :] = 255
    for at in SCALES[kind]:
        scales = (rng.standard_normal(count) * 0.01).astype(np.float16)
        edges = np.array(EXTREME_HALVES, np.uint16).view(np.float16)
        scales[: len(edges)] = edges
        scales[len(edges) : 2 * len(edges)] = rng.permutation(edges)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks.reshape(-1)


def values_to_encode(kind, rng):
    elements = max(GGML_QUANT_SIZES[kind][0], 32)
    rows = [rng.standard_normal(elements) * scale
            for scale in [1, 0.02, 1e-3, 1e-5, 1e-7, 1e-8, 1e-30, 40, 6e4, 1e6, 1e30] for _ in range(3)]
    rows += [np.zeros(elements), np.full(elements, 0.7), np.full(elements, -0.7)]
    rows += [np.arange(elements) - 16.0, np.arange(elements) * 0.5, np.arange(elements) / 31 - 2]
    rows += [np.where(np.arange(elements) == 5, peak, 0.25) for peak in (8.0, -8.0, 127.0, -127.0)]
    rows += [rng.integers(-254, 255, elements) / 2]
    if elements == 32 and GGML_QUANT_SIZES[kind][0] == 1:
        # Around every rounding decision of f16: ties, overflow, denormals.
        ties = np.array([65504, 65519.996, 65520, 65536, 2**-14, 2**-24, 2**-25, 1.5 * 2**-24,
                         2.5 * 2**-24, 3.5 * 2**-24, 1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-9, np.inf,
                         2**-25 * 1.0000001, 2**-26])
        rows += [np.concatenate([ties, -ties])]
        return np.array(rows, np.float32)
    return np.array(rows, np.float32)


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                       pathlib.Path(__file__).parent.parent / "tests/golden/quant")
    out.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")  # overflow to infinity is part of the exercise
    for kind in SCALES:
        rng = np.random.default_rng(int(kind))
        encoded = blocks_to_decode(kind, rng)
        decoded = dequantize(encoded, kind).astype(np.float32)
        values = values_to_encode(kind, rng) if kind in ENCODED else np.empty((0, 32), np.float32)
        made = quantize(values, kind).view(np.uint8) if len(values) else np.empty(0, np.uint8)
        with open(out / f"{kind.name.lower()}.bin", "wb") as file:
            file.write(struct.pack("<4I", encoded.size, decoded.size, values.size, made.size))
            for array in (encoded, decoded, values, made):
                file.write(array.tobytes())
    (out / "versions.txt").write_text(
        f"tools/make_quant_golden.py with Python {platform.python_version()}, "
        f"numpy {version('numpy')}, gguf {version('gguf')}\n")


if __name__ == "__main__":
    main()
