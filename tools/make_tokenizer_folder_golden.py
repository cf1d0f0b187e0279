#!/usr/bin/env python3
"""Records what transformers' AutoTokenizer makes of many small Hugging Face folders.

Writes tests/golden/tokenizer_folders/ (see README there): folders whose tokens are named in other files than tokenizer.json,
and folders that have none (vocab.json with merges.txt, vocab.txt, models of SentencePiece), put together here so that every
class, setting and file occurs, with the ids and texts that AutoTokenizer gives. Needs the packages transformers, tokenizers
and sentencepiece; the C++ tests need none. Deterministic.

    tools/make_tokenizer_folder_golden.py --out tests/golden/tokenizer_folders --seeds tests/fuzz/corpus/tokenizer_folder
"""

import argparse
import io
import json
import os
import pathlib
import random
import sys
import tempfile

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", TRANSFORMERS_NO_ADVISORY_WARNINGS="1")

import sentencepiece
import tokenizers
import transformers
from sentencepiece import sentencepiece_model_pb2
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer

WORDS = ("the a user hello world hi low lower lowest tool call in on of and to é naïve 你好 世界 数据 123 45 2024 foo_bar x=y; "
         "print(i) don't it's ING café").split()
STRINGS = ["hello world", " hello  world ", "a\tb\nc\n\nd", "你好世界 数据库", "é ☃ 😀 e\u0301", "<s>hi</s> <unk>x", "", "  ", " ",
           "hi<s> low </s> lower", "x <tool>y<tool> z", "x  <new>  y<new>", "▁hi ▁ x", "ＡＢＣ ﬁ\u3000x\u00a0y", "Don't 12345 naïve Élan CAFÉ",
           "<|im_start|>user\nhi<|im_end|>\n<|endoftext|>", "[CLS] hi [MASK]. [SEP]hi,hi!", "<pad><mask> <image>", "<TOOL> <New>",
           "▁<PRE> x▁<SUF>y ▁<MID>", "<start_of_turn>user\nhi<end_of_turn>\n", "the the lowest user user_ calls", "\n", "\r\n\x0b x\u2028y"]


def lines(count=1200):
    rng = random.Random(3)
    return [" ".join(rng.choice(WORDS) for _ in range(rng.randrange(2, 9))) for _ in range(count)]


def spm(model_type, vocab_size, **options):
    model = io.BytesIO()
    given = {"sentence_iterator": iter(lines()), "model_writer": model, "model_type": model_type, "vocab_size": vocab_size,
             "character_coverage": 0.999, "minloglevel": 2, "num_threads": 1, "hard_vocab_limit": False, **options}
    sentencepiece.SentencePieceTrainer.train(**given)
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model.getvalue())
    proto.normalizer_spec.ClearField("normalization_rule_tsv")  # a temporary file's name
    proto.ClearField("denormalizer_spec")
    return proto


def rules():
    """Normalization rules with a charsmap of a few hundred bytes instead of a quarter of a megabyte."""
    table = [("ﬁ", "fi"), ("\u3000", " "), ("\u00a0", " "), ("\t", " "), ("\n", " "), ("e\u0301", "é"), ("Ａ", "A"), ("Ｂ", "B")]
    handle = tempfile.NamedTemporaryFile("w", suffix=".tsv", delete=False)
    for source, target in table:
        handle.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    handle.close()
    return handle.name


def byte_level(specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=320, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
                                  special_tokens=specials)
    tokenizer.train_from_iterator(lines(200), trainer)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def bert_words():
    letters = sorted(set("".join(WORDS).lower()) | set("abcdefghijklmnopqrstuvwxyzéE.,!?<>[]_12345"))
    return (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[unused1]"] + letters + ["##" + c for c in letters if c.isalnum()] +
            ["hello", "world", "user", "low", "##er", "##est", "tool", "café", "cafe", "naive", "hi", "世界"])


def shared():
    """What several folders have, by name."""
    plain = byte_level(["<|endoftext|>"])
    state = json.loads(plain.to_str())
    roles = byte_level(["<pad>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"])
    roles.add_tokens([AddedToken("<u>", special=False, normalized=False), AddedToken("Up", special=False, normalized=True)])
    lower = json.loads(roles.to_str())
    lower["normalizer"] = {"type": "Lowercase"}
    bare = {"normalization_rule_name": "identity", "remove_extra_whitespaces": False, "byte_fallback": True}
    gemma = {**bare, "add_dummy_prefix": False, "pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "pad_piece": "<pad>",
             "eos_piece": "<eos>", "bos_piece": "<bos>",
             "user_defined_symbols": ["<mask>", "<start_of_turn>", "<end_of_turn>", "\n", "\n\n", "▁▁", "▁▁▁", "<b>"]}
    tsv = {"normalization_rule_tsv": rules()}
    unordered = spm("bpe", 380, **bare)
    rng = random.Random(7)
    pieces = [p for p in unordered.pieces if p.type == 1]
    for piece in pieces:
        piece.score = -float(rng.randrange(40))
    made = {
        "vocab.json": json.dumps(state["model"]["vocab"], ensure_ascii=False),
        "merges.txt": "#version: 0.2\n" + "".join(" ".join(m) + "\n" for m in state["model"]["merges"]),
        "tokenizer.json": roles.to_str(),
        "lower.json": json.dumps(lower, ensure_ascii=False),
        "vocab.txt": "\n".join(bert_words()) + "\n",
        "bpe.model": spm("bpe", 380, **bare),
        "scores.model": unordered,
        "defined.model": spm("bpe", 380, **bare, user_defined_symbols=["<tool>", "  ", "\n", "▁▁▁", "(.)"],
                             control_symbols=["<ctl>", "<pad>"]),
        "gemma.model": spm("bpe", 380, **gemma),
        "normalized.model": spm("bpe", 110, byte_fallback=False, **tsv),
        "unigram.model": spm("unigram", 130, byte_fallback=False, user_defined_symbols=["<tool>"], **tsv),
        "unigram-bytes.model": spm("unigram", 400, normalization_rule_name="identity", byte_fallback=True),
        "char.model": spm("char", 60, **tsv),
    }
    return {name: m.SerializeToString() if hasattr(m, "SerializeToString") else m.encode() for name, m in made.items()}


FAST = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
LLAMA = {"model_type": "llama"}


def special(content, **flags):
    return {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True, **flags}


def typed(content, **flags):
    return {"__type": "AddedToken", "content": content, **flags}


def added_folders(n):
    """Folders with a tokenizer.json of `n` tokens and tokens in other files."""
    def folder(name, config=None, base="@tokenizer.json", **files):
        files = {k.replace("__", "."): v for k, v in files.items()}
        return "added-" + name, {"tokenizer.json": base, "config.json": LLAMA,
                                 "tokenizer_config.json": {**FAST, **(config or {})}, **files}

    yield folder("plain")
    yield folder("list", added_tokens__json={"<tool>": n, "<new>": n + 1})
    yield folder("list-gap", added_tokens__json={"<tool>": n + 5, "<new>": n + 2})
    yield folder("list-order", added_tokens__json={"<tool>": n + 1, "<new>": n})
    yield folder("list-taken", added_tokens__json={"<tool>": 3, "<new>": n})
    yield folder("list-known", added_tokens__json={"</s>": n + 4, "<new>": n + 3, "hi": 20})
    yield folder("list-named", {"pad_token": "<tool>"}, added_tokens__json={"<tool>": n, "<new>": n + 1})
    yield folder("list-extra", {"extra_special_tokens": ["<new>"]}, added_tokens__json={"<tool>": n, "<new>": n + 1})
    yield folder("list-and-decoder", {"added_tokens_decoder": {str(n): special("<new>")}}, added_tokens__json={"<tool>": n})
    yield folder("list-normalized", base="@lower.json", added_tokens__json={"<tool>": n, "<New>": n + 1})
    yield folder("decoder-gap", {"added_tokens_decoder": {str(n + 9): special("<new>", lstrip=True),
                                                          str(n + 3): {"content": "<tool>", "rstrip": True}}})
    yield folder("decoder-flags", {"added_tokens_decoder": {"4": special("<|im_end|>", rstrip=True), str(n - 2): special("<u>", lstrip=True),
                                                            str(n): special("<new>", special=False, lstrip=True, rstrip=True)}})
    yield folder("decoder-normalized", {"added_tokens_decoder": {str(n): special("<New>", normalized=True)}}, base="@lower.json")
    yield folder("decoder-empty-map", {"added_tokens_decoder": {}}, special_tokens_map__json={"pad_token": "<tool>", "eos_token": "<|im_end|>"})
    yield folder("decoder-named", {"pad_token": "<new>", "added_tokens_decoder": {str(n + 1): {"content": "<tool>"}, str(n): {"content": "<new>", "lstrip": True}}})
    yield folder("map", special_tokens_map__json={"pad_token": "<tool>", "unk_token": special("<new>", lstrip=True, normalized=True)})
    yield folder("map-first", {"pad_token": "<new>", "eos_token": "</s>"}, special_tokens_map__json={"pad_token": "<tool>", "eos_token": "<|im_end|>"})
    yield folder("map-additional", special_tokens_map__json={"additional_special_tokens": ["<new>", "<tool>"]})
    yield folder("map-extra", {"extra_special_tokens": ["<image>"]}, special_tokens_map__json={
        "extra_special_tokens": ["<new>", {"content": "<tool>", "lstrip": True}]})
    yield folder("map-extra-names", special_tokens_map__json={"extra_special_tokens": {"image_token": "<image>", "tool_token": "<tool>"}})
    yield folder("map-own-role", special_tokens_map__json={"image_token": "<image>"})
    yield folder("map-alone", added_tokens__json={"<new>": 900}, special_tokens_map__json={"bos_token": "<s>", "pad_token": "<tool>"})
    yield folder("additional", {"additional_special_tokens": ["<tool>", "<new>", "<s>"]})
    yield folder("additional-typed", {"additional_special_tokens": [typed("<tool>", lstrip=True, normalized=False), typed("<new>", special=True, rstrip=True), "<image>"]})
    yield folder("extra", {"extra_special_tokens": ["<tool>", "<new>"], "additional_special_tokens": ["<image>"]})
    yield folder("extra-empty", {"extra_special_tokens": [], "additional_special_tokens": ["<image>"]})
    yield folder("extra-names", {"extra_special_tokens": {"image_token": "<image>", "b_token": typed("<new>", rstrip=True)}, "additional_special_tokens": ["<tool>"]})
    yield folder("extra-known", {"extra_special_tokens": ["<u>", "hello", "<pad>"]})
    yield folder("own-roles", {"image_token": "<image>", "tool_token": typed("<tool>", rstrip=True), "model_specific_special_tokens": {"x_token": "<new>"}})
    yield folder("specific-roles", {"model_specific_special_tokens": {"x_token": "<new>"}})
    yield folder("roles", {"pad_token": "<tool>", "unk_token": "<new>", "mask_token": typed("<mask>", lstrip=True), "sep_token": "<u>"})
    yield folder("roles-order", {"mask_token": "<new>", "cls_token": "<tool>", "extra_special_tokens": ["<image>"], "pad_token": "<s>"})
    yield folder("no-config", added_tokens__json={"<tool>": 3000}, tokenizer_config__json=None)
    yield folder("gap-in-json", base={"gap": n + 40})


def merge_folders():
    def folder(name, config, model, **files):
        files = {k.replace("__", "."): v for k, v in files.items()}
        made = {"vocab.json": "@vocab.json", "merges.txt": "@merges.txt", "config.json": {"model_type": model}}
        return "merges-" + name, {**made, **({} if config is None else {"tokenizer_config.json": config}), **files}

    n = 320
    yield folder("gpt2", None, "gpt2")
    yield folder("gpt2-class", {"tokenizer_class": "GPT2TokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}, "llama")
    yield folder("gpt2-prefix", {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "add_bos_token": True, "add_eos_token": True}, "llama")
    yield folder("gpt2-typed", {"bos_token": typed("<|endoftext|>", normalized=True, lstrip=True), "unk_token": None, "pad_token": None}, "gpt2")
    yield folder("gpt2-list", {"tokenizer_class": "GPT2Tokenizer"}, "gpt2", added_tokens__json={"<tool>": n, "<new>": n + 1})
    yield folder("class-in-model", None, "llama", config__json={"model_type": "llama", "tokenizer_class": "GPT2Tokenizer"})
    yield folder("codegen", {"tokenizer_class": "CodeGenTokenizer", "added_tokens_decoder": {"400": {"content": "  ", "normalized": True}}}, "phi")
    yield folder("phi", {}, "phi")
    yield folder("qwen2", {"tokenizer_class": "Qwen2Tokenizer", "bos_token": None, "pad_token": "<|endoftext|>", "eos_token": "<|im_end|>",
                           "additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "add_prefix_space": False,
                           "added_tokens_decoder": {"0": special("<|endoftext|>"), str(n): special("<|im_start|>"), str(n + 1): special("<|im_end|>"),
                                                    str(n + 2): special("<tool>", special=False)}}, "qwen2")
    yield folder("qwen2-forced", {"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": True}, "qwen2")
    yield folder("qwen3", None, "qwen3", added_tokens__json={"<|im_end|>": n + 1, "<|im_start|>": n, "<tool>": n + 2},
                 special_tokens_map__json={"additional_special_tokens": ["<|im_start|>", "<|im_end|>"], "eos_token": special("<|endoftext|>")})
    yield folder("qwen3-gpt2", {"tokenizer_class": "GPT2Tokenizer"}, "qwen3")
    yield folder("qwen3-moe", {"add_prefix_space": True}, "qwen3_moe")
    yield folder("no-version", None, "gpt2", merges__txt={"drop": "#version"})
    yield folder("hash", None, "gpt2", vocab__json={"more": ["##"]}, merges__txt={"more": "# #\n"})


def word_folders():
    def folder(name, config, model="bert", **files):
        files = {k.replace("__", "."): v for k, v in files.items()}
        made = {"vocab.txt": "@vocab.txt", "config.json": {"model_type": model}}
        return "words-" + name, {**made, **({} if config is None else {"tokenizer_config.json": config}), **files}

    yield folder("bare", None)
    yield folder("cased", {"do_lower_case": False})
    yield folder("stripped", {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False})
    yield folder("accents", {"do_lower_case": True, "strip_accents": False, "tokenizer_class": "DistilBertTokenizerFast"})
    yield folder("class", {"tokenizer_class": "ElectraTokenizer", "strip_accents": None}, "llama")
    yield folder("roles", {"cls_token": "hello", "sep_token": "world", "unk_token": "hi", "bos_token": "<s>", "add_bos_token": True})
    yield folder("no-mask", {}, vocab__txt={"drop": "[MASK]"})
    yield folder("added", {"added_tokens_decoder": {"0": special("[PAD]"), "300": special("<tool>", special=False, normalized=True)}})
    yield folder("list", {"additional_special_tokens": ["<new>"]}, added_tokens__json={"<tool>": 300})
    yield folder("crlf", None, vocab__txt={"crlf": True})
    yield folder("twice", None, vocab__txt={"more": "hello\n\nlast  \n"})


def model_folders():
    def folder(name, model, config, kind=LLAMA, file="tokenizer.model", **files):
        files = {k.replace("__", "."): v for k, v in files.items()}
        made = {file: "@" + model + ".model", "config.json": kind}
        return "model-" + name, {**made, **({} if config is None else {"tokenizer_config.json": config}), **files}

    llama = {"tokenizer_class": "LlamaTokenizer"}
    n = {m: len(PIECES[m]) for m in ("bpe", "defined", "gemma", "unigram")}
    yield folder("llama", "bpe", llama)
    yield folder("llama-legacy", "bpe", {**llama, "legacy": True, "add_bos_token": True, "add_eos_token": False})
    yield folder("llama-null", "bpe", {**llama, "legacy": None, "add_bos_token": True, "add_eos_token": True, "add_prefix_space": None})
    yield folder("llama-no-prefix", "bpe", {**llama, "tokenizer_class": "LlamaTokenizerFast", "legacy": False, "add_prefix_space": False})
    yield folder("llama-list", "bpe", llama, added_tokens__json={"<pad>": n["bpe"], "<tool>": n["bpe"] + 1}, special_tokens_map__json={
        "bos_token": special("<s>"), "eos_token": special("</s>"), "unk_token": special("<unk>"), "pad_token": "<pad>"})
    yield folder("llama-decoder", "bpe", {**llama, "legacy": True, "pad_token": "<pad>", "bos_token": typed("<s>", normalized=True), "added_tokens_decoder": {
        "0": special("<unk>"), "1": special("<s>", normalized=True), "2": special("</s>"), str(n["bpe"]): special("<new>", special=False, normalized=True)}})
    yield folder("llama-roles", "bpe", {**llama, "bos_token": "<new>", "eos_token": None, "add_bos_token": True, "add_eos_token": True})
    yield folder("llama-scores", "scores", llama)
    yield folder("llama-defined", "defined", llama)
    yield folder("llama-defined-extra", "defined", {**llama, "additional_special_tokens": ["<new>"]})
    yield folder("llama-defined-decoder", "defined", {**llama, "added_tokens_decoder": {"5": special("<tool>", special=False, lstrip=True)}})
    yield folder("llama-normalized", "normalized", llama)
    yield folder("phi3", "bpe", {"tokenizer_class": "Phi3Tokenizer", "add_bos_token": True})
    yield folder("code-llama", "bpe", {"tokenizer_class": "CodeLlamaTokenizer"})
    yield folder("code-llama-plain", "bpe", {"tokenizer_class": "CodeLlamaTokenizer", "add_bos_token": False, "add_prefix_space": False, "prefix_token": "<new>"})
    yield folder("gemma", "gemma", None, {"model_type": "gemma3_text"})
    yield folder("gemma2", "gemma", {"add_bos_token": True, "add_eos_token": False, "legacy": None}, {"model_type": "gemma2"})
    yield folder("gemma-decoder", "gemma", {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True, "additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"],
                                            "added_tokens_decoder": {"0": special("<pad>"), "5": special("<start_of_turn>"), "6": special("<end_of_turn>"), "9": special("▁▁", special=False)}},
                 {"model_type": "gemma3"})
    yield folder("gemma-any", "gemma", {"add_bos_token": True})
    yield folder("any", "bpe", None)
    yield folder("any-not-legacy", "bpe", {"legacy": False, "add_bos_token": True})
    yield folder("any-scores", "scores", {"legacy": None})
    yield folder("any-defined", "defined", {})
    yield folder("any-defined-extra", "defined", {"additional_special_tokens": ["<new>"]})
    yield folder("any-renamed", "defined", {"added_tokens_decoder": {"0": special("<unk>"), "5": {"content": "<renamed>"}, "20": {"content": "<new>"}, "21": {"content": "<tool>"},
                                                                     "22": {"content": "hello"}, "900": {"content": "<image>", "normalized": True}}})
    yield folder("any-normalized", "normalized", {})
    yield folder("any-unigram", "unigram", {})
    yield folder("any-unigram-added", "unigram", {"add_eos_token": True, "added_tokens_decoder": {str(n["unigram"] + 3): {"content": "<new>", "normalized": True}}})
    yield folder("any-unigram-bytes", "unigram-bytes", {"legacy": False})
    yield folder("any-unigram-legacy", "unigram-bytes", {"bos_token": None})
    yield folder("any-char", "char", {})
    yield folder("mistral", "bpe", {**llama, "legacy": True, "add_bos_token": True}, {"model_type": "mistral"})
    yield folder("mixtral", "bpe", {**llama, "legacy": False}, {"model_type": "mixtral"})
    yield folder("xlm-roberta", "unigram", {"tokenizer_class": "XLMRobertaTokenizer"}, {"model_type": "bert"}, file="sentencepiece.bpe.model")
    yield folder("xlm-roberta-plain", "unigram-bytes", {"tokenizer_class": "XLMRobertaTokenizerFast", "add_prefix_space": False, "mask_token": typed("<mask>", lstrip=True)},
                 {"model_type": "xlm-roberta"}, file="sentencepiece.bpe.model")


PIECES = {}


def content(name, value, blobs):
    """The bytes of a file: "@NAME" is a shared one, a dictionary with a change is the shared one of its own name, changed."""
    if isinstance(value, str) and value.startswith("@"):
        return blobs[value[1:]]
    if name == "tokenizer.json" and "gap" in value:
        state = json.loads(blobs[name])
        state["added_tokens"].append({"id": value["gap"], **special("<tool>")})
        return json.dumps(state, ensure_ascii=False).encode()
    if name in ("vocab.json", "merges.txt", "vocab.txt") and isinstance(value, dict):
        text = blobs[name].decode()
        if "drop" in value:
            text = "".join(line for line in text.splitlines(True) if not line.startswith(value["drop"]))
        if "crlf" in value:
            text = text.replace("\n", "\r\n")
        if name == "vocab.json" and "more" in value:
            vocabulary = json.loads(text)
            text = json.dumps({**vocabulary, **{t: len(vocabulary) + i for i, t in enumerate(value["more"])}}, ensure_ascii=False)
        elif "more" in value:
            text += value["more"]
        return text.encode()
    return json.dumps(value, ensure_ascii=False).encode()


def role_ids(tokenizer):
    return {role: getattr(tokenizer, role + "_token_id") for role in ("bos", "eos", "pad", "sep", "mask", "cls")}


def hidden_otherwise(tokenizer):
    """Tokens that vanish from decoded text here and not in the reference: those that end an answer, whatever their file calls
    them, and special ones that its normalizer changes."""
    hidden = {i for i in map(tokenizer.get_vocab().get, ("<end_of_turn>", "<|im_end|>", "<|endoftext|>")) if i is not None}
    backend = tokenizer.backend_tokenizer
    for i, token in tokenizer.added_tokens_decoder.items():
        if token.normalized and backend.normalizer and backend.normalizer.normalize_str(token.content) != token.content:
            hidden.add(i)
    return hidden


def record(files):
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            pathlib.Path(folder, name).write_bytes(data)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in STRINGS]
    rng = random.Random(11)
    sequences = ids + [[rng.randrange(len(tokenizer)) for _ in range(rng.randrange(1, 9))] for _ in range(24)]
    hidden = hidden_otherwise(tokenizer)
    texts = []
    for sequence in sequences:
        text = tokenizer.decode(sequence, skip_special_tokens=True)
        # Of bytes that are no text the reference makes more U+FFFD than a stream can.
        texts.append(None if "\ufffd" in text or hidden & set(sequence) else text)
    return {"class": type(tokenizer).__name__, "size": max(tokenizer.get_vocab().values()) + 1, "roles": role_ids(tokenizer), "ids": ids,
            "whole": [tokenizer.encode(text) for text in STRINGS[:6]], "sequences": sequences[len(ids):], "texts": texts}


def write_seeds(folder):
    """The fuzzer's first folders, with vocabularies of a few tokens: names and contents, each behind its length."""
    def tiny(model_type, **options):
        words = iter(["ab ab hello the 1", "a b hell hello ab", "the a 12 \u00e9 ab hello"] * 9)
        options = {"sentence_iterator": words, "vocab_size": 30, "normalization_rule_name": "identity", **options}
        return spm(model_type, **options).SerializeToString()

    bert = "\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "##b", "hello", "1", "e", "##\u00e9", "the"]) + "\n"
    letters = {t: i for i, t in enumerate(["<|endoftext|>", "a", "b", "ab", "\u0120", "\u0120ab", "h", "e", "\u00c3", "\u00a9", "1"])}
    merges = "#version: 0.2\na b\n\u0120 ab\n"
    listed = {"added_tokens_decoder": {"0": special("<unk>"), "60": special("<tool>", special=False, normalized=True)}}
    roles = {"bos_token": typed("<s>", lstrip=True), "pad_token": None, "extra_special_tokens": {"tool_token": "<t>"}, "image_token": "[MASK]"}
    older = {"additional_special_tokens": ["<t>", special("12", rstrip=True)], "eos_token": special("</s>")}
    state = {"model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<s>": 3}, "merges": ["a b"]},
             "added_tokens": [{"id": 3, **special("<s>")}]}
    seeds = {
        "llama": {"tokenizer.model": tiny("bpe"), "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "legacy": True,
                                                                            "add_bos_token": True}, "added_tokens.json": {"<t>": 50}},
        "code-llama": {"tokenizer.model": tiny("bpe"), "tokenizer_config.json": {"tokenizer_class": "CodeLlamaTokenizer"}},
        "gemma": {"tokenizer.model": tiny("bpe", add_dummy_prefix=False, user_defined_symbols=["<t>"]), "config.json": {"model_type": "gemma2"}},
        "any": {"tokenizer.model": tiny("bpe", user_defined_symbols=["<t>", "12"], control_symbols=["<c>"]), "tokenizer_config.json": listed},
        "any-rules": {"tokenizer.model": tiny("bpe", normalization_rule_name="", normalization_rule_tsv=rules())},
        "unigram": {"tokenizer.model": tiny("unigram", user_defined_symbols=["<t>"]), "tokenizer_config.json": {**roles, "legacy": False}},
        "xlm-roberta": {"sentencepiece.bpe.model": tiny("unigram"), "tokenizer_config.json": {"tokenizer_class": "XLMRobertaTokenizer"}},
        "bert": {"vocab.txt": bert, "config.json": {"model_type": "bert"}, "tokenizer_config.json": {"do_lower_case": True, **roles}},
        "gpt2": {"vocab.json": letters, "merges.txt": merges, "config.json": {"model_type": "gpt2"}, "special_tokens_map.json": older},
        "qwen2": {"vocab.json": letters, "merges.txt": merges, "config.json": {"model_type": "qwen2"}, "tokenizer_config.json": listed},
        "json": {"tokenizer.json": state, "special_tokens_map.json": older, "added_tokens.json": {"<t>": 9}, "tokenizer_config.json": roles},
        "tiktoken": {"tokenizer.model": "IQ== 0\nIg== 1\n"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, files in seeds.items():
        out = b""
        for file, data in files.items():
            data = json.dumps(data, ensure_ascii=False) if isinstance(data, dict) else data
            data = data.encode() if isinstance(data, str) else data
            out += bytes([len(file)]) + file.encode() + len(data).to_bytes(3, "little") + data
        (folder / name).write_bytes(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--seeds", type=pathlib.Path, help="where the fuzzer's first inputs go")
    args = parser.parse_args()
    if args.seeds:
        write_seeds(args.seeds)
    args.out.mkdir(parents=True, exist_ok=True)
    blobs = shared()
    for name, data in blobs.items():
        (args.out / name).write_bytes(data)
        if name.endswith(".model"):
            proto = sentencepiece_model_pb2.ModelProto()
            proto.ParseFromString(data)
            PIECES[name.removesuffix(".model")] = proto.pieces
    size = Tokenizer.from_str(blobs["tokenizer.json"].decode()).get_vocab_size()
    cases = []
    for name, files in (*added_folders(size), *merge_folders(), *word_folders(), *model_folders()):
        files = {k: v for k, v in files.items() if v is not None}
        made = {k: content(k, v, blobs) for k, v in files.items()}
        # A file that is only the shared one is named; others are written out.
        shown = {k: v if isinstance(v, str) and v.startswith("@") else made[k].decode() for k, v in files.items()}
        cases.append({"name": name, "files": shown, **record(made)})
        print(name, cases[-1]["class"], cases[-1]["size"], file=sys.stderr)
    with open(args.out / "cases.json", "w", encoding="utf-8") as out:
        out.write('{"strings": ' + json.dumps(STRINGS, ensure_ascii=False) + ',\n"cases": [\n')
        out.write(",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in cases))
        out.write("\n]}\n")
    (args.out / "versions.txt").write_text(f"transformers {transformers.__version__}\ntokenizers {tokenizers.__version__}\n"
                                           f"sentencepiece {sentencepiece.__version__}\npython {sys.version.split()[0]}\n")


if __name__ == "__main__":
    main()
