"""A tiny model with random weights: what it says depends, in all its layers, on everything that was said before."""

import random

from chain_model import CONFIG, write_llama

WIDTH, LAYERS, HEADS, KV_HEADS, HEAD, FEED_FORWARD = 64, 2, 4, 2, 16, 96


def write_random(folder, pieces, template, context=512, seed=1):
    """A Llama folder whose tokens are these pieces of text."""
    numbers = random.Random(seed)
    tokens = 3 + len(pieces)

    def matrix(rows, columns, spread=None):
        spread = columns ** -0.5 if spread is None else spread
        return [rows, columns], [numbers.gauss(0, spread) for _ in range(rows * columns)]

    ones = [WIDTH], [1.0] * WIDTH
    tensors = {"model.embed_tokens.weight": matrix(tokens, WIDTH, 1.0), "lm_head.weight": matrix(tokens, WIDTH, 0.25),
               "model.norm.weight": ones}
    for layer in range(LAYERS):
        for name, rows, columns in (("self_attn.q_proj", HEADS * HEAD, WIDTH), ("self_attn.k_proj", KV_HEADS * HEAD, WIDTH),
                                    ("self_attn.v_proj", KV_HEADS * HEAD, WIDTH), ("self_attn.o_proj", WIDTH, HEADS * HEAD),
                                    ("mlp.gate_proj", FEED_FORWARD, WIDTH), ("mlp.up_proj", FEED_FORWARD, WIDTH),
                                    ("mlp.down_proj", WIDTH, FEED_FORWARD)):
            tensors[f"model.layers.{layer}.{name}.weight"] = matrix(rows, columns)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"model.layers.{layer}.{name}.weight"] = ones
    return write_llama(folder, pieces, tensors, {
        **CONFIG, "hidden_size": WIDTH, "intermediate_size": FEED_FORWARD, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "head_dim": HEAD, "max_position_embeddings": context},
                       template)
