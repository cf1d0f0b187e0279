#!/usr/bin/env python3
"""Makes tests/golden/models: tiny random models as GGUF files, with the logits that `transformers` computes for them.

    make_golden.py [--out DIR] [--only NAME]...

Each entry of MODELS is one model: a `transformers` configuration filled with seeded random weights. Its float32 GGUF is
written with the names, keys and row order that llama.cpp's converter uses, its logits are recorded by `transformers`
(eager attention, float32), and tools/reference_logits.py must reproduce them from the GGUF alone. The same weights in
other formats get their logits from that program. A new family is an entry of FAMILIES and one of MODELS.

Needs numpy, torch, transformers and gguf; the versions used are recorded in every NAME.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import safetensors.torch
import torch
import transformers
from gguf import GGMLQuantizationType as Format

import compare_logits
import reference_logits

PROMPT_TOKENS = 48
CONTINUATION_TOKENS = 16
MIN_MARGIN = 0.01  # between the first two logits of every greedy step
MIN_DISTINCT = 6  # different tokens in a continuation: one that repeats a single token tells little
AGREEMENT = 1e-5  # of the two references, largest difference over largest logit
Array = np.ndarray


# --- families: how a transformers model becomes a GGUF -----------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Family:
    config: type
    model: type
    write_keys: Callable[[gguf.GGUFWriter, transformers.PretrainedConfig], None]
    # The tensor as the GGUF holds it.
    convert: Callable[[str, Array, transformers.PretrainedConfig], Array]
    extra_tensors: Callable[[transformers.PretrainedConfig], dict[str, Array]] = lambda _: {}
    # Norms hold w and multiply with 1 + w.
    norms_around_zero: bool = False
    architecture: str = ""  # as the GGUF names it, where that isn't the family's own name
    # A parameter that becomes several tensors, or whose name doesn't follow the others; empty for those that do.
    expand: Callable[[str, Array, transformers.PretrainedConfig], dict[str, Array]] = lambda *_: {}


NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "mlp.gate": "ffn_gate_inp",
    "mlp.router": "ffn_gate_inp",
    "mlp.shared_experts.gate_proj": "ffn_gate_shexp",
    "mlp.shared_experts.up_proj": "ffn_up_shexp",
    "mlp.shared_experts.down_proj": "ffn_down_shexp",
    "self_attn.q_a_proj": "attn_q_a",
    "self_attn.q_a_layernorm": "attn_q_a_norm",
    "self_attn.q_b_proj": "attn_q_b",
    "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
    "self_attn.kv_a_layernorm": "attn_kv_a_norm",
    "self_attn.kv_b_proj": "attn_kv_b",
}
# What one name means differs: with norms on both sides, the one behind attention is named as Llama's in front of the MLP.
PRE_NORM = {"post_attention_layernorm": "ffn_norm"}
SANDWICH = {
    "post_attention_layernorm": "post_attention_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


CONVERTER_NAMES = {"gpt2": gguf.MODEL_ARCH.GPT2, "phi": gguf.MODEL_ARCH.PHI2}

SANDWICH_ENDS = ("post_attention_norm", "post_ffw_norm")


def gguf_name(name: str, config: transformers.PretrainedConfig) -> str:
    stem, kind = name.rsplit(".", 1)
    if config.model_type in CONVERTER_NAMES:  # what the converter calls it
        names = gguf.get_tensor_name_map(CONVERTER_NAMES[config.model_type], config.num_hidden_layers)
        return f"{names.get_name(stem)}.{kind}"
    if not stem.startswith("model.layers."):
        return f"{NAMES[stem]}.{kind}"
    _, _, layer, part = stem.split(".", 3)
    return f"blk.{layer}.{(NAMES | (SANDWICH if 'gemma' in config.model_type else PRE_NORM))[part]}.{kind}"


def write_common_keys(writer: gguf.GGUFWriter, config: transformers.PretrainedConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)


def write_rotary_keys(writer: gguf.GGUFWriter, rotary: dict) -> None:
    writer.add_rope_freq_base(rotary["rope_theta"])
    if rotary["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rotary["factor"])
    elif rotary["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rotary["factor"])
        writer.add_rope_scaling_orig_ctx_len(rotary["original_max_position_embeddings"])
        if "mscale_all_dim" in rotary:
            writer.add_rope_scaling_yarn_log_mul(0.1 * rotary["mscale_all_dim"])


def write_llama_keys(writer: gguf.GGUFWriter, config: transformers.LlamaConfig) -> None:
    write_common_keys(writer, config)
    write_rotary_keys(writer, config.rope_parameters)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.head_dim)


def convert_llama(name: str, values: Array, config: transformers.LlamaConfig) -> Array:
    """Rows of q and k go from halves (i, i + E/2) to adjacent pairs, a head at a time; so do their biases."""
    if ".attn_q." not in name and ".attn_k." not in name:
        return values
    heads = config.num_attention_heads if ".attn_q." in name else config.num_key_value_heads
    halves = values.reshape(heads, 2, config.head_dim // 2, *values.shape[1:])
    return np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(values.shape)


def llama_rope_factors(config: transformers.LlamaConfig) -> dict[str, Array]:
    """Llama 3's scaling is stored as one divisor a frequency."""
    rotary = config.rope_parameters
    if rotary["rope_type"] != "llama3":
        return {}
    # In float32 throughout, as llama.cpp's converter has it.
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    wavelength = 2 * math.pi / (1.0 / rotary["rope_theta"] ** exponents)
    positions = rotary["original_max_position_embeddings"]
    low, high, factor = rotary["low_freq_factor"], rotary["high_freq_factor"], rotary["factor"]
    smooth = (positions / wavelength - low) / (high - low)
    factors = torch.where(wavelength < positions / high, 1.0,
                          torch.where(wavelength > positions / low, factor, 1 / ((1 - smooth) / factor + smooth)))
    return {"rope_freqs.weight": factors.numpy()}


def write_mistral_keys(writer: gguf.GGUFWriter, config: transformers.MistralConfig) -> None:
    write_llama_keys(writer, config)
    writer.add_sliding_window(config.sliding_window)


def write_qwen_keys(writer: gguf.GGUFWriter, config: transformers.Qwen3Config) -> None:
    write_common_keys(writer, config)
    write_rotary_keys(writer, config.rope_parameters)


def write_expert_keys(writer: gguf.GGUFWriter, config: transformers.PretrainedConfig) -> None:
    writer.add_expert_count(getattr(config, "num_experts", None) or config.n_routed_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)


def write_mixtral_keys(writer: gguf.GGUFWriter, config: transformers.MixtralConfig) -> None:
    write_llama_keys(writer, config)
    write_expert_keys(writer, config)


def write_qwen3_moe_keys(writer: gguf.GGUFWriter, config: transformers.Qwen3MoeConfig) -> None:
    write_qwen_keys(writer, config)
    write_expert_keys(writer, config)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if not config.norm_topk_prob:  # the converter leaves it out: the models that exist normalize
        writer.add_expert_weights_norm(False)


def layer_of(name: str) -> str:
    return name.removeprefix("model.layers.").split(".")[0]


def expand_experts(name: str, values: Array, _: transformers.PretrainedConfig) -> dict[str, Array]:
    """All experts of a layer are one tensor; gate and up, one above the other there, are two."""
    layer, part = layer_of(name), name.split(".")[-1]
    if part == "gate_up_proj":
        gate, up = np.split(values, 2, axis=1)
        return {f"blk.{layer}.ffn_gate_exps.weight": gate, f"blk.{layer}.ffn_up_exps.weight": up}
    return {f"blk.{layer}.ffn_down_exps.weight": values} if name.endswith("experts.down_proj") else {}


def write_gpt2_keys(writer: gguf.GGUFWriter, config: transformers.GPT2Config) -> None:
    writer.add_block_count(config.n_layer)
    writer.add_context_length(config.n_positions)
    writer.add_embedding_length(config.n_embd)
    writer.add_feed_forward_length(config.n_inner)
    writer.add_head_count(config.n_head)
    writer.add_layer_norm_eps(config.layer_norm_epsilon)


def convert_gpt2(name: str, values: Array, _: transformers.PretrainedConfig) -> Array:
    """Its projections are Conv1D: [inputs, outputs]."""
    return values.T if name.startswith("blk.") and values.ndim == 2 else values


def write_phi2_keys(writer: gguf.GGUFWriter, config: transformers.PhiConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_eps(config.layer_norm_eps)
    per_head = config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(int(config.rope_parameters["partial_rotary_factor"] * per_head))


def write_gpt_oss_keys(writer: gguf.GGUFWriter, config: transformers.GptOssConfig) -> None:
    write_common_keys(writer, config)
    write_expert_keys(writer, config)
    writer.add_expert_feed_forward_length(config.intermediate_size)
    writer.add_sliding_window(config.sliding_window)
    write_rotary_keys(writer, config.rope_parameters)


def expand_gpt_oss(name: str, values: Array, _: transformers.PretrainedConfig) -> dict[str, Array]:
    """Experts are stored [inputs, outputs], gate and up in turn; the norm in front of them has a name of its own."""
    layer, part = layer_of(name), name.split(".")[-1]
    if part == "sinks":
        return {f"blk.{layer}.attn_sinks.weight": values}
    if name.endswith("post_attention_layernorm.weight"):
        return {f"blk.{layer}.post_attention_norm.weight": values}
    if ".experts." not in name:
        return {}
    kind = "bias" if part.endswith("_bias") else "weight"
    if kind == "weight":
        values = values.swapaxes(1, 2)
    if part.startswith("gate_up_proj"):
        return {f"blk.{layer}.ffn_gate_exps.{kind}": values[:, ::2], f"blk.{layer}.ffn_up_exps.{kind}": values[:, 1::2]}
    return {f"blk.{layer}.ffn_down_exps.{kind}": values}


def write_deepseek2_keys(writer: gguf.GGUFWriter, config: transformers.DeepseekV2Config, latent: bool = True) -> None:
    """`latent`: heads are described as the latents that they share, as the converter does since it splits kv_b."""
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(1 if latent else config.num_attention_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_leading_dense_block_count(config.first_k_dense_replace)
    writer.add_vocab_size(config.vocab_size)
    if config.q_lora_rank is not None:
        writer.add_q_lora_rank(config.q_lora_rank)
    writer.add_kv_lora_rank(config.kv_lora_rank)
    if latent:
        writer.add_key_length(config.kv_lora_rank + config.qk_rope_head_dim)
        writer.add_value_length(config.kv_lora_rank)
        writer.add_key_length_mla(config.qk_head_dim)
        writer.add_value_length_mla(config.v_head_dim)
    else:
        writer.add_key_length(config.qk_head_dim)
        writer.add_value_length(config.v_head_dim)
    writer.add_rope_dimension_count(config.qk_rope_head_dim)
    write_rotary_keys(writer, config.rope_parameters)
    write_expert_keys(writer, config)
    writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    writer.add_expert_shared_count(config.n_shared_experts)
    writer.add_expert_weights_scale(config.routed_scaling_factor)
    if getattr(config, "topk_method", "group_limited_greedy") == "group_limited_greedy":
        writer.add_expert_group_count(config.n_group)
        writer.add_expert_group_used_count(config.topk_group)


def write_deepseek3_keys(writer: gguf.GGUFWriter, config: transformers.DeepseekV3Config) -> None:
    write_deepseek2_keys(writer, config)
    writer.add_expert_weights_norm(config.norm_topk_prob)
    writer.add_expert_gating_func(gguf.ExpertGatingFuncType.SIGMOID)


def write_old_deepseek2_keys(writer: gguf.GGUFWriter, config: transformers.DeepseekV2Config) -> None:
    write_deepseek2_keys(writer, config, latent=False)


def expand_deepseek2(name: str, values: Array, config: transformers.DeepseekV2Config) -> dict[str, Array]:
    """The projection of latents to keys and values becomes a stack of each, a head at a time, keys transposed."""
    if name.endswith("e_score_correction_bias"):
        return {f"blk.{layer_of(name)}.exp_probs_b.bias": values}
    if not name.endswith("kv_b_proj.weight"):
        return expand_experts(name, values, config)
    heads = values.reshape(config.num_attention_heads, -1, config.kv_lora_rank)
    keys, value = np.split(heads, [config.qk_nope_head_dim], axis=1)
    layer = layer_of(name)
    return {f"blk.{layer}.attn_k_b.weight": keys.swapaxes(1, 2), f"blk.{layer}.attn_v_b.weight": value}


def write_gemma2_keys(writer: gguf.GGUFWriter, config: transformers.Gemma2Config) -> None:
    write_common_keys(writer, config)
    writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
    writer.add_final_logit_softcapping(config.final_logit_softcapping)
    writer.add_sliding_window(config.sliding_window)


def write_gemma3_keys(writer: gguf.GGUFWriter, config: transformers.Gemma3TextConfig) -> None:
    write_common_keys(writer, config)
    write_rotary_keys(writer, config.rope_parameters["full_attention"])
    local_base = config.rope_parameters["sliding_attention"]["rope_theta"]
    if local_base != 10000.0:  # files made before the key existed leave this default out
        writer.add_rope_freq_base_swa(local_base)
    if config.final_logit_softcapping:
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if "sliding_attention" in config.layer_types:
        writer.add_sliding_window(config.sliding_window)


def as_is(_: str, values: Array, __: transformers.PretrainedConfig) -> Array:
    return values


def convert_gemma(name: str, values: Array, _: transformers.PretrainedConfig) -> Array:
    return values + 1 if name.endswith("norm.weight") else values


FAMILIES = {
    "llama": Family(transformers.LlamaConfig, transformers.LlamaForCausalLM, write_llama_keys, convert_llama,
                    llama_rope_factors),
    "mistral": Family(transformers.MistralConfig, transformers.MistralForCausalLM, write_mistral_keys, convert_llama,
                      architecture="llama"),
    "qwen2": Family(transformers.Qwen2Config, transformers.Qwen2ForCausalLM, write_qwen_keys, as_is),
    "qwen3": Family(transformers.Qwen3Config, transformers.Qwen3ForCausalLM, write_qwen_keys, as_is),
    "mixtral": Family(transformers.MixtralConfig, transformers.MixtralForCausalLM, write_mixtral_keys, convert_llama,
                      architecture="llama", expand=expand_experts),
    "qwen3moe": Family(transformers.Qwen3MoeConfig, transformers.Qwen3MoeForCausalLM, write_qwen3_moe_keys, as_is,
                       expand=expand_experts),
    "gpt2": Family(transformers.GPT2Config, transformers.GPT2LMHeadModel, write_gpt2_keys, convert_gpt2),
    "phi2": Family(transformers.PhiConfig, transformers.PhiForCausalLM, write_phi2_keys, as_is),
    "gpt-oss": Family(transformers.GptOssConfig, transformers.GptOssForCausalLM, write_gpt_oss_keys, as_is,
                      expand=expand_gpt_oss),
    "deepseek2": Family(transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM, write_deepseek2_keys, as_is,
                        expand=expand_deepseek2),
    "deepseek3": Family(transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM, write_deepseek3_keys, as_is,
                        expand=expand_deepseek2, architecture="deepseek2"),
    "deepseek2-old": Family(transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM,
                            write_old_deepseek2_keys, as_is, expand=expand_experts, architecture="deepseek2"),
    "gemma2": Family(transformers.Gemma2Config, transformers.Gemma2ForCausalLM, write_gemma2_keys, convert_gemma,
                     norms_around_zero=True),
    "gemma3": Family(transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM, write_gemma3_keys, convert_gemma,
                     norms_around_zero=True),
}


# --- models ------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Tiny:
    family: str
    shows: str
    config: dict
    # The format whose exact values the weights take; the file holds matrices in it.
    stored: Format = Format.F32
    # The same weights in other formats, matrices whose rows are no whole blocks in F16.
    also: tuple[Format, ...] = ()
    # Whether the model is saved as a Hugging Face folder too, and the size of its files.
    folder: bool = True
    shard_size: str = "1GB"
    # What the matrices of the layers are multiplied with, so that the layers outweigh the embedding.
    gain: float = 1.0


def shape(layers: int, d: int, heads: int, kv_heads: int, e: int, f: int, v: int) -> dict:
    return dict(num_hidden_layers=layers, hidden_size=d, num_attention_heads=heads, num_key_value_heads=kv_heads,
                head_dim=e, intermediate_size=f, vocab_size=v, max_position_embeddings=256)


def latent_shape(layers: int, d: int, heads: int, v: int) -> dict:
    return dict(num_hidden_layers=layers, hidden_size=d, num_attention_heads=heads, vocab_size=v, rms_norm_eps=1e-6,
                max_position_embeddings=256, tie_word_embeddings=False)


ALL_FORMATS = (Format.F16, Format.BF16, Format.Q4_0, Format.Q4_1, Format.Q5_0, Format.Q5_1, Format.Q8_0)


def gemma3_rotary(local_base: float) -> dict:
    return {
        "sliding_attention": {"rope_type": "default", "rope_theta": local_base},
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
    }


MODELS = {
    "llama-gqa": Tiny(
        "llama", "three KV heads for six query heads of 40, tied head; E is not D/H",
        shape(2, 48, 6, 3, 40, 80, 160) | dict(tie_word_embeddings=True, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0}), shard_size="100KB"),
    "llama-bf16": Tiny(
        "llama", "every parameter in BF16, norms and biases too",
        shape(1, 48, 3, 1, 20, 56, 101) | dict(tie_word_embeddings=False, attention_bias=True, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0}), stored=Format.BF16),
    "llama-odd": Tiny(
        "llama", "one KV head, no size a multiple of 16, untied head",
        shape(2, 72, 2, 1, 64, 136, 259) | dict(tie_word_embeddings=False, rope_parameters={
            "rope_type": "default", "rope_theta": 500000.0}), folder=False),
    "llama-bias": Tiny(
        "llama", "biases in attention and MLP, linear rotary scaling, heads of 80, untied head",
        shape(2, 32, 2, 1, 80, 56, 131) | dict(tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
                                               rope_parameters={"rope_type": "linear", "factor": 4.0,
                                                                "rope_theta": 10000.0})),
    "llama-rope3": Tiny(
        "llama", "Llama 3's rotary scaling with all three ranges of wavelengths, tied head, every file format",
        shape(2, 64, 2, 1, 64, 96, 288) | dict(tie_word_embeddings=True, rope_parameters={
            "rope_type": "llama3", "rope_theta": 10000.0, "factor": 8.0, "low_freq_factor": 1.0,
            "high_freq_factor": 4.0, "original_max_position_embeddings": 64}),
        also=ALL_FORMATS),
    "mistral": Tiny(
        "mistral", "Llama with a window of 20 on every layer",
        shape(3, 48, 4, 1, 12, 72, 143) | dict(tie_word_embeddings=False, sliding_window=20, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0})),
    "qwen2": Tiny(
        "qwen2", "biases of queries, keys and values, tied head, seven query heads for one KV head",
        shape(2, 56, 7, 1, 8, 76, 151) | dict(tie_word_embeddings=True, rope_parameters={
            "rope_type": "default", "rope_theta": 1000000.0})),
    "qwen3": Tiny(
        "qwen3", "queries and keys normalized head by head, three KV heads, E is not D/H, untied head",
        shape(2, 48, 6, 3, 24, 80, 167) | dict(tie_word_embeddings=False, rope_parameters={
            "rope_type": "default", "rope_theta": 1000000.0})),
    "qwen3-wide": Tiny(
        "qwen3", "whole blocks of 32, so that the norms quantize; tied head; Q8_0, Q4_0 and BF16",
        shape(2, 64, 4, 1, 32, 96, 150) | dict(tie_word_embeddings=True, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0}),
        also=(Format.BF16, Format.Q8_0, Format.Q4_0)),
    "mixtral": Tiny(
        "mixtral", "two of five experts a token, three KV heads, tied head",
        shape(2, 44, 6, 3, 10, 52, 149) | dict(tie_word_embeddings=True, num_local_experts=5, num_experts_per_tok=2,
                                               rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
        also=(Format.BF16,), folder=False),
    "mixtral-wide": Tiny(
        "mixtral", "whole blocks of 32; Q8_0 and Q4_0",
        shape(2, 64, 4, 1, 16, 96, 150) | dict(tie_word_embeddings=False, num_local_experts=4, num_experts_per_tok=2,
                                               rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
        also=(Format.Q8_0, Format.Q4_0)),
    "qwen3moe": Tiny(
        "qwen3moe", "three of nine experts a token, normalized weights, QK-norm, one KV head",
        shape(2, 48, 5, 1, 14, 60, 153) | dict(tie_word_embeddings=False, num_experts=9, num_experts_per_tok=3,
                                               moe_intermediate_size=36, norm_topk_prob=True, rope_parameters={
            "rope_type": "default", "rope_theta": 1000000.0})),
    "qwen3moe-plain": Tiny(
        "qwen3moe", "weights as the softmax over all experts has them; whole blocks of 32; Q8_0",
        shape(2, 64, 4, 2, 16, 60, 145) | dict(tie_word_embeddings=True, num_experts=6, num_experts_per_tok=2,
                                               moe_intermediate_size=32, norm_topk_prob=False, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0}),
        also=(Format.Q8_0,), folder=False),
    "gpt2": Tiny(
        "gpt2", "learned positions, fused projections stored as Conv1D, tied head; D of 60, three heads of 20",
        dict(n_layer=3, n_embd=60, n_head=3, n_inner=136, n_positions=96, vocab_size=157, tie_word_embeddings=True),
        gain=2.5),
    "phi2": Tiny(
        "phi2", "attention beside the feed-forward, rotary over 12 of 24 elements, a bias of the head",
        dict(num_hidden_layers=3, hidden_size=72, num_attention_heads=3, num_key_value_heads=3, intermediate_size=148,
             vocab_size=163, max_position_embeddings=256, tie_word_embeddings=False, rope_parameters={
                 "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}), gain=2.0),
    "phi2-wide": Tiny(
        "phi2", "whole blocks of 32, one KV head for two; Q8_0 and Q4_1",
        dict(num_hidden_layers=2, hidden_size=64, num_attention_heads=2, num_key_value_heads=1, intermediate_size=96,
             vocab_size=149, max_position_embeddings=256, tie_word_embeddings=False, rope_parameters={
                 "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}),
        also=(Format.Q8_0, Format.Q4_1), gain=2.0, folder=False),
    "gpt-oss": Tiny(
        "gpt-oss", "sinks, biases everywhere, clamped experts, a window of 17 on every other layer, YaRN without "
        "truncation, three KV heads",
        shape(3, 44, 6, 3, 12, 40, 151) | dict(tie_word_embeddings=False, num_local_experts=5, num_experts_per_tok=2,
                                               sliding_window=17, rope_parameters={
            "rope_type": "yarn", "rope_theta": 150000.0, "factor": 32.0, "beta_fast": 32.0, "beta_slow": 1.0,
            "truncate": False, "original_max_position_embeddings": 128})),
    "gpt-oss-wide": Tiny(
        "gpt-oss", "whole blocks of 32, experts in MXFP4",
        shape(2, 64, 4, 1, 16, 64, 144) | dict(tie_word_embeddings=False, num_local_experts=5, num_experts_per_tok=3,
                                               sliding_window=24, rope_parameters={
            "rope_type": "yarn", "rope_theta": 150000.0, "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
            "truncate": False, "original_max_position_embeddings": 256}),
        also=(Format.MXFP4,), folder=False),
    "deepseek2": Tiny(
        "deepseek2", "latent queries too, experts in three groups of which two count, shared experts, a dense first "
        "layer, YaRN with mscale, odd widths everywhere",
        latent_shape(3, 60, 5, 155) | dict(
            intermediate_size=76, first_k_dense_replace=1, n_routed_experts=12, num_experts_per_tok=3, n_group=3,
            topk_group=2, topk_method="group_limited_greedy", n_shared_experts=2, moe_intermediate_size=28,
            routed_scaling_factor=1.7, q_lora_rank=22, kv_lora_rank=18, qk_nope_head_dim=14, qk_rope_head_dim=6,
            v_head_dim=10, rope_parameters={
                "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
                "mscale": 0.707, "mscale_all_dim": 0.707, "original_max_position_embeddings": 64})),
    "deepseek2-old": Tiny(
        "deepseek2-old", "queries straight from the row, keys and values in one matrix as older files have it, "
        "no groups, no scaling",
        latent_shape(2, 48, 3, 147) | dict(
            intermediate_size=60, first_k_dense_replace=1, n_routed_experts=5, num_experts_per_tok=2,
            n_shared_experts=1, moe_intermediate_size=36, q_lora_rank=None, kv_lora_rank=20, qk_nope_head_dim=12,
            qk_rope_head_dim=10, v_head_dim=14, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})),
    "deepseek3": Tiny(
        "deepseek3", "experts scored by sigmoids and chosen with a bias, groups by their best two, normalized weights",
        latent_shape(2, 60, 5, 143) | dict(
            intermediate_size=68, first_k_dense_replace=1, n_routed_experts=12, num_experts_per_tok=3, n_group=4,
            topk_group=2, n_shared_experts=1, moe_intermediate_size=20, routed_scaling_factor=2.5, norm_topk_prob=True,
            num_key_value_heads=5, q_lora_rank=24, kv_lora_rank=16, qk_nope_head_dim=10, qk_rope_head_dim=8,
            v_head_dim=12,
            rope_parameters={"rope_type": "yarn", "rope_theta": 10000.0, "factor": 8.0, "beta_fast": 32.0,
                             "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
                             "original_max_position_embeddings": 32})),
    "deepseek2-wide": Tiny(
        "deepseek2", "whole blocks of 32; Q8_0 and BF16",
        latent_shape(2, 64, 2, 150) | dict(
            intermediate_size=96, first_k_dense_replace=1, n_routed_experts=4, num_experts_per_tok=2,
            n_shared_experts=1, moe_intermediate_size=32, q_lora_rank=32, kv_lora_rank=32, qk_nope_head_dim=32,
            qk_rope_head_dim=16, v_head_dim=32, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
        also=(Format.BF16, Format.Q8_0), folder=False),
    "deepseek2-old-wide": Tiny(
        "deepseek2-old", "the same with keys and values in one matrix; Q8_0",
        latent_shape(2, 64, 2, 150) | dict(
            intermediate_size=96, first_k_dense_replace=1, n_routed_experts=4, num_experts_per_tok=2,
            n_shared_experts=1, moe_intermediate_size=32, q_lora_rank=None, kv_lora_rank=32, qk_nope_head_dim=32,
            qk_rope_head_dim=16, v_head_dim=32, rope_parameters={"rope_type": "default", "rope_theta": 10000.0}),
        also=(Format.Q8_0,), folder=False),
    "gemma3": Tiny(
        "gemma3", "five local layers, a global one and a local one; window of 12, two rotary bases, linear scaling of "
        "the global one, QK-norm, E is not D/H",
        shape(7, 32, 4, 2, 24, 64, 160) | dict(query_pre_attn_scalar=24, sliding_window=12,
                                               rope_parameters=gemma3_rotary(2000.0)),
        also=(Format.Q8_0, Format.Q4_0, Format.Q4_1)),
    "gemma3-global": Tiny(
        "gemma3", "no sliding window: every layer global; a cap on the final logits",
        shape(2, 32, 2, 1, 32, 48, 97) | dict(query_pre_attn_scalar=32, sliding_window=4096, layer_types=[
            "full_attention"] * 2, final_logit_softcapping=4.0, rope_parameters=gemma3_rotary(10000.0))),
    "gemma3-deep": Tiny(
        "gemma3", "62 layers, the one size whose attention scale is (D/H)^-0.5 and not E^-0.5; F16; the default local base",
        shape(62, 16, 2, 1, 16, 16, 64) | dict(query_pre_attn_scalar=8, sliding_window=12,
                                               rope_parameters=gemma3_rotary(10000.0)), stored=Format.F16, folder=False),
    "gemma3-bf16": Tiny(
        "gemma3", "every parameter in BF16: norms become 1 + w in float32",
        shape(3, 32, 2, 1, 20, 48, 103) | dict(query_pre_attn_scalar=20, sliding_window=12,
                                               rope_parameters=gemma3_rotary(10000.0)), stored=Format.BF16),
    "gemma2": Tiny(
        "gemma2", "local and global layers in turn, window of 12, caps on attention scores and on the final logits",
        shape(4, 32, 4, 2, 24, 64, 160) | dict(query_pre_attn_scalar=24, sliding_window=12, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0}, attn_logit_softcapping=3.0, final_logit_softcapping=4.0)),
}


# --- making one --------------------------------------------------------------------------------------------------------


def weights_of(model: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """Parameters, and what is learned in another way."""
    buffers = [(name, buffer) for name, buffer in model.named_buffers() if name.endswith("e_score_correction_bias")]
    return list(model.named_parameters()) + buffers


def halved(tiny: Tiny, parameter: torch.nn.Parameter) -> bool:
    return tiny.stored == Format.F16 and parameter.ndim == 2


def fill(model: torch.nn.Module, tiny: Tiny, seed: int) -> None:
    """Random weights of sizes that keep every part of the model visible in the logits."""
    generator = np.random.Generator(np.random.PCG64(seed))
    for name, parameter in weights_of(model):
        normal = generator.standard_normal(parameter.shape)
        if parameter.ndim == 1 and name.endswith(".weight"):  # of a norm
            # Those behind a part are such that all parts together outweigh the token's embedding by five to one.
            behind = gguf_name(name, model.config).split(".")[-2] in SANDWICH_ENDS
            middle = 5 / math.sqrt(2 * model.config.num_hidden_layers) if behind else 1
            values = 0.25 * middle * normal + middle - (1 if FAMILIES[tiny.family].norms_around_zero else 0)
        elif name.endswith("bias") or parameter.ndim == 1:
            values = 0.3 * normal
        else:
            transposed = parameter.ndim == 3 and tiny.family == "gpt-oss"
            values = normal / math.sqrt(parameter.shape[1 if transposed else -1])
            if tiny.gain != 1 and gguf_name(name, model.config).startswith("blk."):
                values = tiny.gain * values
        values = torch.from_numpy(values.astype(np.float16 if halved(tiny, parameter) else np.float32))
        parameter.data = (values.bfloat16() if tiny.stored == Format.BF16 else values).float()


@torch.no_grad()
def build(tiny: Tiny, seed: int) -> tuple[torch.nn.Module, Array, Array]:
    """The model, its prompt, and its logits over the prompt and a greedy continuation."""
    family = FAMILIES[tiny.family]
    config = family.config(**tiny.config, attn_implementation="eager", pad_token_id=None, bos_token_id=1,
                           eos_token_id=2)
    model = family.model(config).eval()
    fill(model, tiny, seed)
    tokens = np.random.Generator(np.random.PCG64([seed, 1])).integers(0, config.vocab_size, PROMPT_TOKENS).tolist()
    for _ in range(CONTINUATION_TOKENS):
        logits = model(torch.tensor([tokens]), use_cache=False).logits[0]
        tokens.append(int(logits[-1].argmax()))
    logits = model(torch.tensor([tokens]), use_cache=False).logits[0].numpy()
    return model, np.array(tokens), logits


def margins(logits: Array) -> Array:
    """The lead of the first token in every greedy step."""
    top = np.sort(logits[PROMPT_TOKENS - 1:-1], axis=-1)[:, -2:]
    return top[:, 1] - top[:, 0]


FILE_TYPES = {
    Format.F32: gguf.LlamaFileType.ALL_F32,
    Format.F16: gguf.LlamaFileType.MOSTLY_F16,
    Format.BF16: gguf.LlamaFileType.MOSTLY_BF16,
    Format.Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    Format.Q4_1: gguf.LlamaFileType.MOSTLY_Q4_1,
    Format.Q5_0: gguf.LlamaFileType.MOSTLY_Q5_0,
    Format.Q5_1: gguf.LlamaFileType.MOSTLY_Q5_1,
    Format.Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
    Format.MXFP4: gguf.LlamaFileType.MOSTLY_MXFP4_MOE,
}


def write_gguf(path: Path, name: str, tiny: Tiny, model: torch.nn.Module, format: Format) -> None:
    family = FAMILIES[tiny.family]
    writer = gguf.GGUFWriter(path, family.architecture or tiny.family)
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_name(f"tiny random {name}")
    family.write_keys(writer, model.config)
    writer.add_file_type(FILE_TYPES[format])
    if format not in (Format.F32, Format.F16, Format.BF16):
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)

    tensors = family.extra_tensors(model.config)
    tied = model.config.tie_word_embeddings
    for parameter_name, parameter in weights_of(model):
        if not (tied and parameter_name == "lm_head.weight"):
            values = parameter.detach().numpy()
            expanded = family.expand(parameter_name, values, model.config)
            if not expanded:
                tensor_name = gguf_name(parameter_name, model.config)
                expanded = {tensor_name: family.convert(tensor_name, values, model.config)}
            tensors |= expanded
    block = gguf.GGML_QUANT_SIZES[format][0]
    for tensor_name, values in tensors.items():
        values = np.ascontiguousarray(values, np.float32)
        plain = values.ndim == 1 or tensor_name.endswith(".bias") or "ffn_gate_inp" in tensor_name
        chosen = Format.F32 if plain else format if values.shape[-1] % block == 0 else Format.F16
        if chosen == Format.MXFP4 and "_exps" not in tensor_name:
            chosen = Format.F32  # it is made for experts
        writer.add_tensor(tensor_name, gguf.quants.quantize(values, chosen), raw_dtype=chosen)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def save_folder(folder: Path, tiny: Tiny, model: torch.nn.Module) -> None:
    """The model as a Hugging Face folder; its parameters are left in the types that are stored."""
    if folder.exists():
        shutil.rmtree(folder)
    if tiny.stored == Format.BF16:
        model.bfloat16()
    for parameter in model.parameters():
        parameter.data = parameter.data.half() if halved(tiny, parameter) else parameter.data
    model.save_pretrained(folder, max_shard_size=tiny.shard_size)


def save_packed_folder(folder: Path, model: torch.nn.Module) -> None:
    """The model with its experts in MXFP4, as blocks and scales."""
    if folder.exists():
        shutil.rmtree(folder)
    model.config.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | {"architectures": [type(model).__name__]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tensors = {}
    for name, parameter in model.named_parameters():
        if parameter.ndim != 3:
            tensors[name] = parameter.data.contiguous()
            continue
        rows = np.ascontiguousarray(parameter.data.numpy().swapaxes(1, 2))
        packed = gguf.quants.quantize(rows, Format.MXFP4).reshape(*rows.shape[:2], -1, 17)
        scales, halves = packed[..., 0], packed[..., 1:]
        elements = np.concatenate([halves & 15, halves >> 4], -1)
        blocks = elements[..., ::2] | elements[..., 1::2] << 4
        tensors[name + "_blocks"] = torch.from_numpy(np.ascontiguousarray(blocks))
        tensors[name + "_scales"] = torch.from_numpy(np.ascontiguousarray(scales))
    safetensors.torch.save_file(tensors, folder / "model.safetensors", {"format": "pt"})


def largest_relative(reference: Array, other: Array) -> float:
    return compare_logits.compare(reference, other)["max_relative"]


def make(name: str, tiny: Tiny, out: Path) -> None:
    file = out / f"{name}.gguf"
    for seed in range(1, 1000):
        model, tokens, logits = build(tiny, seed)
        if margins(logits).min() < MIN_MARGIN or len(set(tokens[PROMPT_TOKENS:])) < MIN_DISTINCT:
            continue
        write_gguf(file, name, tiny, model, tiny.stored)
        # Some random models amplify the last bit of a float beyond use; a mistake would show with every seed.
        agreement = largest_relative(logits, reference_logits.Model(file).logits(tokens).astype(np.float32))
        if agreement < AGREEMENT:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear margins and two references that agree")
    prompt = tokens[:PROMPT_TOKENS]
    np.save(out / f"{name}.npy", logits[:PROMPT_TOKENS])

    variants = []
    for format in tiny.also:
        variant = out / f"{name}-{format.name.lower()}.gguf"
        write_gguf(variant, name, tiny, model, format)
        expected = reference_logits.Model(variant).logits(prompt).astype(np.float32)
        rounded = reference_logits.Model(variant, activations="int8").logits(prompt).astype(np.float32)
        cost = compare_logits.compare(expected, rounded)
        np.save(variant.with_suffix(".npy"), expected)
        record = {"file": variant.name, "format": format.name, "logits": variant.with_suffix(".npy").name}
        if format in reference_logits.INTEGER_FORMATS:
            np.save(out / f"{variant.stem}-int8.npy", rounded)
            record["logits_int8"] = f"{variant.stem}-int8.npy"
            record["int8_cost"] = {key: round(cost[key], 6) for key in ("mean_kl", "top1", "max_relative")}
        if format == Format.MXFP4:
            save_packed_folder(variant.with_suffix(""), model)
            record["folder"] = variant.stem
        variants.append(record)

    record = {
        "name": name,
        "shows": tiny.shows,
        "architecture": FAMILIES[tiny.family].architecture or tiny.family,
        "file": file.name,
        "format": tiny.stored.name,
        "logits": f"{name}.npy",
        "prompt": prompt.tolist(),
        "continuation": tokens[PROMPT_TOKENS:].tolist(),
        "min_margin": round(float(margins(logits).min()), 6),
        "max_abs_logit": round(float(np.abs(logits[:PROMPT_TOKENS]).max()), 6),
        "variants": variants,
        "made_with": {
            "script": "tools/make_golden.py",
            "seed": seed,
            "reference_agreement": float(f"{agreement:.1e}"),
            "versions": {"python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__,
                         "transformers": transformers.__version__, "gguf": gguf_version()},
        },
    }
    if tiny.folder:
        save_folder(out / name, tiny, model)
        record["folder"] = name
    (out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"{name:14} seed {seed:3}  margin {record['min_margin']:.3f}  references differ by {agreement:.1e}  "
          f"largest logit {record['max_abs_logit']:.2f}  {file.stat().st_size / 1024:.0f} KiB")


def gguf_version() -> str:
    from importlib.metadata import version

    return version("gguf")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parent.parent / "tests" / "golden" / "models"
    parser.add_argument("--out", type=Path, default=default)
    parser.add_argument("--only", action="append", choices=MODELS, help="make this one only (may be repeated)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    for name, tiny in MODELS.items():
        if not args.only or name in args.only:
            make(name, tiny, args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
