#!/usr/bin/env python3
"""Measures sirocco beside llama.cpp on the same GGUF files and prints a Markdown table.

usage: bench/compare.py --llama FOLDER [--sirocco build/release/sirocco] [options] MODEL.gguf...

FOLDER holds llama-bench and llama-batched-bench; docs/performance.md says how to build them. The two
programs run in turn, round by round, and a ratio is taken within a round, so that a machine whose speed
drifts tilts neither; printed are the median round and all of them. Needs nothing but Python.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time


def output_of(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stderr[-2000:]}")
    return done.stdout


def start_and_memory(command):
    """Starts a second, and starts a GiB of peak resident memory: more is better, as with the rest."""
    begin = time.monotonic()
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {process.returncode}")
    return {"start, 1/s": 1 / (time.monotonic() - begin), "memory, 1/GiB": 2**20 / usage.ru_maxrss}


def of_llama(options, model):
    bench = options.llama / "llama-bench"
    rows = json.loads(output_of([bench, "-m", model, "-t", options.threads, "-p", options.prompt, "-n", options.generate,
                                 "-d", options.depth, "-r", options.repetitions, "-o", "json"]))
    figures = {}
    for row in rows:
        name = f"pp{row['n_prompt']}" if row["n_prompt"] else f"tg{row['n_gen']}"
        figures[name] = statistics.median(row["samples_ts"])
    if options.batch:
        depth = options.depth or 128
        text = output_of([options.llama / "llama-batched-bench", "-m", model, "-t", options.threads, "-c",
                          options.batch * (depth + 128), "-npp", depth, "-ntg", 64, "-npl", options.batch])
        cells = [line.split("|") for line in text.splitlines() if re.match(rf"^\|\s+{depth} \|", line)]
        figures[f"tg64 x {options.batch}"] = float(cells[0][8])
    if options.load:
        figures |= start_and_memory([bench, "-m", model, "-t", options.threads, "-p", 1, "-n", 0, "-r", 1, "--no-warmup"])
    return figures


def of_sirocco(options, model):
    bench = [options.sirocco, "bench", "-m", model, "-t", options.threads]
    if options.isa:
        bench += ["--isa", options.isa]

    def medians(*more):
        rows = json.loads(output_of([*bench, "-r", options.repetitions, "--json", *more]))["results"]
        return {row["test"]: statistics.median(row["tokens_per_s"]) for row in rows}

    figures = medians("-p", options.prompt, "-n", options.generate, "-d", options.depth)
    if options.batch:
        batch = medians("-p", 0, "-n", 64, "-b", options.batch, "-d", options.depth or 128)
        figures[f"tg64 x {options.batch}"] = batch["tg64"]
    if options.load:
        figures |= start_and_memory([*bench, "-p", 1, "-n", 0, "-r", 1, "--no-warmup"])
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama", required=True, type=pathlib.Path)
    parser.add_argument("--sirocco", default="build/release/sirocco", type=pathlib.Path)
    parser.add_argument("--isa", default="", help="sirocco's tier, where it isn't the machine's best")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=2, help="of a measurement in a round")
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--generate", type=int, default=128)
    parser.add_argument("--depth", type=int, default=0, help="tokens that come before")
    parser.add_argument("--batch", type=int, default=0, help="sequences that are decoded together")
    parser.add_argument("--load", action="store_true", help="start to first token and peak memory too")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    options = parser.parse_args()

    print("| model | depth | test | sirocco | llama.cpp | ratio | rounds |")
    print("|---|---|---|---|---|---|---|")
    for model in options.models:
        rounds = [(of_llama(options, model), of_sirocco(options, model)) for _ in range(options.rounds)]
        for test in rounds[0][0]:
            theirs = [their[test] for their, _ in rounds]
            ours = [our[test] for _, our in rounds]
            ratios = [our / their for our, their in zip(ours, theirs)]
            print(f"| {model.stem} | {options.depth} | {test} | {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} "
                  f"| {statistics.median(ratios):.2f} | {', '.join(f'{ratio:.2f}' for ratio in ratios)} |", flush=True)


if __name__ == "__main__":
    main()
