#!/usr/bin/env python3
"""Texts that `sirocco serve` goes on with: with OpenAI's own Python client, against models whose answers are known beforehand.

usage: serve_completions_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import DICE, Case, ids  # first: it begins again in the clients' environment
from openai_case import OpenAiCase

import string
import unittest

import openai

from chain_model import write_chain
from program import HOME


class Completions(OpenAiCase):
    def complete(self, prompt, model="counting", **members):
        return self.client.completions.create(model=model, prompt=prompt, **{"max_tokens": 5, **members})

    def test_a_text_is_continued(self):
        answer = self.complete("abc")
        self.assertTrue(answer.id.startswith("cmpl-"))
        self.assertEqual(answer.object, "text_completion")
        self.assertEqual((answer.choices[0].text, answer.choices[0].finish_reason), ("defgh", "length"))
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens), (3, 5))

    def test_prompts_of_any_kind(self):
        for prompt, said in (("abc", ["defgh"]), (ids("abc"), ["defgh"]), (["abc", "123"], ["defgh", "45678"]),
                             ([ids("abc"), ids("x")], ["defgh", "yz{|}"])):
            answer = self.complete(prompt)
            self.assertEqual([choice.text for choice in answer.choices], said, prompt)
            self.assertEqual([choice.index for choice in answer.choices], list(range(len(said))))
            streamed = [""] * len(said)
            for chunk in self.complete(prompt, stream=True):
                for choice in chunk.choices:
                    streamed[choice.index] += choice.text
            self.assertEqual(streamed, said)

    def test_several_answers_to_several_prompts(self):
        members = {"model": "dice", "n": 3, "temperature": 1, "seed": 5, "max_tokens": 6}
        answer = self.complete(["ab", "cd"], **members)
        self.assertEqual([choice.index for choice in answer.choices], list(range(6)))
        self.assertEqual(answer.usage.prompt_tokens, 4)
        streamed = [""] * 6
        for chunk in self.complete(["ab", "cd"], stream=True, stream_options={"include_usage": True}, **members):
            for choice in chunk.choices:
                streamed[choice.index] += choice.text
        self.assertEqual(streamed, [choice.text for choice in answer.choices])
        self.assertEqual(chunk.usage, answer.usage)

    def test_an_empty_prompt_is_refused_by_name(self):
        for members in ({}, {"echo": True}, {"echo": True, "logprobs": 1, "max_tokens": 0}):
            self.assertEqual(self.refused(openai.BadRequestError, self.complete, "", **members).param, "prompt")

    def test_echoes(self):
        for prompt, said in (("abc", ["abcdefgh"]), (ids("xyz"), ["xyz{|}~\n"]), (["abc", "12"], ["abcdefgh", "1234567"])):
            self.assertEqual([choice.text for choice in self.complete(prompt, echo=True).choices], said)
            streamed = [""] * len(said)
            for chunk in self.complete(prompt, echo=True, stream=True):
                for choice in chunk.choices:
                    streamed[choice.index] += choice.text
            self.assertEqual(streamed, said)

    def test_scores_an_echoed_prompt(self):
        for more in (0, 2):
            for n, stream in ((1, False), (2, False), (2, True)):
                answer = self.complete(["abc", "bd"], model="dice", echo=True, logprobs=2, max_tokens=more, n=n, temperature=0, stream=stream)
                told = [([], [], [], []) for _ in range(2 * n)]
                for chunk in answer if stream else [answer]:
                    for choice in chunk.choices:
                        if choice.logprobs is None:
                            continue
                        for into, what in zip(told[choice.index], ("tokens", "token_logprobs", "top_logprobs", "text_offset")):
                            into += getattr(choice.logprobs, what)
                for index, (tokens, probabilities, others, offsets) in enumerate(told):
                    prompt = ("abc", "bd")[index // n]
                    self.assertEqual("".join(tokens[: len(prompt)]), prompt)
                    self.assertEqual(len(tokens), len(prompt) + more)
                    self.assertEqual(offsets, list(range(len(tokens))))
                    self.assertIsNone(probabilities[0])
                    self.assertIsNone(others[0])
                    for token, probability, likeliest in zip(tokens[1:], probabilities[1:], others[1:]):
                        self.assertEqual(probability, likeliest[token])
                        self.assertAlmostEqual(probability, DICE, places=4)
        whole = self.complete("abc", model="dice", echo=True, logprobs=0, max_tokens=0)
        self.assertEqual(whole.choices[0].text, "abc")
        self.assertEqual(whole.choices[0].finish_reason, "length")
        self.assertEqual(whole.usage.completion_tokens, 0)
        self.assertEqual(self.complete("abc", echo=True, max_tokens=0).choices[0].text, "abc")

    def test_log_probabilities(self):
        told = self.complete("ab", model="dice", logprobs=3, temperature=1, seed=2).choices[0]
        self.assertEqual("".join(told.logprobs.tokens), told.text)
        self.assertEqual(told.logprobs.text_offset, [0, 1, 2, 3, 4])
        for token, probability, others in zip(told.logprobs.tokens, told.logprobs.token_logprobs, told.logprobs.top_logprobs):
            self.assertAlmostEqual(probability, DICE, places=4)
            self.assertIn(token, others)
            self.assertGreaterEqual(set(others), set("abc"))
        parts = [choice.logprobs for chunk in self.complete("ab", model="dice", logprobs=3, temperature=1, seed=2, stream=True)
                 for choice in chunk.choices if choice.logprobs]
        for name in ("tokens", "token_logprobs", "text_offset"):
            self.assertEqual([value for part in parts for value in getattr(part, name)], getattr(told.logprobs, name))

    def test_stop_strings(self):
        answer = self.complete("abc", stop=["gh"], max_tokens=50).choices[0]
        self.assertEqual((answer.text, answer.finish_reason), ("def", "stop"))


class Infilling(Case):
    """Of a model that says, behind a character, the next one, and behind the mark of the hole, "a"."""

    @classmethod
    def setUpClass(cls):
        folder = HOME / "filling"
        if not folder.exists():
            write_chain(folder, ["<fim_prefix>", "<fim_suffix>", "<fim_middle>", *string.ascii_lowercase], loops=True)
        cls.ARGUMENTS = ("-m", folder)
        super().setUpClass()

    def test_fills_between_prompt_and_suffix(self):
        def fill(prompt, suffix, **members):
            return self.client.completions.create(model="filling", prompt=prompt, suffix=suffix, max_tokens=3, **members)

        answer = fill("xy", "pqr")
        self.assertEqual(answer.choices[0].text, "abc")
        self.assertEqual(answer.usage.prompt_tokens, 2 + 3 + 3)
        self.assertEqual("".join(chunk.choices[0].text for chunk in fill("xy", "p", stream=True)), "abc")
        self.assertEqual(fill("", "p").usage.prompt_tokens, 4)
        self.assertEqual(fill("xy", "").choices[0].text, "zab"[:1] + "<fim_prefix><fim_suffix>", "without a suffix it goes on")
        self.assertEqual(self.refused(openai.BadRequestError, fill, "x", "y", echo=True).param, "echo")


if __name__ == "__main__":
    unittest.main()
