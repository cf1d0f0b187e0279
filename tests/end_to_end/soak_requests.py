"""Requests of every kind, made of a seed, and what a sound answer to each is."""

import json

from http_client import events

ALPHABET = "abcdefghijklmnopqrstuvwxyz     "  # words of a few letters


class Refused(Exception):
    """The answer is an error that a client has to expect of a server under pressure, or of one whose models come and go."""


def text(rng, letters):
    return "".join(rng.choices(ALPHABET, k=rng.randint(1, letters)))


def check(condition, *found):
    if not condition:
        raise AssertionError(" ".join(str(part)[:300] for part in found))


class Ask:
    """One request: its method, path and body, and `verify(reply)`, which reads the answer to its end."""

    def __init__(self, kind, path, body, verify, method="POST"):
        self.kind, self.path, self.body, self.verify, self.method = kind, path, body, verify, method

    def describe(self):
        return f"{self.method} {self.path} {json.dumps(self.body)[:2000]}"


def refusal(reply, spare):
    """Raises Refused for the errors that may come of a request which is right in itself."""
    error = reply.json()["error"]
    check(error["message"], "an error says nothing", reply.body)
    if reply.status in (429, 503):
        check("retry-after" in reply.headers, reply.status, "without Retry-After")
    # 408: its own timeout; 404: the model that comes and goes.
    expected = reply.status in (408, 429, 503) or (reply.status == 404 and spare)
    check(expected, "status", reply.status, reply.body)
    raise Refused(f"{reply.status}")


async def whole(connection, reply):
    async for piece in connection.pieces(reply):
        reply.body += piece
    return reply


class Maker:
    """Makes requests for a server. `models` write text and, if they are whole, embed it; `spare`, one of the store, comes and goes."""

    def __init__(self, models, letters, max_tokens, spare=None, embeds=True):
        self.models, self.letters, self.max_tokens, self.spare, self.embeds = models, letters, max_tokens, spare, embeds

    def make(self, rng):
        kinds = (self.chat, self.completion, self.embeddings, self.tokenize, self.list_models, self.metrics)
        return rng.choices(kinds, (40, 25, 10 if self.embeds else 0, 10, 5, 10))[0](rng)

    def model(self, rng):
        return self.spare if self.spare and rng.random() < 0.25 else rng.choice(self.models)

    def generation(self, rng):
        """Members that chats and completions share."""
        members = {"model": self.model(rng), "max_tokens": rng.randint(1, self.max_tokens)}
        for name, chance, value in (("stream", 0.5, True), ("temperature", 0.5, round(rng.uniform(0, 2), 2)),
                                    ("seed", 0.3, rng.randint(0, 1 << 40)), ("stop", 0.2, [text(rng, 2) for _ in range(3)]),
                                    ("ignore_eos", 0.3, True), ("top_k", 0.2, rng.randint(0, 50)),
                                    ("frequency_penalty", 0.1, 0.5), ("cache_prompt", 0.1, False),
                                    ("timeout", 0.05, rng.choice([0.01, 0.1, 60])), ("priority", 0.1, rng.randint(-3, 3))):
            if rng.random() < chance:
                members[name] = value
        if members.get("stream") and rng.random() < 0.5:
            members["stream_options"] = {"include_usage": True}
        return members

    def chat(self, rng):
        roles = ["system"] * (rng.random() < 0.2) + ["user", "assistant"] * rng.randint(0, 2) + ["user"]
        body = {**self.generation(rng), "messages": [{"role": role, "content": text(rng, self.letters // len(roles))} for role in roles]}
        if rng.random() < 0.3:
            body["n"] = rng.randint(2, 4)
        if rng.random() < 0.2:
            body |= {"logprobs": True, "top_logprobs": rng.randint(0, 5)}
        return Ask("chat", "/v1/chat/completions", body, self.answers(body, body.get("n", 1)))

    def completion(self, rng):
        prompts = [text(rng, self.letters) for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        if rng.random() < 0.2:
            prompts = [[rng.randint(3, 90) for _ in range(rng.randint(1, self.letters))] for _ in prompts]
        n = rng.choice([1, 1, 1, 2])
        body = {**self.generation(rng), "prompt": prompts if len(prompts) > 1 or rng.random() < 0.2 else prompts[0], "n": n}
        if rng.random() < 0.2:
            body["echo"] = True
        return Ask("completion", "/v1/completions", body, self.answers(body, n * len(prompts)))

    def embeddings(self, rng):
        texts = [text(rng, self.letters) for _ in range(rng.randint(1, 8))]
        body = {"model": self.model(rng), "input": texts, "encoding_format": rng.choice(["float", "base64"])}

        async def verify(connection, reply):
            await whole(connection, reply)
            if reply.status != 200:
                refusal(reply, body["model"] == self.spare)
            check([item["index"] for item in reply.json()["data"]] == list(range(len(texts))), reply.body)
        return Ask("embeddings", "/v1/embeddings", body, verify)

    def tokenize(self, rng):
        body = {"model": rng.choice(self.models), "content": text(rng, 4 * self.letters)}
        return Ask("tokenize", "/tokenize", body, self.member("tokens"))

    def list_models(self, rng):
        return Ask("models", "/v1/models", None, self.member("data"), "GET")

    def metrics(self, rng):
        async def verify(connection, reply):
            await whole(connection, reply)
            check(reply.status == 200 and b"sirocco_steps_total" in reply.body, reply.status, reply.body)
        return Ask("metrics", "/metrics", None, verify, "GET")

    @staticmethod
    def member(name):
        async def verify(connection, reply):
            await whole(connection, reply)
            check(reply.status == 200 and reply.json()[name], reply.status, reply.body)
        return verify

    def answers(self, body, count):
        """Checks that there are so many answers, each with its reason, whole or as events."""
        async def verify(connection, reply):
            spare = body["model"] == self.spare
            if reply.status != 200 or not body.get("stream"):
                await whole(connection, reply)
                if reply.status != 200:
                    refusal(reply, spare)
                answer = reply.json()
                check([choice["index"] for choice in answer["choices"]] == list(range(count)), "choices", reply.body)
                check(all(choice["finish_reason"] in ("stop", "length") for choice in answer["choices"]), "reasons", reply.body)
                check(answer["usage"]["completion_tokens"] <= count * body["max_tokens"], "usage", reply.body)
                return
            said = [event async for event in events(connection.pieces(reply))]
            check(said, "a stream without an event")
            if "error" in (last := json.loads(said[-1]) if said[-1] != b"[DONE]" else {}):
                check(last["error"]["message"], "an error says nothing", said[-1])
                raise Refused("error event")
            check(said.pop() == b"[DONE]", "a stream ends with", said[-1:])
            chunks = [json.loads(event) for event in said]
            check(len({chunk["id"] for chunk in chunks}) == 1, "ids", said[:2])
            reasons = {}
            for chunk in chunks:
                for choice in chunk["choices"]:
                    check(choice["index"] not in reasons, "a choice goes on behind its end", choice)
                    if choice["finish_reason"]:
                        reasons[choice["index"]] = choice["finish_reason"]
            check(sorted(reasons) == list(range(count)), "ended choices", reasons, "of", count)
            check(set(reasons.values()) <= {"stop", "length"}, "reasons", reasons)
            if body.get("stream_options"):
                check(chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] <= count * body["max_tokens"], said[-1])
        return verify


def spoiled(rng, ask):
    """The bytes of a body that no server should take for this request, which has one."""
    encoded = json.dumps(ask.body).encode()
    body = dict(ask.body)
    way = rng.randrange(7)
    if way == 0:
        return encoded[:rng.randrange(len(encoded))]
    if way == 1:
        return encoded + rng.choice([b"{}", b",", b"\0", b"\xff"])
    if way == 2:
        return b"[" * rng.choice([1, 33, 10000]) + encoded
    if way == 3:
        body["model"] = "no-such-model"
    elif way == 4:
        body["no_such_member"] = 1
    elif way == 5:
        body["model"] = rng.choice([3, [], {}, True])
    else:
        del body[rng.choice([name for name in ("messages", "prompt", "input", "content") if name in body])]
    return json.dumps(body).encode()
