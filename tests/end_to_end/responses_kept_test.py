#!/usr/bin/env python3
"""Responses that `sirocco serve` keeps, and the conversations that they make: with OpenAI's own Python client, against models whose answers are known beforehand.

usage: responses_kept_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, alone, user  # first: it begins again in the clients' environment
from responses_case import ResponsesCase, prompt
from server import Server

import concurrent.futures
import json
import unittest

import openai


class Conversations(ResponsesCase):
    FIRST = "A first turn that is long enough to fill more than one block of the cache, and then some."

    def test_three_turns(self):
        for stream in (False, True):
            said, last = [], None
            for number, text in enumerate((self.FIRST + str(stream), "And on.", "And on and on.")):
                said.append(("user", text))
                members = {"previous_response_id": last.id if last else None, "max_output_tokens": 40 + number}
                response = self.streamed(text, **members)[1] if stream else self.create(text, **members)
                self.assertEqual(response.previous_response_id, last.id if last else None)
                self.assertEqual(response.usage.input_tokens, len(prompt(*said)))
                cached = response.usage.input_tokens_details.cached_tokens
                if last:
                    self.assertGreater(cached, last.usage.input_tokens - 32)
                    self.assertLess(cached, response.usage.input_tokens)
                said.append(("assistant", response.output_text))
                last = response
            items = list(self.client.responses.input_items.list(last.id, order="asc"))
            self.assertEqual([(item.role, item.content[0].text) for item in items], said[:-1])

    def test_instructions_are_of_one_turn(self):
        first = self.create("a", instructions="Be brief.")
        self.assertEqual(first.instructions, "Be brief.")
        said = [("user", "a"), ("assistant", first.output_text), ("user", "b")]
        without = self.create("b", previous_response_id=first.id)
        self.assertEqual((without.instructions, without.usage.input_tokens), (None, len(prompt(*said))))
        other = self.create("b", previous_response_id=first.id, instructions="Be long.")
        self.assertEqual(other.usage.input_tokens, len(prompt(("system", "Be long."), *said)))

    def test_a_conversation_branches(self):
        first = self.create("a")
        longer, shorter = (self.create(text, previous_response_id=first.id) for text in ("bcd", "e"))
        self.assertEqual(longer.usage.input_tokens - shorter.usage.input_tokens, 2)
        self.client.responses.delete(first.id)
        self.refused(openai.NotFoundError, self.client.responses.retrieve, first.id)
        on = self.create("f", previous_response_id=shorter.id)
        self.assertEqual([item.content[0].text for item in self.client.responses.input_items.list(on.id, order="asc")],
                         ["a", first.output_text, "e", shorter.output_text, "f"])

    def test_another_model_goes_on(self):
        first = self.create("a")
        second = self.create("b", model="dice", previous_response_id=first.id, extra_body={"ignore_eos": True})
        self.assertEqual((second.model, len(second.output_text)), ("dice", 8))

    def test_what_is_not_stored_is_gone(self):
        kept = self.kept()
        response = self.create("a", store=False)
        self.assertIs(response.store, False)
        self.assertEqual(self.kept(), kept)
        self.refused(openai.NotFoundError, self.client.responses.retrieve, response.id)
        error = self.refused(openai.NotFoundError, self.create, "b", previous_response_id=response.id)
        self.assertEqual((error.code, error.param), ("previous_response_not_found", "previous_response_id"))
        for part in (response.id, "forgotten", "store", "key"):
            self.assertIn(part, str(error))
        stored = self.create("a")
        on = self.create("b", previous_response_id=stored.id, store=False, stream=True)
        on = list(on)[-1].response
        self.assertEqual(on.usage.input_tokens, len(prompt(("user", "a"), ("assistant", stored.output_text), ("user", "b"))))
        self.assertEqual(self.kept(), kept + 1)

    def test_retrieve_and_delete(self):
        kept = self.kept()
        response = self.create("a", metadata={"x": "y"})
        self.assertEqual(self.client.responses.retrieve(response.id), response)
        self.assertEqual(self.server.http.get("/v1/responses/" + response.id).json(), json.loads(response.to_json()))
        raw = self.server.http.post("/v1/responses", json={"model": "counting", "input": "a", "max_output_tokens": 2})
        kept_raw = self.server.http.get(f"/v1/responses/{raw.json()['id']}?stream=false")
        self.assertEqual((kept_raw.status_code, kept_raw.content), (200, raw.content))
        self.client.responses.delete(raw.json()["id"])
        self.assertEqual(self.kept(), kept + 1)
        deleted = self.server.http.delete("/v1/responses/" + response.id)
        self.assertEqual((deleted.status_code, deleted.json()), (200, {"id": response.id, "object": "response", "deleted": True}))
        self.assertEqual(self.kept(), kept)
        for call in (self.client.responses.retrieve, self.client.responses.delete, self.client.responses.input_items.list):
            error = self.refused(openai.NotFoundError, call, response.id)
            self.assertEqual(error.code, "response_not_found")
            self.assertIn(response.id, str(error))
        again = self.create("a")
        self.client.responses.delete(again.id)
        self.assertEqual(self.kept(), kept)

    def test_a_kept_response_is_not_streamed_again(self):
        response = self.create("a")
        error = self.refused(openai.BadRequestError, self.client.responses.retrieve, response.id, stream=True)
        self.assertEqual(error.param, "stream")

    def test_input_items(self):
        said = [("system", "0"), *(("user" if i % 2 else "assistant", str(i)) for i in range(1, 7))]
        response = self.create([{"role": role, "content": text} for role, text in said], instructions="Be brief.")
        pages = self.client.responses.input_items
        self.assertEqual([item.content[0].text for item in pages.list(response.id)], list("6543210"))
        ascending = pages.list(response.id, order="asc", limit=3)
        self.assertEqual((len(ascending.data), ascending.has_more), (3, True))
        self.assertEqual((ascending.first_id, ascending.last_id), (ascending.data[0].id, ascending.data[2].id))
        everything = list(ascending)
        self.assertEqual([(item.role, item.content[0].text) for item in everything], said)
        self.assertEqual([item.content[0].type for item in everything],
                         ["output_text" if role == "assistant" else "input_text" for role, _ in said])
        self.assertEqual(len({item.id for item in everything}), 7)
        behind_two = pages.list(response.id, order="asc", after=everything[1].id)
        self.assertEqual([item.id for item in behind_two.data], [item.id for item in everything[2:]])
        for members, param in (({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"order": "up"}, "order"),
                               ({"after": "msg_none"}, "after")):
            self.assertEqual(self.refused(openai.BadRequestError, pages.list, response.id, **members).param, param)

    def test_items_by_reference(self):
        first = self.create("abc")
        asked = list(self.client.responses.input_items.list(first.id))[0]
        second = self.create([{"type": "item_reference", "id": asked.id}, {"type": "item_reference", "id": first.output[0].id},
                              *user("d")])
        self.assertEqual(second.usage.input_tokens, len(prompt(("user", "abc"), ("assistant", first.output_text), ("user", "d"))))
        # They are items of their own.
        ids = [item.id for response in (first, second) for item in self.client.responses.input_items.list(response.id)]
        self.assertEqual(len(set(ids)), 4)
        error = self.refused(openai.NotFoundError, self.create, [*user("a"), {"type": "item_reference", "id": "msg_none"}])
        self.assertEqual((error.code, error.param), ("item_not_found", "input[1].id"))

    def test_a_conversation_has_so_many_messages(self):
        # Of which the template of this model takes the last.
        many = [{"role": "user", "content": ""}] * (1 << 16)
        first = self.create(many[1:], model="dice", max_output_tokens=1)
        error = self.refused(openai.BadRequestError, self.create, "a", model="dice", previous_response_id=first.id)
        self.assertEqual(error.param, "previous_response_id")
        self.assertIn("65536 messages", str(error))
        self.client.responses.delete(first.id)

    def test_a_conversation_that_outgrows_the_context(self):
        first = self.create("a" * 200, model="dice")
        error = self.refused(openai.BadRequestError, self.create, "a" * 300, model="dice", previous_response_id=first.id)
        self.assertEqual((error.code, error.param), ("context_length_exceeded", "input"))


class Keys(Case):
    KEYS = ("sk-one", "sk-other")

    @classmethod
    def setUpClass(cls):
        cls.ARGUMENTS = ("-m", alone(), *(argument for key in cls.KEYS for argument in ("--api-key", key)))
        super().setUpClass()

    def test_nobody_finds_anothers(self):
        one, other = (self.server.client(api_key=key).responses for key in self.KEYS)
        made = one.create(model="alone", input="a secret", max_output_tokens=4)
        item, = one.input_items.list(made.id)
        for call in (other.retrieve, other.delete, other.input_items.list):
            error = self.refused(openai.NotFoundError, call, made.id)
            unknown = self.refused(openai.NotFoundError, call, "resp_" + "0" * 24)
            self.assertEqual(str(error).replace(made.id, ""), str(unknown).replace("resp_" + "0" * 24, ""))
        self.refused(openai.NotFoundError, other.create, model="alone", input="b", previous_response_id=made.id)
        self.refused(openai.NotFoundError, other.create, model="alone", input=[{"type": "item_reference", "id": item.id}])
        self.assertEqual(one.retrieve(made.id), made)
        gone = one.create(model="alone", input="another", max_output_tokens=4)
        one.delete(gone.id)
        self.refused(openai.NotFoundError, one.retrieve, gone.id)
        for method, path in (("POST", ""), ("GET", "/" + made.id), ("DELETE", "/" + made.id), ("GET", f"/{made.id}/input_items")):
            self.assertEqual(self.server.http.request(method, "/v1/responses" + path).status_code, 401)

    def test_two_keys_at_once(self):
        def converse(number):
            responses = self.server.client(api_key=self.KEYS[number % 2]).responses
            said, last, ids = [], None, []
            for turn in range(3):
                text = f"{number}.{turn}" * (1 + number)
                said.append(("user", text))
                last = responses.create(model="alone", input=text, max_output_tokens=10 + number,
                                        previous_response_id=last.id if last else None)
                self.assertEqual(last.usage.input_tokens, len(prompt(*said)))
                said.append(("assistant", last.output_text))
                ids.append(last.id)
            items = responses.input_items.list(last.id, order="asc", limit=2)
            self.assertEqual([(item.role, item.content[0].text) for item in items], said[:-1])
            return ids
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            made = list(pool.map(converse, range(12)))
        for number, ids in enumerate(made):
            for which, key in enumerate(self.KEYS):
                responses = self.server.client(api_key=key).responses
                for one in ids:
                    if which == number % 2:
                        responses.retrieve(one)
                    else:
                        self.refused(openai.NotFoundError, responses.retrieve, one)


class Bounds(unittest.TestCase):
    def start(self, *arguments):
        server = Server("-m", alone(), *arguments)
        self.addCleanup(server.close)
        return server, server.client().responses

    def create(self, responses, asked="a", **members):
        return responses.create(model="alone", input=asked, max_output_tokens=4, **members)

    def test_so_many(self):
        server, responses = self.start("--response-store", "3")
        made = [self.create(responses, text) for text in "abc"]
        responses.retrieve(made[0].id)
        on = self.create(responses, "d", previous_response_id=made[2].id)
        with self.assertRaises(openai.NotFoundError):
            responses.retrieve(made[1].id)
        for one in (made[0], made[2], on):
            responses.retrieve(one.id)
        self.assertEqual(server.metric("responses_kept"), 3)

    def test_so_many_bytes(self):
        server, responses = self.start("--response-store-mib", "1")
        long = "a" * 300_000
        made = []
        for number in range(4):
            response = responses.create(model="alone", input=[{"role": "user", "content": "b"}], instructions=None,
                                        max_output_tokens=1, metadata={}, extra_body={"prompt_cache_key": long + str(number)})
            made.append(response.id)
            self.assertLessEqual(server.metric("responses_kept_bytes"), 1 << 20)
        self.assertEqual(server.metric("responses_kept"), 3)
        with self.assertRaises(openai.NotFoundError):
            responses.retrieve(made[0])
        responses.retrieve(made[3])

    def test_so_long(self):
        server, responses = self.start("--response-store-hours", "0")
        made = self.create(responses)
        with self.assertRaises(openai.NotFoundError):
            responses.retrieve(made.id)
        # Nor does it take memory for long, whether or not somebody asks.
        self.create(responses)
        server.wait_for_metric(0, "responses_kept")
        self.assertEqual(server.metric("responses_kept_bytes"), 0)

    def test_none(self):
        server, responses = self.start("--response-store", "0")
        made = self.create(responses, store=True)
        self.assertIs(made.store, False)
        with self.assertRaises(openai.NotFoundError):
            responses.retrieve(made.id)
        self.assertEqual(server.metric("responses_kept"), 0)


if __name__ == "__main__":
    unittest.main()
