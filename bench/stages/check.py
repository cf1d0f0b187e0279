#!/usr/bin/env python3
"""Compares the simulator with two stages as they run, in one process and in two of MPI, and prints a Markdown table.

usage: bench/stages/check.py [--sirocco build/release/sirocco] [--model MODEL] [--rounds 3] [--kinds local,mpi] [--within 0.1]

A round runs `sirocco bench` for some numbers of sequences and lengths of prompts. How long the stages compute is taken from some
of them; what is predicted is another: a prompt of 2048 tokens from those of 512, 1024 and 4096, 16 sequences from 1, 8, 12, 20
and 32. For these the uncut model runs on one core too: kernels take rows by eights, so that seconds are no straight lines over
them, but the part of the whole that a stage takes hardly depends on them. Wants two cores and nothing else on the machine. Exit
status 1 when the median round is further off than --within.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
from typing import Optional

from simulator import Chain, Frames, Link, Naps, Span, Step, simulate
from stage_times import Measured
from workloads import decode, prompt, usual_chunk

STAGES = 2
TOKENS = 64
SEQUENCES, KNOWN_SEQUENCES = 16, (1, 8, 12, 20, 32)
PROMPT, KNOWN_PROMPTS = 2048, (512, 1024, 4096)
# Root is refused otherwise.
SETTINGS = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


@dataclasses.dataclass(frozen=True)
class Kind:
    """Kind is how stages are run: in `name`."""

    name: str
    before: tuple = ()  # of the command
    behind: tuple = ()
    naps: Optional[Naps] = None


WHOLE = Kind("one core", behind=("-t", "1"))
# What is simulated are tails that score the whole vocabulary, as on machines of their own.
APART = ("--lm-head", "tail")
KINDS = {"local": Kind("one process", behind=("--stages", str(STAGES), *APART)),
         "mpi": Kind("two, with MPI", before=("mpirun", "-n", str(STAGES)), behind=APART, naps=Naps())}


def bench(options, kind, *arguments):
    command = [*kind.before, str(options.sirocco), "bench", "--json", "--quiet", *arguments, *kind.behind]
    if options.model:
        command += ["-m", options.model]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **SETTINGS}, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr[-2000:]}")
    return json.loads(done.stdout)["results"]


def listed(numbers):
    return ",".join(map(str, numbers))


@dataclasses.dataclass(frozen=True)
class Between:
    """Between is what a step takes besides the stages' computing: on the way from stage to stage, and with each outcome at the
    head. Bytes are few beside it. Both are fitted."""

    latency_s: float
    outcome_s: float
    naps: Optional[Naps] = None

    def chain(self, times):
        return Chain(tuple(times), tuple(Link(self.latency_s) for _ in times), Frames(width=576),
                     lambda step: self.outcome_s * step.wanted, naps=self.naps)


def bisect(gap, low, high):
    """Where gap, which grows, comes to 0, within bounds."""
    if gap(low) >= 0:
        return low
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if gap(middle) >= 0 else (middle, high)
    return low


def wall_of(result):
    return result["wall_s"] / len(result["tokens_per_s"])


def seconds_a_step(result, stage):
    return result["stages"][stage]["busy_s"] / result["stages"][stage]["steps"]


def decode_prediction(known, whole, naps=None):
    """The outcome of SEQUENCES from what was measured of other numbers of them, {sequences: result}, and of the uncut model,
    {rows: seconds a step}; and what lies between."""
    # Of one sequence alone apart: the other stage doesn't read the same memory meanwhile.
    alone = [Measured({1: seconds_a_step(known[1], stage)}) for stage in range(STAGES)]
    times = []
    for stage in range(STAGES):
        seconds = {sequences // STAGES: seconds_a_step(result, stage) for sequences, result in known.items() if sequences > 1}
        part = Measured({rows: value / whole[rows] for rows, value in seconds.items()})
        rows = SEQUENCES // STAGES
        times.append(Measured({**seconds, rows: part(Step((Span(1),) * rows)) * whole[rows]}))
    most = max(known)

    def excess(times, sequences, between):
        return simulate(between.chain(times), decode(sequences, STAGES, TOKENS)).wall_s - wall_of(known[sequences])

    # Of one sequence it is latencies and a row, of many it is rows.
    latency = row = 0.0
    for _ in range(4):
        latency = bisect(lambda value, row=row: excess(alone, 1, Between(value, row, naps)), 0, 0.01)
        row = bisect(lambda value, latency=latency: excess(times, most, Between(latency, value, naps)), 0, 0.01)
    between = Between(latency, row, naps)
    return simulate(between.chain(times), decode(SEQUENCES, STAGES, TOKENS)), between


def prompt_prediction(known, between):
    """The outcome of a prompt of PROMPT tokens from shorter and longer ones, {tokens: result}."""
    chunk = usual_chunk(STAGES)
    times = []
    for stage in range(STAGES):
        # Seconds of a chunk + seconds of a pair of row and position, by least squares of the relative errors.
        rows = []
        for tokens, result in known.items():
            steps = prompt(tokens, chunk)
            busy = result["stages"][stage]["busy_s"] / len(result["tokens_per_s"])
            rows.append((len(steps) / busy, sum(step.keys for step in steps) / busy))
        aa, ab, bb = (sum(x[i] * x[j] for x in rows) for i, j in ((0, 0), (0, 1), (1, 1)))
        a, b = (sum(x[i] for x in rows) for i in (0, 1))
        determinant = aa * bb - ab * ab
        times.append(Measured({chunk: (a * bb - b * ab) / determinant}, (aa * b - ab * a) / determinant))
    return simulate(between.chain(times), prompt(PROMPT, chunk))


def one_round(options, kind):
    """Of each workload its name, and what was predicted and measured: tokens a second and the idle shares."""
    repetitions = ("-r", str(options.repetitions))
    answers = ("-p", "0", "-n", str(TOKENS), *repetitions, "-b")
    rows = [sequences // STAGES for sequences in (*KNOWN_SEQUENCES, SEQUENCES) if sequences > 1]
    whole = {result["batch"]: result["batch"] / statistics.harmonic_mean(result["tokens_per_s"])
             for result in bench(options, WHOLE, *answers, listed(rows))}
    decoding = bench(options, kind, *answers, listed([*KNOWN_SEQUENCES, SEQUENCES]))
    known = {result["batch"]: result for result in decoding}
    measured = known.pop(SEQUENCES)
    predicted, between = decode_prediction(known, whole, kind.naps)
    print(f"{kind.name}: {1e6 * between.latency_s:.0f} us from stage to stage, {1e6 * between.outcome_s:.0f} us an outcome",
          file=sys.stderr)
    yield f"{SEQUENCES} sequences", predicted, measured
    reading = bench(options, kind, "-n", "0", "-p", listed([*KNOWN_PROMPTS, PROMPT]), *repetitions)
    known = {result["tokens"]: result for result in reading}
    measured = known.pop(PROMPT)
    yield f"a prompt of {PROMPT}", prompt_prediction(known, between), measured


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sirocco", default="build/release/sirocco", type=pathlib.Path)
    parser.add_argument("--model", help="instead of the default one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=3, help="of each measurement in a round")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(KINDS), help="of %(default)s")
    parser.add_argument("--within", type=float, default=0.1, help="of what was measured")
    options = parser.parse_args()
    ratios, rows = {}, {}
    for _ in range(options.rounds):
        for kind in (KINDS[name] for name in options.kinds):
            for name, predicted, measured in one_round(options, kind):
                key = (kind.name, name)
                rate = statistics.harmonic_mean(measured["tokens_per_s"])
                ratios.setdefault(key, []).append(predicted.rows_per_s / rate)
                idle = [(100 * predicted.idle_share(i), 100 * measured["stages"][i]["idle_share"]) for i in range(STAGES)]
                rows.setdefault(key, []).append((predicted.rows_per_s, rate, *(value for pair in idle for value in pair)))
    print("| stages in | load | tokens/s predicted | measured | ratio, each round | head idle, predicted / measured | tail idle |")
    print("|---|---|---|---|---|---|---|")
    for (kind, name), found in rows.items():
        middle = [statistics.median(column) for column in zip(*found)]
        each = ", ".join(f"{ratio:.3f}" for ratio in ratios[kind, name])
        print(f"| {kind} | {name} | {middle[0]:.0f} | {middle[1]:.0f} | {each} | {middle[2]:.0f} / {middle[3]:.0f} % "
              f"| {middle[4]:.0f} / {middle[5]:.0f} % |")
    if any(abs(statistics.median(values) - 1) > options.within for values in ratios.values()):
        sys.exit(f"further off than {options.within:.0%}")


if __name__ == "__main__":
    main()
