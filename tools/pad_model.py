#!/usr/bin/env python3
"""Makes of a llama GGUF one whose widths are whole numbers of a block, with the same logits up to rounding: so that a
model that is too narrow for blocks of 256 can be had in the formats that need them.

    pad_model.py IN.gguf OUT.gguf [--multiple 256] [--format f16]

Zeros are added behind the model's width, the heads (as many key/value heads as keep the grouping) and the feed-forward.
A padded head has zero queries, keys and values and zero columns in the output projection; the padded elements of the
residual stream stay zero. RMS norms divide by the root of the mean square, which the zeros make smaller by
D / padded D: their weights take its root, their epsilon the ratio itself.
Matrices are dequantized and written as floats, vectors as F32. The `gguf` package reads and writes.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Format
from gguf import GGUFValueType as Type


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Lengths of a matrix's sides, named as in SHAPES."""

    model: int
    queries: int  # heads times head width
    keys: int
    ff: int
    vocabulary: int


# Rows and columns by the last part of a tensor's name.
SHAPES = {
    "token_embd": ("vocabulary", "model"),
    "output": ("vocabulary", "model"),
    "attn_q": ("queries", "model"),
    "attn_k": ("keys", "model"),
    "attn_v": ("keys", "model"),
    "attn_output": ("model", "queries"),
    "ffn_gate": ("ff", "model"),
    "ffn_up": ("ff", "model"),
    "ffn_down": ("model", "ff"),
}
NORMS = ("attn_norm", "ffn_norm", "output_norm")
AS_IT_IS = ("rope_freqs",)  # a number a pair of a head: heads keep their width
FILE_TYPES = {"f16": gguf.LlamaFileType.MOSTLY_F16, "f32": gguf.LlamaFileType.ALL_F32}


def round_up(n: int, multiple: int) -> int:
    return -(-n // multiple) * multiple


def padded(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.pad(values, [(0, n - m) for m, n in zip(values.shape, shape)])


class Padding:
    def __init__(self, reader: gguf.GGUFReader, multiple: int):
        self.reader = reader
        arch = reader.get_field("general.architecture").contents()
        if arch != "llama":
            raise SystemExit(f"architecture {arch!r}; this program pads llama only")
        width, ff, heads = (self.key(k) for k in ("embedding_length", "feed_forward_length", "attention.head_count"))
        kv_heads = self.key("attention.head_count_kv", heads)
        head_dim = self.key("attention.key_length", width // heads)
        vocabulary = next(int(t.shape[1]) for t in reader.tensors if t.name == "token_embd.weight")
        # The step in key/value heads that makes the queries' width a whole number of blocks.
        group = heads // kv_heads
        step = multiple // math.gcd(multiple, group * head_dim)
        more_kv = round_up(kv_heads, step)
        self.old = Sizes(width, heads * head_dim, kv_heads * head_dim, ff, vocabulary)
        self.new = Sizes(round_up(width, multiple), more_kv * group * head_dim, more_kv * head_dim,
                         round_up(ff, multiple), vocabulary)
        self.ratio = width / self.new.model
        self.keys = {
            "embedding_length": (self.new.model, Type.UINT32),
            "feed_forward_length": (self.new.ff, Type.UINT32),
            "attention.head_count": (more_kv * group, Type.UINT32),
            "attention.head_count_kv": (more_kv, Type.UINT32),
            "attention.key_length": (head_dim, Type.UINT32),
            "attention.value_length": (head_dim, Type.UINT32),
            "rope.dimension_count": (self.key("rope.dimension_count", head_dim), Type.UINT32),
            "attention.layer_norm_rms_epsilon": (self.key("attention.layer_norm_rms_epsilon") * self.ratio, Type.FLOAT32),
        }

    def key(self, name: str, default=None):
        field = self.reader.get_field("llama." + name)
        if field is None and default is None:
            raise SystemExit(f"metadata key llama.{name} is missing")
        return default if field is None else field.contents()

    def tensor(self, tensor) -> np.ndarray:
        """float32, padded."""
        shape = tuple(int(n) for n in reversed(tensor.shape))
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32).reshape(shape)
        kind = tensor.name.removesuffix(".weight").rsplit(".", 1)[-1]
        if not tensor.name.endswith(".weight") or kind not in (*SHAPES, *NORMS, *AS_IT_IS):
            raise SystemExit(f"tensor {tensor.name}: this program doesn't know how to pad it")
        if kind in AS_IT_IS:
            return values
        sides = SHAPES.get(kind, ("model",))
        if shape != tuple(getattr(self.old, side) for side in sides):
            raise SystemExit(f"tensor {tensor.name} is {shape}, not [{', '.join(sides)}] of {self.old}")
        scale = np.float32(1 if kind in SHAPES else self.ratio**0.5)
        return padded(values * scale, tuple(getattr(self.new, side) for side in sides))


def copy_keys(reader: gguf.GGUFReader, writer: gguf.GGUFWriter, replaced: dict) -> None:
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name in ("general.architecture", "general.file_type") or name in replaced:
            continue
        element = field.types[-1] if field.types[0] == Type.ARRAY else None
        writer.add_key_value(name, field.contents(), field.types[0], sub_type=element)
    for name, (value, type) in replaced.items():
        writer.add_key_value(name, value, type)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--multiple", type=int, default=256, help="what widths become multiples of (default %(default)s)")
    parser.add_argument("--format", choices=FILE_TYPES, default="f16", help="of the matrices (default %(default)s)")
    args = parser.parse_args()

    reader = gguf.GGUFReader(args.model)
    padding = Padding(reader, args.multiple)
    writer = gguf.GGUFWriter(args.out, "llama")
    writer.add_file_type(FILE_TYPES[args.format])
    copy_keys(reader, writer, {"llama." + name: value for name, value in padding.keys.items()})
    for tensor in reader.tensors:
        values = padding.tensor(tensor)
        format = Format[args.format.upper()] if values.ndim == 2 else Format.F32
        writer.add_tensor(tensor.name, gguf.quants.quantize(values, format), raw_dtype=format)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(f"{args.out}: {padding.old} became {padding.new}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
