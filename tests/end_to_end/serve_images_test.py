#!/usr/bin/env python3
"""Pictures that `sirocco serve` draws: by OpenAI's own Python client, of a tiny model with random weights, beside one that chats.

usage: serve_images_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, user, write_counting  # first: it begins again in the clients' environment

import base64
import json
import struct
import threading
import unittest

import openai

from made_pictures import png
from program import GOLDEN, HOME, sirocco

MODEL = GOLDEN / "diffusion" / "dev"
PROMPT = "a blue house"


def checkered(width, height):
    return png(width, height, bytes(255 * ((x // 8 + y // 8 + c) % 2) for y in range(height) for x in range(width) for c in range(3)))


def size_of(file):
    return struct.unpack(">II", file[16:24])


def pixels(file):
    at, out = 8, b""
    while at < len(file):
        length, kind = struct.unpack(">I4s", file[at:at + 8])
        out += file[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return out


def drawn(*arguments):
    done = sirocco("imagine", "-m", MODEL, "-p", PROMPT, "-o", HOME / "expected.png", *arguments)
    assert done.returncode == 0, done.stderr
    return pixels((HOME / "expected.png").read_bytes())


def files(answer):
    return [base64.b64decode(each.b64_json, validate=True) for each in answer.data]


class Images(Case):
    @classmethod
    def setUpClass(cls):
        cls.log = HOME / "requests.log"
        cls.ARGUMENTS = ("-m", HOME / "counting" if (HOME / "counting").exists() else write_counting(HOME / "counting"), "-m", MODEL, "--request-log", cls.log)
        super().setUpClass()

    def generate(self, **members):
        return self.client.images.generate(**{"model": "dev", "prompt": PROMPT, "size": "48x32", "extra_body": {"seed": 7, "steps": 4}, **members})

    def edit(self, **members):
        return self.client.images.edit(**{"model": "dev", "prompt": PROMPT, "image": ("a.png", checkered(64, 48)), "extra_body": {"seed": 7, "steps": 4}, **members})


class Answers(Images):
    def test_they_are_those_of_imagine(self):
        answer = self.generate()
        file, = files(answer)
        self.assertEqual(size_of(file), (48, 32))
        self.assertEqual(pixels(file), drawn("--size", "48x32", "--steps", "4", "--seed", "7"))
        self.assertIn(b"Seed: 7", file)
        self.assertEqual((answer.size, answer.output_format, answer.background), ("48x32", "png", "opaque"))
        self.assertEqual(answer.usage.output_tokens, 6)
        self.assertEqual(answer.usage.total_tokens, answer.usage.input_tokens + 6)
        self.assertEqual((answer.seed, answer.timings["steps"]), (7, 4))
        other = self.generate(extra_body={"seed": 7, "num_inference_steps": 3, "guidance_scale": 9})
        self.assertEqual(pixels(files(other)[0]), drawn("--size", "48x32", "--steps", "3", "--seed", "7", "--guidance", "9"))

    def test_several_are_those_of_one_seed(self):
        several = files(self.generate(n=3))
        self.assertEqual(len({pixels(file) for file in several}), 3)
        self.assertEqual(pixels(several[0]), pixels(files(self.generate())[0]))
        self.assertEqual(self.generate(n=3).usage.output_tokens, 18)

    def test_without_a_seed_each_is_another_and_tells_its_own(self):
        first = self.generate(extra_body={"steps": 1})
        self.assertNotEqual(files(first), files(self.generate(extra_body={"steps": 1})))
        again = self.generate(extra_body={"steps": 1, "seed": first.seed})
        self.assertEqual(files(again), files(first))

    def test_the_usual_size_is_the_models(self):
        for size in ("auto", openai.omit):
            self.assertEqual(size_of(files(self.generate(size=size, extra_body={"steps": 1}))[0]), (64, 64))

    def test_a_prompt_that_is_too_long_is_told(self):
        answer = self.generate(prompt="the fox " * 600 + "river", extra_body={"steps": 1})
        self.assertIn("isn't read", answer.warnings[0])

    def test_the_model_is_listed_with_what_it_can(self):
        can = {model.id: model.capabilities for model in self.client.models.list()}
        self.assertEqual(can["dev"], ["image", "image-edit"])


class Edits(Images):
    def test_they_are_those_of_imagine(self):
        (HOME / "source.png").write_bytes(checkered(64, 48))
        usual = ("--steps", "4", "--seed", "7", "--image", HOME / "source.png")
        answer = self.edit()
        self.assertEqual(size_of(files(answer)[0]), (64, 48))
        self.assertEqual(pixels(files(answer)[0]), drawn(*usual))
        self.assertEqual(answer.usage.input_tokens_details.image_tokens, 12)
        far = self.edit(size="32x32", extra_body={"seed": 7, "steps": 4, "strength": 0.9})
        self.assertEqual(pixels(files(far)[0]), drawn(*usual, "--strength", "0.9", "--size", "32x32"))

    def test_masks_are_holes_or_bright(self):
        (HOME / "source.png").write_bytes(checkered(64, 48))
        half = [x < 32 for y in range(48) for x in range(64)]
        bright = png(64, 48, bytes(255 * left for left in half for _ in range(3)))
        holes = png(64, 48, b"".join(bytes([90, 90, 90, 255 * (not left)]) for left in half), color=6)
        (HOME / "mask.png").write_bytes(bright)
        expected = drawn("--steps", "4", "--seed", "7", "--image", HOME / "source.png", "--mask", HOME / "mask.png")
        for mask in (bright, holes):
            self.assertEqual(pixels(files(self.edit(mask=("m.png", mask)))[0]), expected)
        self.assertNotEqual(pixels(files(self.edit())[0]), expected)


class Streams(Images):
    def events(self, call, **members):
        return list(call(stream=True, **members))

    def test_the_picture_comes_last(self):
        partial, completed = self.events(self.generate, partial_images=1)
        self.assertEqual((partial.type, partial.partial_image_index), ("image_generation.partial_image", 0))
        self.assertEqual(completed.type, "image_generation.completed")
        whole = files(self.generate())[0]
        self.assertEqual(base64.b64decode(completed.b64_json), whole)
        early = base64.b64decode(partial.b64_json)
        self.assertEqual(size_of(early), (48, 32))
        self.assertNotEqual(pixels(early), pixels(whole))
        *partials, completed = self.events(self.edit, partial_images=3, extra_body={"seed": 7, "steps": 9, "strength": 0.9})
        self.assertEqual([each.partial_image_index for each in partials], [0, 1, 2])
        self.assertEqual({each.type for each in partials}, {"image_edit.partial_image"})
        self.assertEqual(completed.type, "image_edit.completed")
        completed, = self.events(self.generate, partial_images=3, extra_body={"seed": 7, "steps": 1})
        self.assertEqual(completed.type, "image_generation.completed")
        completed, = self.events(self.generate)
        self.assertEqual(base64.b64decode(completed.b64_json), whole)

    def test_a_client_that_leaves_is_cancelled(self):
        with self.client.images.with_streaming_response.generate(model="dev", prompt=PROMPT, size="512x512", stream=True, partial_images=3,
                                                                 extra_body={"steps": 300}) as response:
            self.server.wait_for_metric(1, "requests_running", model="dev")
            response.close()
        self.server.wait_for_metric(1, "requests_total", model="dev", reason="cancelled")
        self.assertEqual(self.server.metric("requests_running", model="dev"), 0)


class Refusals(Images):
    def test_mistakes_are_named(self):
        for param, says, members in (
                ("size", "auto", {"size": "big"}), ("size", "auto", {"size": "48x"}), ("size", "auto", {"size": "0x48"}), (None, "multiples of 16", {"size": "33x48"}),
                (None, "larger than", {"size": "1000000x1000000"}), ("n", "from 1 to 10", {"n": 11}), ("n", "one picture", {"n": 2, "stream": True}),
                ("partial_images", "stream", {"partial_images": 1}), ("response_format", "sent", {"response_format": "url"}),
                ("output_format", "PNG", {"output_format": "webp"}), ("background", "transparent", {"background": "transparent"}),
                ("prompt", "missing", {"prompt": ""}), (None, "0 steps", {"extra_body": {"steps": 0}}), ("colour", "", {"extra_body": {"colour": "red"}})):
            with self.subTest(members=members):
                self.bad_request(self.generate, param, says, **members)
        for param, says, members in (
                ("image", "not a picture", {"image": ("a.png", b"no picture")}), ("mask", "not a picture", {"mask": ("m.png", b"no picture")}),
                ("image", "one is read", {"image": [("a.png", checkered(16, 16)), ("b.png", checkered(16, 16))]}),
                ("strength", "from 0 to 1", {"extra_body": {"strength": 2}}), (None, "leaves none", {"extra_body": {"strength": 0}})):
            with self.subTest(members=members):
                self.bad_request(self.edit, param, says, **members)

    def test_models_that_do_not_draw(self):
        self.bad_request(self.generate, "model", "counting can't be asked for image; it can be for chat", model="counting")
        self.bad_request(self.edit, "model", "counting can't be asked for image-edit", model="counting")
        self.bad_request(lambda **members: self.client.chat.completions.create(messages=user("abc"), **members), "model",
                     "dev can't be asked for completion; it can be for image, image-edit", model="dev")


class Together(Images):
    def test_a_chat_goes_on_beside_a_picture(self):
        done = []
        drawing = threading.Thread(target=lambda: done.append(self.generate(size="256x256", extra_body={"seed": 7, "steps": 20})))
        drawing.start()
        self.server.wait_for_metric(1, "requests_running", model="dev")
        for _ in range(3):
            answer = self.client.chat.completions.create(model="counting", messages=user("abc"), max_tokens=5)
            self.assertTrue(answer.choices[0].message.content)
        drawing.join()
        self.assertEqual(pixels(files(done[0])[0]), drawn("--size", "256x256", "--steps", "20", "--seed", "7"))

    def test_logs_and_metrics(self):
        before = self.server.metric("requests_total", model="dev", reason="stop")
        self.generate(n=2, extra_headers={"x-request-id": "told"})
        self.assertEqual(self.server.metric("requests_total", model="dev", reason="stop"), before + 2)
        line, = (line for line in map(json.loads, self.log.read_text().splitlines()) if line["id"] == "told")
        self.assertEqual((line["model"], line["finish"], line["generated_tokens"]), ("dev", "stop", 8))

    def test_models_come_and_go(self):
        self.assertEqual(self.server.post("/models/unload", model="dev")[0], 200)
        self.refused(openai.NotFoundError, self.generate)


if __name__ == "__main__":
    unittest.main()
