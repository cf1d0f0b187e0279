#!/usr/bin/env python3
"""The Responses API of `sirocco serve`, answer by answer: with OpenAI's own Python client, against models whose answers are known beforehand.

usage: responses_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import DICE, TEMPLATE, behind, user, write_counting  # first: it begins again in the clients' environment
from responses_case import BEGINNING, ResponsesCase, prompt
from server import Server

import asyncio
import concurrent.futures
import json
import unittest

import openai

from program import HOME

LONG = 60000  # tokens of an answer that nobody waits for


class Create(ResponsesCase):
    def test_an_answer(self):
        response = self.create("Hello", metadata={"a": "b"}, user="ann", temperature=0.5, top_p=0.25)
        self.assertRegex(response.id, "^resp_[0-9a-f]{24}$")
        self.assertEqual((response.object, response.model, response.status), ("response", "counting", "incomplete"))
        self.assertEqual((response.incomplete_details.reason, response.error), ("max_output_tokens", None))
        message, = response.output
        self.assertRegex(message.id, "^msg_[0-9a-f]{24}$")
        self.assertEqual((message.type, message.role, message.status), ("message", "assistant", "incomplete"))
        part, = message.content
        self.assertEqual((part.type, part.text, part.annotations, part.logprobs), ("output_text", behind(" ", 8), [], []))
        self.assertEqual(response.output_text, behind(" ", 8))
        asked = len(prompt(("user", "Hello")))
        self.assertEqual((response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens),
                         (asked, 8, asked + 8))
        self.assertEqual(response.usage.output_tokens_details.reasoning_tokens, 0)
        self.assertEqual((response.temperature, response.top_p, response.max_output_tokens, response.metadata, response.user),
                         (0.5, 0.25, 8, {"a": "b"}, "ann"))
        self.assertEqual((response.tools, response.tool_choice, response.parallel_tool_calls), ([], "auto", True))
        self.assertEqual((response.text.format.type, response.truncation, response.store), ("text", "disabled", True))
        self.assertEqual((response.instructions, response.previous_response_id), (None, None))
        self.assertGreater(response.timings["prompt_n"], 0)

    def test_an_answer_that_ends_by_itself(self):
        response = self.create("Hello", max_output_tokens=100, extra_body={"stop": "*"})
        self.assertEqual((response.status, response.incomplete_details), ("completed", None))
        self.assertEqual(response.output_text, behind(" ", 100).partition("*")[0])
        self.assertEqual(response.output[0].status, "completed")
        self.assertGreaterEqual(response.completed_at, response.created_at)

    def test_inputs_of_any_kind(self):
        for asked, said, members in (
                ("ab", [("user", "ab")], {}),
                ("", [("user", "")], {}),
                (user("ab"), [("user", "ab")], {}),
                ([{"role": "developer", "content": "Be brief."}, *user("a"), {"role": "assistant", "content": "b"}, *user("c")],
                 [("system", "Be brief."), ("user", "a"), ("assistant", "b"), ("user", "c")], {}),
                ([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"},
                                                                  {"type": "input_text", "text": "b"}]}], [("user", "a\nb")], {}),
                ([*user("a"), {"role": "assistant", "content": "b"}], [("user", "a"), ("assistant", "b")], {}),
                ("ab", [("system", "Be brief."), ("user", "ab")], {"instructions": "Be brief."})):
            response = self.create(asked, **members)
            self.assertEqual(response.usage.input_tokens, len(prompt(*said)), asked)
            self.assertEqual(response.output_text, behind(" ", 8))

    def test_an_output_is_sent_back_as_it_came(self):
        first = self.create("a")
        said = [("user", "a"), ("assistant", first.output_text), ("user", "b")]
        second = self.create([*user("a"), *first.output, *user("b")])
        self.assertEqual(second.usage.input_tokens, len(prompt(*said)))
        third = self.create([*user("a"), *(item.model_dump() for item in first.output), *user("b")])
        self.assertEqual(third.usage.input_tokens, len(prompt(*said)))

    def test_log_probabilities(self):
        members = {"model": "dice", "temperature": 1, "top_logprobs": 8, "include": ["message.output_text.logprobs"],
                   "extra_body": {"seed": 1, "ignore_eos": True}}
        response = self.create("abc", **members)
        part = response.output[0].content[0]
        self.assertEqual("".join(token.token for token in part.logprobs), part.text)
        for token in part.logprobs:
            self.assertAlmostEqual(token.logprob, DICE, places=4)
            self.assertEqual(bytes(token.bytes), token.token.encode())
            self.assertEqual({other.token for other in token.top_logprobs}, set("abcdefgh"))
        self.assertEqual(response.top_logprobs, 8)
        events, streamed = self.streamed("abc", **members)
        self.assertEqual(streamed.output[0].content, response.output[0].content)
        told = [token.token for event in events if event.type == "response.output_text.delta" for token in event.logprobs]
        self.assertEqual("".join(told), part.text)
        bare = self.create("abc", model="dice", include=["message.output_text.logprobs"])
        self.assertEqual([token.top_logprobs for token in bare.output[0].content[0].logprobs], [[]] * 8)

    def test_what_is_otherwise_than_expected_is_told(self):
        small = Server("-m", HOME / "counting", "--default-max-tokens", "5")
        self.addCleanup(small.close)
        response = small.client().responses.create(model="counting", input="a")
        self.assertEqual((response.output_text, response.status), (behind(" ", 5), "incomplete"))
        warning, = response.warnings
        self.assertIn("max_output_tokens", warning)
        response = self.create("a", reasoning={"effort": "low"})
        self.assertIn("reasoning_effort", response.warnings[0])
        self.assertEqual(response.reasoning.effort, "low")

    def test_variables_of_the_template(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_counting(HOME / "models" / "moody", template=TEMPLATE + "{{ mood }}")
        self.assertEqual(self.server.post("/models/load", model="moody")[0], 200)
        response = self.create("a", model="moody", extra_body={"chat_template_kwargs": {"mood": "fine"}})
        self.assertEqual(response.usage.input_tokens, len(prompt(("user", "a")) + "fine"))
        self.assertEqual(response.output_text, behind("e", 8))
        self.assertEqual(self.server.post("/models/unload", model="moody")[0], 200)

    def test_requests_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            asked = [chr(ord("a") + i) * (1 + i) for i in range(16)]
            streams = list(pool.map(lambda text: self.streamed(text, max_output_tokens=100)[1], asked))
        self.assertEqual([response.usage.input_tokens for response in streams], [len(prompt(("user", text))) for text in asked])
        self.assertEqual({response.output_text for response in streams}, {behind(" ", 100)})
        self.assertEqual(len({response.id for response in streams}), 16)


class Streams(ResponsesCase):
    def test_a_stream_says_the_same(self):
        for members in ({"max_output_tokens": 30}, {"max_output_tokens": 100, "extra_body": {"stop": "*"}}):
            whole = self.create("Hello", **members)
            _, streamed = self.streamed("Hello", **members)
            self.assertEqual((streamed.output_text, streamed.status), (whole.output_text, whole.status))
            self.assertEqual(streamed.usage.output_tokens, whole.usage.output_tokens)
            self.assertEqual(self.client.responses.retrieve(streamed.id), streamed)

    def test_events_have_names(self):
        response = self.server.http.post("/v1/responses", json={
            "model": "counting", "input": "a", "max_output_tokens": 5, "stream": True, "stream_options": {"include_obfuscation": False}})
        self.assertEqual(response.headers["content-type"], "text/event-stream")
        events = response.text.split("\n\n")
        self.assertEqual(events.pop(), "")
        for event in events:
            name, data = event.split("\n")
            self.assertEqual(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))["type"])
        self.assertIn("event: response.incomplete\n", response.text)

    def test_the_clients_own_helper(self):
        members = {"model": "counting", "input": "Hello", "max_output_tokens": 100, "extra_body": {"stop": "*"}}
        said = behind(" ", 100).partition("*")[0]
        with self.client.responses.stream(**members) as stream:
            deltas = [event for event in stream if event.type == "response.output_text.delta"]
            final = stream.get_final_response()
        self.assertEqual(deltas[-1].snapshot, said)
        self.assertEqual((final.status, final.output_text), ("completed", said))

        async def ask():
            async with self.async_client() as client, client.responses.stream(**members) as stream:
                return await stream.get_final_response()
        self.assertEqual(asyncio.run(ask()).output_text, said)

    def async_client(self):
        return self.server.client(openai.AsyncOpenAI)

    def test_the_asynchronous_client(self):
        async def ask():
            async with self.async_client() as client:
                first, other = await asyncio.gather(*(client.responses.create(
                    model="counting", input=text, max_output_tokens=8) for text in ("a", "bcd")))
                stream = await client.responses.create(model="counting", input="c", previous_response_id=first.id,
                                                       max_output_tokens=8, stream=True)
                last = [event async for event in stream][-1].response
                items = [item.id async for item in client.responses.input_items.list(last.id, limit=1)]
                return first, other, last, items
        first, other, last, items = asyncio.run(ask())
        self.assertEqual((first.output_text, other.output_text), (behind(" ", 8),) * 2)
        self.assertEqual(last.usage.input_tokens, len(prompt(("user", "a"), ("assistant", first.output_text), ("user", "c"))))
        self.assertEqual(items[1], first.output[0].id)
        self.assertEqual(len(items), 3)

    def test_a_client_that_goes_leaves_nothing(self):
        kept, cancelled = self.kept(), self.server.metric("requests_total", model="counting", reason="cancelled")
        stream = self.create("a", stream=True, max_output_tokens=LONG)
        created = next(iter(stream))
        self.assertEqual(self.server.metric("requests_running", model="counting"), 1)
        stream.close()
        self.server.wait_for_metric(0, "requests_running", model="counting")
        self.assertEqual(self.server.metric("requests_total", model="counting", reason="cancelled"), cancelled + 1)
        self.assertEqual(self.kept(), kept)
        self.refused(openai.NotFoundError, self.client.responses.retrieve, created.response.id)
        self.refused(openai.NotFoundError, self.create, "b", previous_response_id=created.response.id)
        impatient = self.server.client(timeout=0.3)
        self.refused(openai.APITimeoutError, impatient.responses.create, model="counting", input="a", max_output_tokens=LONG)
        self.server.wait_for_metric(0, "requests_running", model="counting")
        self.assertEqual(self.kept(), kept)

    def test_an_answer_that_fails(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_counting(HOME / "models" / "breaking", broken="&")
        self.assertEqual(self.server.post("/models/load", model="breaking")[0], 200)
        kept = self.kept()
        error = self.refused(openai.InternalServerError, self.create, "a", model="breaking")
        self.assertIn("not finite", str(error))
        events = list(self.create("a", model="breaking", stream=True))
        types = [event.type for event in events]
        self.assertEqual(types[:4], BEGINNING)
        self.assertEqual(types[-2:], ["error", "response.failed"])
        self.assertEqual([event.sequence_number for event in events], list(range(len(events))))
        said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
        failed = events[-1].response
        self.assertTrue(behind(" ", 6).startswith(said) and said, said)
        self.assertEqual((failed.status, failed.id, failed.error.code), ("failed", events[0].response.id, "server_error"))
        self.assertIn("not finite", failed.error.message)
        self.assertEqual(failed.error.message, events[-2].message)
        self.assertEqual((failed.output[0].status, failed.output_text), ("incomplete", said))
        self.assertEqual(self.kept(), kept)
        self.assertEqual(self.server.post("/models/unload", model="breaking")[0], 200)


class Errors(ResponsesCase):
    def test_the_member_is_named(self):
        for members, param in (({"temperature": -1}, "temperature"), ({"max_output_tokens": 0}, "max_output_tokens"),
                               ({"extra_body": {"temprature": 1}}, "temprature"), ({"extra_body": {"messages": []}}, "messages"),
                               ({"tools": [{"type": "web_search"}]}, "tools"), ({"truncation": "auto"}, "truncation"),
                               ({"background": True}, "background"), ({"conversation": "conv_1"}, "conversation"),
                               ({"text": {"format": {"type": "json_object"}}}, "text.format.type"),
                               ({"include": ["everything"]}, "include[0]"), ({"top_logprobs": 2}, "top_logprobs"),
                               ({"metadata": {"a": 1}}, "metadata.a"), ({"service_tier": "flex"}, "service_tier"),
                               ({"extra_body": {"stream_options": {}}}, "stream_options")):
            error = self.refused(openai.BadRequestError, self.create, "a", **members)
            self.assertEqual(error.param, param)
            self.assertEqual(error.type, "invalid_request_error")
        for asked, param in (([], "input"), ([{"role": "tool", "content": "a"}], "input[0].role"),
                             ([{"type": "function_call_output", "call_id": "1", "output": "a"}], "input[0].type"),
                             ([{"role": "user", "content": [{"type": "input_image", "image_url": "http://a.example/b.png"}]}],
                              "input[0].content[0].image_url")):
            self.assertEqual(self.refused(openai.BadRequestError, self.create, asked).param, param)
        for stream in (False, True):
            self.assertEqual(self.refused(openai.NotFoundError, self.create, "a", model="gpt-5", stream=stream).code, "model_not_found")

    def test_bodies_that_are_none(self):
        for body in (b"", b"{", b"[]", b"{}{}", b'{"model": "\xff"}', b"[" * 10000, b'{"input": "a\\u0000"}', b'{"model": "counting"}'):
            response = self.server.http.post("/v1/responses", content=body)
            self.assertIn(response.status_code, (400, 200), body)
            self.assertEqual(response.status_code == 200, b"u0000" in body)

    def test_paths_and_methods(self):
        for method, path, status in (("GET", "/v1/responses", 405), ("PUT", "/v1/responses/resp_1", 405),
                                     ("POST", "/v1/responses/resp_1/cancel", 404), ("GET", "/v1/responses/resp_1/other", 404),
                                     ("GET", "/v1/responses/%22%0A", 400), ("GET", "/v1/responses/a%20b", 404)):
            response = self.server.http.request(method, path)
            self.assertEqual(response.status_code, status, path)
            self.assertIn("message", response.json()["error"])


if __name__ == "__main__":
    unittest.main()
