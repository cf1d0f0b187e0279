#!/usr/bin/env python3
"""A small record of a reference distribution, enough to measure the KL divergence of other logits from it.

    reference_summary.py make MODEL.gguf --tokens ids.npy --out DIR [--window 512] [--windows 0,19,38,57]
    reference_summary.py check DIR LOGITS.npy [--exact REFERENCE.npy]

`make` computes the chosen windows with tools/reference_logits.py and writes, for the N positions of all windows:
  tokens.npy    int32   [windows, window]  what to feed, each window on its own
  ids.npy       uint16  [N, K + S]         the K likeliest tokens, likeliest first, then S tokens drawn from the rest
  log_p.npy     float32 [N, K + S]         their log-probabilities in the reference
  tail.npy      float32 [N]                the probability of all tokens but the K likeliest, together
  summary.json                             K, S, seed, file, versions
`check` applies the estimator to float32 logits [N, V], as a test without Python would do.

The estimator, with p the reference, q the other, H the K likeliest tokens and P, Q their rests' probabilities:
  KL = sum over H of p (log p - log q)  +  P mean over the draws of (log(p/q) - 1 + q/p)  +  P - Q
The draws come from p within the rest, with replacement, so the middle term is an unbiased estimate of the sum of
p log(p/q) - p + q over the rest; each of its terms is non-negative and of second order in log(p/q), so a few draws a
position do. Treating the rest as one token, KL >= sum over H of p (log p - log q) + P log(P/Q), gives a lower bound.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path

import numpy as np

import compare_logits
import reference_logits

HEAD = 64
DRAWS = 16
SEED = 1


def summarize(log_p: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ids, their log-probabilities and the rest's probability, of log_p [n, V]."""
    order = np.argsort(-log_p, axis=-1, kind="stable")
    head, rest = order[:, :HEAD], order[:, HEAD:]
    p_rest = np.exp(np.take_along_axis(log_p, rest, -1))
    tail = p_rest.sum(-1)
    drawn = np.stack([generator.choice(ids, DRAWS, p=p / total) for ids, p, total in zip(rest, p_rest, tail)])
    ids = np.concatenate([head, drawn], axis=1)
    return ids.astype(np.uint32), np.take_along_axis(log_p, ids, -1).astype(np.float32), tail.astype(np.float32)


def estimate(ids: np.ndarray, log_p: np.ndarray, tail: np.ndarray, logits: np.ndarray) -> dict:
    """The estimator above and the bars of the design, for logits [N, V] (a memory-mapped array is fine)."""
    kl, bound, top = [], [], []
    for start in range(0, len(ids), 64):
        part = slice(start, start + 64)
        log_q = compare_logits.log_softmax(np.asarray(logits[part]))
        q_of = np.take_along_axis(log_q, ids[part].astype(np.int64), -1)
        p_of, rest = log_p[part].astype(np.float64), tail[part].astype(np.float64)
        p_head, q_head = p_of[:, :HEAD], q_of[:, :HEAD]
        head = (np.exp(p_head) * (p_head - q_head)).sum(-1)
        q_rest = 1 - np.exp(q_head).sum(-1)
        ratio = p_of[:, HEAD:] - q_of[:, HEAD:]
        kl.append(head + rest * (ratio - 1 + np.exp(-ratio)).mean(-1) + rest - q_rest)
        bound.append(head + rest * np.log(rest / q_rest))
        top.append(log_q.argmax(-1))
    same = np.concatenate(top) == ids[:, 0]
    leads = log_p[:, 0] - log_p[:, 1] >= 0.5
    return {"positions": len(ids), "mean_kl": float(np.concatenate(kl).mean()),
            "mean_kl_lower_bound": float(np.concatenate(bound).mean()), "top1": float(same.mean()),
            "led_positions": int(leads.sum()), "led_top1": float(same[leads].mean())}


def make(args: argparse.Namespace) -> int:
    model = reference_logits.Model(args.model, args.dtype, args.activations, args.kv)
    tokens = reference_logits.read_tokens(args.tokens)
    chosen = [int(n) for n in args.windows.split(",")]
    windows = np.stack([tokens[n * args.window:(n + 1) * args.window] for n in chosen])
    generator = np.random.Generator(np.random.PCG64(SEED))
    parts = []
    for window in windows:
        parts.append(summarize(compare_logits.log_softmax(model.logits(window)), generator))
        print(f"{len(parts)} of {len(windows)} windows", file=sys.stderr)
    args.out.mkdir(parents=True, exist_ok=True)
    np.save(args.out / "tokens.npy", windows.astype(np.int32))
    ids, log_p, tail = map(np.concatenate, zip(*parts))
    np.save(args.out / "ids.npy", ids.astype(np.min_scalar_type(ids.max())))
    np.save(args.out / "log_p.npy", log_p)
    np.save(args.out / "tail.npy", tail)
    versions = {name: importlib.metadata.version(name) for name in ("numpy", "gguf")}
    summary = {
        "model": args.model.name, "sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "windows": chosen, "window": args.window, "head": HEAD, "draws": DRAWS,
        "made_with": {"script": "tools/reference_summary.py", "dtype": args.dtype, "seed": SEED, "versions": versions},
    }
    (args.out / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    return 0


def check(args: argparse.Namespace) -> int:
    ids, log_p, tail = (np.load(args.dir / f"{name}.npy") for name in ("ids", "log_p", "tail"))
    logits = np.load(args.logits, mmap_mode="r")
    if logits.ndim != 2 or len(logits) != len(ids):
        raise SystemExit(f"the summary has {len(ids)} positions, the logits have shape {logits.shape}")
    result = {"estimated": estimate(ids, log_p, tail, logits)}
    if args.exact:
        result["exact"] = compare_logits.compare(np.load(args.exact, mmap_mode="r"), logits)
    print(json.dumps(result, indent=1))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    making = commands.add_parser("make")
    reference_logits.add_model_options(making)
    making.add_argument("--tokens", required=True, help="the ids of a text (.npy, text file or list)")
    making.add_argument("--window", type=int, default=512)
    making.add_argument("--windows", default="0,19,38,57", help="which windows of the text (default %(default)s)")
    making.add_argument("--out", type=Path, required=True)
    making.set_defaults(run=make)
    checking = commands.add_parser("check")
    checking.add_argument("dir", type=Path)
    checking.add_argument("logits", type=Path)
    checking.add_argument("--exact", type=Path, help="the reference's own logits: prints the exact figures beside")
    checking.set_defaults(run=check)
    args = parser.parse_args()
    return args.run(args)


if __name__ == "__main__":
    sys.exit(main())
