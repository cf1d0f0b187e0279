#!/usr/bin/env python3
"""Conversations with `sirocco serve`: with OpenAI's own Python client, against models whose answers are known beforehand.

usage: serve_chat_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import DICE, behind, user  # first: it begins again in the clients' environment
from openai_case import OpenAiCase

import concurrent.futures
import unittest

import openai


class Chat(OpenAiCase):
    def test_an_answer(self):
        answer = self.chat(user("Hello"))
        self.assertTrue(answer.id.startswith("chatcmpl-"))
        self.assertEqual((answer.object, answer.model), ("chat.completion", "counting"))
        choice, = answer.choices
        self.assertEqual((choice.index, choice.finish_reason, choice.logprobs), (0, "length", None))
        self.assertEqual((choice.message.role, choice.message.content), ("assistant", behind(" ", 8)))
        prompt = len("user: Hello\nassistant: ")
        self.assertEqual((answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens),
                         (prompt, 8, prompt + 8))

    def test_a_stream_says_the_same(self):
        whole = self.text(user("Hello"), max_tokens=30)
        chunks, texts, ends = self.pieces(user("Hello"), max_tokens=30)
        self.assertEqual((texts, ends), ({0: whole}, {0: "length"}))
        self.assertTrue(all(chunk.usage is None for chunk in chunks))

    def test_usage_at_the_end_of_a_stream(self):
        chunks, texts, _ = self.pieces(user("Hello"), stream_options={"include_usage": True})
        self.assertEqual(texts[0], behind(" ", 8))
        self.assertEqual([chunk.usage for chunk in chunks[:-1]], [None] * (len(chunks) - 1))
        self.assertEqual(chunks[-1].choices, [])
        self.assertEqual((chunks[-1].usage.prompt_tokens, chunks[-1].usage.completion_tokens), (23, 8))

    def test_limits(self):
        for name in ("max_tokens", "max_completion_tokens"):
            answer = self.client.chat.completions.create(model="counting", messages=user("a"), **{name: 3})
            self.assertEqual((answer.choices[0].message.content, answer.choices[0].finish_reason), (behind(" ", 3), "length"))

    def test_stop_strings_over_tokens(self):
        for stop in ("345", ["zz", "45", "345"]):
            answer = self.chat(user("a"), max_tokens=60, stop=stop)
            expected = behind(" ", 60).partition("345")[0]
            self.assertEqual((answer.choices[0].message.content, answer.choices[0].finish_reason), (expected, "stop"))
            _, texts, ends = self.pieces(user("a"), max_tokens=60, stop=stop)
            self.assertEqual((texts, ends), ({0: expected}, {0: "stop"}))
        # What only began like one is said in the end.
        self.assertEqual(self.text(user("a"), stop="&'(!"), behind(" ", 8))

    def test_several_answers(self):
        answer = self.chat(user("abc"), model="dice", n=5, temperature=1, seed=3)
        self.assertEqual([choice.index for choice in answer.choices], [0, 1, 2, 3, 4])
        said = [choice.message.content for choice in answer.choices]
        self.assertGreater(len(set(said)), 1)
        self.assertEqual(answer.usage.prompt_tokens, len("<s>") - 2 + len("abc"))
        self.assertEqual(answer.usage.completion_tokens, 40)
        _, texts, _ = self.pieces(user("abc"), model="dice", n=5, temperature=1, seed=3)
        self.assertEqual(texts, dict(enumerate(said)))

    def test_a_seed_repeats_an_answer_whatever_else_goes_on(self):
        alone = self.roll(7)
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            seeds = [7, *range(8, 22), 7] * 3
            said = list(pool.map(self.roll, seeds))
        self.assertEqual({text for seed, text in zip(seeds, said) if seed == 7}, {alone})
        self.assertGreater(len(set(said)), 10)
        unseeded = [self.chat(user("abc"), model="dice", temperature=1, max_tokens=40, extra_body={"ignore_eos": True})
                    for _ in range(2)]
        self.assertNotEqual(*(answer.choices[0].message.content for answer in unseeded))

    def test_log_probabilities(self):
        members = {"model": "dice", "temperature": 1, "seed": 1, "logprobs": True, "top_logprobs": 8}
        answer = self.chat(user("abc"), **members).choices[0]
        self.assertEqual("".join(token.token for token in answer.logprobs.content), answer.message.content)
        for token in answer.logprobs.content:
            self.assertEqual(bytes(token.bytes), token.token.encode())
            self.assertAlmostEqual(token.logprob, DICE, places=4)
            self.assertEqual({other.token for other in token.top_logprobs}, set("abcdefgh"))
        streamed = [token for chunk in self.chat(user("abc"), stream=True, **members) for choice in chunk.choices
                    if choice.logprobs for token in choice.logprobs.content]
        self.assertEqual(streamed, answer.logprobs.content)
        bare = self.chat(user("abc"), model="dice", logprobs=True).choices[0].logprobs
        self.assertEqual([token.top_logprobs for token in bare.content], [[]] * 8)

    def test_biases(self):
        c = 2 + "abcdefgh".index("c")
        others = {str(2 + i): -100 for i in range(8) if 2 + i != c}
        self.assertEqual(self.text(user("abc"), model="dice", temperature=1, logit_bias=others), "c" * 8)
        self.assertEqual(self.text(user("abc"), model="dice", temperature=1, logit_bias={str(c): 100}), "c" * 8)

    def test_messages_that_prompts_are_made_of(self):
        status, made = self.server.post("/apply-template", messages=[
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "ab"}, {"type": "text", "text": "cd"}]}])
        self.assertEqual((status, made["prompt"]), (200, "system: Be brief.\nuser: ab\ncd\nassistant: "))
        answer = self.chat([{"role": "developer", "content": "Be brief."}, *user([{"type": "text", "text": "ab"}])])
        self.assertEqual(answer.usage.prompt_tokens, len("system: Be brief.\nuser: ab\nassistant: "))

    def test_an_answer_is_continued(self):
        begun = [*user("a"), {"role": "assistant", "content": "fgh"}]
        self.assertEqual(self.text(begun), behind("h", 8))
        _, texts, _ = self.pieces(begun)
        self.assertEqual(texts, {0: behind("h", 8)})
        self.assertEqual(self.text(begun, extra_body={"continue_final_message": False}), behind(" ", 8))

    def test_a_second_turn_finds_the_first_in_the_cache(self):
        messages = user("A first turn that is long enough to fill more than one block of the cache.")
        first = self.chat(messages)
        self.assertEqual(first.usage.prompt_tokens_details.cached_tokens, 0)
        messages += [{"role": "assistant", "content": first.choices[0].message.content}, *user("And on.")]
        second = self.chat(messages)
        cached = second.usage.prompt_tokens_details.cached_tokens
        self.assertGreater(cached, first.usage.prompt_tokens - 32)
        self.assertLess(cached, second.usage.prompt_tokens)
        uncached = self.chat(messages, extra_body={"cache_prompt": False})
        self.assertEqual(uncached.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(uncached.choices[0].message.content, second.choices[0].message.content)

    def test_sixteen_streams_at_a_time(self):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            starts = "abcdefghijklmnop"
            begun = [[*user("a"), {"role": "assistant", "content": start}] for start in starts]
            done = list(pool.map(lambda messages: self.pieces(messages, max_tokens=100), begun))
        self.assertEqual([texts[0] for _, texts, _ in done], [behind(start, 100) for start in starts])

    def test_a_time_limit_of_the_request(self):
        answer = self.chat(user("a"), max_tokens=60000, extra_body={"timeout": 0.5}).choices[0]
        self.assertEqual(answer.finish_reason, "length")
        self.assertEqual(answer.message.content, behind(" ", len(answer.message.content)))

    def test_a_client_that_goes_leaves_nothing_running(self):
        before = self.server.metric("requests_total", model="counting", reason="cancelled")
        stream = self.chat(user("a"), stream=True, max_tokens=60000)
        next(iter(stream))
        self.assertEqual(self.server.metric("requests_running", model="counting"), 1)
        stream.close()
        self.server.wait_for_metric(0, "requests_running", model="counting")
        impatient = self.server.client(timeout=0.3)
        self.refused(openai.APITimeoutError, impatient.chat.completions.create, model="counting", messages=user("a"),
                     max_tokens=60000)
        self.server.wait_for_metric(0, "requests_running", model="counting")
        self.assertEqual(self.server.metric("requests_total", model="counting", reason="cancelled"), before + 2)
        self.server.wait_for_metric(0, "cache_blocks_held", model="counting")


if __name__ == "__main__":
    unittest.main()
