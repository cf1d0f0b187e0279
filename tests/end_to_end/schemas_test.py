#!/usr/bin/env python3
"""The schemas that answers of `sirocco serve` are held against: they refuse answers that lack something, have more, or have it of
another type.

usage: schemas_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import OfKnownModels, user  # first: it begins again in the clients' environment

import copy
import json
import unittest

import schemas

OPTIONAL = {"warnings", "timings", "usage", "role", "content", "refusal"}


def places(value, path=()):
    """Where there are members and items, with the path to each."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield (*path, key)
        yield from places(one, (*path, key))


def changed(value, path, change):
    out = copy.deepcopy(value)
    at = out
    for key in path[:-1]:
        at = at[key]
    change(at, path[-1])
    return out


class Schemas(OfKnownModels):
    def answers(self):
        """An answer and its schema, for all kinds."""
        asked = {"model": "dice", "temperature": 1, "seed": 1, "ignore_eos": True}
        chat = {**asked, "messages": user("a"), "max_tokens": 3, "logprobs": True, "top_logprobs": 2}
        text = {**asked, "prompt": "a", "max_tokens": 3, "logprobs": 2}
        response = {**asked, "input": "a", "max_output_tokens": 3, "top_logprobs": 2, "include": ["message.output_text.logprobs"]}
        for path, body in (("/v1/chat/completions", chat), ("/v1/completions", text), ("/v1/responses", response),
                           ("/v1/messages", {**asked, "messages": user("a"), "max_tokens": 3}),
                           ("/v1/messages/count_tokens", {"model": "dice", "messages": user("a")}),
                           ("/v1/embeddings", {"model": "dice", "input": ["a", "b"]})):
            answer = self.server.http.post(path, json=body)
            self.assertEqual(answer.status_code, 200, answer.text)
            schema, event = next((answer, event) for method, known, answer, event in schemas.SCHEMAS
                                 if method == "POST" and known.fullmatch(path))
            yield schema, answer.json()
            if event:
                for part in self.server.http.post(path, json={**body, "stream": True}).text.split("\n\n"):
                    data = part.rpartition("data: ")[2]
                    if data not in ("", "[DONE]"):
                        yield event.format(type=json.loads(data).get("type")), json.loads(data)
        yield "models.json#/$defs/list", self.server.http.get("/v1/models").json()
        yield "models.json#/$defs/body", self.server.http.get("/v1/models/dice").json()
        yield schemas.ERROR, self.server.http.get("/v1/models/none").json()
        yield schemas.MESSAGES_ERROR, self.server.http.post("/v1/messages", json={}).json()
        made = self.client.responses.create(model="dice", input=user("a"), max_output_tokens=3)
        yield "responses.json#/$defs/items", self.server.http.get(f"/v1/responses/{made.id}/input_items").json()
        yield "responses.json#/$defs/deleted", self.server.http.delete(f"/v1/responses/{made.id}").json()

    def test_they_hold_and_refuse(self):
        kinds, refused = set(), 0
        for schema, value in self.answers():
            self.assertIsNone(schemas.mismatch(schema, value))
            if schema in kinds:
                continue
            kinds.add(schema)
            self.assertIsNotNone(schemas.mismatch(schema, changed({"": value}, ("", "unknown"), lambda at, key: at.update({key: 1}))[""]))
            for path in places(value):
                name = path[-1]
                by_token = schema.startswith("completions") and "top_logprobs" in path[:-1]
                if isinstance(name, str) and name not in OPTIONAL and not by_token:
                    self.assertIsNotNone(schemas.mismatch(schema, changed(value, path, lambda at, key: at.pop(key))), (schema, path))
                    refused += 1
                self.assertIsNotNone(schemas.mismatch(schema, changed(value, path, lambda at, key: at.__setitem__(key, {"x": []}))),
                                     (schema, path))
        self.assertEqual(len(kinds), 30, kinds)
        self.assertGreater(refused, 300)


if __name__ == "__main__":
    unittest.main()
