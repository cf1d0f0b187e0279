#!/usr/bin/env python3
"""Looks whether a `sirocco serve` whose threads all compute still answers at once, and what its threads take.

usage: bench/serving/responsive.py [--sirocco build/release/sirocco] [--threads 2] [--idle 500] [--streams 64] [--seconds 20] MODEL

It starts the server, opens idle connections (of several loopback addresses: one may have 256) and streams, and asks for
/health every 20 ms: first with the idle connections alone, then beside the streams. Linux only; needs nothing but Python.
"""

import argparse
import json
import os
import pathlib
import socket
import subprocess
import sys
import threading
import time

import compare

TICKS = os.sysconf("SC_CLK_TCK")


def thread_seconds(pid):
    """Seconds of processor time by the thread's number, with its name."""
    out = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        name, _, rest = (task / "stat").read_text().partition(" (")[2].rpartition(") ")
        fields = rest.split()
        out[int(task.name)] = name, (int(fields[11]) + int(fields[12])) / TICKS
    return out


def connect(port, address):
    return socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0))


def ask_health(connection):
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    answer = b""
    while b"}" not in answer:
        part = connection.recv(4096)
        if not part:
            raise OSError("the server closed the connection")
        answer += part


def latencies(port, seconds):
    out = []
    connection = connect(port, "127.0.0.9")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        ask_health(connection)
        out.append((time.monotonic() - begin) * 1e3)
        time.sleep(0.02)
    out.sort()
    return {"count": len(out), "p50_ms": out[len(out) // 2], "p99_ms": out[len(out) * 99 // 100], "max_ms": out[-1]}


def stream(port, number):
    """Reads an answer without an end in sight until the server ends it or this program does."""
    connection = connect(port, f"127.0.0.{20 + number % 2}")
    body = json.dumps({"prompt": f"{number} rivers", "max_tokens": 4000, "ignore_eos": True, "stream": True, "seed": number}).encode()
    connection.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    try:
        while connection.recv(1 << 16):
            # Reads of many pieces at once leave the processors to the server.
            time.sleep(0.2)
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sirocco", default="build/release/sirocco", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--idle", type=int, default=500)
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("model")
    options = parser.parse_args()
    port = compare.free_port()
    command = [options.sirocco, "serve", "-m", options.model, "--port", port, "-t", options.threads, "--quiet",
               "--parallel", options.streams, "--cache-tokens", options.streams * 4096]
    with compare.running(command, port) as server:
        idle = [connect(port, f"127.0.0.{2 + i % 4}") for i in range(options.idle)]
        for connection in idle:
            ask_health(connection)  # one that never asked would be closed sooner
        found = {"load_average_before": os.getloadavg()[0], "idle_alone": latencies(port, options.seconds / 4)}
        for number in range(options.streams):
            threading.Thread(target=stream, args=(port, number), daemon=True).start()
        time.sleep(options.seconds / 4)
        before, begin = thread_seconds(server.pid), time.monotonic()
        found["beside_streams"] = latencies(port, options.seconds)
        after, seconds = thread_seconds(server.pid), time.monotonic() - begin
        # One after the other, as a client would that comes back.
        for connection in idle:
            ask_health(connection)
        found["threads"] = [{"name": name, "share": round((time_s - before.get(task, (name, 0))[1]) / seconds, 3)}
                            for task, (name, time_s) in sorted(after.items())]
        found["idle_connections_alive"] = len(idle)
        print(json.dumps(found, indent=1))
        sys.stdout.flush()
        server.kill()
        os._exit(0)  # the streams' threads have nothing to end with


if __name__ == "__main__":
    main()
