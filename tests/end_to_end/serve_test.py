#!/usr/bin/env python3
"""`sirocco serve` as programs use it: with OpenAI's own Python client, against models whose answers are known beforehand.

usage: serve_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import DICE, Case, OfKnownModels, behind, ids, user  # first: it begins again in the clients' environment

import base64
import concurrent.futures
import string
import struct
import unittest

import openai

from chain_model import write_chain
from program import HOME
from small_model import write_folder


class Asked(OfKnownModels):
    def chat(self, messages, model="counting", **members):
        return self.client.chat.completions.create(model=model, messages=messages, **{"max_tokens": 8, **members})

    def text(self, messages, **members):
        return self.chat(messages, **members).choices[0].message.content

    def roll(self, seed, count=40, **members):
        return self.text(user("abc"), model="dice", temperature=1, seed=seed, max_tokens=count,
                         extra_body={"ignore_eos": True}, **members)

    def pieces(self, messages, **members):
        """The chunks of a stream, checked for what all streams have in common."""
        chunks = list(self.chat(messages, stream=True, **members))
        self.assertEqual(len({chunk.id for chunk in chunks}), 1)
        self.assertEqual({chunk.object for chunk in chunks}, {"chat.completion.chunk"})
        texts, ends = {}, {}
        for chunk in chunks:
            for choice in chunk.choices:
                self.assertNotIn(choice.index, ends)
                if choice.index not in texts:
                    self.assertEqual((choice.delta.role, choice.delta.content), ("assistant", ""))
                texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
                if choice.finish_reason:
                    ends[choice.index] = choice.finish_reason
        self.assertEqual(texts.keys(), ends.keys())
        return chunks, texts, ends


class Chat(Asked):
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


class Completions(Asked):
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


class Embeddings(Asked):
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


class Models(Asked):
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


class Errors(Asked):
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
