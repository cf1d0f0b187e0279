"""The tiny models that tools/make_golden.py records with GGUF files. What each one shows is a mistake that it would catch."""

from __future__ import annotations

import dataclasses

from gguf import GGMLQuantizationType as Format


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
