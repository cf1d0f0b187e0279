#!/usr/bin/env python3
"""`sirocco serve` while there is no room: what the official clients of both APIs make of its refusals.

usage: busy_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, alone, behind, user  # first: it begins again in the clients' environment

import json
import unittest

import anthropic
import openai

MAX_WAITING = 512  # of one key
PROMPTS = 128  # of one request, at most


class NoRoom(Case):
    """One answer at a time, and one that nobody reads, so that it isn't written to its end."""

    @classmethod
    def setUpClass(cls):
        cls.ARGUMENTS = ("-m", alone(), "--parallel", "1")
        super().setUpClass()

    def setUp(self):
        self.messages = self.server.messages_client().messages
        self.completions = self.client.chat.completions
        self.running = self.send("/v1/chat/completions", {"messages": user("a"), "max_tokens": 60000, "stream": True})
        self.assertTrue(self.running.recv(100).startswith(b"HTTP/1.1 200 "))

    def send(self, path, members):
        """A connection on which that was asked, and nobody reads."""
        connection = self.server.connect(receive_bytes=4096)
        self.addCleanup(self.server.wait_for_metric, 0, "requests_waiting", model="alone")
        self.addCleanup(connection.close)
        body = json.dumps({"model": "alone", **members}).encode()
        connection.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body))
        return connection

    def fill(self):
        """As many requests as may wait."""
        waiting = [self.send("/v1/completions", {"prompt": ["a"] * PROMPTS, "max_tokens": 5}) for _ in range(MAX_WAITING // PROMPTS)]
        self.server.wait_for_metric(MAX_WAITING, "requests_waiting", model="alone")
        return waiting

    def ask(self, api, **members):
        """The exception of a client that is refused, whether it asked for a stream or not."""
        refusals = []
        for stream in (False, True):
            with self.assertRaises((openai.APIStatusError, anthropic.APIStatusError)) as caught:
                answer = api.create(model="alone", messages=user("a"), max_tokens=5, stream=stream, **members)
                if stream:
                    list(answer)
            refusals.append(caught.exception)
        one, other = refusals
        self.assertEqual((type(one), one.status_code), (type(other), other.status_code))
        return one

    def test_too_many_that_wait(self):
        self.fill()
        refused = self.ask(self.messages)
        self.assertIsInstance(refused, anthropic.RateLimitError)
        self.assertEqual((refused.body["type"], refused.body["error"]["type"]), ("error", "rate_limit_error"))
        self.assertEqual(refused.body["request_id"], refused.request_id)
        self.assertEqual(refused.response.headers["retry-after"], "1")
        self.assertIn("512", refused.body["error"]["message"])
        refused = self.ask(self.completions)
        self.assertIsInstance(refused, openai.RateLimitError)
        self.assertEqual(refused.code, "busy")
        self.assertEqual(refused.response.headers["retry-after"], "1")
        # It takes nothing to count.
        self.assertGreater(self.messages.count_tokens(model="alone", messages=user("a")).input_tokens, 0)

    def test_a_client_that_tries_again_is_answered_when_there_is_room(self):
        waiting = self.fill()
        refusals = []

        def make_room(response):
            refusals.append(response.status_code)
            for connection in (self.running, *waiting):
                connection.close()
        patient = self.server.messages_client(max_retries=5)
        patient._client.event_hooks["response"].append(make_room)
        message = patient.messages.create(model="alone", messages=user("a"), max_tokens=5)
        self.assertEqual(message.content[0].text, behind(" ", 5))
        self.assertEqual((refusals[0], refusals[-1]), (429, 200))

    def test_a_time_limit_that_passes_before_anything_was_said(self):
        refused = self.ask(self.messages, extra_body={"timeout": 0.1})
        self.assertIsInstance(refused, anthropic.RequestTimeoutError)
        self.assertEqual((refused.status_code, refused.body["type"], refused.body["error"]["type"]), (408, "error", "timeout_error"))
        self.assertEqual(refused.body["request_id"], refused.request_id)
        self.assertIn("nothing could be said within the request's timeout", refused.body["error"]["message"])
        refused = self.ask(self.completions, extra_body={"timeout": 0.1})
        self.assertEqual((refused.status_code, refused.code), (408, "timeout"))
        self.assertNotIn("retry-after", refused.response.headers)


if __name__ == "__main__":
    unittest.main()
