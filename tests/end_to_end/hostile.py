#!/usr/bin/env python3
"""Sends a running `sirocco serve` what nobody should: bodies that are nearly right, and bytes that are no HTTP.

usage: hostile.py --port PORT --documents docs/openai-api.md docs/anthropic-api.md [--requests 2000] [--seed S]

Whatever comes gets an answer of the kinds 2xx and 4xx or an end, in time; what isn't HTTP/1 as this server speaks it may
also get 501 (a transfer coding) or 505 (a version). Bodies are made of the tables of members in the
documents, which a test holds to the server's own.
"""

import argparse
import asyncio
import json
import pathlib
import random
import re
import sys

import http_client
from http_client import Connection, Torn, request_bytes
from soak_requests import check, text

PATIENCE = 180  # seconds, for what ends much sooner; reached only by a failure
ROUTES = {"chat": ("/v1/chat/completions", {"messages": [{"role": "user", "content": "abc"}]}),
          "completions": ("/v1/completions", {"prompt": "abc"}), "embeddings": ("/v1/embeddings", {"input": "abc"}),
          "responses": ("/v1/responses", {"input": "abc"}), "rerank": ("/v1/rerank", {"query": "abc", "documents": ["a", "b"]}),
          "images": ("/v1/images/generations", {"prompt": "abc"}),
          "messages": ("/v1/messages", {"max_tokens": 3, "messages": [{"role": "user", "content": "abc"}]}),
          "count_tokens": ("/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "abc"}]})}
OTHERS = {"/tokenize": {"content": "abc", "add_special": True, "parse_special": False}, "/detokenize": {"tokens": [3, 4]},
          "/apply-template": {"messages": [{"role": "user", "content": "abc"}]}, "/models/load": {"model": "none"},
          "/models/unload": {"model": "none"}}


FORMS = {"audio", "edits"}  # whose members are fields of a form: serve_transcriptions_test.py, serve_images_test.py


def members_of(documents):
    """{route: {member: the words of the documents for its values}}, of all tables; bodies that are forms are left out."""
    table = "".join(re.findall(r"<!-- members: begin -->(.*?)<!-- members: end -->", documents, re.DOTALL))
    members = {route: {} for route in ROUTES}
    for name, routes, values in re.findall(r"^\| `(\w+)` \| ([\w, ]+) \| (.*?) \|", table, re.MULTILINE):
        for route in set(routes.split(", ")) - FORMS:
            members[route][name] = values
    return members


def anything(rng, depth=0):
    """A value of JSON."""
    kind = rng.randrange(12 if depth < 4 else 9)
    if kind < 9:
        return rng.choice([None, True, False, 0, 1, -1, 2, 3.5, -0.0, 1e308, 5e-324, 2**31, -2**63, 2**64, 10**40, "", "a", "\0", "😀",
                           "</s>", "{{ 1 }}", "auto", "text", "x" * 2000, [], {}, [[]], {"": {}}])
    if kind < 11:
        return [anything(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(["type", "text", "role", "content", "a", "1"]): anything(rng, depth + 1) for _ in range(rng.randrange(4))}


def near(rng, words):
    """A value that these words of the documents may mean, mostly."""
    if rng.random() < 0.3:
        return anything(rng)
    numbers = [int(number) for number in re.findall(r"-?\d+", words)]
    if words.startswith(("a whole number", "a number")):
        low, high = (*numbers, 100, 100)[:2]
        low, high = min(low, high), max(low, high)
        return rng.choice([low, high, low - 1, high + 1, rng.randint(low, high), rng.uniform(low, high)])
    if words.startswith("true or false"):
        return rng.random() < 0.5
    if words.startswith('"'):
        return rng.choice(re.findall(r'"(\w[^"]*)"', words) or [""])
    if words.startswith("a text"):
        return text(rng, 20)
    if words.startswith("an object"):
        return rng.choice([{}, {"include_usage": True}, {"type": "text"}, {"5": 3}, {"enable_thinking": False}])
    try:
        return json.loads(words)
    except ValueError:
        return anything(rng)


def body_of(rng, base, members):
    body = {**base, "max_tokens": 8, "timeout": 20} if "max_tokens" in members else dict(base)
    for name in rng.sample(sorted(members), rng.randrange(min(6, len(members)) + 1)):
        body[name] = near(rng, members[name])
    if rng.random() < 0.3:
        body[rng.choice(["", "a", *body])] = anything(rng)
    if "messages" in body and rng.random() < 0.4:
        parts = [{"role": rng.choice(["user", "assistant", "system", "tool", "developer", "x"]), "content": near(rng, "a text")}
                 for _ in range(rng.randrange(4))]
        for part in parts:
            if rng.random() < 0.3:
                part[rng.choice(["name", "content", "role", "tool_calls", "tool_call_id", "refusal"])] = anything(rng)
        body["messages"] = parts
    encoded = json.dumps(body, ensure_ascii=rng.random() < 0.5).encode()
    return mutated(rng, encoded) if rng.random() < 0.4 else encoded


def mutated(rng, data):
    """The same with bytes changed, put in, left out or repeated."""
    data = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        way = rng.randrange(5)
        if way == 0:
            data[at:at] = bytes(rng.choices(range(256), k=rng.randint(1, 4)))
        elif way == 1:
            data[at:at] = rng.choice([b"{", b"[", b'"', b"\\u", b"\\ud800", b"1e999", b"\r\n", b"\0", b"\xff", b" " * 3000])
        elif way == 2:
            del data[at:at + rng.randint(1, 10)]
        elif way == 3 and at < len(data):
            data[at] = rng.randrange(256)
        else:
            data[at:at] = data[at:at + rng.randint(1, 30)]
    return bytes(data)


CHAT = json.dumps({"messages": [{"role": "user", "content": "abc"}], "max_tokens": 3}).encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
SIZE = b"%x" % len(CHAT)
GET = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
# Sound and odd; all are mutated besides.
RAW = [
    GET, GET * 20, POST + b"Content-Length: %d\r\n\r\n" % len(CHAT) + CHAT,
    (POST + b"Content-Length: %d\r\n\r\n" % len(CHAT) + CHAT) * 5,
    CHUNKED + SIZE + b"\r\n" + CHAT + b"\r\n0\r\n\r\n",
    CHUNKED + b"".join(b"1;x=y\r\n%c\r\n" % byte for byte in CHAT) + b"0\r\nTrailer: x\r\n\r\n",
    CHUNKED + b"000" + SIZE + b"\r\n" + CHAT + b"\r\n0\r\n\r\n", CHUNKED + b"-1\r\n", CHUNKED + b"ffffffffffffffff\r\n",
    CHUNKED + b"fffffffffffffffff\r\n", CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", CHUNKED + SIZE + b"\n" + CHAT + b"\n0\n\n",
    POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 10\r\nContent-Length: 11\r\n\r\n" + CHAT, POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    POST + b"Content-Length: -1\r\n\r\n", POST + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(CHAT) + CHAT,
    POST + b"Expect: a miracle\r\nContent-Length: 2\r\n\r\n{}", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /\r\n", b"GET / HTTP/0.9\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n", b"GET /v1/models HTTP/1.1\nHost: localhost\n\n", b"GET http://localhost/v1/models HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET //..//%2e%2e/etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /v1/models/%00%ff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 200 + b"\r\n", b"GET /" + b"a" * 20000,
    b"GET / HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n", b"\r\n" * 5 + GET, b"\0" * 50, b"\r\n" * 9000, b"",
]
STATUS = re.compile(rb"(?:^|(?<=\n)|(?<=[\]}]))HTTP/1\.1 (\d{3}) ")


class Hostile:
    def __init__(self, port, documents, seed=1):
        self.port, self.members, self.seed = port, members_of(documents), seed
        self.statuses, self.failures = {}, []

    async def run(self, requests, clients=16):
        numbers = iter(range(requests))

        async def client():
            for number in numbers:
                rng = random.Random(f"{self.seed} {number}")
                sent = bytearray()
                try:
                    await asyncio.wait_for(self._body(rng, sent) if number % 2 else self._raw(rng, sent), PATIENCE)
                except (AssertionError, Torn, ValueError, asyncio.TimeoutError) as error:
                    self.failures.append(f"number {number} of seed {self.seed}: {error!r}\n  {bytes(sent[:3000])}")
        sloths = [asyncio.create_task(self._sloth()) for _ in range(20)]
        await asyncio.gather(*(client() for _ in range(clients)))
        for sloth in sloths:
            sloth.cancel()
        await asyncio.gather(*sloths, return_exceptions=True)
        health = await http_client.ask(self.port, "GET", "/health")
        check(health.status == 200, health.body)

    async def _sloth(self):
        """Sends a head byte by byte, again and again, as slowly as it is let."""
        while True:
            connection = await Connection.open(self.port)
            try:
                for byte in GET[:-4] + b"\r\nX: y" * 1000:
                    if connection.reader.at_eof() or connection.writer.is_closing():
                        break
                    await connection.send(bytes([byte]))
                    await asyncio.sleep(0.05)
            finally:
                connection.close()

    def _count(self, status, *others):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        check(200 <= status < 300 or 400 <= status < 500 or status in others, "status", status)

    async def _body(self, rng, sent):
        """A body that is nearly right, or right by chance, on a connection that is otherwise in order."""
        if rng.random() < 0.2:
            path, base = rng.choice(sorted(OTHERS.items()))
            members = {name: "" for name in base}
        else:
            route = rng.choice(sorted(ROUTES))
            (path, base), members = ROUTES[route], self.members[route]
        sent += request_bytes("POST", path, body_of(rng, base, members))
        connection = await Connection.open(self.port)
        try:
            await connection.send(bytes(sent))
            reply = await connection.head()
            self._count(reply.status)
            left = 300
            async for piece in connection.pieces(reply):
                reply.body += piece
                if not (left := left - 1):
                    return
            if reply.status >= 400:
                check(reply.json()["error"]["message"], reply.body)
        finally:
            connection.close()

    async def _raw(self, rng, sent):
        sent += rng.choice(RAW)
        if rng.random() < 0.7:
            sent[:] = mutated(rng, sent)
        connection = await Connection.open(self.port)
        try:
            # All at once, or in parts with pauses.
            cuts = sorted(rng.randrange(len(sent) + 1) for _ in range(rng.choice([0, 0, 1, 5])))
            for begin, end in zip([0, *cuts], [*cuts, len(sent)]):
                await connection.send(bytes(sent[begin:end]))
                if cuts:
                    await asyncio.sleep(rng.choice([0, 0.001, 0.02]))
            if rng.random() < 0.2:
                connection.reset()
                return
            connection.finish_sending()
            said = await connection.rest()
            check(not said or said.startswith(b"HTTP/1.1 "), "no answer of HTTP", said[:200])
            for status in STATUS.findall(said):
                if status != b"100":
                    self._count(int(status), 501, 505)
        finally:
            connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--documents", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    hostile = Hostile(options.port, "".join(page.read_text() for page in options.documents), options.seed)
    asyncio.run(hostile.run(options.requests))
    print(json.dumps({"statuses": dict(sorted(hostile.statuses.items())), "failures": hostile.failures[:20]}, indent=1))
    sys.exit(1 if hostile.failures else 0)


if __name__ == "__main__":
    main()
