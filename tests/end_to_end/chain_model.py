"""Tiny models whose answers are known beforehand, written without any library.

Of a chain, the width is the number of tokens, embeddings are one-hot, layers add nothing, and the head makes the successor of the last
token the likeliest by far: a chain of tokens.
"""

import json
import struct


def byte_letters():
    """How byte-level vocabularies write each byte."""
    plain = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [byte for byte in range(256) if byte not in plain]
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + i) for i, byte in enumerate(others)}}


def _write_safetensors(path, tensors):
    header, blobs, at = {}, [], 0
    for name, (shape, values) in tensors.items():
        data = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(data)]}
        blobs.append(data)
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


SPECIALS = ("<s>", "</s>", "<go>")
CONFIG = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "intermediate_size": 32,
          "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1, "head_dim": 32,
          "max_position_embeddings": 65536, "tie_word_embeddings": False, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
          "bos_token_id": 0, "eos_token_id": 1}


def write_llama(folder, pieces, tensors, config, template="<go>"):
    """A Llama folder whose tokens are the special ones and these pieces, of text or of bytes, one each."""
    letters = byte_letters()
    words = ["".join(letters[byte] for byte in (piece if isinstance(piece, bytes) else piece.encode())) for piece in pieces]
    assert len(set(words)) == len(words), "a piece is one token"
    tokens = [*SPECIALS, *words]
    folder.mkdir(parents=True)
    _write_safetensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(tokens)}))
    added = [{"id": i, "content": text, "special": True} for i, text in enumerate(SPECIALS)]
    (folder / "tokenizer.json").write_text(json.dumps({
        "version": "1.0", "added_tokens": added,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": True},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)}, "merges": []}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}))
    return folder


def write_chain(folder, pieces, loops=False, broken=None):
    """A Llama folder that answers everything with the pieces of text, once or until it is stopped. Behind the piece `broken`
    its scores are no numbers."""
    tokens = len(SPECIALS) + len(pieces)
    width = (tokens + 31) // 32 * 32
    successor = {2 + i: 3 + i for i in range(len(pieces))}
    successor[tokens - 1] = 3 if loops else 1

    def matrix(rows, columns, ones=()):
        values = [0.0] * (rows * columns)
        for row, column, value in ones:
            values[row * columns + column] = value
        return [rows, columns], values

    embeddings = [(i, i, 1.0) for i in range(tokens)]
    if broken is not None:
        at = len(SPECIALS) + pieces.index(broken)
        embeddings[at] = (at, at, float("nan"))
    head = [(successor.get(i, 1), i, 30 / width ** 0.5) for i in range(tokens)]
    layer = "model.layers.0."
    tensors = {"model.embed_tokens.weight": matrix(tokens, width, embeddings),
               "lm_head.weight": matrix(tokens, width, head), "model.norm.weight": ([width], [1.0] * width)}
    for name, rows, columns in (("self_attn.q_proj", 32, width), ("self_attn.k_proj", 32, width),
                                ("self_attn.v_proj", 32, width), ("self_attn.o_proj", width, 32),
                                ("mlp.gate_proj", 32, width), ("mlp.up_proj", 32, width), ("mlp.down_proj", width, 32)):
        tensors[f"{layer}{name}.weight"] = matrix(rows, columns)
    for name in ("input_layernorm", "post_attention_layernorm"):
        tensors[f"{layer}{name}.weight"] = ([width], [1.0] * width)
    return write_llama(folder, pieces, tensors, {**CONFIG, "hidden_size": width})
