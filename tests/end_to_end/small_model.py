"""Hugging Face folders with a model that scores tokens the same whatever was said: its answers are known beforehand."""

import json
import math
import struct

WIDTH = 32
SPECIAL = ("<s>", "</s>")
LETTERS = "abcdefgh"
IDS = {text: i for i, text in enumerate((*SPECIAL, *LETTERS))}


def write_folder(folder, scores, *, generation=None, rows=len(IDS), norm=(1.0,) * WIDTH):
    """Writes it. `scores` says what tokens score, by text or id; the others score 0. `rows` is the model's vocabulary, which
    may be larger than the tokenizer's; `norm` scales the last hidden state, which isn't 0 in one place."""
    head = [[0.0] * WIDTH for _ in range(rows)]
    for token, score in scores.items():
        head[IDS.get(token, token)] = [score / math.sqrt(WIDTH)] * WIDTH
    embedding = [[float(i % WIDTH == j) for j in range(WIDTH)] for i in range(rows)]
    ones, zeros = [[1.0] * WIDTH], [[0.0] * WIDTH] * WIDTH
    tensors = {"model.embed_tokens.weight": embedding, "model.norm.weight": [list(norm)], "lm_head.weight": head}
    layer = "model.layers.0."
    tensors |= {layer + name + ".weight": ones for name in ("input_layernorm", "post_attention_layernorm")}
    tensors |= {layer + name + ".weight": zeros for name in (
        "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
        "mlp.down_proj")}
    header, data = {}, b""
    for name, matrix in tensors.items():
        begin = len(data)
        for row in matrix:
            data += struct.pack(f"<{WIDTH}f", *row)
        shape = [WIDTH] if name.endswith("norm.weight") else [len(matrix), WIDTH]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [begin, len(data)]}
    encoded = json.dumps(header).encode()
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(encoded)) + encoded + data)
    files = {
        "config.json": {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": WIDTH,
            "intermediate_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
            "head_dim": WIDTH, "vocab_size": rows, "rms_norm_eps": 1e-6, "max_position_embeddings": 256,
            "tie_word_embeddings": False, "bos_token_id": 0, "eos_token_id": 1},
        "tokenizer.json": {
            "version": "1.0", "decoder": {"type": "Fuse"}, "model": {"type": "BPE", "vocab": IDS, "merges": []},
            "added_tokens": [{"id": IDS[text], "content": text, "special": True} for text in SPECIAL]},
        "tokenizer_config.json": {
            "bos_token": "<s>", "eos_token": "</s>", "chat_template": "{{ bos_token }}{{ messages[-1].content }}"},
    }
    if generation is not None:
        files["generation_config.json"] = generation
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return folder
