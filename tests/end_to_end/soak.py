#!/usr/bin/env python3
"""Asks a running `sirocco serve` for everything at once, for as long as wanted, and looks whether it is afterwards as before.

usage: soak.py --port PORT [--pid PID] [--seconds 600 | --requests N] [--seed S] [--clients 32] [--swap NAME]
               [--letters 200] [--max-tokens 64] [--max-growth-mib 48]
       soak.py --port PORT --replay 200

Random requests of all routes; 20 of 100 clients leave at some moment, 10 of 100 bodies are invalid; --swap names a model of
the store that is loaded and unloaded meanwhile. --replay asks for so many answers with a seed one by one, then again all at
once and in the middle of other requests, and compares them byte by byte. A small cache and few places of the server
(--cache-tokens, --parallel) press it more. Every request is made of the seed and its number alone.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import random
import re
import sys
import time

import http_client
from http_client import Connection, Torn, request_bytes
from soak_requests import Maker, Refused, check, spoiled, text

PATIENCE = 180  # seconds, for what ends much sooner; reached only by a failure


class Soak:
    def __init__(self, port, maker, seed=1, clients=32, pid=None):
        self.port, self.maker, self.seed, self.clients, self.pid = port, maker, seed, clients, pid
        self.outcomes = collections.Counter()
        self.failures = []
        self._next = 0

    async def run(self, requests=None, seconds=None):
        """So many requests, or as many as begin within so many seconds."""
        end = self._next + requests if requests else None
        until = time.monotonic() + seconds if seconds else None

        def more():
            return self._next < end if end else time.monotonic() < until
        stop = asyncio.Event()
        swapping = asyncio.create_task(self._swap(stop)) if self.maker.spare else None
        await asyncio.gather(*(self._client(more) for _ in range(self.clients)))
        stop.set()
        if swapping:
            await swapping

    async def _client(self, more):
        connection = None
        while more():
            number = self._next
            self._next += 1
            rng = random.Random(f"{self.seed} {number}")
            if connection is None or not connection.usable:
                connection = await Connection.open(self.port)
            ask = self.maker.make(rng)
            try:
                outcome = await asyncio.wait_for(self._one(connection, rng, ask), PATIENCE)
            except (AssertionError, Torn, KeyError, ValueError, asyncio.TimeoutError) as error:
                outcome = "failed"
                self.failures.append(f"request {number} of seed {self.seed}: {error!r}\n  {ask.describe()}")
            self.outcomes[f"{ask.kind}: {outcome}"] += 1
            if outcome in ("left", "failed") or rng.random() < 0.3:
                connection.close()
        if connection is not None:
            connection.close()

    async def _one(self, connection, rng, ask):
        kind = rng.random()
        if kind < 0.1 and ask.body:
            await connection.send(request_bytes(ask.method, ask.path, spoiled(rng, ask)))
            reply = await connection.reply()
            check(400 <= reply.status < 500 and reply.json()["error"]["message"], "status", reply.status, reply.body)
            return "invalid"
        data = request_bytes(ask.method, ask.path, ask.body)
        if kind < 0.3:
            await self._leave(connection, rng, data)
            return "left"
        await connection.send(data)
        if rng.random() < 0.05:
            connection.finish_sending()
        reply = await connection.head()
        try:
            await ask.verify(connection, reply)
        except Refused as refused:
            return f"refused, {refused}"
        return "answered"

    @staticmethod
    async def _leave(connection, rng, data):
        """Sends a request and goes: before it is whole, before the answer, or within it."""
        moment = rng.randrange(4)
        if moment == 0:
            await connection.send(data[:rng.randrange(len(data))])
        else:
            await connection.send(data)
            await asyncio.sleep(rng.choice([0, 0.001, 0.01, 0.1]))
        if moment == 3:
            try:
                reply = await connection.head()
                wanted = rng.randint(0, 5)
                async for _ in connection.pieces(reply):
                    if (wanted := wanted - 1) < 0:
                        break
            except Torn:
                pass
        if rng.random() < 0.5:
            connection.reset()
        else:
            connection.close()

    async def _swap(self, stop):
        """Loads the spare model, also in its own place, and unloads it, as often as there is time."""
        rng = random.Random(f"{self.seed} swaps")
        loaded = False
        while not stop.is_set() or loaded:
            way = "unload" if loaded and (stop.is_set() or rng.random() < 0.6) else "load"
            reply = await asyncio.wait_for(self._post(f"/models/{way}", {"model": self.maker.spare}), PATIENCE)
            if reply.status != 200:
                self.failures.append(f"/models/{way}: {reply.status} {reply.body[:300]}")
                return
            loaded = way == "load"
            self.outcomes[f"model: {way}ed"] += 1
            await asyncio.sleep(rng.uniform(0, 0.2))

    async def _post(self, path, body):
        return await http_client.ask(self.port, "POST", path, body)

    async def figures(self):
        """What has to be after all requests as it was before any, and what has to be 0."""
        reply = await http_client.ask(self.port, "GET", "/metrics")
        same, none = {}, {}
        for line in reply.body.decode().splitlines():
            name, _, value = line.rpartition(" ")
            if re.match(r"sirocco_(requests_(waiting|running)|cache_blocks_held)\b", name):
                none[name] = float(value)
            elif re.match(r"sirocco_(cache_blocks|cache_blocks_available|model_info)\b", name):
                same[name] = float(value)
        if self.pid:
            # The connection that asks is one of them.
            same["descriptors"] = len(os.listdir(f"/proc/{self.pid}/fd"))
            same["threads"] = len(os.listdir(f"/proc/{self.pid}/task"))
        return same, none

    def resident_mib(self):
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) / 1024

    async def figures_at_rest(self):
        """Those that are to be the same afterwards: what came before has ended then."""
        end = time.monotonic() + PATIENCE
        while True:
            same, none = await self.figures()
            if not any(none.values()) or time.monotonic() > end:
                return same
            await asyncio.sleep(0.05)

    async def settle(self, before):
        """Waits until all is as it was; what isn't is a failure."""
        end = time.monotonic() + PATIENCE
        while True:
            same, none = await self.figures()
            if same == before and not any(none.values()):
                return
            if time.monotonic() > end:
                wrong = {name: (before.get(name), same.get(name)) for name in {*before, *same} if before.get(name) != same.get(name)}
                self.failures.append(f"afterwards it isn't as before: {wrong}, {[name for name in none if none[name]]}")
                return
            await asyncio.sleep(0.1)

    # Seeds.

    async def say(self, number):
        """The answers to one request with a seed; the same number asks the same."""
        rng = random.Random(f"{self.seed} replay {number}")
        body = {"model": rng.choice(self.maker.models), "seed": rng.randint(0, 1 << 40), "temperature": rng.choice([0.7, 1.0, 1.5]),
                "max_tokens": rng.randint(1, self.maker.max_tokens), "n": rng.choice([1, 1, 1, 3])}
        if rng.random() < 0.5:
            body |= {"top_k": rng.choice([0, 40]), "top_p": 0.95, "repetition_penalty": 1.1}
        if rng.random() < 0.5:
            body["prompt"] = text(rng, self.maker.letters)
            reply = await self._post("/v1/completions", body)
        else:
            body["messages"] = [{"role": "user", "content": text(rng, self.maker.letters)}]
            reply = await self._post("/v1/chat/completions", body)
        check(reply.status == 200, "status", reply.status, reply.body)
        return [(choice.get("text") or choice.get("message", {}).get("content"), choice["finish_reason"])
                for choice in reply.json()["choices"]]

    async def replay(self, count):
        """How many of so many answers are otherwise under load than alone."""
        alone = [await self.say(number) for number in range(count)]
        check(len({str(answer) for answer in alone}) > count * 0.9, "the answers don't differ")
        crowd = asyncio.create_task(self.run(requests=count))
        # The server takes 256 connections of an address.
        places = asyncio.Semaphore(100)

        async def once_more(number):
            async with places:
                return await self.say(number)
        loaded = await asyncio.gather(*(once_more(number) for number in range(count)))
        await crowd
        return sum(one != other for one, other in zip(alone, loaded))


async def by_hand(options):
    models = (await http_client.ask(options.port, "GET", "/v1/models")).json()["data"]
    names = [model["id"] for model in models]
    vector = await http_client.ask(options.port, "POST", "/v1/embeddings", {"model": names[0], "input": "a"})
    maker = Maker(names, options.letters, options.max_tokens, options.swap, embeds=vector.status == 200)
    soak = Soak(options.port, maker, options.seed, options.clients, options.pid)
    if options.replay:
        different = await soak.replay(options.replay)
        print(json.dumps({"answers": options.replay, "different": different, "failures": soak.failures[:20]}, indent=1))
        return different == 0 and not soak.failures
    before = await soak.figures_at_rest()
    # What grows to its size once: caches, arenas, the allocator's own.
    await soak.run(options.requests and options.requests // 4 + 1, options.seconds and options.seconds / 4)
    await soak.settle(before)
    warm = soak.resident_mib() if options.pid else None
    await soak.run(options.requests and options.requests * 3 // 4 + 1, options.seconds and options.seconds * 3 / 4)
    await soak.settle(before)
    report = {"requests": sum(soak.outcomes.values()), "outcomes": dict(sorted(soak.outcomes.items())), "failures": soak.failures[:20]}
    if options.pid:
        after = soak.resident_mib()
        report["resident_mib"] = {"warm": round(warm), "after": round(after)}
        if after > warm + options.max_growth_mib:
            soak.failures.append("resident memory grew")
    print(json.dumps(report, indent=1))
    return not soak.failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--pid", type=int, help="the server's, to look at its memory and descriptors")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--replay", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--swap")
    parser.add_argument("--letters", type=int, default=200, help="of a prompt at most")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--max-growth-mib", type=float, default=48)
    options = parser.parse_args()
    if not (options.seconds or options.requests or options.replay):
        parser.error("one of --seconds, --requests and --replay is wanted")
    sys.exit(0 if asyncio.run(by_hand(options)) else 1)


if __name__ == "__main__":
    main()
