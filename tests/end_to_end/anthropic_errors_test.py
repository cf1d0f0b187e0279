#!/usr/bin/env python3
"""What `sirocco serve` refuses in Anthropic's API: with Anthropic's own Python client, against models whose answers are known beforehand.

usage: anthropic_errors_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, alone, behind, user  # first: it begins again in the clients' environment
from anthropic_case import AnthropicCase, text_of
from server import Server

import json
import unittest

import anthropic

from chain_model import write_chain
from program import HOME


class Errors(AnthropicCase):
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
                               ({"messages": user([image])}, "messages[0].content[0].source.url"), ({"tools": [tool]}, "tools"),
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
        cls.ARGUMENTS = ("-m", alone(), "--api-key", "sk-one")
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
        server = Server("-m", alone())
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


if __name__ == "__main__":
    unittest.main()
