#!/usr/bin/env python3
"""Writes a GGUF with random weights of any shape, fast: for benchmarks and for formats that `gguf` can't encode.

    make_random_gguf.py OUT.gguf --preset llama-1b --format q4_k
    make_random_gguf.py OUT.gguf --layers 2 --width 512 --heads 8 --kv-heads 2 --ff 1536 --vocab 32000 --format q8_0

    make_random_gguf.py OUT.gguf --preset llama-1b --format f16 --tokenizer     # for llama-quantize to make others of

The blocks are random bytes with scales that give the weights the spread of an initialized model, so the logits are
finite and a forward pass does the work that it does with a trained one. The architecture is llama. There is a tokenizer
only when it is asked for: byte-level BPE of the shape's vocabulary, with a merge for each token as trained ones have it.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Format


@dataclasses.dataclass(frozen=True)
class Shape:
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ff: int
    vocab: int
    tied: bool = True
    freq_base: float = 500000.0


PRESETS = {
    "smollm2-135m": Shape(30, 576, 9, 3, 64, 1536, 49152, freq_base=100000.0),
    "llama-1b": Shape(16, 2048, 32, 8, 64, 8192, 128256),
    "llama-3b": Shape(28, 3072, 24, 8, 128, 8192, 128256),
    "llama-8b": Shape(32, 4096, 32, 8, 128, 14336, 128256, tied=False),
}


@dataclasses.dataclass(frozen=True)
class Block:
    """Where a block's f16 scales and minima lie, and what they multiply: all its other bytes are random."""

    scales: tuple[int, ...]  # byte offsets
    minima: tuple[int, ...] = ()
    spread: float = 1.0  # standard deviation of the values that random bytes give with a scale of 1
    centre: float = 0.0  # mean of what a minimum must cancel, in units of the minimum
    minimum_sign: int = 1  # whether the format adds or subtracts its minimum


# Standard deviation of uniform integers 0..n-1.
def uniform(n: int) -> float:
    return ((n * n - 1) / 12) ** 0.5


IQ4_SPREAD = float(np.sqrt(np.mean(np.square(gguf.quants.IQ4_NL.kvalues))))
BLOCKS = {
    Format.Q4_0: Block((0,), spread=uniform(16)),
    Format.Q4_1: Block((0,), (2,), uniform(16), 7.5),
    Format.Q5_0: Block((0,), spread=uniform(32)),
    Format.Q5_1: Block((0,), (2,), uniform(32), 15.5),
    Format.Q8_0: Block((0,), spread=uniform(256)),
    # The block's scale and minimum times six random bits each; the minimum takes the codes' mean away on average.
    Format.Q4_K: Block((0,), (2,), (1344 * uniform(16)**2 + 682 * 7.5**2)**0.5, 7.5, -1),
    Format.Q5_K: Block((0,), (2,), (1344 * uniform(32)**2 + 682 * 15.5**2)**0.5, 15.5, -1),
    # The same with four random bits each, of 16 elements.
    Format.Q2_K: Block((80,), (82,), (77.5 * uniform(4)**2 + 42.5 * 1.5**2)**0.5, 1.5, -1),
    # Scales of six random bits, signed.
    Format.Q3_K: Block((108,), spread=18.5 * uniform(8)),
    # Scales of eight random bits, signed, behind the codes; the block's own is last.
    Format.Q6_K: Block((208,), spread=74 * uniform(64)),
    Format.IQ4_NL: Block((0,), spread=IQ4_SPREAD),
    Format.IQ4_XS: Block((0,), spread=18.5 * IQ4_SPREAD),
}
FILE_TYPES = {
    Format.F32: gguf.LlamaFileType.ALL_F32,
    Format.Q3_K: gguf.LlamaFileType.MOSTLY_Q3_K_M,
    Format.Q4_K: gguf.LlamaFileType.MOSTLY_Q4_K_M,
    Format.Q5_K: gguf.LlamaFileType.MOSTLY_Q5_K_M,
} | {f: gguf.LlamaFileType[f"MOSTLY_{f.name}"]
     for f in (Format.F16, Format.BF16, Format.Q4_0, Format.Q4_1, Format.Q5_0, Format.Q5_1, Format.Q8_0, Format.Q2_K,
               Format.Q6_K, Format.IQ4_NL, Format.IQ4_XS)}
FLOATS = (Format.F32, Format.F16, Format.BF16)
ROWS_AT_ONCE = 1 << 24  # values


def random_rows(generator: np.random.Generator, rows: int, columns: int, format: Format, spread: float) -> np.ndarray:
    """rows of the file format's bytes, or floats, whose values have about this standard deviation."""
    if format in FLOATS:
        values = generator.standard_normal((rows, columns), np.float32) * np.float32(spread)
        return gguf.quants.quantize(values, format)
    block, (size, count) = BLOCKS[format], gguf.GGML_QUANT_SIZES[format]
    data = generator.integers(0, 256, (rows, columns // size, count), np.uint8)
    scale = spread / block.spread * generator.uniform(0.75, 1.25, data.shape[:2])
    for offset in block.scales:
        data[..., offset:offset + 2] = scale.astype("<f2")[..., None].view(np.uint8)
    for offset in block.minima:
        minimum = -block.minimum_sign * scale * block.centre
        data[..., offset:offset + 2] = minimum.astype("<f2")[..., None].view(np.uint8)
    return data.reshape(rows, -1)


def fallback(columns: int, format: Format) -> Format:
    """The format of a matrix whose rows are no whole number of this format's blocks."""
    for candidate in (format, Format.Q8_0, Format.F16):
        if columns % gguf.GGML_QUANT_SIZES[candidate][0] == 0:
            return candidate
    raise AssertionError("F16 takes any number of columns")


def byte_letters() -> list[str]:
    """The visible letter that byte-level BPE writes for each byte: itself where it is one, else the next from U+0100."""
    visible = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in visible else next(others)) for byte in range(256)]


def add_tokenizer(writer: gguf.GGUFWriter, vocabulary: int) -> None:
    """All strings of one byte, then of two and so on, each made of a shorter token and a byte; two control tokens last."""
    letters = byte_letters()
    tokens, merges = list(letters), []
    control = ["<|begin_of_text|>", "<|end_of_text|>"]
    while len(tokens) < vocabulary - len(control):
        parent, letter = tokens[len(merges) // 256], letters[len(merges) % 256]
        merges.append(f"{parent} {letter}")
        tokens.append(parent + letter)
    types = [gguf.TokenType.NORMAL] * len(tokens) + [gguf.TokenType.CONTROL] * len(control)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list(tokens + control)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(len(tokens))
    writer.add_eos_token_id(len(tokens) + 1)


def write(path: Path, shape: Shape, format: Format, head: Format, context: int, seed: int, tokenizer: bool) -> None:
    writer = gguf.GGUFWriter(path, "llama", use_temp_file=False)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(f"random {path.stem}")
    writer.add_block_count(shape.layers)
    writer.add_context_length(context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.ff)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_dim)
    writer.add_value_length(shape.head_dim)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(shape.freq_base)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_vocab_size(shape.vocab)
    writer.add_file_type(FILE_TYPES[format])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    if tokenizer:
        add_tokenizer(writer, shape.vocab)

    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    layer = {"attn_q": (q, shape.width), "attn_k": (kv, shape.width), "attn_v": (kv, shape.width),
             "attn_output": (shape.width, q), "ffn_gate": (shape.ff, shape.width), "ffn_up": (shape.ff, shape.width),
             "ffn_down": (shape.width, shape.ff)}
    matrices = {"token_embd.weight": (shape.vocab, shape.width)}
    if not shape.tied:
        matrices["output.weight"] = (shape.vocab, shape.width)
    for i in range(shape.layers):
        matrices |= {f"blk.{i}.{name}.weight": size for name, size in layer.items()}
    norms = ["output_norm.weight"] + [f"blk.{i}.{name}.weight" for i in range(shape.layers)
                                      for name in ("attn_norm", "ffn_norm")]

    formats = {name: fallback(columns, format if name.startswith("blk.") else head)
               for name, (_, columns) in matrices.items()}
    for name in norms:
        writer.add_tensor_info(name, (shape.width,), np.dtype(np.float32), shape.width * 4, Format.F32)
    for name, (rows, columns) in matrices.items():
        size, count = gguf.GGML_QUANT_SIZES[formats[name]]
        row_bytes = columns // size * count
        writer.add_tensor_info(name, (rows, row_bytes) if formats[name] not in FLOATS else (rows, columns),
                               np.dtype(np.uint8) if formats[name] not in FLOATS else np.dtype(np.float32),
                               rows * row_bytes, formats[name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    generator = np.random.Generator(np.random.SFC64(seed))
    for _ in norms:
        writer.write_tensor_data(np.ones(shape.width, np.float32))
    for name, (rows, columns) in matrices.items():
        writer.write_tensor_data(random_tensor(generator, rows, columns, formats[name]))
    writer.close()


def random_tensor(generator: np.random.Generator, rows: int, columns: int, format: Format) -> np.ndarray:
    at_once = max(1, ROWS_AT_ONCE // columns)
    return np.concatenate([random_rows(generator, min(at_once, rows - start), columns, format, columns**-0.5)
                           for start in range(0, rows, at_once)])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = {f.name.lower(): f for f in (*FLOATS, *BLOCKS)}
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", choices=PRESETS, default="llama-1b", help="the shape to start from (default %(default)s)")
    parser.add_argument("--format", choices=names, default="q4_0", help="of the blocks' matrices (default %(default)s)")
    parser.add_argument("--head-format", choices=names, help="of embedding and head (default: as --format)")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tokenizer", action="store_true", help="a vocabulary and merges, which other programs insist on")
    parser.add_argument("--untied", action="store_true", help="a head of its own")
    dimensions = [f.name for f in dataclasses.fields(Shape) if f.type == "int"]
    for name in dimensions:
        parser.add_argument("--" + name.replace("_", "-"), type=int)
    args = parser.parse_args()
    shape = dataclasses.replace(PRESETS[args.preset], **{n: getattr(args, n) for n in dimensions if getattr(args, n)})
    if args.untied:
        shape = dataclasses.replace(shape, tied=False)
    format = names[args.format]
    if args.tokenizer and shape.vocab < 258:
        parser.error("a tokenizer has at least 258 tokens: the bytes and two control tokens")
    head = names[args.head_format] if args.head_format else format
    write(args.out, shape, format, head, args.context, args.seed, args.tokenizer)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
