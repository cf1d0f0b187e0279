"""How the models of `transformers` that tools/make_golden.py records become GGUF files: keys, names and order of rows as
llama.cpp's converter has them. A new family is an entry of FAMILIES.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import gguf
import numpy as np
import torch
import transformers

Array = np.ndarray


@dataclasses.dataclass(frozen=True)
class Family:
    config: type
    model: type
    write_keys: Callable[[gguf.GGUFWriter, transformers.PretrainedConfig], None]
    # The tensor as the GGUF holds it.
    convert: Callable[[str, Array, transformers.PretrainedConfig], Array]
    extra_tensors: Callable[[transformers.PretrainedConfig], dict[str, Array]] = lambda _: {}
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
    "gemma2": Family(transformers.Gemma2Config, transformers.Gemma2ForCausalLM, write_gemma2_keys, convert_gemma),
    "gemma3": Family(transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM, write_gemma3_keys, convert_gemma),
}
