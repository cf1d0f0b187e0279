#!/usr/bin/env python3
"""Measures `sirocco serve` beside `llama-server -np N` on the same GGUF files and prints a Markdown table.

usage: bench/serving/compare.py --llama FOLDER [--sirocco build/release/sirocco] [options] MODEL.gguf...

FOLDER holds llama-server; docs/performance.md says how to build it. Each side is started anew for each number of clients, in
turn, on the same threads and with as much room in its cache; who measures (build/release/serving_bench) asks both the same.
A ratio is taken within a round; printed is the median round. Needs nothing but Python.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

STARTING_S = 180


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, port):
    """The server of a command, from its health to its end."""
    with subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + STARTING_S
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                        break
                except (urllib.error.URLError, OSError):  # one that loads says 503
                    if process.poll() is not None or time.monotonic() > end:
                        sys.exit(f"{' '.join(map(str, command))}: it doesn't come up")
                time.sleep(0.1)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


class Side:
    """How one of the two is started."""

    def __init__(self, name, options):
        self.name, self.options = name, options

    def command(self, model, port, places, tokens):
        """For so many answers at a time, of so many tokens each with their prompts."""
        if self.name == "sirocco":
            return [self.options.sirocco, "serve", "-m", model, "--port", port, "-t", self.options.threads, "--parallel", places,
                    "--cache-tokens", places * tokens, "--quiet"]
        return [self.options.llama / "llama-server", "-m", model, "--port", port, "-t", self.options.threads, "-np", places,
                "-c", places * tokens]

    def measure(self, model, places, tokens, *arguments):
        port = free_port()
        load = os.getloadavg()[0]
        with running(self.command(model, port, places, tokens), port):
            done = subprocess.run([str(part) for part in (self.options.bench, *arguments, "--port", port, *self.common())],
                                  capture_output=True, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"serving_bench: {done.stderr[-2000:]}")
        result = json.loads(done.stdout)
        if result["problems"]:
            print(f"{self.name}, {arguments[0]}: {result['problems']}", file=sys.stderr)
        return {**result, "load_average_before": load}

    def common(self):
        return ["--completions"] * self.options.completions


def median_of(results, path):
    values = []
    for result in results:
        for name in path.split("."):
            result = result[name]
        values.append(result)
    return statistics.median(values)


ROWS = (("tokens/s", "tokens_per_s", True), ("requests/s", "requests_per_s", True), ("goodput, requests/s", "goodput_per_s", True),
        ("TTFT p50, ms", "ttft_ms.p50", False), ("TTFT p95, ms", "ttft_ms.p95", False), ("TTFT p99, ms", "ttft_ms.p99", False),
        ("gap p50, ms", "gap_ms.p50", False), ("gap p95, ms", "gap_ms.p95", False), ("gap p99, ms", "gap_ms.p99", False))
STALL_ROWS = (("undisturbed gap p50, ms", "undisturbed_gap_ms.p50"), ("undisturbed gap p99, ms", "undisturbed_gap_ms.p99"),
              ("gap beside the prompt p50, ms", "beside_gap_ms.p50"), ("gap beside the prompt p99, ms", "beside_gap_ms.p99"),
              ("worst gap beside the prompt, ms", "beside_gap_ms.max"), ("TTFT of the prompt, ms", "prompt_ttft_ms.p50"))


def print_row(model, what, name, ours, theirs, more_is_better):
    """Ratios are told so that more is better."""
    ratios = [our / their if more_is_better else their / our for our, their in zip(ours, theirs) if our and their]
    ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
    print(f"| {model} | {what} | {name} | {statistics.median(ours):.2f} | {statistics.median(theirs):.2f} | {ratio} |", flush=True)


def print_rows(model, what, results, rows):
    for name, path, more_is_better in rows:
        ours, theirs = ([median_of([result], path) for result in results[side]] for side in ("sirocco", "llama-server"))
        print_row(model, what, name, ours, theirs, more_is_better)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama", required=True, type=pathlib.Path)
    parser.add_argument("--sirocco", default="build/release/sirocco", type=pathlib.Path)
    parser.add_argument("--bench", default="build/release/serving_bench", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--clients", default="1,4,16,64", help="numbers of them; empty: none is measured")
    parser.add_argument("--seconds", type=float, default=40, help="that each number of clients is watched")
    parser.add_argument("--warm-up", type=float, default=20, help="seconds before these")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--prompt", type=int, nargs=2, default=(16, 384), metavar=("MIN", "MAX"))
    parser.add_argument("--answer", type=int, nargs=2, default=(64, 1024), metavar=("MIN", "MAX"))
    parser.add_argument("--completions", action="store_true", help="for models without a chat template")
    parser.add_argument("--stall", type=int, default=0, metavar="WORDS", help="a prompt of so many beside four streams")
    parser.add_argument("--turns", type=int, default=0, help="of a conversation of one client")
    parser.add_argument("--out", type=pathlib.Path, help="file for all of it as JSON")
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    # So that a server doesn't outlive who is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    sides = [Side("sirocco", options), Side("llama-server", options)]
    found = {"threads": options.threads, "prompt": options.prompt, "answer": options.answer, "rounds": options.rounds, "models": {}}

    def in_turn(*arguments):
        results = {side.name: [] for side in sides}
        for _ in range(options.rounds):
            for side in sides:
                results[side.name].append(side.measure(*arguments))
        return results

    print("| model | load | figure | sirocco | llama-server | ratio |\n|---|---|---|---|---|---|")
    lengths = ["--prompt-min", options.prompt[0], "--prompt-max", options.prompt[1],
               "--answer-min", options.answer[0], "--answer-max", options.answer[1]]
    # A word may be two tokens in a vocabulary that isn't English, and a chat has its own around it.
    tokens = 64 + 2 * options.prompt[1] + options.answer[1]
    for model in options.models:
        of_model = found["models"][model.stem] = {"clients": {}}
        for clients in map(int, filter(None, options.clients.split(","))):
            results = in_turn(model, clients, tokens, "sustained", "--clients", clients, "--warm-up-seconds", options.warm_up,
                              "--seconds", options.seconds, *lengths)
            of_model["clients"][clients] = results
            print_rows(model.stem, f"{clients} client{'s' * (clients > 1)}", results, ROWS)
        if options.stall:
            results = of_model["stall"] = in_turn(model, 5, 8192, "stall", "--prompt-words", options.stall)
            print_rows(model.stem, f"{options.stall} words beside 4 streams", results, [(*row, False) for row in STALL_ROWS])
        if options.turns:
            results = of_model["turns"] = in_turn(model, 1, 8192, "turns", "--turns", options.turns, "--prompt-min", 24, "--prompt-max", 24,
                                                  "--answer-min", 64, "--answer-max", 64)
            for turn in sorted({0, options.turns // 2, options.turns - 1}):
                ours, theirs = ([result["turns"][turn]["ttft_ms"]["p50"] for result in results[side.name]] for side in sides)
                print_row(model.stem, f"turn {turn + 1} of {options.turns}", "TTFT, ms", ours, theirs, False)
        if options.out:
            options.out.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
