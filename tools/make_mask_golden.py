#!/usr/bin/env python3
"""Makes tests/golden/masks/gemma3.txt: what `transformers` lets each token of a Gemma 3 sequence with images see, in both kinds
of layers.

    make_mask_golden.py [--out FILE]

Needs torch and transformers.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import transformers
from transformers.models.gemma3.modeling_gemma3 import create_masks_for_vision_model, get_block_sequence_ids_for_mask

ROOT = Path(__file__).resolve().parent.parent
WINDOW = 6
LENGTH = 40
IMAGES = [(2, 5), (9, 10), (14, 30), (36, 40)]  # within a window, of one token, longer than a window, at the end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "tests" / "golden" / "masks" / "gemma3.txt")
    out = parser.parse_args().out
    types = torch.zeros(1, LENGTH, dtype=torch.long)
    for first, end in IMAGES:
        types[0, first:end] = 1
    config = transformers.Gemma3TextConfig(sliding_window=WINDOW, attn_implementation="eager")
    masks = create_masks_for_vision_model(
        config=config,
        inputs_embeds=torch.zeros(1, LENGTH, 1),
        attention_mask=None,
        cache=None,
        position_ids=None,
        block_sequence_ids=get_block_sequence_ids_for_mask(types),
    )
    lines = [f"transformers-{transformers.__version__}", f"window {WINDOW}", f"spans {len(IMAGES)}"]
    lines += [f"{first} {end}" for first, end in IMAGES]
    for kind in ("full_attention", "sliding_attention"):
        mask = masks[kind]
        assert mask.shape == (1, 1, LENGTH, LENGTH)
        lines.append(f"{kind} {LENGTH}")
        lines += ["".join("1" if seen else "0" for seen in row) for row in (mask[0, 0] == 0).tolist()]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
