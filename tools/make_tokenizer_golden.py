#!/usr/bin/env python3
"""Records what Hugging Face's tokenizers, SentencePiece and tiktoken make of many strings.

Writes tests/golden/tokenizer/ (see README there). Needs the packages tokenizers, sentencepiece,
tiktoken and gguf; the C++ tests need none of them. Deterministic: seeds are fixed, vocabularies are
trained here on text written here.

    tools/make_tokenizer_golden.py --out tests/golden/tokenizer [--model default-model.gguf]
"""

import argparse
import io
import json
import pathlib
import random
import struct
import sys
import unicodedata

import sentencepiece
import tiktoken
import tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, trainers

STRINGS = 12000
PIECE_STRINGS = 3000
DECODES = 3000

# ---------------------------------------------------------------------------- strings

NATURAL = r"""
All human beings are born free and equal in dignity and rights. They're endowed with reason & conscience.
Tous les êtres humains naissent libres et égaux en dignité et en droits; c'est l'Article 1er.
Alle Menschen sind frei und gleich an Würde und Rechten geboren. Straße, GROẞ, Übergrößenträger.
Todos los seres humanos nacen libres e iguales en dignidad y derechos. ¿Cómo estás, señorita?
Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.
Все люди рождаются свободными и равными в своём достоинстве и правах. Съешь ещё этих мягких булок.
人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。
すべての人間は、生れながらにして自由であり、かつ、尊厳と権利とについて平等である。カタカナも々〆〇。
모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 동등하다. ㄱㄴㄷ
يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. وقد وهبوا عقلاً وضميرًا؟
כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. שָׁלוֹם
सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। १२३४
มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ ๑๒๓
Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi.
Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Zażółć gęślą jaźń
Bütün insanlar hür, haysiyet ve haklar bakımından eşit doğarlar. İstanbul'da IĞDIR ığdır
ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით.
Բոլոր մարդիկ ծնվում են ազատ ու հավասար իրենց արժանապատվությամբ ու իրավունքներով։
ሰዎች ሁሉ ነጻና እኩል ሆነው ተወልደዋል።
সমস্ত মানুষ স্বাধীনভাবে সমান মর্যাদা এবং অধিকার নিয়ে জন্মগ্রহণ করে। ৪৫৬
எல்லா மனிதர்களும் சுதந்திரமாகவே பிறக்கின்றனர்; சமமானவர்கள்.
def fibonacci(n: int) -> list[int]:\n    a, b = 0, 1\n    while len(r) < n:\n        r.append(a); a, b = b, a + b\n    return r
for (size_t i = 0; i < v.size(); ++i) { sum += v[i] * 0x1F; } // well, it's fine\r\n\treturn sum;
{"name": "get_weather", "arguments": {"city": "Zürich", "days": [1, 22, 333, 4444, 55555]}}
SELECT id, COUNT(*) FROM t WHERE x >= 10.5e-3 AND name LIKE '%foo\_bar%' GROUP BY 1;
<html><body class="main">&nbsp;Hello,&lt;world&gt;!</body></html>  <!-- comment -->
I'm, you're, he's, she'd, they'll, we've, don't; I'M, YOU'RE, HE'S, SHE'D, THEY'LL, WE'VE, DON'T, I'ſ 'S 's
https://www.example.org/a/b?c=d&e=%20f#g user@example.com C:\Windows\System32 ~/.bashrc
In 1984, 12 345,67 € were paid (≈ 1.2×10⁴ $) — ½ or ¾ of №5, Ⅷ and ④; 100% sure!!! 1234567890123
CamelCaseWords and snake_case_words, HTTPServer2Response, iPhoneXR, McDonald's, aBcDeF ABCdef
x² + y² = z², ∑_{i=1}^{n} i = n(n+1)/2, ∀ε>0 ∃δ>0, A⊆B, α→β, ℝ ⊂ ℂ, 5°C, ±3µm
"""
NATURAL = [line.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t") for line in NATURAL.strip().split("\n")]

EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇨🇭", "🇩🇪🇫🇷", "1️⃣", "❤️", "🧑🏿‍🚀", "☕", "🤷‍♀️", "🫠"]
SPACES = [" ", "  ", "   ", "    ", "\n", "\n\n", "\r\n", "\r", "\t", "\t\t", " \n", "\n ", " \n \n",
          "\u00a0", "\u3000", "\u2028", "\u2003", "\u0085", "\u180e", "\u200b", "\ufeff", "\x0b\x0c", "\u1680",
          " " * 8, " " * 17, "\n" * 5, " \t \r\n "]
MARKS = ["\u0301", "\u0308", "\u0323", "\u0327", "\u20e3", "\u0489", "\u094d", "\u064b", "\u05b8", "\u3099"]
SNIPPETS = ["'s", "'S", "'t", "'re", "'RE", "'ve", "'m", "'ll", "'Ll", "'d", "'ſ", "’s", "''", "▁", "▁▁", "Ġ", "Ċ",
            "<0x0A>", "<unk>", "<s>", "</s>", "<|mid|>", "<|x|>", "<|", "|>", "<tool>", "</tool>", "[INST]", "#include",
            "<|control|>", "<|control|>>", "<|control", "[INSTRUCT]x", "interesting",
            "://", "\\n", "...", "!!!", "--", "==", "=>", "()", "[]", "{}", "$$", "``", "~~", "((", "))", "@@", "%%",
            "IMGIMGABZ", "<sentinel:12>", "\u212a", "İ", "ß", "ﬁ", "ǅ", "ª", "ˮ", "ー", "々", "〇", "\uf900", "가", "각",
            "e\u0301", "A\u030a", "\u1100\u1161\u11a8", "q\u0307\u0323", "\u0344", "Å", "\u212b", "\x00", "\x7f", "\x1b[0m"]

# Only characters that Unicode 3.2 had assigned: their properties no longer change from one Unicode
# version, that is from one library, to the next.
OLD = [chr(c) for c in range(0x20, 0x110000)
       if not 0xD800 <= c <= 0xDFFF
       and unicodedata.ucd_3_2_0.category(chr(c)) not in ("Cn", "Cs", "Co")
       and unicodedata.ucd_3_2_0.category(chr(c)) == unicodedata.category(chr(c))]
BY_CATEGORY = {}
for _c in OLD:
    BY_CATEGORY.setdefault(unicodedata.category(_c), []).append(_c)
CATEGORIES = sorted(BY_CATEGORY)


def digits(rng):
    kind = rng.random()
    n = rng.choice([1, 2, 3, 4, 5, 6, 7, 9, 10, 13, 22])
    if kind < 0.8:
        return "".join(rng.choice("0123456789") for _ in range(n))
    return "".join(rng.choice(BY_CATEGORY[rng.choice(["Nd", "No", "Nl"])]) for _ in range(min(n, 5)))


def piece(rng):
    kind = rng.randrange(16)
    if kind < 5:
        words = rng.choice(NATURAL).split(" ")
        at = rng.randrange(len(words))
        return " ".join(words[at:at + rng.randrange(1, 5)])
    if kind == 5:
        return rng.choice(EMOJI) * rng.choice([1, 1, 1, 2])
    if kind in (6, 7):
        return rng.choice(SPACES)
    if kind == 8:
        return digits(rng)
    if kind in (9, 10):
        return rng.choice(SNIPPETS)
    if kind == 11:
        return "".join(rng.choice(OLD) for _ in range(rng.randrange(1, 4)))
    if kind == 12:
        category = BY_CATEGORY[rng.choice(CATEGORIES)]
        return "".join(rng.choice(category) for _ in range(rng.randrange(1, 4)))
    if kind == 13:
        return rng.choice("aeiounAEO가か") + "".join(rng.choice(MARKS) for _ in range(rng.randrange(1, 4)))
    if kind == 14:
        return "".join(rng.choice("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") for _ in range(rng.randrange(1, 5)))
    return rng.choice("abcXYZ ,\n") * rng.choice([2, 3, 7, 40])


def string_pieces():
    """Each string as the pieces that it was put together of."""
    rng = random.Random(20240731)
    out = [[s] for s in NATURAL] + [[]] + [[s] for s in SPACES + SNIPPETS + EMOJI] + [[chr(c)] for c in range(0x80)]
    out += [[s] for s in ("a" * 300, " " * 300, "\n" * 300, "😀" * 100, "7" * 100, "é" * 150, "ab" * 150, " a" * 150, "中" * 120)]
    while len(out) < STRINGS:
        pieces = [piece(rng) for _ in range(rng.choice([1, 2, 2, 3, 3, 4, 6, 9]))]
        if rng.random() < 0.3:
            pieces += [" ", piece(rng)]
        out.append(pieces)
    strings = [[p.encode() for p in pieces] for pieces in out]
    # Every twentieth is damaged: a byte changed, dropped or put in.
    for i in range(600, STRINGS, 20):
        data = bytearray(b"".join(strings[i]))
        for _ in range(rng.choice([1, 1, 2, 4])):
            at = rng.randrange(len(data) + 1)
            kind = rng.randrange(3)
            if kind == 0 and at < len(data):
                data[at] = rng.randrange(256)
            elif kind == 1 and at < len(data):
                del data[at]
            else:
                data[at:at] = bytes([rng.choice([0x80, 0xBF, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xF5, 0xFF])])
        strings[i] = [bytes(data)]
    return strings


def make_strings():
    return [b"".join(pieces) for pieces in string_pieces()]


def utf8_runs(data):
    """[(valid, bytes)] in order: runs of whole characters, and runs of bytes that belong to none."""
    runs = []

    def add(valid, part):
        if not part:
            return
        if runs and runs[-1][0] == valid:
            runs[-1] = (valid, runs[-1][1] + part)
        else:
            runs.append((valid, part))

    while data:
        try:
            data.decode()
            add(True, data)
            break
        except UnicodeDecodeError as error:
            add(True, data[:error.start])
            add(False, data[error.start:error.end])
            data = data[error.end:]
    return runs


# ---------------------------------------------------------------------------- pre-tokenizers

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
CASED = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + CONTRACTIONS + "?"
         r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + CONTRACTIONS + "?")
TAIL = r"|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = CASED + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*" + TAIL
LLAMA3 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
QWEN2 = CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL
KIMI = (r"[\p{Han}]+"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
        + CONTRACTIONS + "?"
        r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
        + CONTRACTIONS + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + TAIL)
DEEPSEEK_WORDS = (
    "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af"
    "\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5"
    "\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba"
    "\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45"
    "\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe"
    "\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102"
    "\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139"
    "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3"
    "\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06"
    "\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3"
    "\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df"
    "\U0001e900-\U0001e943"
)
DEEPSEEK3 = (r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+""")


def split(regex):
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": "Isolated", "invert": False}


def byte_level(use_regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def own_digits(individual):
    return {"type": "Digits", "individual_digits": individual}


# name in tokenizer.ggml.pre: (stages, NFC, ignore_merges)
ROWS = {
    "default": ([split(r"[\p{P}\$\+<=>\^~\|]+"), split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"),
                 split(r"\p{N}+"), split("[0-9][0-9][0-9]"), byte_level(False)], False, False),
    "llama-bpe": ([split(LLAMA3), byte_level(False)], False, True),
    "jais-2": ([split(LLAMA3.replace(r"|\s+(?!\S)|\s+", "") + "".join(r"|\s{%d}(?!\S)" % n for n in (512, 256, 128, 64, 32, 16, 8, 4))
                      + r"|\s{1,2}(?!\S)|\s{1}"), byte_level(False)], False, False),
    "minicpm5": ([split(r"\p{N}{1,3}"), split(LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}+")), byte_level(False)], False, True),
    "deepseek-llm": ([split("[\r\n]"), split(r"\s?[" + DEEPSEEK_WORDS + "]+"), split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"), split(r"\s+$"),
                      split("[一-龥ࠀ-一가-퟿]+"), own_digits(True), byte_level(False)], False, False),
    "deepseek-coder": ([split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"), own_digits(True),
                        byte_level(False)], False, False),
    "deepseek-v3": ([split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK3 + r"| ?[\p{P}\p{S}]+[\r\n]*" + TAIL),
                     byte_level(False)], False, False),
    "spark2_5": ([split(r"\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"), split(DEEPSEEK3 + r"| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+"),
                  split(r"\p{N}"), byte_level(False)], False, False),
    "falcon": ([{"type": "Punctuation", "behavior": "Contiguous"}, byte_level(True), own_digits(False), split("[0-9][0-9][0-9]")],
               False, False),
    "gpt-2": ([byte_level(True)], False, False),
    "mpt": ([byte_level(True)], True, False),
    "smollm": ([own_digits(True), byte_level(True)], False, False),
    "command-r": ([own_digits(True), byte_level(True)], True, False),
    "qwen2": ([split(QWEN2), byte_level(False)], True, False),
    "qwen35": ([split(QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+")),
                byte_level(False)], True, False),
    "stablelm2": ([split(QWEN2), byte_level(False)], False, False),
    "ufakzeka": ([split(QWEN2.replace(CONTRACTIONS + "|", "")), byte_level(False)], False, False),
    "laguna": ([split(r"[^\n]+|[\n]+"), split(QWEN2), byte_level(False)], False, False),
    "bloom": ([split(r" ?[^(\s|[.,!?…。，、।۔،])]+"), byte_level(False)], False, False),
    "viking": ([split(r" ?[^(\s|[.,!?…。，、।۔،])]+"), own_digits(True), byte_level(False)], False, False),
    "tekken": ([split(O200K.replace(CONTRACTIONS + "?", "").replace(r"\p{N}{1,3}", r"\p{N}")), byte_level(False)], False, True),
    "gpt-4o": ([split(O200K), byte_level(False)], False, False),
    "tiny_aya": ([split(r"\d{1,3}(?=(?:\d{3})*\b)"), split(O200K), byte_level(False)], False, False),
    "youtu": ([split("[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+"),
               split(O200K.replace(r"\p{N}{1,3}", r"\p{N}")), byte_level(False)], False, True),
    "kimi-k2": ([split(KIMI), byte_level(False)], False, False),
    "superbpe": ([split(r"\p{N}+"), split(r"(?=(\d{3})+(?!\d))"), byte_level(False)], False, False),
    "bailingmoe": ([split(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"),
                    byte_level(False)], False, False),
    "seed-coder": ([split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+" + TAIL), byte_level(False)],
                   False, False),
    "exaone-moe": ([split(CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?"
                          r"|\s*[\r\n]|\s+(?!\S)|\s+"), byte_level(False)], False, False),
    "chameleon": ([split("<sentinel:[0-9]+>"), split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"), split("([\\t\\n]|    |  )"),
                   own_digits(True), {"type": "Punctuation", "behavior": "Isolated"}, byte_level(True)], False, False),
}

# ---------------------------------------------------------------------------- byte-level vocabularies


def bytes_to_unicode():
    shown = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table = {b: chr(b) for b in shown}
    for i, b in enumerate(b for b in range(256) if b not in shown):
        table[b] = chr(256 + i)
    return table


SPELL = bytes_to_unicode()
UNSPELL = {c: b for b, c in SPELL.items()}


def spell(data):
    return "".join(SPELL[b] for b in data)


def train_wide(size):
    """A vocabulary trained without any pre-tokenizer: its tokens reach across every boundary, so a
    cut in the wrong place shows in the ids."""
    rng = random.Random(7)
    text = ["".join(piece(rng) for _ in range(rng.randrange(2, 9))) for _ in range(12000)]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False, max_token_length=10))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def train_row(name, size):
    rng = random.Random(11)
    text = ["".join(piece(rng) for _ in range(rng.randrange(2, 9))) for _ in range(6000)]
    tokenizer = Tokenizer(models.BPE())
    set_row(tokenizer, name)
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=size, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(m) for m in model["merges"]]


def set_row(tokenizer, name):
    stages, nfc, _ = ROWS[name]
    state = json.loads(tokenizer.to_str())
    state["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": stages}
    state["normalizer"] = {"type": "NFC"} if nfc else None
    state["decoder"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    loaded = Tokenizer.from_str(json.dumps(state))
    tokenizer.pre_tokenizer = loaded.pre_tokenizer
    if nfc:
        tokenizer.normalizer = loaded.normalizer
    tokenizer.decoder = loaded.decoder


def byte_level_reference(vocab, merges, name, control=(), user_defined=()):
    tokenizer = Tokenizer(models.BPE(vocab, merges, ignore_merges=ROWS[name][2]))
    set_row(tokenizer, name)
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in user_defined])
    return tokenizer


def encode_bytes(tokenizer, data):
    ids = []
    for valid, run in utf8_runs(data):
        if valid:
            ids += tokenizer.encode(run.decode(), add_special_tokens=False).ids
        else:
            ids += [token.id for token in tokenizer.model.tokenize(spell(run))]
    return ids


def pieces_of(tokenizer, data):
    pieces = []
    for valid, run in utf8_runs(data):
        if valid:
            text = run.decode()
            if tokenizer.normalizer is not None:
                text = tokenizer.normalizer.normalize_str(text)
            pieces += [bytes(UNSPELL[c] for c in p) for p, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]
        else:
            pieces.append(run)
    return pieces


# ---------------------------------------------------------------------------- SentencePiece


def train_sentencepiece(**options):
    rng = random.Random(13)
    known = set("".join(NATURAL + EMOJI + SNIPPETS)) - set("\0\n\r")
    lines = ["".join(c for c in piece(rng) + " " + piece(rng) + piece(rng) if c in known) for _ in range(16000)]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=model, model_type="bpe", normalization_rule_name="identity",
        character_coverage=0.997, minloglevel=2, num_threads=1, hard_vocab_limit=False, **options)
    return model.getvalue()


def mark_unused(model, every):
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    normal = [p for p in proto.pieces if p.type == 1 and len(p.piece) > 1]
    for p in normal[::every]:
        p.type = 5
    return proto.SerializeToString()


MARK = "\u2581"


def sentencepiece_merges(values):
    """What `transformers` makes of the pieces' scores."""
    kinds = values["tokenizer.ggml.token_type"]
    scores = {t: (s, i) for i, (t, s) in enumerate(zip(values["tokenizer.ggml.tokens"], values["tokenizer.ggml.scores"]))
              if kinds[i] in (1, 4)}
    merges = [(-score, i, piece[:at], piece[at:]) for piece, (score, i) in scores.items() for at in range(1, len(piece))
              if piece[:at] in scores and piece[at:] in scores]
    return [(left, right) for _, _, left, right in sorted(merges)]


def sentencepiece_reference(values, special):
    """The tokenizer.json of such a vocabulary: added tokens are cut out of the text first, and what is left between them is
    a text each. A mark in a user-defined token stands for a space too. Without `special`, text makes no special tokens."""
    tokens = values["tokenizer.ggml.tokens"]
    kinds = values["tokenizer.ggml.token_type"]
    ids = {t: i for i, t in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(ids, sentencepiece_merges(values), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    prefix = values["tokenizer.ggml.add_space_prefix"]
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK)] * prefix + [normalizers.Replace(" ", MARK)])
    user_defined = [t for t, kind in zip(tokens, kinds) if kind == 4]
    spaced = {t.replace(MARK, " "): ids[t] for t in user_defined if MARK in t}
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=False) for t in [*user_defined, *spaced]])
    if special:
        tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, kind in zip(tokens, kinds) if kind in (2, 3)])
    others = {tokenizer.token_to_id(t): i for t, i in spaced.items()}
    return tokenizer, others


def encode_sentencepiece(reference, data):
    tokenizer, others = reference
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return 0
    return hash_ids([others.get(i, i) for i in tokenizer.encode(text, add_special_tokens=False).ids])


# ---------------------------------------------------------------------------- files


def fnv(values):
    h = 0x811C9DC5
    for byte in values:
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def hash_ids(ids):
    return fnv(struct.pack("<%dI" % len(ids), *ids))


def hash_pieces(pieces):
    return fnv(b"".join(struct.pack("<I", len(p)) + p for p in pieces))


class Random32:
    """xorshift32, which the C++ test repeats."""

    def __init__(self, seed):
        self.state = seed

    def next(self):
        x = self.state
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        self.state = x
        return x


def random_ids(size):
    rng = Random32(0x5EED)
    for _ in range(DECODES):
        count = rng.next() % 12
        yield [rng.next() % size for _ in range(count)]


def size(count):
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    out = b""
    while count > 127:
        out += bytes([count & 127 | 128])
        count >>= 7
    return out + bytes([count])


def text(data):
    data = data.encode() if isinstance(data, str) else data
    return size(len(data)) + data


def write_metadata(path, values, like=None):
    """Records of (key, type, value): the `tokenizer.ggml.*` keys of a GGUF, in a form that a dozen
    lines can read. Types: s string, b bool, i int64, S strings, M strings of two tokens each, B
    bytes, P the bytes of a file beside this one, F float32s. `like`: name and values of another such
    file, which is read first; what is the same there isn't written again."""
    out = b""
    if like:
        if set(like[1]) - set(values):
            raise SystemExit(f"{path}: {like[0]} has keys that it hasn't")
        out += text("") + b"@" + text(like[0])
        values = {key: value for key, value in values.items() if like[1].get(key) != value}
    ids = {}
    for key, value in values.items():
        out += text(key)
        if key == "tokenizer.ggml.tokens":
            ids = {token: i for i, token in enumerate(value)}
        elif key == "tokenizer.ggml.merges" and not ids:
            ids = {token: i for i, token in enumerate(like[1]["tokenizer.ggml.tokens"])}
        if isinstance(value, bool):
            out += b"b" + struct.pack("<B", value)
        elif isinstance(value, int):
            out += b"i" + struct.pack("<q", value)
        elif isinstance(value, str):
            out += b"s" + text(value)
        elif isinstance(value, pathlib.Path):
            out += b"P" + text(value.name)
        elif key == "tokenizer.ggml.merges":
            pairs = [ids[part] for merge in value for part in merge.split(" ")]
            out += b"M" + size(len(value)) + struct.pack("<%dH" % len(pairs), *pairs)
        elif all(isinstance(v, (str, bytes)) for v in value):
            out += b"S" + size(len(value)) + b"".join(map(text, value))
        elif all(isinstance(v, int) for v in value):
            out += b"B" + size(len(value)) + bytes(value)
        else:
            out += b"F" + size(len(value)) + struct.pack("<%df" % len(value), *value)
    path.write_bytes(out)


def write_strings(path, strings):
    """The pieces, each once, and then each string as numbers of pieces."""
    pieces = list(dict.fromkeys(p for s in strings for p in s))
    numbers = {p: i for i, p in enumerate(pieces)}
    out = [size(len(pieces)), *map(text, pieces), size(len(strings))]
    out += [size(len(s)) + b"".join(size(numbers[p]) for p in s) for s in strings]
    path.write_bytes(b"".join(out))


def byte_level_metadata(vocab, merges, pre, control=(), user_defined=()):
    tokens = sorted(vocab, key=vocab.get) + list(control) + list(user_defined)
    types = [1] * len(vocab) + [3] * len(control) + [4] * len(user_defined)
    return {
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": pre, "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types, "tokenizer.ggml.merges": [" ".join(m) for m in merges],
    }


def sentencepiece_metadata(processor, add_space_prefix, remove_extra_whitespaces):
    tokens, scores, types = [], [], []
    for i in range(processor.vocab_size()):
        tokens.append(processor.id_to_piece(i))
        scores.append(processor.get_score(i))
        kind = 1
        if processor.is_unknown(i):
            kind = 2
        elif processor.is_control(i):
            kind = 3
        elif processor.is_unused(i):
            kind = 5
        elif processor.is_byte(i):
            kind = 6
        types.append(kind)
    return {
        "tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": types, "tokenizer.ggml.bos_token_id": 1, "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0, "tokenizer.ggml.add_space_prefix": add_space_prefix,
        "tokenizer.ggml.remove_extra_whitespaces": remove_extra_whitespaces,
    }


class Golden:
    """cases.tsv and expected.bin."""

    def __init__(self, out):
        self.out = out
        self.lines = []
        self.expected = b""
        self.vocabularies = {}

    def vocabulary(self, name, values, like=None):
        self.vocabularies[name] = values
        write_metadata(self.out / (name + ".vocab"), values, like and (like, self.vocabularies[like]))

    def case(self, kind, vocab, pre, options, hashes):
        """kind: ids, pieces or text. pre: replaces the vocabulary's, or -. A hash of 0 means that the
        reference has no answer for this string."""
        whole = fnv(struct.pack("<%dI" % len(hashes), *hashes))
        self.lines.append("\t".join([kind, vocab, pre, options, str(len(hashes)), f"{whole:08x}"]))
        self.expected += bytes(1 + h % 255 if h else 0 for h in hashes)
        print(self.lines[-1], file=sys.stderr)

    def finish(self, *packages):
        (self.out / "expected.bin").write_bytes(self.expected)
        (self.out / "cases.tsv").write_text("\n".join(self.lines) + "\n")
        (self.out / "versions.txt").write_text("".join(f"{p.__name__} {p.__version__}\n" for p in packages) +
                                               f"python {sys.version.split()[0]}\n")


def tiktoken_case(golden, strings, name, pattern, vocab, merges):
    """tiktoken with the wide vocabulary's ranks: a token's id is its rank."""
    ranks = {bytes(UNSPELL[c] for c in token): i for token, i in vocab.items()}
    encoding = tiktoken.Encoding(name="golden", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})
    hashes = []
    for s in strings:
        try:
            hashes.append(hash_ids(encoding.encode_ordinary(s.decode())))
        except UnicodeDecodeError:
            hashes.append(0)
    golden.case("ids", "tiktoken", name, "-", hashes)


def rank_merges(vocab):
    """The merges that build each token from the two that tiktoken's own algorithm ends with."""
    ranks = {bytes(UNSPELL[c] for c in token): i for token, i in vocab.items()}
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) == 1:
            continue
        parts = [bytes([b]) for b in token]
        while len(parts) > 2:
            candidates = [(ranks.get(parts[i] + parts[i + 1], rank), i) for i in range(len(parts) - 1)]
            best, at = min(candidates)
            if best >= rank:
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        if len(parts) == 2:
            merges.append((spell(parts[0]), spell(parts[1])))
    return merges


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--model", type=pathlib.Path, help="a GGUF whose own vocabulary is recorded too")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    strings = make_strings()
    golden = Golden(args.out)

    vocab, merges = train_wide(4096)
    golden.vocabulary("wide", byte_level_metadata(vocab, merges, "gpt-2"))
    for row in ROWS:
        tokenizer = byte_level_reference(vocab, merges, row)
        golden.case("pieces", "wide", row, "-", [hash_pieces(pieces_of(tokenizer, s)) for s in strings[:PIECE_STRINGS]])
        golden.case("ids", "wide", row, "-", [hash_ids(encode_bytes(tokenizer, s)) for s in strings])
    tokenizer = byte_level_reference(vocab, merges, "gpt-2")
    golden.case("text", "wide", "gpt-2", "-", [fnv(tokenizer.decode(ids).encode()) for ids in random_ids(len(vocab))])

    # A vocabulary as models have it, trained with its own pre-tokenizer.
    for row in ("smollm", "llama-bpe", "deepseek-llm", "gpt-4o"):
        own = train_row(row, 1500)
        golden.vocabulary("own-" + row, byte_level_metadata(*own, row))
        tokenizer = byte_level_reference(*own, row)
        golden.case("ids", "own-" + row, "-", "-", [hash_ids(encode_bytes(tokenizer, s)) for s in strings])

    # The trainer's tokens are shorter than these, so that only the added token spells them.
    control = ["<|control|>", "<|control|>>", "[INSTRUCT]x"]
    user_defined = ["<tool>", "  ", "    ", "</tool>", "<|", "in", "ing ", "\n\n", "né", "<|control", "|>", "<|x|>"]
    fresh = [t for t in user_defined if t not in vocab]
    values = byte_level_metadata(vocab, merges, "llama-bpe", control, fresh)
    for text in set(user_defined) - set(fresh):
        values["tokenizer.ggml.token_type"][vocab[text]] = 4
    golden.vocabulary("added", values)
    tokenizer = byte_level_reference(vocab, merges, "llama-bpe", control, user_defined)

    def encode_valid(reference, data):
        try:
            return hash_ids(reference.encode(data.decode(), add_special_tokens=False).ids)
        except UnicodeDecodeError:
            return 0

    golden.case("ids", "added", "-", "special", [encode_valid(tokenizer, s) for s in strings])
    untrusted = byte_level_reference(vocab, merges, "llama-bpe")
    ids = {len(vocab) + i: len(vocab) + len(control) + i for i in range(len(fresh))}
    untrusted.add_tokens([AddedToken(t, normalized=False, special=False) for t in user_defined])

    def encode_untrusted(data):
        try:
            return hash_ids([ids.get(i, i) for i in untrusted.encode(data.decode(), add_special_tokens=False).ids])
        except UnicodeDecodeError:
            return 0

    golden.case("ids", "added", "-", "-", [encode_untrusted(s) for s in strings])
    golden.case("text", "added", "-", "-",
                [fnv(tokenizer.decode(i, skip_special_tokens=True).encode())
                 if not any(t >= len(vocab) + len(control) for t in i) else 0
                 for i in random_ids(len(vocab) + len(control) + len(fresh))])

    golden.vocabulary("tiktoken", byte_level_metadata(vocab, rank_merges(vocab), "llama-bpe"), "wide")
    tiktoken_case(golden, strings, "llama-bpe", LLAMA3, vocab, merges)
    tiktoken_case(golden, strings, "gpt-4o", O200K, vocab, merges)
    tiktoken_case(golden, strings, "kimi-k2", KIMI, vocab, merges)
    tiktoken_case(golden, strings, "stablelm2", QWEN2, vocab, merges)

    kinds = {
        "spm-llama": dict(vocab_size=2400, byte_fallback=True, split_digits=True, remove_extra_whitespaces=False,
                          allow_whitespace_only_pieces=True),
        "spm-gemma": dict(vocab_size=2400, byte_fallback=True, split_digits=True, remove_extra_whitespaces=False,
                          allow_whitespace_only_pieces=True, add_dummy_prefix=False,
                          user_defined_symbols=["\u2581\u2581", "\u2581\u2581\u2581", "<table>", "[INST]", "ing", "\n\n", "<tool>"]),
        "spm-users": dict(vocab_size=2200, byte_fallback=True, remove_extra_whitespaces=False,
                          user_defined_symbols=["<tool>", "</tool>", "in", "the", "\u2581of", "<|mid|>x"]),
        "spm-plain": dict(vocab_size=2200, byte_fallback=False, remove_extra_whitespaces=True),
        "spm-phrases": dict(vocab_size=2200, byte_fallback=True, split_by_whitespace=False, remove_extra_whitespaces=False),
    }
    trained = {name: train_sentencepiece(**options) for name, options in kinds.items()}
    trained["spm-unused"] = mark_unused(trained["spm-llama"], 3)
    kinds["spm-unused"] = kinds["spm-llama"]
    for name, model in trained.items():
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
        values = sentencepiece_metadata(processor, kinds[name].get("add_dummy_prefix", True),
                                        kinds[name]["remove_extra_whitespaces"])
        for symbol in kinds[name].get("user_defined_symbols", []):
            at = processor.piece_to_id(symbol)
            values["tokenizer.ggml.token_type"][at] = 4
        golden.vocabulary(name, values, "spm-llama" if name == "spm-unused" else None)

        def encode_spm(data):
            try:
                text = data.decode()
            except UnicodeDecodeError:
                return None
            return None if "\0" in text else processor.encode(text)

        if 4 in values["tokenizer.ggml.token_type"]:
            reference = sentencepiece_reference(values, False)
            hashes = [encode_sentencepiece(reference, s) for s in strings]
        else:
            hashes = [0 if ids is None else hash_ids(ids) for ids in map(encode_spm, strings)]
        golden.case("ids", name, "-", "-", hashes)
        byte_ids = {i for i in range(processor.vocab_size()) if processor.is_byte(i)}
        golden.case("text", name, "-", "-", [0 if byte_ids & set(ids) else fnv(processor.decode(ids).encode())
                                             for ids in random_ids(processor.vocab_size())])

    # Words that were added to such a vocabulary, as converters write them.
    processor = sentencepiece.SentencePieceProcessor(model_proto=trained["spm-llama"])
    values = sentencepiece_metadata(processor, True, False)
    known = set(values["tokenizer.ggml.tokens"])
    for text, kind in [(t, 3) for t in control] + [(t, 4) for t in user_defined + [" of", " the ", "é "]]:
        if text in known:
            continue
        values["tokenizer.ggml.tokens"].append(text)
        values["tokenizer.ggml.scores"].append(-1000.0)
        values["tokenizer.ggml.token_type"].append(kind)
    for prefix in (True, False):
        name = "spm-words" if prefix else "spm-words-bare"
        values = {**values, "tokenizer.ggml.add_space_prefix": prefix}
        golden.vocabulary(name, values, None if prefix else "spm-words")
        for options in ("special", "-"):
            reference = sentencepiece_reference(values, options == "special")
            golden.case("ids", name, "-", options, [encode_sentencepiece(reference, s) for s in strings])

    if args.model:
        import gguf
        fields = gguf.GGUFReader(args.model).fields
        tokens = fields["tokenizer.ggml.tokens"].contents()
        types = fields["tokenizer.ggml.token_type"].contents()
        merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
        row = fields["tokenizer.ggml.pre"].contents()
        control = [t for t, kind in zip(tokens, types) if kind == 3]
        tokenizer = byte_level_reference({t: i for i, t in enumerate(tokens)}, merges, row, control)
        golden.case("ids", "model", "-", "-", [encode_model(tokenizer, control, s) for s in strings])
        golden.case("ids", "model", "-", "special", [encode_valid(tokenizer, s) for s in strings])
        golden.case("text", "model", "-", "-",
                    [fnv(tokenizer.decode(ids, skip_special_tokens=True).encode()) for ids in random_ids(len(tokens))])
    write_strings(args.out / "strings.bin", string_pieces())
    golden.finish(tokenizers, sentencepiece, tiktoken)


def encode_model(tokenizer, control, data):
    """Strings that hold a control token's text are left to the case with special tokens."""
    if any(c.encode() in data for c in control):
        return 0
    return hash_ids(encode_bytes(tokenizer, data))


if __name__ == "__main__":
    main()
