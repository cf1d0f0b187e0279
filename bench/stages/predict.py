#!/usr/bin/env python3
"""Predicts what stages of a 70B model do on machines and networks of a stated kind, and prints it as a Markdown table.

usage: bench/stages/predict.py [--memory 200] [--int-ops 8] [--float-ops 2] [--stages 1,2,4] [--plot PICTURE.png]

The model has the shape of Llama 3 70B in Q4_0, cut as sirocco cuts it for equal machines. A step takes a stage as long as
reading its weights and caches, or its arithmetic, whichever is longer. Only --plot needs more than Python: matplotlib.
"""

import argparse
import dataclasses
import pathlib
import statistics
from typing import Callable

from simulator import Chain, Frames, Link, Naps, Step, simulate
from stage_times import LLAMA_70B_Q4_0, Machine, roofline_stages
from workloads import decode, prompt, usual_chunk

SHAPE = LLAMA_70B_Q4_0
BEHIND = 1000  # positions in the cache of a sequence whose answer is in the making
PROMPT = 4096
STAGES = (1, 2, 4, 8, 16, 32, 64)
STAGES_PLOTTED = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 27, 32, 40, 48, 56, 64)


@dataclasses.dataclass(frozen=True)
class Network:
    """Network is what lies between all machines. A packet's own bytes leave 94 % of the rate to what is sent."""

    gbit_per_s: float
    latency_s: float
    naps: Naps = Naps()

    @property
    def name(self):
        return f"{self.gbit_per_s:g} Gbit/s"

    def links(self, stages):
        return tuple(Link(self.latency_s, 0.94 * self.gbit_per_s * 1e9 / 8) for _ in range(stages))


NETWORKS = (Network(1, 100e-6), Network(10, 50e-6), Network(100, 10e-6))


@dataclasses.dataclass(frozen=True)
class Workload:
    """Workload is the steps that a number of stages is given."""

    name: str
    steps: Callable[[int], list[Step]]

    def run(self, machine, network, stages):
        chain = Chain(roofline_stages(SHAPE, machine, stages), network.links(stages), Frames(SHAPE.D), naps=network.naps)
        return simulate(chain, self.steps(stages))


ALONE = Workload("one sequence", lambda stages: decode(1, 1, 16, BEHIND))
MANY = Workload("four sequences a stage", lambda stages: decode(4 * stages, stages, 64, BEHIND))
READ = Workload(f"a prompt of {PROMPT} tokens", lambda stages: prompt(PROMPT, usual_chunk(stages)))


def rounded(value):
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def print_table(machine, numbers):
    print(f"Tokens a second at {' / '.join(network.name for network in NETWORKS)}:\n")
    print("| stages | " + " | ".join(workload.name for workload in (ALONE, MANY, READ)) + " | idle, four sequences a stage |")
    print("|---" * 5 + "|")
    for stages in numbers:
        cells, idle = [], []
        for workload in (ALONE, MANY, READ):
            found = [workload.run(machine, network, stages) for network in NETWORKS]
            cells.append(" / ".join(rounded(outcome.rows_per_s) for outcome in found))
            if workload is MANY:
                idle = [statistics.mean(outcome.idle_share(i) for i in range(stages)) for outcome in found]
        print(f"| {stages} | " + " | ".join(cells) + " | " + " / ".join(f"{100 * share:.0f} %" for share in idle) + " |", flush=True)


def plot(machine, numbers, path):
    import matplotlib  # pylint: disable=import-outside-toplevel

    matplotlib.use("Agg")
    from matplotlib import pyplot  # pylint: disable=import-outside-toplevel

    figure, rows = pyplot.subplots(1, 3, figsize=(13, 4.2))
    for axes, workload in zip(rows, (ALONE, MANY, READ)):
        whole = workload.run(machine, NETWORKS[0], 1).rows_per_s
        if workload is not ALONE:
            axes.plot(numbers, [whole * stages for stages in numbers], ":", color="gray", label="as many times one machine")
        for network, style in zip(NETWORKS, ("o-", "s-", "^-")):
            rates = [workload.run(machine, network, stages).rows_per_s for stages in numbers]
            axes.plot(numbers, rates, style, markersize=4, label=network.name)
        axes.set(title=workload.name, xlabel="stages, a machine each", ylabel="tokens a second, all together", xscale="log")
        axes.set_xticks(STAGES, [str(stages) for stages in STAGES])
        axes.minorticks_off()
        if workload is ALONE:
            axes.set_ylim(0, whole * 1.2)
        else:
            axes.set_yscale("log")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=9)
    figure.suptitle(f"Llama 3 70B in Q4_0, predicted: machines that read {machine.bytes_per_s / 1e9:g} GB/s and compute "
                    f"{machine.int_ops_per_s / 1e12:g} TOP/s")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--memory", type=float, default=200, metavar="GB/S", help="that a machine reads (%(default)s)")
    parser.add_argument("--int-ops", type=float, default=8, metavar="TOP/S", help="of products with weights (%(default)s)")
    parser.add_argument("--float-ops", type=float, default=2, metavar="TFLOP/S", help="of attention (%(default)s)")
    parser.add_argument("--stages", type=lambda text: [int(part) for part in text.split(",")], default=STAGES, help="of the table")
    parser.add_argument("--plot", type=pathlib.Path, metavar="PICTURE.png")
    options = parser.parse_args()
    machine = Machine(options.memory * 1e9, options.int_ops * 1e12, options.float_ops * 1e12)
    print_table(machine, options.stages)
    if options.plot:
        plot(machine, STAGES_PLOTTED, options.plot)


if __name__ == "__main__":
    main()
