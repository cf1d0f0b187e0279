#!/usr/bin/env python3
"""Writes a Hugging Face folder with random weights of a real model's shapes: to see that nothing assumes small numbers.

    make_random_folder.py OUT --preset qwen3-0.6b [--layers N] [--dtype bf16|f16|f32] [--shard-bytes N]

Only config.json and safetensors, no tokenizer: enough for `sirocco info`, `bench` and `logits --tokens`. Tensors are written
one after another, so that the script needs no more memory than the largest. Experts of gpt-oss are MXFP4.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import sys
from pathlib import Path

import numpy as np

Shape = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Preset:
    config: dict
    tensors: dict[str, Shape]  # with {} for the layer's number


def decoder(vocab: int, d: int, q: int, kv: int, f: int, tied: bool = True, biases: bool = False) -> dict[str, Shape]:
    layer = "model.layers.{}."
    out = {"model.embed_tokens.weight": (vocab, d), "model.norm.weight": (d,)}
    if not tied:
        out["lm_head.weight"] = (vocab, d)
    for name, shape in (("q", (q, d)), ("k", (kv, d)), ("v", (kv, d)), ("o", (d, q))):
        out[f"{layer}self_attn.{name}_proj.weight"] = shape
        if biases:
            out[f"{layer}self_attn.{name}_proj.bias"] = shape[:1]
    out |= {f"{layer}{name}.weight": (d,) for name in ("input_layernorm", "post_attention_layernorm")}
    if f:
        out |= {f"{layer}mlp.gate_proj.weight": (f, d), f"{layer}mlp.up_proj.weight": (f, d),
                f"{layer}mlp.down_proj.weight": (d, f)}
    return out


def qk_norms(e: int) -> dict[str, Shape]:
    return {f"model.layers.{{}}.self_attn.{name}_norm.weight": (e,) for name in "qk"}


def gpt_oss_experts(experts: int, d: int, f: int) -> dict[str, Shape]:
    mlp = "model.layers.{}.mlp."
    return {
        "model.layers.{}.self_attn.sinks": (64,),
        f"{mlp}router.weight": (experts, d), f"{mlp}router.bias": (experts,),
        f"{mlp}experts.gate_up_proj_blocks": (experts, 2 * f, d // 32, 16),
        f"{mlp}experts.gate_up_proj_scales": (experts, 2 * f, d // 32),
        f"{mlp}experts.gate_up_proj_bias": (experts, 2 * f),
        f"{mlp}experts.down_proj_blocks": (experts, d, f // 32, 16),
        f"{mlp}experts.down_proj_scales": (experts, d, f // 32),
        f"{mlp}experts.down_proj_bias": (experts, d),
    }


def described(model_type: str, cls: str, **more) -> dict:
    return {"architectures": [cls], "model_type": model_type, "hidden_act": "silu"} | more


PRESETS = {
    "llama-3.2-1b": Preset(
        described("llama", "LlamaForCausalLM", hidden_size=2048, intermediate_size=8192, num_hidden_layers=16,
                  num_attention_heads=32, num_key_value_heads=8, head_dim=64, vocab_size=128256, rms_norm_eps=1e-5,
                  max_position_embeddings=131072, tie_word_embeddings=True, rope_theta=500000.0,
                  rope_scaling={"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                                "original_max_position_embeddings": 8192}),
        decoder(128256, 2048, 2048, 512, 8192)),
    "qwen3-0.6b": Preset(
        described("qwen3", "Qwen3ForCausalLM", hidden_size=1024, intermediate_size=3072, num_hidden_layers=28,
                  num_attention_heads=16, num_key_value_heads=8, head_dim=128, vocab_size=151936, rms_norm_eps=1e-6,
                  max_position_embeddings=40960, tie_word_embeddings=True, rope_theta=1000000),
        decoder(151936, 1024, 2048, 1024, 3072) | qk_norms(128)),
    "gemma-3-1b": Preset(
        described("gemma3_text", "Gemma3ForCausalLM", hidden_activation="gelu_pytorch_tanh", hidden_size=1152,
                  intermediate_size=6912, num_hidden_layers=26, num_attention_heads=4, num_key_value_heads=1, head_dim=256,
                  vocab_size=262144, rms_norm_eps=1e-6, max_position_embeddings=32768, query_pre_attn_scalar=256,
                  rope_theta=1000000, rope_local_base_freq=10000, sliding_window=512, sliding_window_pattern=6),
        decoder(262144, 1152, 1024, 256, 6912) | qk_norms(256) | {
            f"model.layers.{{}}.{name}_feedforward_layernorm.weight": (1152,) for name in ("pre", "post")}),
    "gpt-oss-20b": Preset(
        described("gpt_oss", "GptOssForCausalLM", hidden_size=2880, intermediate_size=2880, num_hidden_layers=24,
                  num_attention_heads=64, num_key_value_heads=8, head_dim=64, vocab_size=201088, rms_norm_eps=1e-5,
                  max_position_embeddings=131072, tie_word_embeddings=False, num_local_experts=32, num_experts_per_tok=4,
                  sliding_window=128, swiglu_limit=7.0, rope_theta=150000,
                  rope_scaling={"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
                                "truncate": False, "original_max_position_embeddings": 4096}),
        decoder(201088, 2880, 4096, 512, 0, tied=False, biases=True) | gpt_oss_experts(32, 2880, 2880)),
}
DTYPES = {"bf16": ("BF16", 2), "f16": ("F16", 2), "f32": ("F32", 4)}
AT_ONCE = 1 << 24  # values


def encoded(values: np.ndarray, dtype: str) -> bytes:
    if dtype == "bf16":
        return (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    return values.astype("<f2" if dtype == "f16" else "<f4").tobytes()


def random_bytes(name: str, shape: Shape, dtype: str, generator: np.random.Generator):
    """The tensor's bytes in pieces: matrices that keep the size of what they multiply, norms near 1."""
    count = math.prod(shape)
    for begin in range(0, count, AT_ONCE):
        size = min(AT_ONCE, count - begin)
        if name.endswith("_blocks"):
            yield generator.integers(0, 256, size, np.uint8).tobytes()
        elif name.endswith("_scales"):
            yield generator.integers(118, 122, size, np.uint8).tobytes()
        else:
            values = generator.standard_normal(size, np.float32)
            is_norm = len(shape) == 1 and name.endswith("weight")
            values = 1 + 0.1 * values if is_norm else values * np.float32(shape[-1]**-0.5 if len(shape) > 1 else 0.02)
            yield encoded(values.astype(np.float32), dtype)


def write_file(path: Path, tensors: list[tuple[str, Shape]], dtype: str, generator: np.random.Generator) -> None:
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in tensors:
        packed = name.endswith(("_blocks", "_scales"))
        size = math.prod(shape) * (1 if packed else DTYPES[dtype][1])
        header[name] = {"dtype": "U8" if packed else DTYPES[dtype][0], "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in tensors:
            for piece in random_bytes(name, shape, dtype, generator):
                file.write(piece)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--layers", type=int, help="fewer than the model has")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--shard-bytes", type=int, default=1 << 40, help="largest size of a file, about")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    preset = PRESETS[args.preset]
    config = preset.config | ({"num_hidden_layers": args.layers} if args.layers else {})
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    tensors = [(name.format(layer), shape) for name, shape in preset.tensors.items()
               for layer in (range(config["num_hidden_layers"]) if "{}" in name else [0])]
    shards, room = [[]], args.shard_bytes
    for name, shape in tensors:
        size = math.prod(shape) * DTYPES[args.dtype][1]
        if size > room and shards[-1]:
            shards.append([])
            room = args.shard_bytes
        shards[-1].append((name, shape))
        room -= size
    generator = np.random.Generator(np.random.SFC64(args.seed))
    names = [f"model-{i + 1:05}-of-{len(shards):05}.safetensors" for i in range(len(shards))]
    if len(shards) == 1:
        names = ["model.safetensors"]
    else:
        where = {name: file for file, shard in zip(names, shards) for name, _ in shard}
        (args.out / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}) + "\n")
    for file, shard in zip(names, shards):
        write_file(args.out / file, shard, args.dtype, generator)
    print(f"{args.out}: {sum((args.out / file).stat().st_size for file in names):,} bytes in {len(names)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main())
