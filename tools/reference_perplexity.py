#!/usr/bin/env python3
"""Perplexity of a GGUF model in plain float arithmetic, by the rules of docs/perplexity.md.

    reference_perplexity.py MODEL.gguf --tokens ids.npy [--window 512] [--windows N]

Prints JSON: the windows and tokens scored, the perplexity, and the summed negative log likelihood of every window.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np

import compare_logits
import reference_logits


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reference_logits.add_model_options(parser)
    parser.add_argument("--tokens", required=True, help="the ids of the whole text (.npy, text file or list)")
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--windows", type=int, help="score the first N windows only")
    args = parser.parse_args()

    model = reference_logits.Model(args.model, args.dtype, args.activations, args.kv)
    add_bos = model.reader.get_field("tokenizer.ggml.add_bos_token")
    tokens = reference_logits.read_tokens(args.tokens)
    count = len(tokens) // args.window
    if count < 2:
        raise SystemExit(f"{len(tokens)} tokens: at least two windows of {args.window} are needed")
    first, losses = args.window // 2, []
    for window in tokens[:count * args.window].reshape(count, args.window)[:args.windows]:
        fed = window.copy()
        if add_bos is not None and add_bos.contents():
            fed[0] = model.reader.get_field("tokenizer.ggml.bos_token_id").contents()
        hidden = model.hidden(fed)[first:-1]
        log_p = compare_logits.log_softmax(model.lm_head(hidden))
        losses.append(float(-log_p[np.arange(len(hidden)), window[first + 1:]].sum()))
        print(f"{len(losses)} of {count} windows", file=sys.stderr)
    scored = len(losses) * (args.window - first - 1)
    print(json.dumps({"windows": len(losses), "scored_tokens": scored, "perplexity": float(np.exp(sum(losses) / scored)),
                      "window_nll": [round(loss, 4) for loss in losses]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
