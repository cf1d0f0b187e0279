#!/usr/bin/env python3
"""Draws what bench/serving/compare.py --out has written, a row of pictures a model.

usage: bench/serving/plot.py RESULTS.json PICTURE.png        needs matplotlib
"""

import json
import pathlib
import statistics
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402  # pylint: disable=wrong-import-position

SIDES = {"sirocco": "tab:blue", "llama-server": "tab:orange"}


def medians(of_model, side, *path):
    values = []
    for results in of_model["clients"].values():
        found = []
        for result in results[side]:
            for name in path:
                result = result[name]
            found.append(result)
        values.append(statistics.median(found))
    return values


def draw_lines(axes, of_model, title, *lines):
    """Over the number of clients; a line is its style and where its values are."""
    clients = [int(number) for number in of_model["clients"]]
    for side, color in SIDES.items():
        for style, label, path in lines:
            axes.plot(clients, medians(of_model, side, *path), style, color=color, label=f"{side} {label}".strip())
    axes.set(title=title, xlabel="clients", xscale="log")
    axes.set_xticks(clients, [str(number) for number in clients])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def draw_stall(axes, of_model):
    names = {"undisturbed p99": ("undisturbed_gap_ms", "p99"), "beside p99": ("beside_gap_ms", "p99"), "beside, worst": ("beside_gap_ms", "max")}
    for i, (side, color) in enumerate(SIDES.items()):
        heights = [statistics.median(result[figure][part] for result in of_model["stall"][side]) for figure, part in names.values()]
        bars = axes.bar([at + 0.4 * i for at in range(len(names))], heights, 0.4, color=color, label=side)
        axes.bar_label(bars, fmt="%.3g", fontsize=8)
    axes.set(title="gap of four streams while a long prompt comes in, ms", yscale="log")
    axes.set_xticks([at + 0.2 for at in range(len(names))], list(names))
    axes.legend(fontsize=8)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    models = json.loads(pathlib.Path(sys.argv[1]).read_text())["models"]
    figure, rows = pyplot.subplots(len(models), 4, figsize=(20, 4.6 * len(models)), squeeze=False)
    for axes, (name, of_model) in zip(rows, models.items()):
        draw_lines(axes[0], of_model, f"{name}: tokens a second, all clients together", ("o-", "", ("tokens_per_s",)))
        draw_lines(axes[1], of_model, "time to the first token, ms", ("o-", "p50", ("ttft_ms", "p50")), ("x--", "p95", ("ttft_ms", "p95")))
        axes[1].set_yscale("log")
        draw_lines(axes[2], of_model, "gap between tokens, ms", ("o-", "p50", ("gap_ms", "p50")), ("x--", "p99", ("gap_ms", "p99")))
        axes[2].set_yscale("log")
        if "stall" in of_model:
            draw_stall(axes[3], of_model)
        else:
            axes[3].set_axis_off()
    figure.tight_layout()
    figure.savefig(sys.argv[2], dpi=110)


if __name__ == "__main__":
    main()
