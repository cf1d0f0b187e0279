#!/usr/bin/env python3
"""Messages of `sirocco serve`: with Anthropic's own Python client, against models whose answers are known beforehand.

usage: anthropic_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, alone, behind, user  # first: it begins again in the clients' environment
from anthropic_case import AnthropicCase, assistant, text_of

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


class Messages(AnthropicCase):
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


class Silence(Case):
    """One answer at a time, of models that say when to stop."""

    @classmethod
    def setUpClass(cls):
        folder = write_folder(HOME / "stopping", {"c": 30.0}, generation={"stop_strings": ["cc"]})
        cls.ARGUMENTS = ("-m", alone(), "-m", folder, "--parallel", "1")
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
            self.assertIn("model: all-MiniLM-L6-v2 can't be asked for completion; it can be for embedding", str(error))

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
