#!/usr/bin/env python3
"""What a format costs: sirocco's logits on GGUF files beside float arithmetic on the same file, and beside the float model.

    reference_logits.py FLOAT.gguf --tokens ids.npy --window 512 --out float.npy
    format_accuracy.py --float float.npy --tokens ids.npy --window 512 --sirocco build/release/sirocco FILE.gguf...

Prints a row of docs/quantization.md's table for each file: three times the mean KL divergence (nats), the positions with
the same likeliest token in percent, and those among the positions where the first-named leads by 0.5 nat:
  engine  from float arithmetic on the same file (tools/reference_logits.py) to sirocco: what the engine's rounding costs;
  format  from the float model to float arithmetic on the file: what the file's weights cost;
  both    from the float model to sirocco.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import compare_logits
import reference_logits

ROWS = 8  # compared at once: they stay in the processor's cache


def of_engine(program: Path, model: Path, windows: list[np.ndarray], options: list[str]) -> np.ndarray:
    """float32 [T, V]."""
    with tempfile.TemporaryDirectory() as folder:
        out, parts = Path(folder) / "logits.npy", []
        for window in windows:
            ids = ",".join(str(n) for n in window)
            subprocess.run([program, "logits", "--quiet", "-m", model, "--tokens", ids, "--out", out, *options], check=True)
            parts.append(np.load(out))
    return np.concatenate(parts)


def of_reference(path: Path, windows: list[np.ndarray], dtype: str) -> np.ndarray:
    """float32 [T, V]."""
    model = reference_logits.Model(path, dtype)
    return np.concatenate([model.logits(window).astype(np.float32) for window in windows])


def cells(kl: np.ndarray, same: np.ndarray, lead: np.ndarray) -> list[str]:
    return [f"{kl.mean():.3g}", f"{100 * same.mean():.2f}", f"{100 * same[lead >= 0.5].mean():.2f}"]


def row(path: Path, float_model: np.ndarray, reference: np.ndarray, engine: np.ndarray) -> str:
    measured: list[list] = [[], [], []]
    for start in range(0, len(engine), ROWS):
        f, r, e = (compare_logits.log_softmax(x[start:start + ROWS]) for x in (float_model, reference, engine))
        for parts, pair in zip(measured, ((r, e), (f, r), (f, e))):
            parts.append(compare_logits.positions(*pair))
    of_pairs = [cells(*(np.concatenate(column) for column in zip(*parts))) for parts in measured]
    return "| " + " | ".join([f"`{path.stem}`", *sum(of_pairs, [])]) + " |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--float", required=True, help="the float model's logits, float32 [T, V] as .npy")
    parser.add_argument("--tokens", required=True, help="a .npy file, a text file of ids, or a list 1,2,3")
    parser.add_argument("--window", type=int, default=0, help="tokens a window (default: all in one)")
    parser.add_argument("--sirocco", type=Path, default=Path("build/release/sirocco"))
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32", help="of the reference")
    parser.add_argument("--option", action="append", default=[], help="passed to sirocco, as --option=--isa=ref")
    args = parser.parse_args()

    windows = list(reference_logits.windows(reference_logits.read_tokens(args.tokens), args.window))
    float_model = np.load(args.float, mmap_mode="r")
    for path in args.models:
        engine = of_engine(args.sirocco.resolve(), path, windows, args.option)
        reference = of_reference(path, windows, args.dtype)
        if not engine.shape == reference.shape == float_model.shape:
            raise SystemExit(f"{path}: logits of shape {engine.shape}, the float model's are {float_model.shape}")
        print(row(path, float_model, reference, engine), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
