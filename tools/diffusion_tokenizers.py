"""Small tokenizers of the two kinds that FLUX has, trained on a few lines: CLIP's byte-level BPE and T5's unigrams, the latter by
sentencepiece. Both take any text. As folders have them today (tokenizer.json) and as they had them before (vocab.json and
merges.txt; spiece.model).

Needs tokenizers, transformers, sentencepiece and protobuf, with which transformers reads a spiece.model.
"""

from __future__ import annotations

import collections
import io
import json
import tempfile
from pathlib import Path

import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import pre_tokenizers

CLIP_ENDS = ("<|startoftext|>", "<|endoftext|>")
# What the normalizer of a spiece.model replaces. T5's own rules (nmt_nfkc) are of the same form, but of 240 KB.
RULES = (("\ufb01", "fi"), ("\u2122", "TM"), ("\uff21", "A"), ("e\u0301", "\u00e9"), ("\u3000", " "), ("\t", " "), ("\n", " "),
         ("\u200b", ""))


def clip_merges(lines: list[str], count: int) -> list[tuple[str, str]]:
    """The merges that lower-case words make, the most frequent pair first, of equals the first in the alphabet; at most `count` of
    them, none of a pair that is there once. (The library's trainer takes another one of equals each time.)"""
    letters = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    words = collections.Counter(letters.pre_tokenize_str(word)[0][0] for line in lines for word in line.lower().split())
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: collections.Counter = collections.Counter()
        for word, parts in pieces.items():
            for pair in zip(parts, parts[1:]):
                pairs[pair] += words[word]
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        merges.append(best)
        for parts in pieces.values():
            for i in range(len(parts) - 2, -1, -1):
                if i + 1 < len(parts) and (parts[i], parts[i + 1]) == best:
                    parts[i:i + 2] = ["".join(best)]
    return merges


def clip_vocabulary(merges: list[tuple[str, str]]) -> dict[str, int]:
    """In CLIP's order: bytes, bytes that end a word, what the merges make, the two ends."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(char + "</w>" for char in alphabet), *dict.fromkeys(a + b for a, b in merges), *CLIP_ENDS]
    return {token: i for i, token in enumerate(tokens)}


def clip(lines: list[str], merges: int, length: int) -> transformers.CLIPTokenizer:
    made = clip_merges(lines, merges)
    return transformers.CLIPTokenizer(clip_vocabulary(made), made, model_max_length=length)


def write_old_clip(folder: Path, tokenizer: transformers.CLIPTokenizer) -> None:
    """The files that folders had before tokenizer.json."""
    held = json.loads(tokenizer.backend_tokenizer.to_str())
    ends = {token["content"]: token for token in held["added_tokens"]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(held["model"]["vocab"], ensure_ascii=False) + "\n")
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in held["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    roles = {"bos_token": CLIP_ENDS[0], "eos_token": CLIP_ENDS[1], "pad_token": CLIP_ENDS[1], "unk_token": CLIP_ENDS[1]}
    write_roles(folder, roles)
    decoder = {str(ends[end]["id"]): {name: value for name, value in ends[end].items() if name != "id"} for end in CLIP_ENDS}
    write(folder / "tokenizer_config.json", {
        "add_prefix_space": False, "added_tokens_decoder": decoder, "clean_up_tokenization_spaces": True, "do_lower_case": True,
        "errors": "replace", "model_max_length": tokenizer.model_max_length, "tokenizer_class": "CLIPTokenizer"} | roles)


def spiece(lines: list[str], pieces: int, rules: tuple[tuple[str, str], ...] = RULES) -> bytes:
    """A spiece.model with T5's first three pieces: at most `pieces` of them, those of single characters included."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        for old, new in rules:
            file.write("\t".join(" ".join(f"{ord(char):X}" for char in text) for text in (old, new)) + "\n")
        file.flush()
        made = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=made, vocab_size=pieces, hard_vocab_limit=False, model_type="unigram",
            pad_id=0, eos_id=1, unk_id=2, bos_id=-1, character_coverage=1.0, normalization_rule_tsv=file.name, num_threads=1,
            minloglevel=2)
    held = sentencepiece_model_pb2.ModelProto.FromString(made.getvalue())
    for specification in (held.normalizer_spec, held.denormalizer_spec):
        specification.normalization_rule_tsv = ""  # a name that is another each time
    return held.SerializeToString(deterministic=True)


def t5(model: bytes, extra_ids: int, length: int) -> transformers.T5Tokenizer:
    with tempfile.TemporaryDirectory() as scratch:
        write_old_t5(Path(scratch), model, extra_ids, length)
        return transformers.T5Tokenizer.from_pretrained(scratch)


def write_old_t5(folder: Path, model: bytes, extra_ids: int, length: int) -> None:
    """The files that folders had before tokenizer.json."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spiece.model").write_bytes(model)
    roles = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    extra = [f"<extra_id_{i}>" for i in range(extra_ids)]
    write_roles(folder, roles, {"additional_special_tokens": extra})
    write(folder / "tokenizer_config.json", {
        "additional_special_tokens": extra, "clean_up_tokenization_spaces": True, "extra_ids": extra_ids, "legacy": True,
        "model_max_length": length, "sp_model_kwargs": {}, "tokenizer_class": "T5Tokenizer"} | roles)


def write_roles(folder: Path, roles: dict[str, str], more: dict | None = None) -> None:
    held = {role: {"content": token, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
            for role, token in roles.items()}
    write(folder / "special_tokens_map.json", (more or {}) | held)


def write(path: Path, held: dict) -> None:
    path.write_text(json.dumps(held, indent=2, ensure_ascii=False) + "\n")
