#!/usr/bin/env python3
"""`sirocco serve` as programs use it with Anthropic's own Python client, against models whose answers are known beforehand.

usage: anthropic_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, OfKnownModels, behind, user, write_counting  # first: it begins again in the clients' environment
from server import Server

import asyncio
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

import anthropic

from chain_model import write_chain
from program import HOME, MODEL, SOURCE
from small_model import write_folder

# What a counting model says behind a prompt, which ends in a space.
PROMPT = "user: Hello\nassistant: "


def assistant(text):
    return [{"role": "assistant", "content": text}]


def text_of(message):
    block, = message.content
    assert block.type == "text"
    return block.text


class Asked(OfKnownModels):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client = cls.server.messages_client()

    def say(self, messages, model="counting", **members):
        return self.client.messages.create(model=model, messages=messages, **{"max_tokens": 8, **members})

    def text(self, messages, **members):
        return text_of(self.say(messages, **members))

    def raw_events(self, **members):
        """The events of a stream as they come over the wire: (name, data)."""
        body = {"model": "counting", "messages": user("Hello"), "max_tokens": 8, "stream": True, **members}
        with self.server.http.stream("POST", "/v1/messages", json=body) as response:
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.headers["content-type"], "text/event-stream")
            text = response.read().decode()
        self.assertTrue(text.endswith("\n\n"))
        events = []
        for event in text[:-2].split("\n\n"):
            name, data = event.split("\n")
            self.assertTrue(name.startswith("event: ") and data.startswith("data: "), event)
            events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        return events

    def stream(self, messages, **members):
        """The text of a stream piece by piece, and the message that it makes."""
        with self.client.messages.stream(model=members.pop("model", "counting"), messages=messages,
                                         **{"max_tokens": 8, **members}) as stream:
            pieces = list(stream.text_stream)
            return pieces, stream.get_final_message()


class Messages(Asked):
    def test_an_answer(self):
        message = self.say(user("Hello"))
        self.assertTrue(message.id.startswith("msg_"))
        self.assertEqual((message.type, message.role, message.model), ("message", "assistant", "counting"))
        self.assertEqual(text_of(message), behind(" ", 8))
        self.assertEqual((message.stop_reason, message.stop_sequence), ("max_tokens", None))
        usage = message.usage
        self.assertEqual((usage.input_tokens + usage.cache_read_input_tokens, usage.output_tokens), (len(PROMPT), 8))
        self.assertEqual(usage.cache_creation_input_tokens, 0)
        self.assertTrue(message._request_id.startswith("req-"))
        self.assertNotEqual(self.say(user("Hello")).id, message.id)

    def test_a_stream_says_the_same(self):
        whole = self.say(user("Hello"), max_tokens=30)
        pieces, final = self.stream(user("Hello"), max_tokens=30)
        self.assertEqual("".join(pieces), text_of(whole))
        self.assertEqual((text_of(final), final.stop_reason, final.model), (text_of(whole), "max_tokens", "counting"))
        self.assertEqual(final.usage.output_tokens, 30)
        self.assertEqual(final.usage.input_tokens + final.usage.cache_read_input_tokens, len(PROMPT))

    def test_the_events_of_a_stream(self):
        events = self.raw_events(max_tokens=40)
        for name, data in events:
            self.assertEqual(data["type"], name)
        names = [name for name, _ in events]
        self.assertEqual(names[:4], ["message_start", "content_block_start", "ping", "content_block_delta"])
        self.assertEqual(names[-4:], ["content_block_delta", "content_block_stop", "message_delta", "message_stop"])
        self.assertEqual(set(names[3:-3]), {"content_block_delta"})
        start, end = events[0][1]["message"], events[-2][1]
        self.assertEqual((start["usage"]["input_tokens"], start["usage"]["output_tokens"]), (len(PROMPT), 0))
        self.assertEqual((start["content"], start["stop_reason"]), ([], None))
        self.assertEqual(end["delta"], {"stop_reason": "max_tokens", "stop_sequence": None})
        self.assertEqual(end["usage"]["output_tokens"], 40)
        self.assertEqual("".join(data["delta"]["text"] for name, data in events if name == "content_block_delta"), behind(" ", 40))

    def test_raw_events_by_the_client(self):
        events = list(self.say(user("Hello"), stream=True))
        self.assertEqual((events[0].type, events[-1].type), ("message_start", "message_stop"))
        self.assertEqual("".join(event.delta.text for event in events if event.type == "content_block_delta"), behind(" ", 8))

    def test_what_prompts_are_made_of(self):
        blocks = [{"type": "text", "text": "ab", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "cd"}]
        for members, prompt in (
                ({"messages": user("ab")}, "user: ab\nassistant: "),
                ({"messages": user(blocks), "system": "Be brief."}, "system: Be brief.\nuser: ab\ncd\nassistant: "),
                ({"messages": user("a"), "system": blocks}, "system: ab\ncd\nuser: a\nassistant: "),
                ({"messages": user("a") + user("b")}, "user: a\nb\nassistant: "),
                ({"messages": user("a") + assistant("b") + user("c")}, "user: a\nassistant: b\nuser: c\nassistant: "),
                ({"messages": user("a") + assistant("")}, "user: a\nassistant: "),
                ({"messages": user("a") + assistant("xyz")}, "user: a\nassistant: xyz")):
            self.assertEqual(self.client.messages.count_tokens(model="counting", **members).input_tokens, len(prompt), members)
            usage = self.say(**members).usage
            self.assertEqual(usage.input_tokens + usage.cache_read_input_tokens, len(prompt), members)

    def test_an_answer_is_continued(self):
        self.assertEqual(self.text(user("a") + assistant("fgh")), behind("h", 8))
        pieces, final = self.stream(user("a") + assistant("f") + assistant("gh"))
        self.assertEqual(("".join(pieces), text_of(final)), (behind("h", 8),) * 2)
        # The answer is sent back as it came.
        first = self.say(user("a"), max_tokens=5)
        self.assertEqual(self.text(user("a") + assistant(first.content)), behind(text_of(first)[-1], 8))
        error = self.refused(anthropic.BadRequestError, self.say, user("a") + assistant("fgh "))
        self.assertIn("messages[1]: the beginning of an answer can't end in white space", str(error))

    def test_stop_sequences_over_tokens(self):
        for stops, found in ((["345"], "345"), (["zz", "45", "345"], "345"), (["56", "345"], "345"), (["5", "4567"], "5")):
            expected = behind(" ", 60).partition(found)[0]
            message = self.say(user("a"), max_tokens=60, stop_sequences=stops)
            self.assertEqual((text_of(message), message.stop_reason, message.stop_sequence), (expected, "stop_sequence", found))
            pieces, final = self.stream(user("a"), max_tokens=60, stop_sequences=stops)
            self.assertEqual(("".join(pieces), final.stop_reason, final.stop_sequence), (expected, "stop_sequence", found))
        # What only began like one is said in the end.
        message = self.say(user("a"), stop_sequences=["&'(!"])
        self.assertEqual((text_of(message), message.stop_reason, message.stop_sequence), (behind(" ", 8), "max_tokens", None))

    def test_an_end_of_its_own_and_halves_of_characters(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_chain(HOME / "models" / "smile", [b"\xf0\x9f", b"\x98", b"\x80", b" na\xc3", b"\xafve", b"!"])
        self.assertEqual(self.server.post("/models/load", model="smile")[0], 200)
        message = self.say(user("a"), model="smile", max_tokens=50)
        self.assertEqual((text_of(message), message.stop_reason, message.usage.output_tokens), ("😀 naïve!", "end_turn", 6))
        pieces, final = self.stream(user("a"), model="smile", max_tokens=50)
        self.assertEqual((pieces, text_of(final), final.stop_reason), (["😀", " na", "ïve", "!"], "😀 naïve!", "end_turn"))
        message = self.say(user("a"), model="smile", max_tokens=50, stop_sequences=["ïv"])
        self.assertEqual((text_of(message), message.stop_sequence), ("😀 na", "ïv"))
        # Cut within one.
        pieces, final = self.stream(user("a"), model="smile", max_tokens=2)
        self.assertEqual((pieces, final.stop_reason), (["\ufffd"], "max_tokens"))
        self.assertEqual(self.server.post("/models/unload", model="smile")[0], 200)

    def test_sampling(self):
        def roll(**members):
            return self.text(user("abc"), model="dice", max_tokens=40,
                             extra_body={"ignore_eos": True, "repetition_penalty": 1, **members})
        self.assertEqual(roll(temperature=1, seed=7), roll(temperature=1, seed=7))
        self.assertNotEqual(roll(temperature=1, seed=7), roll(temperature=1, seed=8))
        self.assertNotEqual(roll(temperature=1), roll(temperature=1))
        self.assertEqual(roll(temperature=0), "a" * 40)
        self.assertEqual(roll(temperature=1, top_k=1), "a" * 40)
        self.assertEqual(roll(temperature=1, logit_bias={"4": 100}), "c" * 40)

    def test_a_second_turn_finds_the_first_in_the_cache(self):
        messages = user("A turn that no other test takes and that fills more than one block of the cache.")
        first = self.say(messages)
        self.assertEqual(first.usage.cache_read_input_tokens, 0)
        messages += assistant(first.content) + user("And on.")
        second = self.say(messages)
        count = self.client.messages.count_tokens(model="counting", messages=messages).input_tokens
        self.assertGreater(second.usage.cache_read_input_tokens, first.usage.input_tokens - 32)
        self.assertGreater(second.usage.input_tokens, 0)
        self.assertEqual(second.usage.cache_read_input_tokens + second.usage.input_tokens, count)
        _, third = self.stream(messages)
        self.assertGreater(third.usage.cache_read_input_tokens, 0)
        self.assertEqual(third.usage.cache_read_input_tokens + third.usage.input_tokens, count)
        uncached = self.say(messages, extra_body={"cache_prompt": False})
        self.assertEqual((uncached.usage.cache_read_input_tokens, uncached.usage.input_tokens), (0, count))

    def test_warnings(self):
        members = {"model": "dice", "max_tokens": 1000, "extra_body": {"ignore_eos": True}}
        message = self.say(user("abc"), **members)
        self.assertEqual(message.stop_reason, "max_tokens")
        warning, = message.warnings
        self.assertIn("max_tokens is 1000; the context of 256", warning)
        told = [event.warnings for event in self.say(user("abc"), stream=True, **members) if event.type == "message_delta"]
        self.assertEqual(told, [[warning]])
        self.assertFalse(hasattr(self.say(user("a")), "warnings"))

    def test_sixteen_streams_at_a_time(self):
        starts = "abcdefghijklmnop"
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            done = list(pool.map(lambda start: self.stream(user("a") + assistant(start), max_tokens=100), starts))
        self.assertEqual(["".join(pieces) for pieces, _ in done], [behind(start, 100) for start in starts])
        self.assertEqual(len({final.id for _, final in done}), 16)

    def test_without_waiting_for_each_other(self):
        async def whole(client, start):
            return text_of(await client.messages.create(model="counting", messages=user("a") + assistant(start), max_tokens=50))

        async def streamed(client, start):
            async with client.messages.stream(model="counting", messages=user("a") + assistant(start), max_tokens=50) as stream:
                text = "".join([piece async for piece in stream.text_stream])
                self.assertEqual(text_of(await stream.get_final_message()), text)
                return text

        async def everything():
            async with self.server.messages_client(anthropic.AsyncAnthropic) as client:
                return await asyncio.gather(*(ask(client, start) for start in "abcdefgh" for ask in (whole, streamed)))

        self.assertEqual(asyncio.run(everything()), [behind(start, 50) for start in "abcdefgh" for _ in range(2)])

    def test_a_client_that_goes_leaves_nothing_running(self):
        before = self.server.metric("requests_total", model="counting", reason="cancelled")
        with self.client.messages.stream(model="counting", messages=user("a"), max_tokens=60000) as stream:
            self.assertNotEqual(next(iter(stream.text_stream)), "")
            self.assertEqual(self.server.metric("requests_running", model="counting"), 1)
        self.server.wait_for_metric(0, "requests_running", model="counting")
        impatient = self.server.messages_client(timeout=0.3)
        self.refused(anthropic.APITimeoutError, impatient.messages.create, model="counting", messages=user("a"), max_tokens=60000)
        self.server.wait_for_metric(0, "requests_running", model="counting")
        self.assertEqual(self.server.metric("requests_total", model="counting", reason="cancelled"), before + 2)
        self.server.wait_for_metric(0, "cache_blocks_held", model="counting")

    def test_a_time_limit_of_the_request(self):
        message = self.say(user("a"), max_tokens=60000, extra_body={"timeout": 0.5})
        self.assertEqual(message.stop_reason, "max_tokens")
        self.assertEqual(text_of(message), behind(" ", message.usage.output_tokens))

    def test_the_clients_beta(self):
        message = self.client.beta.messages.create(model="counting", messages=user("Hello"), max_tokens=8,
                                                   betas=["token-efficient-tools-2025-02-19"])
        self.assertEqual(text_of(message), behind(" ", 8))
        self.assertEqual(self.client.beta.messages.count_tokens(model="counting", messages=user("Hello")).input_tokens, len(PROMPT))

    def test_other_models_and_names(self):
        self.assertEqual(self.say(user("abc"), model="second").model, "dice")
        status, answer = self.server.post("/v1/messages", messages=user("Hello"), max_tokens=2)
        self.assertEqual((status, answer["model"]), (200, "counting"))


class Errors(Asked):
    def shape(self, response, status, kind):
        self.assertEqual(response.status_code, status, response.text)
        body = response.json()
        self.assertEqual(body.keys(), {"type", "error", "request_id"})
        self.assertEqual(body["error"].keys(), {"type", "message"})
        self.assertEqual((body["type"], body["error"]["type"]), ("error", kind))
        self.assertEqual(body["request_id"], response.headers["request-id"])
        return body["error"]["message"]

    def test_the_member_is_named(self):
        tool = {"name": "f", "input_schema": {"type": "object"}}
        image = {"type": "image", "source": {"type": "url", "url": "http://127.0.0.1/"}}
        for members, place in (({"extra_body": {"temperature": 1.5}}, "temperature"), ({"max_tokens": 0}, "max_tokens"),
                               ({"messages": []}, "messages"), ({"messages": [{"role": "user"}]}, "messages[0]"),
                               ({"messages": [{"role": "system", "content": "a"}]}, "messages[0].role"),
                               ({"messages": user([image])}, "messages[0].content[0].type"), ({"tools": [tool]}, "tools"),
                               ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, "thinking.type"),
                               ({"stop_sequences": [""]}, "stop_sequences[0]"), ({"system": [{"type": "text"}]}, "system[0]"),
                               ({"output_config": {"format": {"type": "json_schema", "schema": {}}}}, "output_config"),
                               ({"extra_body": {"n": 2}}, "n"), ({"extra_body": {"logit_bias": {"999999": 1}}}, "logit_bias")):
            for stream in (False, True):
                error = self.refused(anthropic.BadRequestError, self.say, **{"messages": user("a"), "stream": stream, **members})
                self.assertEqual(error.body["error"]["type"], "invalid_request_error")
                self.assertTrue(error.body["error"]["message"].startswith(place + ":"), (place, error.body))
        self.assertIn("max_tokens", self.shape(self.server.http.post("/v1/messages", json={"messages": user("a")}), 400,
                                               "invalid_request_error"))

    def test_prompts_that_do_not_fit(self):
        for stream in (False, True):
            error = self.refused(anthropic.BadRequestError, self.say, user("a" * 300), model="dice", stream=stream)
            self.assertIn("messages: the prompt has 301 tokens", str(error))
        # They can be counted.
        self.assertEqual(self.client.messages.count_tokens(model="dice", messages=user("a" * 300)).input_tokens, 301)

    def test_a_model_that_is_not_there(self):
        for ask in (self.say, lambda messages, model: self.client.messages.count_tokens(model=model, messages=messages)):
            error = self.refused(anthropic.NotFoundError, ask, user("a"), model="claude-opus-5")
            self.assertEqual(error.body["error"]["type"], "not_found_error")
            self.assertIn("counting", str(error))
            self.assertEqual(error.request_id, error.body["request_id"])

    def test_bodies_that_are_none(self):
        for path in ("/v1/messages", "/v1/messages/count_tokens"):
            for body in (b"", b"{", b"[]", b"{}{}", b'{"model": "\xff"}', b"[" * 10000):
                self.shape(self.server.http.post(path, content=body), 400, "invalid_request_error")

    def test_bodies_that_are_too_large(self):
        with self.server.connect() as connection:
            connection.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 34603008\r\n\r\n")
            head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 413 "), head)
        self.assertEqual(json.loads(body)["error"]["type"], "request_too_large")

    def test_paths_and_methods(self):
        for method, path, status, kind in (("GET", "/v1/messages", 405, "invalid_request_error"),
                                           ("GET", "/v1/messages/count_tokens", 405, "invalid_request_error"),
                                           ("POST", "/v1/messages/batches", 404, "not_found_error")):
            self.shape(self.server.http.request(method, path), status, kind)
        # Elsewhere errors have OpenAI's shape.
        self.assertEqual(self.server.http.get("/v1/message").json().keys(), {"error"})

    def test_others_names_and_origins(self):
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            self.shape(self.server.http.post("/v1/messages", headers=headers), 403, "permission_error")

    def test_request_ids(self):
        headers = {"x-request-id": "mine-1", "anthropic-version": "2023-06-01", "anthropic-beta": "a,b"}
        body = {"model": "counting", "messages": user("a"), "max_tokens": 2}
        self.assertEqual(self.server.http.post("/v1/messages", headers=headers, json=body).headers["request-id"], "mine-1")
        with self.client.messages.stream(**body) as stream:
            self.assertTrue(stream.request_id.startswith("req-"))
        refused = self.server.http.post("/v1/messages", headers=headers, json={})
        self.assertEqual((refused.headers["request-id"], refused.json()["request_id"]), ("mine-1", "mine-1"))

    def test_a_model_that_fails(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_chain(HOME / "models" / "failing", ["a", "b", "c", "d"], broken="c")
        self.assertEqual(self.server.post("/models/load", model="failing")[0], 200)
        error = self.refused(anthropic.InternalServerError, self.say, user("a"), model="failing")
        self.assertEqual((error.status_code, error.body["error"]["type"]), (500, "api_error"))
        self.assertIn("not finite", str(error))
        said = []
        with self.assertRaises(anthropic.APIStatusError) as caught:
            with self.client.messages.stream(model="failing", messages=user("a"), max_tokens=8) as stream:
                for piece in stream.text_stream:
                    said.append(piece)
        self.assertEqual(said, ["a", "b", "c"])
        self.assertEqual(caught.exception.body["error"]["type"], "api_error")
        events = self.raw_events(model="failing")
        self.assertEqual([name for name, _ in events[-2:]], ["content_block_delta", "error"])
        self.assertIn("not finite", events[-1][1]["error"]["message"])
        self.assertEqual(self.server.post("/models/unload", model="failing")[0], 200)


class Keys(Case):
    @classmethod
    def setUpClass(cls):
        folder = HOME / "alone"
        cls.ARGUMENTS = ("-m", folder if folder.exists() else write_counting(folder), "--api-key", "sk-one")
        super().setUpClass()

    def test_who_has_none_gets_nothing(self):
        for options in ({"api_key": "sk-other"}, {"api_key": None, "auth_token": "sk-other"}):
            client = self.server.messages_client(**options)
            for call in (client.messages.create, client.messages.stream):
                with self.assertRaises(anthropic.AuthenticationError) as caught:
                    answer = call(model="alone", messages=user("a"), max_tokens=2)
                    answer.__enter__()
                self.assertEqual(caught.exception.body["error"]["type"], "authentication_error")
                self.assertIn("x-api-key", str(caught.exception))
            self.refused(anthropic.AuthenticationError, client.messages.count_tokens, model="alone", messages=user("a"))

    def test_who_has_one(self):
        for options in ({"api_key": "sk-one"}, {"api_key": None, "auth_token": "sk-one"}):
            client = self.server.messages_client(**options)
            message = client.messages.create(model="alone", messages=user("a"), max_tokens=2)
            self.assertEqual(text_of(message), behind(" ", 2))


class End(unittest.TestCase):
    def test_a_server_that_is_about_to_end_is_overloaded(self):
        folder = HOME / "alone"
        server = Server("-m", folder if folder.exists() else write_counting(folder))
        self.addCleanup(server.close)
        with server.connect() as half:
            half.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n")
            with server.messages_client().messages.stream(model="alone", messages=user("a"), max_tokens=3000) as stream:
                pieces = [next(iter(stream.text_stream))]
                server.terminate()
                server.wait_until_said(rb"running answers have 30 s")
                half.sendall(b"Content-Length: 2\r\n\r\n{}")
                head, _, body = half.makefile("rb").read().partition(b"\r\n\r\n")
                pieces += stream.text_stream
        self.assertTrue(head.startswith(b"HTTP/1.1 503 "), head)
        self.assertIn(b"\r\nRetry-After: 1", head)
        self.assertEqual((json.loads(body)["type"], json.loads(body)["error"]["type"]), ("error", "overloaded_error"))
        self.assertEqual("".join(pieces), behind(" ", 3000))
        self.assertEqual(server.wait(), 0)


class Silence(Case):
    """One answer at a time, of models that say when to stop."""

    @classmethod
    def setUpClass(cls):
        folder = write_folder(HOME / "stopping", {"c": 30.0}, generation={"stop_strings": ["cc"]})
        alone = HOME / "alone"
        cls.ARGUMENTS = ("-m", alone if alone.exists() else write_counting(alone), "-m", folder, "--parallel", "1")
        super().setUpClass()

    def test_who_waits_long_hears_of_it(self):
        body = json.dumps({"model": "alone", "messages": user("a"), "max_tokens": 60000, "stream": True}).encode()
        with self.server.connect(receive_bytes=4096) as first:
            first.sendall(b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            self.assertTrue(first.recv(100).startswith(b"HTTP/1.1 200 "))
            # Nobody reads it, so that it isn't written to its end.
            waiting = {"model": "alone", "messages": user("a"), "max_tokens": 5, "stream": True}
            with self.server.http.stream("POST", "/v1/messages", json=waiting) as response:
                lines = response.iter_lines()
                self.assertEqual([next(lines) for _ in range(3)], ["event: ping", 'data: {"type":"ping"}', ""])
                first.close()
                names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
        while names[0] == "ping":
            names.pop(0)
        self.assertEqual((names[0], names[-1]), ("message_start", "message_stop"))

    def test_a_models_own_stop_strings_are_the_end_of_its_turn(self):
        client = self.server.messages_client()
        ask = {"model": "stopping", "messages": user("ab"), "max_tokens": 50}
        message = client.messages.create(**ask)
        self.assertEqual((text_of(message), message.stop_reason, message.stop_sequence), ("", "end_turn", None))
        message = client.messages.create(**ask, stop_sequences=["ccc"])
        self.assertEqual((text_of(message), message.stop_reason, message.stop_sequence), ("", "stop_sequence", "ccc"))


class Real(Case):
    """The default model, and an encoder beside it."""

    ARGUMENTS = ("-m", MODEL, "-m", os.environ.get("SIROCCO_TEST_ENCODER"))

    def test_it_answers(self):
        client = self.server.messages_client()
        members = {"model": "SmolLM2-135M-Instruct.Q4_1", "max_tokens": 24, "extra_body": {"temperature": 0},
                   "messages": user("What is the capital of France?")}
        message = client.messages.create(**members)
        self.assertIn("Paris", text_of(message))
        with client.messages.stream(**members) as stream:
            self.assertEqual("".join(stream.text_stream), text_of(message))
            self.assertEqual(stream.get_final_message().stop_reason, message.stop_reason)
        begun = client.messages.create(**{**members, "messages": members["messages"] + assistant("The capital of France is")})
        self.assertTrue(text_of(begun).startswith(" Paris"), begun)

    def test_models_that_do_not_write(self):
        client = self.server.messages_client()
        for call, members in ((client.messages.create, {"max_tokens": 5}), (client.messages.count_tokens, {})):
            error = self.refused(anthropic.BadRequestError, call, model="all-MiniLM-L6-v2", messages=user("a"), **members)
            self.assertIn("model: all-MiniLM-L6-v2 makes embeddings and no text", str(error))

    def test_the_examples_of_the_documentation(self):
        page = (SOURCE / "docs" / "serving.md").read_text()
        python, = (code for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "anthropic" in code)
        curl, = (code for code in re.findall(r"```\n(curl .*?)```", page, re.DOTALL) if "/v1/messages" in code)

        def said(*command):
            here = [part.replace("127.0.0.1:8080", f"127.0.0.1:{self.server.port}") for part in command]
            done = subprocess.run(here, capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout

        self.assertGreater(len(said(sys.executable, "-c", python).strip()), 10)
        if shutil.which("curl"):
            self.assertEqual(json.loads(said("sh", "-c", curl))["type"], "message")


if __name__ == "__main__":
    unittest.main()
