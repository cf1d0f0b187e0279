#!/usr/bin/env python3
"""Records what Hugging Face's tokenizers makes of every character, component by component.

Adds to tests/golden/tokenizer_json/ (see README there): characters-*.json, tokenizers that spell every byte of the
normalized text and the end of every word, and characters.bin, a hash for each of them and every block of code points.
Needs the package tokenizers; the C++ test doesn't. Deterministic.

    tools/make_character_golden.py --out tests/golden/tokenizer_json
"""

import argparse
import json
import pathlib
import struct

from tokenizers import Tokenizer

# As make_tokenizer_golden.py has them.
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
LETTERS = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\p{L}\p{M}]"
BLOCK = 2048
TEXT = 64  # code points: the reference takes long for long texts
# Ideographs, syllables and private characters: few of them say what all do.
UNIFORM = ((0x3400, 0x9FFF), (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0x17000, 0x187F7), (0x20000, 0x2A6DF))


def points():
    for c in [*range(1, 0x32400), *range(0xE0000, 0xE0200)]:
        uniform = any(first <= c <= last for first, last in UNIFORM)
        if not 0xD800 <= c <= 0xDFFF and (c % 61 == 0 or not uniform):
            yield c


def blocks(line):
    """For every block its texts."""
    texts = {}
    for c in points():
        block = texts.setdefault(c // BLOCK, {})
        block[c // TEXT] = block.get(c // TEXT, "") + line(chr(c))
    return [list(texts[block].values()) for block in sorted(texts)]


def in_words(c):
    return f"x{c}y {c}{c}1\n"


def among_marks(c):
    return f"A{c}\u0345{c}\u05b0 {c}\u0301\n"


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def variants():
    """(name, normalizer, pre-tokenizer, line)"""
    for name in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"):
        yield name.lower(), {"type": name}, None, among_marks
    yield "bert", {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": True,
                   "lowercase": True}, {"type": "BertPreTokenizer"}, among_marks
    yield "precompiled", {"type": "Precompiled", "precompiled_charsmap": "@unigram-nmt.charsmap"}, None, among_marks
    for name in ("Whitespace", "WhitespaceSplit"):
        yield name.lower(), None, {"type": name}, in_words
    yield "punctuation", None, {"type": "Punctuation", "behavior": "Isolated"}, in_words
    yield "digits", None, {"type": "Digits", "individual_digits": True}, in_words
    patterns = {"w": r"\w+", "d": r"\d+", "s": r"\s+", "h": r"\h", "b": r"\b", "l": r"\p{L}+", "n": r"\p{N}", "p": r"\p{P}",
                "sym": r"\p{S}", "m": r"\p{M}", "c": r"\p{C}", "cased": r"\p{Lu}|\p{Lt}", "small": r"\p{Ll}|\p{Lm}",
                "han": r"\p{Han}", "kana": r"[\p{Hiragana}\p{Katakana}\p{Latin}]", "punct": r"[[:punct:]]",
                "space": r"[[:space:]]", "llama3": LLAMA3, "letters": LETTERS}
    for name, pattern in patterns.items():
        yield "regex-" + name, None, split(pattern), in_words


def fnv(ids):
    value = 0x811C9DC5
    for byte in struct.pack("<%dI" % len(ids), *ids):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    model = {"type": "BPE", "vocab": {f"<0x{b:02X}>": b for b in range(256)}, "merges": [], "byte_fallback": True,
             "end_of_word_suffix": "|"}
    (out / "characters.model").write_text(json.dumps(model))
    names, hashes = [], b""
    for name, normalizer, pre_tokenizer, line in variants():
        state = {"version": "1.0", "added_tokens": [], "normalizer": normalizer, "pre_tokenizer": pre_tokenizer,
                 "post_processor": None, "decoder": None, "model": "@characters.model"}
        text = json.dumps(state, ensure_ascii=False)
        (out / f"characters-{name}.json").write_text(text + "\n")
        for file in ("characters.model", "unigram-nmt.charsmap"):
            text = text.replace(f'"@{file}"', (out / file).read_text())
        tokenizer = Tokenizer.from_str(text)
        texts = blocks(line)
        values = [fnv([i for encoding in tokenizer.encode_batch_fast(block) for i in encoding.ids]) for block in texts]
        names.append(f"{name}\t{line.__name__}\t{len(values)}")
        hashes += struct.pack("<%dI" % len(values), *values)
        print(names[-1])
    (out / "characters.tsv").write_text("\n".join(names) + "\n")
    (out / "characters.bin").write_bytes(hashes)


if __name__ == "__main__":
    main()
