#!/usr/bin/env python3
"""Sounds in what `sirocco serve` is asked: by OpenAI's own Python client, of tiny models that hear, beside models that don't.

usage: serve_sounds_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, user  # first: it begins again in the clients' environment

import json
import unittest

import openai

from known_models import write_counting
from made_pictures import in_base64, in_url, recorded_picture
from made_sounds import recorded_sound, wav
from program import GOLDEN, HOME, SOURCE, sirocco
from serve_pictures_test import said, shown, token_bytes

MODELS = ("qwen2-audio", "voxtral", "ultravox")
SETTINGS = ("--ctx", "1024", "--kv-dtype", "f32")  # as what was recorded was computed
SHORT = recorded_sound("short", 7001)
LONG = recorded_sound("odd", 12345)
WORDS = "What is in the sound?"


def heard(file, format="wav"):
    return {"type": "input_audio", "input_audio": {"data": in_base64(file), "format": format}}


class Sounds(Case):
    @classmethod
    def setUpClass(cls):
        counting = HOME / "counting"
        if not counting.exists():
            write_counting(counting)
        folders = [GOLDEN / "hearing" / model for model in MODELS] + [counting, GOLDEN / "pictures" / "smolvlm"]
        cls.ARGUMENTS = [argument for folder in folders for argument in ("-m", folder)] + [*SETTINGS]
        super().setUpClass()

    def chat(self, content, model="qwen2-audio", **members):
        return self.client.chat.completions.create(model=model, messages=user(content), temperature=0,
                                                   **{"max_tokens": 12, **members})

    def refusal(self, content, param, says="", messages=None, model="qwen2-audio"):
        error = self.refused(openai.BadRequestError, self.client.chat.completions.create, model=model,
                             messages=messages or user(content))
        self.assertEqual((error.param, error.type), (param, "invalid_request_error"), error)
        self.assertIn(says, str(error))
        return error


class Chat(Sounds):
    def test_answers_are_those_of_run(self):
        for name, file in (("short.wav", SHORT), ("long.wav", LONG)):
            (HOME / name).write_bytes(file)
        for model in MODELS:
            for names, files in ((["short.wav"], [SHORT]), (["long.wav", "short.wav"], [LONG, SHORT])):
                sounds = [argument for name in names for argument in ("--audio", HOME / name)]
                done = sirocco("run", "-m", GOLDEN / "hearing" / model, *SETTINGS, "-p", WORDS, "-n", 12, "--temp", 0, "--quiet", *sounds)
                self.assertEqual(done.returncode, 0, done.stderr)
                content = [*map(heard, files), said(WORDS)]
                answer = self.chat(content, model=model)
                text = answer.choices[0].message.content
                self.assertEqual(done.stdout.decode().removesuffix("\n"), text, model)
                # Streamed, under another name of its format, and from the cache.
                chunks = list(self.chat([heard(files[0], "mp3"), *map(heard, files[1:]), said(WORDS)], model=model, stream=True))
                self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), text)

    def test_what_was_recorded_with_transformers(self):
        recorded = json.loads((SOURCE / "tests" / "golden" / "hearing" / "qwen2-audio.json").read_text())
        samples = {entry["name"]: entry["samples"] for entry in recorded["sounds"]}
        tokens, _ = token_bytes("../hearing/qwen2-audio")
        for case in recorded["cases"]:
            content = [said(part["text"]) if part["type"] == "text" else heard(recorded_sound(part["sound"], samples[part["sound"]]))
                       for part in case["messages"][0]["content"]]
            answer = self.chat(content, logprobs=True, extra_body={"ignore_eos": True, "repetition_penalty": 1})
            self.assertEqual(answer.usage.prompt_tokens, len(case["ids"]), case["name"])
            told = [bytes(token.bytes) for token in answer.choices[0].logprobs.content]
            self.assertEqual(told, [tokens[id_] for id_ in case["continuation"]], case["name"])

    def test_text_is_never_a_sound(self):
        plain = self.chat([said("a <|AUDIO|> b")]).usage.prompt_tokens
        with_one = self.chat([said("a <|AUDIO|> b"), heard(SHORT)]).usage.prompt_tokens
        alone = self.chat([said("a"), heard(SHORT)]).usage.prompt_tokens
        nothing = self.chat([said("a")]).usage.prompt_tokens
        self.assertEqual(with_one - plain, alone - nothing)

    def test_what_cannot_be_heard(self):
        place = "messages[0].content[0].input_audio.data"
        self.refusal([heard(b"no sound at all"), said("a")], place)
        self.refusal([heard(wav([]))], place)
        self.refusal([heard(wav([0.5]))], place, "too short")
        self.refusal([{"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}}], place, "base64")
        self.refusal([{"type": "input_audio", "input_audio": {"format": "wav"}}], "messages[0].content[0].input_audio", "no data")
        # Longer than the context has room for, whatever its file's size.
        self.refusal([heard(wav([0.0] * 16000 * 60))], place)
        # Who doesn't hear says so; who hears doesn't see.
        self.refusal([heard(SHORT)], place, "text only", model="counting")
        self.refusal([heard(SHORT)], place, "takes no sounds", model="smolvlm")
        self.refusal([shown(recorded_picture("wide", 96, 32))], "messages[0].content[0].image_url.url", "takes no pictures")
        self.refusal(None, "messages[1].content[0].input_audio.data", "only messages of the user",
                     messages=[*user("a"), {"role": "assistant", "content": [heard(SHORT)]}])


class Responses(Sounds):
    def ask(self, content, **members):
        return self.client.responses.create(model="qwen2-audio", input=[{"role": "user", "content": content}], temperature=0,
                                            max_output_tokens=12, **members)

    def test_answers_are_those_of_a_chat(self):
        chat = self.chat([heard(SHORT), said(WORDS)]).choices[0].message.content
        content = [heard(SHORT), {"type": "input_text", "text": WORDS}]
        first = self.ask(content)
        self.assertEqual(first.output_text, chat)
        # Kept, told as it was sent, and heard again in what follows.
        items = self.client.responses.input_items.list(first.id).data
        part = items[0].content[0].model_dump()
        self.assertEqual((part["type"], part["input_audio"]), ("input_audio", heard(SHORT)["input_audio"]))
        again = self.client.responses.create(model="qwen2-audio", input="And now?", previous_response_id=first.id, max_output_tokens=4)
        self.assertGreater(again.usage.input_tokens, first.usage.input_tokens)

    def test_refusals_name_the_place(self):
        error = self.refused(openai.BadRequestError, self.ask, [heard(b"no sound at all")])
        self.assertEqual(error.param, "input[0].content[0].input_audio.data")


class Logits(unittest.TestCase):
    def logits(self, *arguments, model="qwen2-audio", folder="hearing", code=0):
        out = HOME / "logits.npy"
        done = sirocco("logits", "-m", GOLDEN / folder / model, *SETTINGS, "--out", out, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return out.read_bytes() if code == 0 else done.stderr.decode()

    def test_sounds_stand_before_the_text(self):
        (HOME / "short.wav").write_bytes(SHORT)
        (HOME / "long.wav").write_bytes(LONG)
        for model in MODELS:
            sounds = ("--audio", HOME / "short.wav", "--audio", HOME / "long.wav")
            whole = self.logits("-p", WORDS, *sounds, model=model)
            self.assertEqual(whole, self.logits("-p", WORDS, *sounds, "--chunks", "40,7", model=model))
            self.assertGreater(len(whole), len(self.logits("-p", WORDS, *sounds[:2], model=model)))
        self.assertIn("takes no sound", self.logits("-p", "a", *sounds, folder="pictures", model="smolvlm", code=1))


if __name__ == "__main__":
    unittest.main()
