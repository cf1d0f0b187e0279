#!/usr/bin/env python3
"""Vectors, models and errors of `sirocco serve`: with OpenAI's own Python client, against models whose answers are known beforehand.

usage: serve_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import behind, ids, user  # first: it begins again in the clients' environment
from openai_case import OpenAiCase

import base64
import struct
import unittest

import openai

from program import HOME
from small_model import write_folder


class Embeddings(OpenAiCase):
    def test_numbers_base64_and_dimensions(self):
        for inputs in ("ab", ["ab", "c"], ids("ab"), [ids("ab"), ids("c")]):
            made = self.client.embeddings.create(model="counting", input=inputs, encoding_format="float")
            self.assertEqual([item.index for item in made.data], list(range(len(made.data))))
            self.assertEqual([len(item.embedding) for item in made.data], [128] * len(made.data))
        plain = self.client.embeddings.create(model="counting", input=["ab", "c"], encoding_format="float")
        self.assertEqual((plain.model, plain.usage.prompt_tokens, plain.usage.total_tokens), ("counting", 3, 3))
        self.assertEqual(sum(x * x for x in plain.data[0].embedding).__round__(4), 1)
        by_tokens = self.client.embeddings.create(model="counting", input=[ids("ab"), ids("c")], encoding_format="float")
        self.assertEqual(by_tokens.data, plain.data)
        # The client asks for base64 and decodes it where nothing is said.
        unsaid = self.client.embeddings.create(model="counting", input=["ab", "c"])
        self.assertEqual([list(item.embedding) for item in unsaid.data], [item.embedding for item in plain.data])
        status, raw = self.server.post("/v1/embeddings", model="counting", input="ab", encoding_format="base64")
        self.assertEqual(status, 200)
        self.assertEqual(list(struct.unpack("<128f", base64.b64decode(raw["data"][0]["embedding"], validate=True))),
                         plain.data[0].embedding)
        cut = self.client.embeddings.create(model="counting", input="ab", dimensions=100, encoding_format="float").data[0].embedding
        self.assertEqual(len(cut), 100)

    def test_more_inputs_than_are_worked_on_at_a_time(self):
        inputs = [chr(ord("a") + i % 26) for i in range(300)]
        made = self.client.embeddings.create(model="counting", input=inputs, encoding_format="float").data
        self.assertEqual(len(made), 300)
        for i in range(26, 300):
            self.assertEqual(made[i].embedding, made[i - 26].embedding)
        self.assertNotEqual(made[0].embedding, made[1].embedding)


class Models(OpenAiCase):
    def test_they_are_listed_and_found(self):
        self.assertEqual([model.id for model in self.client.models.list()], ["counting", "dice"])
        self.assertEqual(self.client.models.retrieve("counting").id, "counting")
        self.assertEqual(self.client.models.retrieve("second").id, "dice")
        error = self.refused(openai.NotFoundError, self.client.models.retrieve, "some/other")
        for part in ("some/other", "counting", "first", "dice", "second"):
            self.assertIn(part, str(error))

    def test_names_of_requests(self):
        for name, model in (("first", "counting"), ("second", "dice"), ("dice", "dice")):
            self.assertEqual(self.chat(user("abc"), model=name).model, model)
        self.assertEqual(self.server.post("/v1/completions", prompt="abc", max_tokens=2)[1]["model"], "counting")


class Errors(OpenAiCase):
    def test_the_member_is_named(self):
        for members, param in (({"temperature": -1}, "temperature"), ({"n": 0}, "n"), ({"top_p": 2}, "top_p"),
                               ({"extra_body": {"temprature": 1}}, "temprature"),
                               ({"messages": []}, "messages"), ({"messages": [{"role": "user"}]}, "messages[0]"),
                               ({"messages": user(3)}, "messages[0].content"), ({"logit_bias": {"a": 1}}, "logit_bias.a"),
                               ({"n": 65}, "n"), ({"logit_bias": {"999999": 1}}, "logit_bias"),
                               ({"top_logprobs": 2}, "top_logprobs"), ({"stop": ""}, "stop"),
                               ({"stream_options": {"include_usage": True}}, "stream_options"),
                               ({"response_format": {"type": "json_object"}}, "response_format.type")):
            error = self.refused(openai.BadRequestError, self.chat, **{"messages": user("a"), **members})
            self.assertEqual(error.param, param)
            self.assertIn(param.rpartition(".")[2].partition("[")[0], str(error))
            self.assertEqual(error.type, "invalid_request_error")

    def test_prompts_that_do_not_fit(self):
        for call, members, param in (
                (self.client.chat.completions.create, {"messages": user("a" * 300)}, "messages"),
                (self.client.completions.create, {"prompt": "a" * 300}, "prompt"),
                (self.client.embeddings.create, {"input": ["a", "a" * 300]}, "input[1]")):
            error = self.refused(openai.BadRequestError, call, model="dice", **members)
            self.assertEqual((error.code, error.param), ("context_length_exceeded", param))
            self.assertIn("256", str(error))
        stream = self.refused(openai.BadRequestError, self.client.completions.create, model="dice", prompt="a" * 300, stream=True)
        self.assertEqual(stream.code, "context_length_exceeded")

    def test_tokens_that_are_none(self):
        for token in (99, 10**6):
            error = self.refused(openai.BadRequestError, self.client.completions.create, model="dice", prompt=[3, token])
            self.assertIn(str(token), str(error))
            self.assertEqual(error.param, "prompt")
            error = self.refused(openai.BadRequestError, self.client.embeddings.create, model="dice", input=[[3], [3, token]])
            self.assertIn(str(token), str(error))
            self.assertEqual(error.param, "input[1]")
            status, answer = self.server.post("/detokenize", model="dice", tokens=[3, token])
            self.assertEqual((status, answer["error"]["param"]), (400, "tokens"))

    def test_texts_that_say_nothing(self):
        for given, param in (("", "input[0]"), (["a", ""], "input[1]")):
            error = self.refused(openai.BadRequestError, self.client.embeddings.create, model="counting", input=given)
            self.assertEqual(error.param, param)
            self.assertIn("empty", str(error))

    def test_dimensions_that_are_none(self):
        error = self.refused(openai.BadRequestError, self.client.embeddings.create, model="counting", input="a", dimensions=129)
        self.assertEqual(error.param, "dimensions")

    def test_a_model_that_is_not_there(self):
        error = self.refused(openai.NotFoundError, self.chat, user("a"), model="gpt-5")
        self.assertEqual((error.code, error.param), ("model_not_found", "model"))
        self.assertIn("counting", str(error))

    def test_bodies_that_are_none(self):
        for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize", "/detokenize", "/apply-template",
                     "/models/load", "/models/unload"):
            for body in (b"", b"{", b"[]", b"{}{}", b'{"model": "\xff"}', b"[" * 10000):
                response = self.server.http.post(path, content=body)
                self.assertEqual(response.status_code, 400, (path, body[:20], response.text))
                self.assertEqual(response.json()["error"]["type"], "invalid_request_error")

    def test_paths_and_methods(self):
        for method, path, status in (("GET", "/v1/none", 404), ("GET", "/v1/chat/completions", 405), ("POST", "/v1/models", 405),
                                     ("GET", "/none", 404)):
            response = self.server.http.request(method, path)
            self.assertEqual(response.status_code, status, path)
            self.assertIn("message", response.json()["error"])

    def test_others_names_and_origins(self):
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
            for path in ("/health", "/v1/models"):
                self.assertEqual(self.server.http.get(path, headers=headers).status_code, 403)
        self.assertEqual(self.server.http.get("/v1/models", headers={"Host": f"localhost:{self.server.port}"}).status_code, 200)
        self.assertEqual(self.server.http.get("/v1/models", headers={"Origin": self.server.url}).status_code, 200)

    def test_a_model_whose_scores_are_no_numbers(self):
        (HOME / "models").mkdir(exist_ok=True)
        write_folder(HOME / "models" / "broken", {"a": float("nan")})
        self.assertEqual(self.server.post("/models/load", model="broken")[0], 200)
        for stream in (False, True):
            error = self.refused(openai.APIStatusError, self.chat, user("a"), model="broken", stream=stream)
            self.assertEqual(error.status_code, 500)
            self.assertIn("not finite", str(error))
        self.assertEqual(self.server.post("/models/unload", model="broken")[0], 200)
        self.assertEqual(self.text(user("a")), behind(" ", 8))


if __name__ == "__main__":
    unittest.main()
