"""Tiny tokenizers with the special tokens of families that take pictures, in the manner of each family's own: byte-level BPE,
BPE over sentencepiece's spaces with bytes to fall back on, CLIP's, and SigLIP's unigrams."""

from __future__ import annotations

import dataclasses
import string

import transformers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

WORDS = ("the", "picture", "What", "is", "in", "and", "Look", "Compare", "of", "left", "right", "between")
LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
                  r"\s+(?!\S)|\s+")


@dataclasses.dataclass(frozen=True)
class Special:
    """Special tokens in the order of their ids, and the roles of some."""

    tokens: tuple[str, ...]
    roles: dict[str, str]
    begins_with: str = ""  # what the tokenizer puts before a text by itself


def chained(words: tuple[str, ...], vocab: dict[str, int]) -> list[tuple[str, str]]:
    """Merges that make each word from the left on; what they make joins the vocabulary."""
    merges: list[tuple[str, str]] = []
    for word in words:
        for end in range(2, len(word) + 1):
            pair = (word[: end - 1], word[end - 1])
            if pair not in merges:
                merges.append(pair)
                vocab.setdefault("".join(pair), len(vocab))
    return merges


def finished(tokenizer: Tokenizer, special: Special, extra: dict[str, str] | None = None) -> transformers.PreTrainedTokenizerFast:
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special.tokens])
    if special.begins_with:
        begin = special.begins_with
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1", special_tokens=[(begin, tokenizer.token_to_id(begin))])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=2048, padding_side="left", clean_up_tokenization_spaces=False,
        **special.roles, **({"extra_special_tokens": extra} if extra else {}))


def byte_level(special: Special, pattern: str = "") -> transformers.PreTrainedTokenizerFast:
    """GPT-2's, or Llama 3's with its pattern; two newlines are one token."""
    vocab = {char: i for i, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = chained(("ĊĊ", *("Ġ" + word for word in WORDS)), vocab)
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    if pattern:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return finished(tokenizer, special)


def spaces_vocab(first: tuple[str, ...], newlines: tuple[str, ...]) -> dict[str, int]:
    tokens = [*first, *(f"<0x{byte:02X}>" for byte in range(256)), *newlines, "▁", *string.ascii_letters, *".,:?!'<>_/[]-0123456789"]
    return {token: i for i, token in enumerate(tokens)}


def spaces(special: Special, first: tuple[str, ...], whole_text: bool) -> transformers.PreTrainedTokenizerFast:
    """Llama 2's: a space before the text, once or (`whole_text` false) behind every special token too."""
    vocab = spaces_vocab(first, ())
    merges = chained(tuple("▁" + word for word in WORDS), vocab)
    tokenizer = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if whole_text:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    else:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return finished(tokenizer, special)


def gemma(special: Special, first: tuple[str, ...], extra: dict[str, str]) -> transformers.PreTrainedTokenizerFast:
    """Gemma's: no space before the text; runs of newlines are added tokens that aren't special."""
    newlines = ("\n", "\n\n", "\n\n\n", "\n\n\n\n", "\n\n\n\n\n")
    vocab = spaces_vocab(first, newlines)
    merges = chained(tuple("▁" + word for word in WORDS), vocab)
    tokenizer = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_tokens([AddedToken(run, normalized=False) for run in newlines])
    return finished(tokenizer, special, extra)


def clip() -> transformers.CLIPTokenizer:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*alphabet, *(char + "</w>" for char in alphabet)])}
    merges: list[tuple[str, str]] = []
    for word in ("the", "a", "red", "blue", "picture", "of"):
        pieces = [*word[:-1], word[-1] + "</w>"]
        for end in range(1, len(pieces)):
            pair = ("".join(pieces[:end]), pieces[end])
            if pair not in merges:
                merges.append(pair)
                vocab.setdefault("".join(pair), len(vocab))
    for token in ("<|startoftext|>", "<|endoftext|>"):
        vocab[token] = len(vocab)
    tokenizer = transformers.CLIPTokenizer(vocab, merges, model_max_length=24)
    tokenizer.add_tokens(["<mark>"])
    return tokenizer


def siglip(length: int) -> transformers.PreTrainedTokenizerFast:
    """Small letters without marks, a space before each word, `</s>` at the end and up to the full length."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -4.0), *((char, -6.0) for char in string.ascii_lowercase),
              *((digit, -7.0) for digit in string.digits),
              *(("▁" + word, -5.0 - i / 8) for i, word in enumerate(("a", "the", "red", "blue", "picture", "of", "this", "is")))]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=2))
    tokenizer.normalizer = normalizers.Sequence([
        normalizers.Lowercase(), normalizers.Replace(Regex(r"[!-/:-@\[-`{-~]"), ""), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ("<pad>", "</s>", "<unk>")])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B:1 </s>:1", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=length, eos_token="</s>", pad_token="</s>", unk_token="<unk>",
        model_input_names=["input_ids"])
