#!/usr/bin/env python3
"""Records what Hugging Face's tokenizers makes of many strings with many tokenizer.json files.

Writes tests/golden/tokenizer_json/ (see README there): the files, trained and put together here so
that every component and flag occurs, and hashes of what they give. Needs the packages tokenizers and
sentencepiece; the C++ tests need neither. Deterministic.

    tools/make_tokenizer_json_golden.py --out tests/golden/tokenizer_json --seeds tests/fuzz/corpus/tokenizer_json
"""

import argparse
import base64
import io
import json
import pathlib
import random
import re
import struct
import sys

import sentencepiece
import tokenizers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from make_tokenizer_golden import (EMOJI, LLAMA3, NATURAL, O200K, ROWS, SNIPPETS, Golden, fnv, hash_ids, make_strings, piece,
                                   random_ids)

STRINGS = 5000
DECODES = 1500


def corpus(seed, count):
    rng = random.Random(seed)
    return ["".join(piece(rng) for _ in range(rng.randrange(2, 9))) for _ in range(count)]


def added(id, content, **flags):
    token = {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": False}
    token.update(flags)
    return token


def fresh(vocab, tokens):
    """`tokens` with the ids that the reference gives them: the vocabulary's own, or the next free ones."""
    free = len(vocab)
    for token in tokens:
        token["id"] = vocab.get(token["content"], free)
        free += token["content"] not in vocab
    return tokens


def whole(model, normalizer=None, pre_tokenizer=None, decoder=None, post_processor=None, added_tokens=()):
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": list(added_tokens),
            "normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "post_processor": post_processor,
            "decoder": decoder, "model": model}


def sequence(kind, *parts):
    return {"type": "Sequence", kind: list(parts)}


def split(pattern, behavior="Isolated", invert=False, literal=False):
    return {"type": "Split", "pattern": {"String" if literal else "Regex": pattern}, "behavior": behavior, "invert": invert}


def replace(pattern, content, literal=True):
    return {"type": "Replace", "pattern": {"String" if literal else "Regex": pattern}, "content": content}


def byte_level(add_prefix_space=False, use_regex=True):
    return {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": use_regex}


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": scheme, "split": split}


def template(before, after):
    single = [{"SpecialToken": {"id": t, "type_id": 0}} for t, _ in before]
    single.append({"Sequence": {"id": "A", "type_id": 0}})
    single += [{"SpecialToken": {"id": t, "type_id": 0}} for t, _ in after]
    return {"type": "TemplateProcessing", "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for t, i in before + after}}


SPM_DECODER = sequence("decoders", replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
                       {"type": "Strip", "content": " ", "start": 1, "stop": 0})


def load(parts):
    """The Python objects of a normalizer or pre-tokenizer given as JSON."""
    return Tokenizer.from_str(json.dumps(whole({"type": "BPE", "vocab": {"a": 0}, "merges": []}, **parts)))


def trained(trainer_class, model, parts, seed=5, count=2500, **options):
    tokenizer = load(parts)
    tokenizer.model = model
    # Trainers cut words at the pre-tokenizer's places, and never see what the normalizer takes away.
    tokenizer.train_from_iterator(corpus(seed, count), trainer_class(show_progress=False, **options))
    return json.loads(tokenizer.to_str())["model"]


BYTES = [f"<0x{b:02X}>" for b in range(256)]


def with_bytes(model, front=()):
    """A BPE model with byte tokens, and `front` ahead of its vocabulary."""
    names = list(front) + BYTES + [t for t in sorted(model["vocab"], key=model["vocab"].get) if t not in front]
    return {**model, "vocab": {t: i for i, t in enumerate(names)}, "byte_fallback": True}


def unigram_proto(**options):
    rng = random.Random(13)
    known = set("".join(NATURAL + EMOJI + SNIPPETS)) - set("\0\n\r")
    lines = ["".join(c for c in piece(rng) + " " + piece(rng) + piece(rng) if c in known) for _ in range(9000)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="unigram", character_coverage=0.99, minloglevel=2,
        num_threads=1, hard_vocab_limit=False, **options)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    return proto


def unigram_model(proto, byte_fallback=False):
    return {"type": "Unigram", "unk_id": 0, "byte_fallback": byte_fallback,
            "vocab": [[p.piece, p.score] for p in proto.pieces]}


def precompiled(proto):
    blob = base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()
    return {"type": "Precompiled", "precompiled_charsmap": blob}


def variants():
    """(name, the tokenizer.json as a dictionary)"""
    alphabet = pre_tokenizers.ByteLevel.alphabet()

    # ---- byte-level BPE
    plain = trained(trainers.BpeTrainer, models.BPE(), {"pre_tokenizer": byte_level()}, vocab_size=1100,
                    initial_alphabet=alphabet)
    wide = trained(trainers.BpeTrainer, models.BPE(), {"pre_tokenizer": byte_level(use_regex=False)}, vocab_size=1600,
                   initial_alphabet=alphabet, max_token_length=8)
    yield "gpt2", whole(plain, pre_tokenizer=byte_level(), decoder=byte_level(), post_processor=byte_level())
    n = len(plain["vocab"])
    yield "roberta", whole(
        plain, pre_tokenizer=byte_level(add_prefix_space=True), decoder=byte_level(True),
        post_processor={"type": "RobertaProcessing", "sep": ["</s>", n + 2], "cls": ["<s>", n], "trim_offsets": True,
                        "add_prefix_space": True},
        added_tokens=[added(n, "<s>", special=True, normalized=True), added(n + 1, "<pad>", special=True),
                      added(n + 2, "</s>", special=True, normalized=True), added(n + 3, "<mask>", special=True, lstrip=True)])
    n = len(wide["vocab"])
    yield "llama3", whole(
        {**wide, "ignore_merges": True, "merges": [" ".join(m) for m in wide["merges"]]},
        pre_tokenizer=sequence("pretokenizers", split(LLAMA3), byte_level(use_regex=False)), decoder=byte_level(),
        post_processor=sequence("processors", byte_level(), template([("<|x|>", wide["vocab"].get("<|x|>", n))], [])),
        added_tokens=fresh(wide["vocab"], [added(0, "<|x|>", special=True), added(0, "<tool>"),
                                          added(0, "</tool>", rstrip=True)]))
    yield "gpt4o-nfc", whole(wide, normalizer={"type": "NFC"},
                             pre_tokenizer=sequence("pretokenizers", split(O200K), byte_level(use_regex=False)),
                             decoder=byte_level())
    yield "digits-deepseek", whole(wide, pre_tokenizer=sequence("pretokenizers", *ROWS["deepseek-llm"][0]), decoder=byte_level())
    yield "falcon", whole(wide, pre_tokenizer=sequence("pretokenizers", *ROWS["falcon"][0]), decoder=byte_level())
    yield "kimi", whole(wide, pre_tokenizer=sequence("pretokenizers", *ROWS["kimi-k2"][0]), decoder=byte_level())
    yield "bloom", whole(wide, pre_tokenizer=sequence("pretokenizers", *ROWS["bloom"][0]), decoder=byte_level())
    yield "superbpe", whole(wide, pre_tokenizer=sequence("pretokenizers", *ROWS["superbpe"][0]), decoder=byte_level())
    yield "tiny-aya", whole(wide, pre_tokenizer=sequence("pretokenizers", *ROWS["tiny_aya"][0]), decoder=byte_level())
    yield "byte-normalizer", whole(wide, normalizer=sequence("normalizers", {"type": "NFKC"}, {"type": "ByteLevel"}),
                                   decoder=byte_level())
    for name, behavior, invert in (("removed", "Removed", False), ("previous", "MergedWithPrevious", False),
                                   ("next", "MergedWithNext", True), ("contiguous", "Contiguous", False)):
        yield "split-" + name, whole(
            wide, pre_tokenizer=sequence("pretokenizers", split(r"[\p{P}\s&&[^'\n]]", behavior, invert),
                                         split("an", behavior, literal=True), byte_level(use_regex=False)),
            decoder=byte_level())
    yield "anchors", whole(
        wide, pre_tokenizer=sequence("pretokenizers", split(r"^\h+|\b\w{1,3}$|(?m:a.)|[^\W\d_]{4,}?(?=\S)|[[:punct:]&&\S]{,2}|\p{^Latin}\B",
                                                            "Isolated"),
                                     byte_level(use_regex=False)), decoder=byte_level())

    # ---- added tokens with every flag
    flags = [added(0, "tool", single_word=True), added(0, "<|x|>", special=True, lstrip=True, rstrip=True),
             added(0, "he", single_word=True, normalized=True), added(0, "ING", normalized=True), added(0, "  ", rstrip=True),
             added(0, "[INST]", special=True, normalized=True, lstrip=True), added(0, "in", lstrip=True),
             added(0, "née", normalized=True), added(0, "and all")]
    yield "flags", whole(plain, normalizer=sequence("normalizers", {"type": "Lowercase"}, {"type": "NFD"}),
                         pre_tokenizer=byte_level(), decoder=byte_level(), added_tokens=fresh(plain["vocab"], flags))
    flags = [added(0, t, special=i % 2 == 1 and t not in plain["vocab"], normalized=i % 3 == 0, lstrip=i % 4 == 1, rstrip=i % 5 == 2,
                   single_word=i % 7 == 3)
             for i, t in enumerate(["<tool>", "</tool>", "<|", "|>", "the", "is", "\n\n", "[INST]", "a", "éa", "中", "😀", "'s", "1"])]
    yield "flags-plain", whole(plain, pre_tokenizer=byte_level(), decoder=byte_level(),
                               added_tokens=fresh(plain["vocab"], flags))

    # ---- BPE over characters, as SentencePiece models are converted
    spm_normalizer = sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581"))
    spm = trained(trainers.BpeTrainer, models.BPE(), {"normalizer": spm_normalizer}, vocab_size=900, limit_alphabet=300,
                  count=1200, max_token_length=9)
    base = {**with_bytes(spm, ("<unk>", "<s>", "</s>")), "fuse_unk": True, "unk_token": "<unk>"}
    roles = [added(0, "<unk>", special=True), added(1, "<s>", special=True), added(2, "</s>", special=True)]
    yield "llama2", whole(base, normalizer=spm_normalizer, decoder=SPM_DECODER, post_processor=template([("<s>", 1)], []),
                          added_tokens=roles)
    yield "llama2-normalized", whole(base, normalizer=spm_normalizer, decoder=SPM_DECODER,
                                     post_processor=template([("<s>", 1)], [("</s>", 2)]),
                                     added_tokens=[{**t, "normalized": True} for t in roles])
    yield "gemma", whole(base, normalizer=replace(" ", "\u2581"), pre_tokenizer=split(" ", "MergedWithPrevious", literal=True),
                         decoder=sequence("decoders", replace("\u2581", " "), {"type": "ByteFallback"}, {"type": "Fuse"}),
                         added_tokens=roles + fresh(base["vocab"], [added(0, "\n\n"), added(0, "[INST]"), added(0, "of the")]))
    for scheme in ("always", "first", "never"):
        yield "metaspace-" + scheme, whole(
            base, pre_tokenizer=metaspace(scheme, split=scheme != "first"),
            decoder=sequence("decoders", {"type": "ByteFallback"}, metaspace(scheme)) if scheme != "first" else metaspace(scheme),
            added_tokens=roles + fresh(base["vocab"], [added(0, "<tool>")]))
    legacy = {"type": "Metaspace", "replacement": "\u2581", "add_prefix_space": False, "prepend_scheme": "never"}
    no_bytes = {**spm, "vocab": {t: i for i, t in enumerate(["<unk>"] + sorted(spm["vocab"], key=spm["vocab"].get))},
                "unk_token": "<unk>"}
    yield "unknown-apart", whole(no_bytes, pre_tokenizer=legacy, decoder=legacy)
    yield "unknown-fused", whole({**no_bytes, "fuse_unk": True}, pre_tokenizer=legacy, decoder=None)
    clip_parts = {
        "normalizer": sequence("normalizers", {"type": "NFC"}, replace(r"\s+", " ", literal=False), {"type": "Lowercase"}),
        "pre_tokenizer": sequence("pretokenizers", split(r"<\|startoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
                                                         "Removed", True), byte_level()),
    }
    clip = trained(trainers.BpeTrainer, models.BPE(end_of_word_suffix="</w>"), clip_parts, vocab_size=1200,
                   end_of_word_suffix="</w>", initial_alphabet=alphabet)
    yield "clip", whole({**clip, "unk_token": "a</w>"}, decoder={"type": "BPEDecoder", "suffix": "</w>"},
                        post_processor={"type": "BertProcessing", "sep": ["b", 1], "cls": ["a", 0]}, **clip_parts)
    prefixed = trained(trainers.BpeTrainer, models.BPE(continuing_subword_prefix="##"), {"pre_tokenizer": {"type": "Whitespace"}},
                       vocab_size=1200, continuing_subword_prefix="##", limit_alphabet=200)
    yield "bpe-prefix", whole(prefixed, pre_tokenizer={"type": "Whitespace"},
                              decoder={"type": "WordPiece", "prefix": "##", "cleanup": False})

    # ---- WordPiece
    for name, lowercase, strip, chinese, clean in (("uncased", True, None, True, True), ("cased", False, None, True, True),
                                                   ("accents", True, False, False, False), ("stripped", False, True, False, True)):
        bert = {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese, "strip_accents": strip,
                "lowercase": lowercase}
        front = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        model = trained(trainers.WordPieceTrainer, models.WordPiece(unk_token="[UNK]"),
                        {"normalizer": bert, "pre_tokenizer": {"type": "BertPreTokenizer"}}, vocab_size=1300,
                        special_tokens=front, limit_alphabet=300)
        yield "bert-" + name, whole(
            {**model, "max_input_chars_per_word": 12 if name == "cased" else 100}, normalizer=bert,
            pre_tokenizer={"type": "BertPreTokenizer"}, decoder={"type": "WordPiece", "prefix": "##", "cleanup": name != "cased"},
            post_processor=template([("[CLS]", 2)], [("[SEP]", 3)]),
            added_tokens=[added(i, t, special=True) for i, t in enumerate(front)])
    yield "wordpiece-digits", whole(
        model, normalizer=sequence("normalizers", {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Strip", "strip_left": True,
                                                                                                 "strip_right": True}),
        pre_tokenizer=sequence("pretokenizers", {"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": True},
                               {"type": "Punctuation", "behavior": "MergedWithPrevious"}),
        decoder={"type": "CTC", "pad_token": "[PAD]", "word_delimiter_token": "|", "cleanup": True})
    yield "wordpiece-delimiter", whole(
        model, normalizer=sequence("normalizers", {"type": "Strip", "strip_left": True, "strip_right": False}, {"type": "Nmt"}),
        pre_tokenizer=sequence("pretokenizers", {"type": "CharDelimiterSplit", "delimiter": "e"},
                               {"type": "Digits", "individual_digits": False}, {"type": "Punctuation"}),
        decoder=sequence("decoders", {"type": "Strip", "content": "#", "start": 2, "stop": 0}, replace("[a-e]+", "_", literal=False),
                         {"type": "Fuse"}, replace("__", "<>"), {"type": "Strip", "content": "e", "start": 1, "stop": 0}))

    # ---- Unigram
    nfkc = unigram_proto(vocab_size=1500, normalization_rule_name="nmt_nfkc", user_defined_symbols=["<extra_0>", "<extra_1>"])
    end = [added(0, "<unk>", special=True), added(1, "<s>", special=True), added(2, "</s>", special=True)]
    yield "t5", whole(unigram_model(nfkc), normalizer=precompiled(nfkc),
                      pre_tokenizer=sequence("pretokenizers", {"type": "WhitespaceSplit"}, metaspace()), decoder=metaspace(),
                      post_processor=template([], [("</s>", 2)]),
                      added_tokens=end + [added(3, "<extra_0>", special=True), added(4, "<extra_1>", special=True)])
    yield "xlm-roberta", whole(
        unigram_model(nfkc), normalizer=sequence("normalizers", precompiled(nfkc), replace(" {2,}", " ", literal=False)),
        pre_tokenizer=metaspace(), decoder=metaspace(), post_processor=template([("<s>", 1)], [("</s>", 2)]),
        added_tokens=end + [added(len(nfkc.pieces), "<mask>", special=True, lstrip=True)])
    identity = unigram_proto(vocab_size=1600, normalization_rule_name="identity", byte_fallback=True, split_digits=True,
                             remove_extra_whitespaces=False, allow_whitespace_only_pieces=True)
    yield "unigram-bytes", whole(unigram_model(identity, True),
                                 normalizer=sequence("normalizers", {"type": "Prepend", "prepend": "\u2581"}, replace(" ", "\u2581")),
                                 decoder=SPM_DECODER, added_tokens=end)
    folded = unigram_proto(vocab_size=1300, normalization_rule_name="nmt_nfkc_cf")
    yield "unigram-nmt", whole(
        unigram_model(folded), normalizer=sequence("normalizers", {"type": "Nmt"}, {"type": "NFKC"}, precompiled(folded),
                                                   {"type": "Strip", "strip_left": False, "strip_right": True}),
        pre_tokenizer=metaspace("first"), decoder=metaspace("first"))


# ---------------------------------------------------------------------------- the GGUF keys of the same models

def t5_metadata(proto):
    values = {
        "tokenizer.ggml.model": "t5", "tokenizer.ggml.tokens": [p.piece for p in proto.pieces],
        "tokenizer.ggml.scores": [float(p.score) for p in proto.pieces],
        "tokenizer.ggml.token_type": [p.type for p in proto.pieces],
        "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2, "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_space_prefix": proto.normalizer_spec.add_dummy_prefix,
        "tokenizer.ggml.remove_extra_whitespaces": proto.normalizer_spec.remove_extra_whitespaces,
    }
    return values


def bert_metadata(vocab):
    """As converters write WordPiece: pieces that begin a word marked, those that continue one bare."""
    tokens = sorted(vocab, key=vocab.get)
    control = [t.startswith("[") and t.endswith("]") and len(t) > 2 for t in tokens]
    spelled = [t if c else t[2:] if t.startswith("##") else "\u2581" + t for t, c in zip(tokens, control)]
    return {"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": spelled,
            "tokenizer.ggml.token_type": [3 if c else 1 for c in control],
            "tokenizer.ggml.bos_token_id": vocab["[CLS]"], "tokenizer.ggml.unknown_token_id": vocab["[UNK]"],
            "tokenizer.ggml.seperator_token_id": vocab["[SEP]"], "tokenizer.ggml.padding_token_id": vocab["[PAD]"]}


# ---------------------------------------------------------------------------- what the reference gives


def breaks_utf8(tokens):
    """Whether a run of byte tokens is no UTF-8: the reference puts U+FFFD for each of its bytes, which only the end of
    the run tells."""
    run = b""
    for token in tokens + ["end"]:
        if len(token) == 6 and token.startswith("<0x"):
            run += bytes([int(token[3:5], 16)])
            continue
        try:
            run.decode()
        except UnicodeDecodeError:
            return True
        run = b""
    return False


def spells_bytes(state):
    return "ByteLevel" in json.dumps([state["normalizer"], state["pre_tokenizer"]]) or state["model"].get("byte_fallback")


def record(golden, name, state, strings):
    tokenizer = Tokenizer.from_str(json.dumps(state))
    keeps_bytes = spells_bytes(state)
    special = {t["id"] for t in state["added_tokens"] if t["special"]}
    # The reference decodes tokens that are matched in normalized text as normalized, even when they're special.
    undecoded = {t["id"] for t in state["added_tokens"] if t["normalized"]}

    def encoded(text, **options):
        try:
            return tokenizer.encode(text.decode(), **options).ids
        except UnicodeDecodeError:
            # Bytes that are no text are kept where the vocabulary can spell them; the reference never sees any.
            return None if keeps_bytes else tokenizer.encode(text.decode("utf-8", "replace"), **options).ids

    def hashed(ids):
        return 0 if ids is None else hash_ids(ids)

    golden.case("ids", name + ".json", "-", "special", [hashed(encoded(s, add_special_tokens=False)) for s in strings])
    if state["post_processor"]:
        golden.case("ids", name + ".json", "-", "added", [hashed(encoded(s)) for s in strings[:200]])
    if special:
        tokenizer.encode_special_tokens = True
        ids = [encoded(s, add_special_tokens=False) for s in strings]
        # Text never makes a control token here; in the reference, merges and pieces may.
        names = [t["content"] for t in state["added_tokens"] if t["special"]]
        spelled = [state["model"]["type"] == "Unigram" and any(n.encode() in s for n in names) for s in strings]
        golden.case("ids", name + ".json", "-", "-",
                    [0 if i is None or skip or (special - {unknown_id(state)}) & set(i) else hash_ids(i)
                     for i, skip in zip(ids, spelled)])
    hashes = []
    for ids in random_ids(tokenizer.get_vocab_size()):
        tokens = [tokenizer.id_to_token(i) for i in ids]
        skip = undecoded & set(ids) or (state["model"].get("byte_fallback") and breaks_utf8(tokens))
        hashes.append(0 if skip else fnv(tokenizer.decode(ids).encode("utf-8", "replace")))
    golden.case("text", name + ".json", "-", "-", hashes[:DECODES])


def unknown_id(state):
    model = state["model"]
    return model["unk_id"] if model["type"] == "Unigram" else model["vocab"].get(model.get("unk_token"))


def record_t5(golden, name, proto, strings):
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
    values = t5_metadata(proto)
    if charsmap := proto.normalizer_spec.precompiled_charsmap:
        file = next(f for f in golden.out.glob("*.charsmap") if f.read_bytes() == charsmap)
        values["tokenizer.ggml.precompiled_charsmap"] = file
    golden.vocabulary(name, values)

    def encoded(data):
        try:
            text = data.decode()
        except UnicodeDecodeError:
            return 0
        return 0 if "\0" in text else hash_ids(processor.encode(text))

    golden.case("ids", name + ".vocab", "-", "-", [encoded(s) for s in strings])
    bytes_of = {i for i in range(len(proto.pieces)) if processor.is_byte(i)}
    golden.case("text", name + ".vocab", "-", "-", [0 if bytes_of & set(ids) else fnv(processor.decode(ids).encode())
                                                    for ids in random_ids(len(proto.pieces))][:DECODES])


def record_bert(golden, name, state, strings):
    tokenizer = Tokenizer.from_str(json.dumps(state))
    golden.vocabulary(name, bert_metadata(state["model"]["vocab"]))
    encoded = [tokenizer.encode(s.decode("utf-8", "replace"), add_special_tokens=False).ids for s in strings]
    # A text that holds the mark itself reads as the start of a word there.
    golden.case("ids", name + ".vocab", "-", "special",
                [0 if "\u2581".encode() in s else hash_ids(ids) for s, ids in zip(strings, encoded)])


# ---------------------------------------------------------------------------- seeds of the fuzzer


def shrunk(state):
    """The same file with a vocabulary of a dozen tokens; None where a charsmap makes it long all the same."""
    tokens = ["<unk>", "a", "b", "ab", "\u2581", "\u0120", "##b", "\u00e9", "\u00c3", "1", "b</w>", "<0x41>"]
    model = dict(state["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [[t, -float(i)] for i, t in enumerate(tokens)]
    else:
        model["vocab"] = {t: i for i, t in enumerate(tokens)}
        if model["type"] == "WordPiece" or model.get("unk_token"):
            model["unk_token"] = "<unk>"
        if model["type"] == "BPE":
            model["merges"] = [["a", "##b" if model.get("continuing_subword_prefix") else "b"]]
    small = {**state, "model": model, "added_tokens": fresh({t: i for i, t in enumerate(tokens)}, [
        {**t, "content": t["content"] if t["content"] != "<unk>" else "<unk2>"} for t in state["added_tokens"]])}
    text = json.dumps(small, ensure_ascii=False)
    text = re.sub(r'"ids": \[\d+\]', '"ids": [1]', text)
    text = re.sub(r'("(?:cls|sep)": \["[^"]*", )\d+', r"\g<1>1", text)
    return text if len(text) < 6000 else None


def write_seeds(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, state in variants():
        text = shrunk(json.loads(json.dumps(state)))
        if text is not None:
            (folder / name).write_bytes(text.encode() + "\0<s>Ab ab1 \u00e9[INST]\u2581 b</s>".encode() + b"\xff")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=pathlib.Path, help="where the fuzzer's first inputs go")
    args = parser.parse_args()
    if args.seeds:
        write_seeds(args.seeds)
    args.out.mkdir(parents=True, exist_ok=True)
    strings = make_strings()[:STRINGS]
    golden = Golden(args.out)
    shared = {}
    for name, state in variants():
        record(golden, name, state, strings)
        # Files that differ only in their components share the vocabulary: "@NAME" stands for that file.
        text = json.dumps(state["model"], ensure_ascii=False)
        if text not in shared:
            shared[text] = name + ".model"
            (args.out / shared[text]).write_text(text)
        outside = json.dumps({**state, "model": "@" + shared[text]}, ensure_ascii=False, indent=1)
        for part in json.dumps(state["normalizer"]).split('"'):
            if len(part) < 10000:
                continue
            if part not in shared:
                shared[part] = name + ".charsmap"
                (args.out / shared[part]).write_bytes(base64.b64decode(part))
            outside = outside.replace(part, "@" + shared[part])
        (args.out / (name + ".json")).write_text(outside + "\n")
        if name == "bert-uncased":
            record_bert(golden, "gguf-bert", state, strings)
    t5 = unigram_proto(vocab_size=1500, normalization_rule_name="nmt_nfkc", user_defined_symbols=["<extra_0>", "<extra_1>"])
    record_t5(golden, "gguf-t5", t5, strings)
    bytes_too = unigram_proto(vocab_size=1600, normalization_rule_name="identity", byte_fallback=True, split_digits=True,
                              remove_extra_whitespaces=False, add_dummy_prefix=False)
    record_t5(golden, "gguf-t5-bytes", bytes_too, strings)
    golden.finish(tokenizers, sentencepiece)


if __name__ == "__main__":
    main()
