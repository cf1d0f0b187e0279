#!/usr/bin/env python3
"""`sirocco serve --request-log` as those who read it see it: a line for each request, with the figures of the model that answered.

usage: request_log_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import alone, behind, user, write_counting  # first: it begins again in the clients' environment
from server import Server

import json
import unittest

import openai

from program import HOME

FIGURES = {"model", "prompt_tokens", "generated_tokens", "finish"}
OF_THE_END = {"cached_tokens", "queued_seconds", "first_token_seconds"}


class RequestLog(unittest.TestCase):
    def setUp(self):
        self.log = HOME / "requests.jsonl"
        self.log.unlink(missing_ok=True)
        self.server = Server("-m", alone(), "--alias", "other", "--request-log", self.log)
        self.addCleanup(self.server.close)
        self.client = self.server.client()

    def lines(self):
        """What the log says when the server has ended."""
        self.server.close()
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def figures(self):
        """Of the lines that have them."""
        lines = [line for line in self.lines() if "model" in line]
        for line in lines:
            self.assertLessEqual(FIGURES, line.keys())
            self.assertEqual(OF_THE_END & line.keys(), OF_THE_END if line["finish"] != "cancelled" else set(), line)
            if line["finish"] != "cancelled":
                self.assertGreaterEqual(line["queued_seconds"], 0)
                self.assertGreaterEqual(line["first_token_seconds"], line["queued_seconds"])
                self.assertGreaterEqual(line["seconds"], 0)
        return lines

    def complete(self, prompt, **members):
        return self.client.completions.create(model="other", prompt=prompt, **members)

    def test_a_line_each(self):
        self.server.http.get("/v1/models?key=secret", headers={"x-request-id": "mine"})
        self.server.post("/v1/completions", model="alone", prompt="secret", max_tokens=2)
        self.server.post("/v1/completions", model="secret", prompt="a")
        self.server.post("/nothing", word="secret")
        lines = self.lines()
        self.assertEqual([(line["method"], line["path"], line.get("route"), line["status"], "model" in line) for line in lines],
                         [("GET", "/v1/models", "/v1/models", 200, False), ("POST", "/v1/completions", "/v1/completions", 200, True),
                          ("POST", "/v1/completions", "/v1/completions", 404, False), ("POST", "/nothing", None, 404, False)])
        self.assertEqual(lines[0]["id"], "mine")
        self.assertNotIn("secret", self.log.read_text())

    def told(self, line):
        return tuple(line[name] for name in ("model", "prompt_tokens", "cached_tokens", "generated_tokens", "finish"))

    def test_what_a_model_did(self):
        text = "x" * 40
        for stream in (False, True):
            for members in ({"max_tokens": 5}, {"max_tokens": 50, "stop": "~\n"}):
                answer = self.complete(text, stream=stream, extra_body={"cache_prompt": False}, **members)
                if stream:
                    list(answer)
        self.complete(["abc", "de"], n=2, max_tokens=3)
        lines = self.figures()
        self.assertEqual([self.told(line) for line in lines],
                         [("alone", 40, 0, 5, "length"), ("alone", 40, 0, 7, "stop")] * 2 + [("alone", 5, 0, 12, "length")])

    def test_every_route_that_a_model_answers(self):
        self.client.chat.completions.create(model="alone", messages=user("a"), max_tokens=2)
        self.client.responses.create(model="alone", input="a", max_output_tokens=2)
        self.server.messages_client().messages.create(model="alone", messages=user("a"), max_tokens=2)
        self.client.embeddings.create(model="alone", input=["abc", "d"])
        self.server.post("/v1/rerank", model="alone", query="ab", documents=["abc", "d"])
        self.server.post("/tokenize", model="alone", content="abc")
        self.server.messages_client().messages.count_tokens(model="alone", messages=user("a"))
        prompt = len("user: a\nassistant: ")
        lines = self.figures()
        self.assertEqual([(line["route"], *self.told(line)) for line in lines], [
            ("/v1/chat/completions", "alone", prompt, 0, 2, "length"), ("/v1/responses", "alone", prompt, 0, 2, "length"),
            ("/v1/messages", "alone", prompt, 0, 2, "length"), ("/v1/embeddings", "alone", 4, 0, 0, "stop"),
            ("/v1/rerank", "alone", 6, 0, 0, "stop")])

    def test_prompts_that_were_known(self):
        answers = [self.complete("y" * 100, max_tokens=1) for _ in range(2)]
        cached = [answer.usage.prompt_tokens_details.cached_tokens for answer in answers]
        self.assertGreater(cached[1], 0)
        self.assertEqual([line["cached_tokens"] for line in self.figures()], cached)

    def test_clients_that_go(self):
        stream = self.complete("a", stream=True, max_tokens=60000)
        said = next(stream).choices[0].text
        stream.close()
        self.server.wait_for_metric(0, "requests_running", model="alone")
        line, = self.figures()
        self.assertEqual((line["status"], line["cut_off"], line["prompt_tokens"], line["finish"]), (200, True, 1, "cancelled"))
        self.assertTrue(behind("a", 60000).startswith(said))
        self.assertGreaterEqual(line["generated_tokens"], len(said))

    def test_answers_that_fail(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_counting(HOME / "models" / "failing", broken="&")
        self.assertEqual(self.server.post("/models/load", model="failing")[0], 200)
        ask = {"model": "failing", "prompt": "!", "max_tokens": 20}
        with self.assertRaises(openai.InternalServerError):
            self.client.completions.create(**ask)
        with self.assertRaises(openai.APIError):
            list(self.client.completions.create(**ask, stream=True))
        self.assertEqual([(line["status"], *self.told(line)) for line in self.figures()],
                         [(500, "failing", 1, 0, 5, "failed"), (200, "failing", 1, 0, 5, "failed")])


if __name__ == "__main__":
    unittest.main()
