#!/usr/bin/env python3
"""Compares two float32 [T, V] logits files: compare_logits.py REFERENCE.npy OTHER.npy [bars]

Prints the mean KL divergence of the other from the reference (nats), how often both put the same token first (in all
positions, and where the reference leads by --led nats), and the largest difference over the largest magnitude.
Exits with 1 when a bar is given and not met.
"""

from __future__ import annotations

import argparse
import json
import sys

import numpy as np


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    x = x - x.max(-1, keepdims=True)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def positions(p: np.ndarray, q: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of log-probabilities [T, V]: the KL divergence of q from p, whether both put the same token first, and by how much
    p's first token leads its second; all [T], in nats."""
    top = np.partition(p, -2, axis=-1)[:, -2:]
    return (np.exp(p) * (p - q)).sum(-1), p.argmax(-1) == q.argmax(-1), top[:, 1] - top[:, 0]


def compare(reference: np.ndarray, other: np.ndarray, led: float = 0.5) -> dict:
    """A few rows at a time: files of gigabytes are fine."""
    kl, same, lead, difference, largest = [], [], [], [], []
    for start in range(0, len(reference), 64):
        a, b = np.asarray(reference[start:start + 64]), np.asarray(other[start:start + 64])
        for values, part in zip((kl, same, lead), positions(log_softmax(a), log_softmax(b))):
            values.append(part)
        difference.append(np.abs(a - b).max())
        largest.append(np.abs(a).max())
    kl, same, lead = (np.concatenate(parts) for parts in (kl, same, lead))
    difference, largest = float(np.max(difference)), float(np.max(largest))
    leads = lead >= led
    return {
        "positions": len(kl),
        "mean_kl": float(kl.mean()),
        "max_kl": float(kl.max()),
        "top1": float(same.mean()),
        "led_positions": int(leads.sum()),
        "led_top1": float(same[leads].mean()) if leads.any() else 1.0,
        "max_difference": difference,
        "max_relative": difference / largest if largest else difference,
    }


BARS = [  # option, result, whether a larger result is better
    ("max_kl", "mean_kl", False),
    ("min_top1", "top1", True),
    ("min_led", "led_top1", True),
    ("max_rel", "max_relative", False),
]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reference")
    parser.add_argument("other")
    parser.add_argument("--led", type=float, default=0.5, help="a lead in nats that counts as clear (default 0.5)")
    parser.add_argument("--json", action="store_true")
    for option, result, larger in BARS:
        parser.add_argument("--" + option.replace("_", "-"), type=float,
                            help=f"fail if {result} is {'below' if larger else 'above'} this")
    args = parser.parse_args()

    reference, other = (np.load(path, mmap_mode="r") for path in (args.reference, args.other))
    if reference.shape != other.shape or reference.ndim != 2 or not len(reference):
        raise SystemExit(f"shapes differ or are not [T, V]: {reference.shape} and {other.shape}")
    result = compare(reference, other, args.led)
    missed = []
    for option, name, larger in BARS:
        bar = getattr(args, option)
        # Written so that a NaN misses every bar.
        if bar is not None and not (result[name] >= bar if larger else result[name] <= bar):
            missed.append(f"{name} {result[name]:.6g} misses the bar {bar:.6g}")
    result["missed"] = missed
    if args.json:
        print(json.dumps(result))
    else:
        for name, value in result.items():
            print(f"{name:15} {value}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
