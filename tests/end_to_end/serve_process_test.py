#!/usr/bin/env python3
"""`sirocco serve` as those who run it see it: its end, its keys, its figures, models that come and go, and real models.

usage: serve_process_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import (Case, OfKnownModels, alone, behind, user, write_counting)  # first: begins again in the clients' environment
from server import Server

import math
import os
import signal
import unittest

import openai

from program import HOME, MODEL, sirocco

ENCODER = os.environ.get("SIROCCO_TEST_ENCODER")
LONG = 60000  # tokens of an answer that nobody waits for


def say_until_stopped(client, **members):
    """A stream of the counting model, which has begun."""
    stream = client.chat.completions.create(model="alone", messages=user("a"), stream=True, **members)
    return stream, [next(stream), next(stream)]


class End(unittest.TestCase):
    def start(self, *arguments):
        server = Server("-m", alone(), *arguments)
        self.addCleanup(server.close)
        return server

    def test_running_answers_end_and_nothing_new_begins(self):
        server = self.start()
        with server.connect() as waiting, server.connect() as half:
            half.sendall(b"GET /version HTTP/1.1\r\nHost: localhost\r\n")
            stream, chunks = say_until_stopped(server.client(), max_tokens=3000)
            server.terminate()
            server.wait_until_said(rb"running answers have 30 s")
            half.sendall(b"\r\n")
            answer = half.makefile("rb").read()
            self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
            self.assertIn(b'"unavailable', answer)
            self.assertEqual(waiting.recv(1), b"")
        with self.assertRaises(OSError):
            server.connect().close()
        chunks += stream
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), behind(" ", 3000))
        self.assertEqual(chunks[-1].choices[0].finish_reason, "length")
        self.assertEqual(server.wait(), 0)

    def test_a_second_signal_ends_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)):
            server = self.start("--drain", "3600")
            stream, _ = say_until_stopped(server.client(), max_tokens=LONG)
            server.process.send_signal(first)
            server.wait_until_said(rb"running answers have 3600 s")
            server.process.send_signal(second)
            self.assertEqual(server.wait(), 0)
            with self.assertRaises(Exception) as caught:  # the client has a kind of its own for each place where it breaks off
                list(stream)
            self.assertNotIsInstance(caught.exception, AssertionError)

    def test_running_answers_have_no_more_than_their_time(self):
        server = self.start("--drain", "1")
        stream, _ = say_until_stopped(server.client(), max_tokens=LONG)
        server.terminate()
        self.assertEqual(server.wait(), 0)
        stream.close()

    def test_without_work_it_ends_at_once_and_quietly(self):
        server = Server("-m", alone(), "--drain", "3600")
        server.close()
        self.assertEqual(server.said().count(b"\n"), 3, server.said())


class Start(unittest.TestCase):
    def test_what_it_refuses_to_start_with(self):
        (HOME / "no-keys").write_text("# none\n")
        taken = Server("-m", alone())
        self.addCleanup(taken.close)
        for arguments, message in ((("--host", "0.0.0.0"), b"API key"), (("--api-key", ""), b"API key number 1"),
                                   (("--api-key-file", HOME / "no-keys"), b"no key"),
                                   (("--api-key-file", HOME / "none"), b"can't be read"),
                                   (("--alias", "a", "--alias", "b"), b"2 aliases and 1 models"),
                                   (("--origin", "example"), b"origin"),
                                   (("-m", alone()), b"another model is called 'alone'"),
                                   (("--default-max-tokens", "0"), b"--default-max-tokens"), (("--cache-tokens", "-1"), b"--cache-tokens"),
                                   (("--port", str(taken.port)), str(taken.port).encode())):
            done = sirocco("serve", "-m", alone(), *(("--port", "0") if "--port" not in arguments else ()), *arguments)
            self.assertIn(done.returncode, (1, 2), arguments)
            self.assertIn(message, done.stderr, arguments)
            self.assertEqual(done.stdout, b"")

    def test_models_that_are_not_there(self):
        done = sirocco("serve", "-m", HOME / "none.gguf", "--port", "0")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"none.gguf", done.stderr)


class Keys(Case):
    ONE, OTHER = "sk-one", "sk-other"

    @classmethod
    def setUpClass(cls):
        (HOME / "keys").write_text(f"# whose\n{cls.OTHER}\r\n")
        cls.ARGUMENTS = ("-m", alone(), "--api-key", cls.ONE, "--api-key-file", HOME / "keys")
        super().setUpClass()

    def test_who_has_none_gets_nothing(self):
        for key in ("sk-on", "sk-one2", "SK-ONE", "none"):
            client = self.server.client(api_key=key)
            error = self.refused(openai.AuthenticationError, client.models.list)
            self.assertEqual((error.status_code, error.code), (401, "invalid_api_key"))
            self.refused(openai.AuthenticationError, client.chat.completions.create, model="alone", messages=user("a"), stream=True)
        for path in ("/metrics", "/version", "/v1/models", "/nothing"):
            self.assertEqual(self.server.http.get(path).status_code, 401, path)
        for path in ("/tokenize", "/detokenize", "/apply-template", "/models/load", "/models/unload", "/v1/embeddings"):
            self.assertEqual(self.server.http.post(path, json={}).status_code, 401, path)
        self.assertEqual(self.server.http.get("/health").status_code, 200)

    def test_who_has_one(self):
        for key in (self.ONE, self.OTHER):
            self.assertEqual([model.id for model in self.server.client(api_key=key).models.list()], ["alone"])
        for header in ("x-api-key", "api-key"):
            self.assertEqual(self.server.http.get("/v1/models", headers={header: self.ONE}).status_code, 200)

    def test_nobody_finds_anothers_prefixes(self):
        text = "What one says that another doesn't need to know of, and more than a block of it."

        def cached(key):
            answer = self.server.client(api_key=key).chat.completions.create(model="alone", messages=user(text), max_tokens=2)
            return answer.usage.prompt_tokens_details.cached_tokens

        self.assertEqual(cached(self.ONE), 0)
        self.assertGreater(cached(self.ONE), 0)
        self.assertEqual(cached(self.OTHER), 0)
        self.assertGreater(cached(self.OTHER), 0)


class Origins(Case):
    @classmethod
    def setUpClass(cls):
        cls.ARGUMENTS = ("-m", alone(), "--origin", "https://chat.example", "--host-name", "box.example")
        super().setUpClass()

    def test_pages_that_may(self):
        response = self.server.http.get("/v1/models", headers={"Origin": "https://chat.example"})
        self.assertEqual((response.status_code, response.headers["access-control-allow-origin"]), (200, "https://chat.example"))
        response = self.server.http.options("/v1/chat/completions", headers={
            "Origin": "https://chat.example", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type"})
        self.assertEqual(response.status_code, 204)
        self.assertEqual(response.headers["access-control-allow-headers"], "authorization, content-type")

    def test_names_and_pages_that_may_not(self):
        self.assertEqual(self.server.http.get("/v1/models", headers={"Host": "box.example"}).status_code, 200)
        self.assertEqual(self.server.http.get("/v1/models", headers={"Host": "other.example"}).status_code, 403)
        refused = self.server.http.get("/v1/models", headers={"Origin": "https://evil.example"})
        self.assertEqual(refused.status_code, 403)
        self.assertNotIn("access-control-allow-origin", refused.headers)


class Management(OfKnownModels):
    def test_health_and_version(self):
        health = self.server.http.get("/health")
        self.assertEqual((health.status_code, health.json()["status"]), (200, "ok"))
        version = self.server.http.get("/version").json()
        self.assertEqual(version["name"], "sirocco")
        self.assertIn(version["version"].encode(), sirocco("--version").stdout)

    def test_figures(self):
        before = self.server.metrics()
        self.client.completions.create(model="first", prompt="abc", max_tokens=5)
        # So many that the engine, which may be ahead of the reader by 256, hasn't ended before the stop is found.
        self.client.completions.create(model="first", prompt="abc", max_tokens=600, stop="h")
        self.client.embeddings.create(model="counting", input="abc")
        self.server.wait_for_metric(0, "requests_running", model="counting")
        after = self.server.metrics()
        self.assertLessEqual(before.keys(), after.keys())
        counting_label = ("model", "counting")

        def grown(name, *labels):
            key = ("sirocco_" + name, tuple(sorted((counting_label, *labels))))
            return after[key] - before[key]

        for path in ("/nothing", "/v1/nothing"):
            self.server.http.get(path)
        self.server.post("/v1/completions", model="nothing", prompt="a")
        refused = self.server.metrics()

        def counted(samples, name, **labels):
            return samples.get(("sirocco_" + name, tuple(sorted(labels.items()))), 0)

        for route, status, count in (("/v1/completions", "200", 2), ("/v1/embeddings", "200", 1), ("", "404", 2),
                                     ("/v1/completions", "404", 1)):
            labels = {"route": route, "status": status}
            self.assertEqual(counted(refused, "http_requests_total", **labels) - counted(before, "http_requests_total", **labels), count)
        self.assertEqual(counted(refused, "refusals_total", reason="not_found") - counted(before, "refusals_total", reason="not_found"), 3)
        self.assertEqual(grown("prompt_tokens_total"), 6)
        self.assertEqual(grown("requests_total", ("reason", "length")), 1)
        self.assertEqual(grown("requests_total", ("reason", "stop")) + grown("requests_total", ("reason", "cancelled")), 1)
        self.assertEqual(grown("time_to_first_token_seconds_count"), 2)
        self.assertGreaterEqual(grown("step_tokens_sum"), 6 + 5 + 4 - 2)
        for (name, labels), value in after.items():
            if name.endswith("_bucket") and ("le", "+Inf") in labels:
                rest = tuple(label for label in labels if label[0] != "le")
                self.assertEqual(value, after[(name.removesuffix("_bucket") + "_count", rest)])
            if name.endswith(("_total", "_bucket", "_count", "_sum")):
                self.assertGreaterEqual(value, before.get((name, labels), 0))
            self.assertTrue(math.isfinite(value), name)

    def test_texts_and_tokens(self):
        status, made = self.server.post("/tokenize", model="counting", content="a b</s>")
        self.assertEqual(status, 200)
        self.assertEqual(self.server.post("/detokenize", model="counting", tokens=made["tokens"]), (200, {"content": "a b</s>"}))
        status, special = self.server.post("/tokenize", content="</s>", parse_special=True)
        self.assertEqual((status, special["tokens"]), (200, [1]))
        self.assertEqual(self.server.post("/detokenize", tokens=[1]), (200, {"content": "</s>"}))
        self.assertEqual(self.server.post("/tokenize", model="none", content="a")[0], 404)
        self.assertEqual(self.server.post("/tokenize", content=3)[1]["error"]["param"], "content")

    def test_models_go_and_come(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_counting(HOME / "models" / "spare")
        ask = self.client.chat.completions.create
        for _ in range(2):
            self.assertEqual(self.server.post("/models/load", model="spare"), (200, {"model": "spare", "status": "loaded"}))
            self.assertEqual([model.id for model in self.client.models.list()], ["counting", "dice", "spare"])
            self.assertEqual(ask(model="spare", messages=user("a"), max_tokens=3).choices[0].message.content, behind(" ", 3))
        # Who is being answered is answered to the end, by the model that was there.
        stream = ask(model="spare", messages=user("a"), max_tokens=2000, stream=True)
        said = next(stream).choices[0].delta.content
        self.assertEqual(self.server.post("/models/unload", model="spare"), (200, {"model": "spare", "status": "unloaded"}))
        self.refused(openai.NotFoundError, ask, model="spare", messages=user("a"))
        said += "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        self.assertEqual(said, behind(" ", 2000))
        self.assertEqual([model.id for model in self.client.models.list()], ["counting", "dice"])
        self.assertEqual(self.server.post("/models/unload", model="spare")[0], 404)

    def test_models_that_cannot_come(self):
        (HOME / "models").mkdir(exist_ok=True)
        (HOME / "models" / "torn.gguf").write_bytes(b"GGUF")
        for name, status in (("none", 404), ("../counting", 404), (str(HOME / "counting"), 404), ("", 404), (".", 404),
                             ("torn", 422), ("a\0b", 404), ("x" * 1000, 404)):
            found, answer = self.server.post("/models/load", model=name)
            self.assertEqual(found, status, (name, answer))
            self.assertEqual(answer["error"]["param"], "model", answer)

    def test_what_has_to_be_said(self):
        for path, param in (("/models/load", "model"), ("/models/unload", "model"), ("/tokenize", "content"), ("/detokenize", "tokens")):
            for members in ({}, {param: None}):
                status, answer = self.server.post(path, **members)
                self.assertEqual((status, answer["error"]["param"], answer["error"]["code"]), (400, param, "missing_required_parameter"))
        self.assertEqual(self.server.post("/models/unload", model="")[0], 404)
        self.assertEqual([model.id for model in self.client.models.list()], ["counting", "dice"])


class LittleRoom(Case):
    @classmethod
    def setUpClass(cls):
        cls.ARGUMENTS = ("-m", alone(), "--cache-tokens", "512", "--parallel", "4")
        super().setUpClass()

    def test_more_answers_than_there_is_room_for(self):
        ask = self.client.chat.completions.create
        self.assertEqual(len(ask(model="alone", messages=user("a"), n=4, max_tokens=60).choices), 4)
        for members in ({"n": 5, "max_tokens": 5}, {"n": 4, "max_tokens": 400}, {"n": 2}):
            error = self.refused(openai.BadRequestError, ask, model="alone", messages=user("a"), **members)
            self.assertEqual(error.param, "n")
            self.assertIn(str(members["n"]), str(error))


class Real(Case):
    """The default model, and an encoder beside it."""

    ARGUMENTS = ("-m", MODEL, "-m", ENCODER, "--alias", "smol", "--alias", "minilm")
    QUESTION = user("What is the capital of France?")

    def ask(self, messages=None, **members):
        return self.client.chat.completions.create(**{"model": "smol", "messages": messages or self.QUESTION, "max_tokens": 24,
                                                      "temperature": 0, **members})

    def test_it_answers(self):
        answer = self.ask().choices[0].message.content
        self.assertIn("Paris", answer)
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in self.ask(stream=True)), answer)

    def test_what_answers_best_comes_first(self):
        documents = ["Bread is baked of flour and water.", "Paris is the capital of France.", "The Alps are mountains."]
        for path in ("/rerank", "/v1/rerank"):
            status, answer = self.server.post(path, model="minilm", query="Which city governs France?", documents=documents, return_documents=True)
            self.assertEqual(status, 200, answer)
            self.assertEqual(answer["results"][0]["index"], 1)
            self.assertEqual(answer["results"][0]["document"]["text"], documents[1])
            self.assertEqual({result["index"] for result in answer["results"]}, {0, 1, 2})
            scores = [result["relevance_score"] for result in answer["results"]]
            self.assertEqual(scores, sorted(scores, reverse=True))
        vectors = [item.embedding for item in self.client.embeddings.create(
            model="minilm", input=["Which city governs France?", documents[1]], encoding_format="float").data]
        self.assertAlmostEqual(sum(a * b for a, b in zip(*vectors)), scores[0], places=5)
        self.assertEqual(len(self.server.post("/rerank", model="minilm", query="a", documents=documents, top_n=2)[1]["results"]), 2)
        status, refused = self.server.post("/rerank", model="minilm", query="a", documents=["a", "b " * 600])
        self.assertEqual((status, refused["error"]["param"]), (400, "documents[1]"))

    def test_a_seed_repeats_an_answer(self):
        one, other, third = (self.ask(temperature=1, seed=seed).choices[0].message.content for seed in (5, 5, 6))
        self.assertEqual(one, other)
        self.assertNotEqual(one, third)

    def test_a_second_turn(self):
        first = self.ask()
        messages = [*self.QUESTION, {"role": "assistant", "content": first.choices[0].message.content}, *user("And of Italy?")]
        second = self.ask(messages)
        self.assertGreaterEqual(second.usage.prompt_tokens_details.cached_tokens, 16)
        self.assertIn("Rome", second.choices[0].message.content)

    def test_characters_of_several_tokens(self):
        text = "Repeat: 🦜 naïve Zürich"
        prompt = self.server.post("/tokenize", model="smol", content=text)[1]["tokens"]
        self.assertGreater(len(prompt), len(text.split()))
        echo = self.client.completions.create(model="smol", prompt=prompt, echo=True, max_tokens=1).choices[0].text
        self.assertTrue(echo.startswith(text), echo)

    def test_sentences(self):
        texts = ["The cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose again."]
        cat, kitten, rates = (item.embedding for item in self.client.embeddings.create(model="minilm", input=texts).data)
        self.assertEqual(len(cat), 384)
        product = lambda a, b: sum(x * y for x, y in zip(a, b))  # noqa: E731
        self.assertGreater(product(cat, kitten), product(cat, rates) + 0.3)
        short = self.client.embeddings.create(model="minilm", input=texts[0], dimensions=64).data[0].embedding
        self.assertEqual(len(short), 64)
        self.assertAlmostEqual(product(short, short), 1, places=5)
        tokens = self.server.post("/tokenize", model="minilm", content=texts[0], add_special=True)[1]["tokens"]
        by_tokens = self.client.embeddings.create(model="minilm", input=[tokens]).data[0].embedding
        self.assertEqual(by_tokens, cat)
        self.assertEqual(len(self.client.embeddings.create(model="smol", input=texts).data[2].embedding), 576)

    def test_an_encoder_does_not_chat(self):
        for call, members in ((self.client.chat.completions.create, {"messages": self.QUESTION}),
                              (self.client.completions.create, {"prompt": "a"})):
            error = self.refused(openai.BadRequestError, call, model="minilm", **members)
            self.assertEqual(error.param, "model")
        error = self.refused(openai.BadRequestError, self.client.embeddings.create, model="minilm", input="word " * 600)
        self.assertEqual(error.code, "context_length_exceeded")


if __name__ == "__main__":
    if not ENCODER:
        raise SystemExit("SIROCCO_TEST_ENCODER must name the folder of all-MiniLM-L6-v2")
    unittest.main()
