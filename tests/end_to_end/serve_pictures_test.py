#!/usr/bin/env python3
"""Pictures in what `sirocco serve` is asked: by OpenAI's and Anthropic's own Python clients, of tiny models that see.

usage: serve_pictures_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, user  # first: it begins again in the clients' environment

import array
import base64
import concurrent.futures
import json
import re
import unittest

import anthropic
import openai

from known_models import write_counting
from made_pictures import gray, in_base64, in_url, png, recorded_picture
from program import GOLDEN, HOME, SOURCE, sirocco

MODELS = ("smolvlm", "gemma3", "llava", "idefics3")
WIDE = recorded_picture("wide", 96, 32)
TALL = recorded_picture("tall", 30, 90)
SETTINGS = ("--ctx", "1024", "--kv-dtype", "f32")  # as what was recorded was computed
WORDS = "What is in the picture?"


def shown(file, **members):
    return {"type": "image_url", "image_url": {"url": in_url(file), **members}}


def said(text):
    return {"type": "text", "text": text}


def block(file):
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": in_base64(file)}}


def token_bytes(model):
    """The bytes of each token of a model with a byte-level vocabulary."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = dict(zip(map(chr, printable), printable))
    letters.update({chr(256 + i): byte for i, byte in enumerate(sorted(set(range(256)) - set(printable)))})
    tokenizer = json.loads((GOLDEN / "pictures" / model / "tokenizer.json").read_text())
    made = {id_: bytes(letters[c] for c in text) for text, id_ in tokenizer["model"]["vocab"].items()}
    return made, {token["id"]: token["content"] for token in tokenizer["added_tokens"]}


class Pictures(Case):
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        counting = HOME / "counting"
        if not counting.exists():
            write_counting(counting)
        folders = [GOLDEN / "pictures" / model for model in MODELS] + [counting]
        cls.ARGUMENTS = [argument for folder in folders for argument in ("-m", folder)] + [*SETTINGS, *cls.OPTIONS]
        super().setUpClass()
        cls.messages_client = cls.server.messages_client()

    def chat(self, content, model="smolvlm", **members):
        return self.client.chat.completions.create(model=model, messages=user(content), temperature=0,
                                                   **{"max_tokens": 12, **members})

    def text(self, content, **members):
        return self.chat(content, **members).choices[0].message.content

    def refusal(self, content, param, says="", messages=None, model="smolvlm"):
        error = self.refused(openai.BadRequestError, self.client.chat.completions.create, model=model,
                             messages=messages or user(content))
        self.assertEqual((error.param, error.type), (param, "invalid_request_error"), error)
        self.assertIn(says, str(error))
        self.assertTrue(error.body["message"].startswith(f"{param}: "), error.body)
        return error


class Chat(Pictures):
    def test_answers_are_those_of_run(self):
        for name, file in (("wide.png", WIDE), ("tall.png", TALL)):
            (HOME / name).write_bytes(file)
        for model in MODELS:
            for names, files in ((["wide.png"], [WIDE]), (["tall.png", "wide.png"], [TALL, WIDE])):
                images = [argument for name in names for argument in ("--image", HOME / name)]
                done = sirocco("run", "-m", GOLDEN / "pictures" / model, *SETTINGS, "-p", WORDS, "-n", 12, "--temp", 0, "--quiet", *images)
                self.assertEqual(done.returncode, 0, done.stderr)
                content = [*map(shown, files), said(WORDS)]
                answer = self.chat(content, model=model)
                text = answer.choices[0].message.content
                self.assertEqual(done.stdout.decode().removesuffix("\n"), text, model)
                # Streamed, with a detail, and from the cache.
                chunks = list(self.chat([shown(files[0], detail="high"), *map(shown, files[1:]), said(WORDS)], model=model, stream=True,
                                        stream_options={"include_usage": True}))
                self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices), text)
                self.assertEqual(chunks[-1].usage.prompt_tokens, answer.usage.prompt_tokens)

    def test_what_was_recorded_with_transformers(self):
        recorded = json.loads((SOURCE / "tests" / "golden" / "pictures" / "smolvlm.json").read_text())
        sizes = {entry["name"]: (entry["width"], entry["height"]) for entry in recorded["pictures"]}
        tokens, added = token_bytes("smolvlm")
        for case in recorded["cases"]:
            content = [said(part["text"]) if part["type"] == "text" else shown(recorded_picture(part["picture"], *sizes[part["picture"]]))
                       for part in case["messages"][0]["content"]]
            answer = self.chat(content, logprobs=True, extra_body={"ignore_eos": True, "repetition_penalty": 1})
            self.assertEqual(answer.usage.prompt_tokens, len(case["ids"]), case["name"])
            told = answer.choices[0].logprobs.content
            self.assertEqual(len(told), len(case["continuation"]))
            for token, id_ in zip(told, case["continuation"]):
                if id_ in added:
                    self.assertIn(bytes(token.bytes), (b"", added[id_].encode()), case["name"])
                else:
                    self.assertEqual(bytes(token.bytes), tokens[id_], case["name"])

    def test_pictures_stand_where_they_are_shown(self):
        status, made = self.server.post("/apply-template", model="smolvlm", messages=[
            *user([said("A"), said("a"), shown(WIDE), said("b"), shown(TALL)]), {"role": "assistant", "content": "c"},
            *user([shown(TALL), said("d")])])
        self.assertEqual(status, 200)
        self.assertEqual(made["prompt"].count("<image>"), 3)
        self.assertIn("A\na<image>b<image>", made["prompt"])
        order = [self.text([shown(a), said("or"), shown(b)]) for a, b in ((WIDE, TALL), (TALL, WIDE))]
        self.assertNotEqual(*order)
        # In another message of the conversation.
        answer = self.client.chat.completions.create(model="smolvlm", temperature=0, max_tokens=5, messages=[
            *user([shown(WIDE), said("a")]), {"role": "assistant", "content": "c"}, *user([said("d"), shown(TALL)])])
        two = self.chat([shown(WIDE), shown(TALL)]).usage.prompt_tokens
        self.assertGreater(answer.usage.prompt_tokens, two)

    def test_text_is_never_a_picture(self):
        plain = self.chat([said("a <image> b")]).usage.prompt_tokens
        with_one = self.chat([said("a <image> b"), shown(WIDE)]).usage.prompt_tokens
        alone = self.chat([said("a"), shown(WIDE)]).usage.prompt_tokens
        nothing = self.chat([said("a")]).usage.prompt_tokens
        self.assertEqual(with_one - plain, alone - nothing)

    def test_a_picture_that_was_seen_is_in_the_cache(self):
        content = [shown(recorded_picture("cached", 64, 64)), said("A text of some length behind it.")]
        first = self.chat(content)
        again = self.chat(content)
        self.assertEqual(first.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertGreater(again.usage.prompt_tokens_details.cached_tokens, 0)
        self.assertEqual(again.choices[0].message.content, first.choices[0].message.content)
        # Another one isn't it, though it takes as many rows.
        other = self.chat([shown(recorded_picture("uncached", 64, 64)), content[1]])
        self.assertEqual(other.usage.prompt_tokens, first.usage.prompt_tokens)
        self.assertLess(other.usage.prompt_tokens_details.cached_tokens, again.usage.prompt_tokens_details.cached_tokens)

    def test_models_say_whether_they_see(self):
        capabilities = {model.id: model.capabilities for model in self.client.models.list()}
        self.assertEqual({name for name, can in capabilities.items() if "multimodal" in can}, set(MODELS))

    def test_a_model_that_does_not_see(self):
        place = "messages[0].content[1].image_url.url"
        self.refusal([said("a"), shown(WIDE)], place, "text only", model="counting")
        status, body = self.server.post("/apply-template", model="counting", messages=user([said("a"), shown(WIDE)]))
        self.assertEqual((status, body["error"]["param"]), (400, place))


class Refusals(Pictures):
    def url(self, url):
        return {"type": "image_url", "image_url": {"url": url}}

    def test_the_place_is_named(self):
        for url, says in (("https://a.example/b.png", "only data: URLs"), ("file:///etc/hostname", "only data: URLs"),
                          ("iVBORw0KGgo=", "no URL"), ("data:image/png;base64,@@@@", "aren't base64"),
                          ("data:image/png;base64,", "no data"), ("data:image/png,abc", "base64"),
                          (in_url(b"no picture at all"), "JPEG, PNG, WebP, GIF and BMP"), (in_url(b"%PDF-1.7", "application/pdf"), "JPEG"),
                          (in_url(WIDE[:-40]), "cut off"), (in_url(WIDE[:20]), "PNG")):
            self.refusal([], "messages[2].content[1].image_url.url", says, messages=[
                *user("a"), {"role": "assistant", "content": "b"}, *user([said("c"), self.url(url), shown(TALL)])])

    def test_only_users_show_pictures(self):
        for role in ("system", "assistant"):
            self.refusal([], "messages[1].content[0].image_url.url", "of the user",
                         messages=[*user("a"), {"role": role, "content": [shown(WIDE)]}, *user("b")])

    def test_limits(self):
        tiny = png(1, 1, bytes(3))
        self.refusal([shown(tiny)] * 65, "messages[0].content[64].image_url.url", "64 pictures")
        # Little data of many pixels: of one picture, and of all together.
        self.refusal([shown(gray(9000, 9000))], "messages[0].content[0].image_url.url", "pixels")
        large = shown(gray(7000, 7000))
        self.refusal([large] * 3, "messages[0].content[2].image_url.url", "pixels")
        # Together they are more than the context.
        error = self.refusal([shown(WIDE)] * 40, "messages[0].content[37].image_url.url", "the context of the model has 1024")
        self.assertEqual(error.code, "context_length_exceeded")

    def test_a_body_of_photos_fits(self):
        content = [{"type": "image_url", "image_url": {"url": in_url(b"\x89PNG" + bytes(5 << 20))}}] * 4
        error = self.refused(openai.BadRequestError, self.chat, content)  # not a 413
        self.assertEqual(error.param, "messages[0].content[0].image_url.url")
        status = self.server.http.post("/v1/chat/completions", json={"messages": user(content * 2)}).status_code
        self.assertEqual(status, 413)


class Embeddings(Case):
    """Vectors of texts and of pictures: those of `embed`, and of transformers."""
    PAIRS = ("clip-eos", "siglip")

    @classmethod
    def setUpClass(cls):
        counting = HOME / "counting"
        if not counting.exists():
            write_counting(counting)
        folders = [*(GOLDEN / "pictures" / model for model in (*cls.PAIRS, "smolvlm")), counting]
        cls.ARGUMENTS = [argument for folder in folders for argument in ("-m", folder)] + ["--kv-dtype", "f32"]
        super().setUpClass()

    def post(self, model, messages=None, **members):
        members |= {} if messages is None else {"messages": messages}
        return self.server.post("/v1/embeddings", model=model, **members)

    def vector(self, model, content=None, **members):
        status, body = self.post(model, None if content is None else user(content), **members)
        self.assertEqual(status, 200, body)
        self.assertEqual(len(body["data"]), 1)
        return body["data"][0]["embedding"], body["usage"]["prompt_tokens"]

    def recorded(self, model):
        described = json.loads((SOURCE / "tests" / "golden" / "pictures" / f"{model}.json").read_text())
        numbers = array.array("f", (SOURCE / "tests" / "golden" / "pictures" / f"{model}.npy").read_bytes()[128:])

        def rows(name):
            (count, width), at = described[name]["shape"], described[name]["at"]
            return [numbers[at + i * width:at + (i + 1) * width] for i in range(count)]

        return described, rows("text_embeddings"), rows("picture_embeddings")

    def assert_near(self, found, expected):
        self.assertEqual(len(found), len(expected))
        self.assertLess(max(abs(a - b) for a, b in zip(found, expected)), 1e-4)

    def test_they_are_those_of_transformers(self):
        for model in self.PAIRS:
            described, texts, pictures = self.recorded(model)
            for entry, expected in zip(described["pictures"], pictures):
                file = recorded_picture(entry["name"], entry["width"], entry["height"])
                vector, tokens = self.vector(model, [shown(file)])
                self.assert_near(vector, expected)
                self.assertEqual(tokens, 1)
            for entry, expected in zip(described["texts"], texts):
                if "<" in entry["text"]:  # a text of the user's holds no special tokens
                    continue
                if len(entry["text"]) > 40:  # transformers cuts it
                    status, body = self.post(model, user(entry["text"]))
                    self.assertEqual((status, body["error"]["code"]), (400, "context_length_exceeded"))
                    continue
                vector, tokens = self.vector(model, [said(entry["text"])])
                self.assert_near(vector, expected)
                self.assertEqual(tokens, len(entry["ids"]))

    def test_they_are_those_of_input_and_of_embed(self):
        (HOME / "wide.png").write_bytes(WIDE)
        for model in self.PAIRS:
            done = sirocco("embed", "-m", GOLDEN / "pictures" / model, "--quiet", "--image", HOME / "wide.png", "a red picture")
            text, picture = json.loads(done.stdout)
            self.assertEqual(self.vector(model, [shown(WIDE)])[0], picture)
            self.assertEqual(self.vector(model, "a red picture")[0], text)
            self.assertEqual(self.vector(model, input="a red picture")[0], text)
            short, _ = self.vector(model, [shown(WIDE)], dimensions=4)
            self.assert_near(short, [x / sum(y * y for y in picture[:4]) ** 0.5 for x in picture[:4]])
            coded, _ = self.vector(model, [shown(WIDE)], encoding_format="base64")
            self.assertEqual(list(array.array("f", base64.b64decode(coded))), list(array.array("f", picture)))
            # What several messages say is one text.
            status, body = self.post(model, [*user("a red"), {"role": "assistant", "content": "picture"}])
            self.assertEqual((status, body["data"][0]["embedding"]), (200, self.vector(model, input="a red\npicture")[0]))

    def test_a_model_that_writes_takes_its_template(self):
        messages = [*user("ab"), {"role": "assistant", "content": "c"}]
        status, prompt = self.server.post("/apply-template", model="counting", messages=messages, add_generation_prompt=False)
        self.assertEqual((status, prompt["prompt"]), (200, "user: ab\nassistant: c\n"))
        status, body = self.post("counting", messages)
        self.assertEqual(status, 200, body)
        self.assertEqual(body["data"][0]["embedding"], self.vector("counting", input=prompt["prompt"])[0])

    def test_many_at_once(self):
        described, _, pictures = self.recorded("siglip")
        entries = [(recorded_picture(entry["name"], entry["width"], entry["height"]), expected)
                   for entry, expected in zip(described["pictures"], pictures)] * 4
        text, _ = self.vector("siglip", input="a red picture")
        with concurrent.futures.ThreadPoolExecutor(8) as threads:
            made = [threads.submit(self.vector, "siglip", [shown(file)]) for file, _ in entries]
            texts = [threads.submit(self.vector, "siglip", input="a red picture") for _ in range(8)]
        for one, (_, expected) in zip(made, entries):
            self.assert_near(one.result()[0], expected)
        for one in texts:
            self.assertEqual(one.result()[0], text)

    def test_models_say_whether_they_take_pictures(self):
        capabilities = {model.id: model.capabilities for model in self.client.models.list()}
        for model in self.PAIRS:
            self.assertEqual(capabilities[model], ["embedding", "multimodal"])

    def refusal(self, model, content, param, says, **members):
        status, body = self.post(model, user(content), **members)
        self.assertEqual((status, body["error"]["param"]), (400, param), body)
        self.assertIn(says, body["error"]["message"])

    def test_refusals(self):
        first, second = ("messages[0].content[%d].image_url.url" % i for i in range(2))
        for model in ("counting", "smolvlm"):
            self.refusal(model, [shown(WIDE)], first, "texts only")
        self.refusal("siglip", [said("a"), shown(WIDE)], second, "there is text beside it")
        self.refusal("siglip", [shown(WIDE), shown(TALL)], second, "another one")
        self.refusal("siglip", "a", "messages", "there is an input too", input="a")
        self.refusal("siglip", [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}],
                     "messages[0].content[0].input_audio.data", "no sounds")
        self.refusal("siglip", [shown(b"no picture at all")], first, "JPEG, PNG, WebP, GIF and BMP")
        self.refusal("siglip", [shown(gray(9000, 9000))], first, "pixels")
        self.refusal("siglip", [{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}], first, "only data: URLs")
        status, body = self.post("siglip")
        self.assertEqual((status, body["error"]["param"]), (400, "input"))


class Anthropic(Pictures):
    def say(self, content, model="smolvlm", **members):
        return self.messages_client.messages.create(model=model, messages=user(content), max_tokens=12,
                                                    extra_body={"temperature": 0}, **members)

    def test_it_answers_the_same(self):
        for model in MODELS:
            asked = self.chat([shown(TALL), said(WORDS), shown(WIDE)], model=model)
            content = [block(TALL), said(WORDS), block(WIDE)]
            message = self.say(content, model=model)
            self.assertEqual(message.content[0].text, asked.choices[0].message.content)
            usage = message.usage
            self.assertEqual(usage.input_tokens + usage.cache_read_input_tokens, asked.usage.prompt_tokens)
            counted = self.messages_client.messages.count_tokens(model=model, messages=user(content))
            self.assertEqual(counted.input_tokens, asked.usage.prompt_tokens)
            with self.messages_client.messages.stream(model=model, messages=user(content), max_tokens=12,
                                                      extra_body={"temperature": 0}) as stream:
                self.assertEqual("".join(stream.text_stream), message.content[0].text)

    def test_refusals(self):
        source = block(WIDE)["source"]
        for wrong, place in (({"type": "url", "url": "https://a.example/b.png"}, "source.url"), ({"type": "file", "file_id": "a"}, "source.type"), ({**source, "data": "@"}, "source.data"),
                             ({**source, "data": in_base64(b"GIF89a")}, "source.data")):
            error = self.refused(anthropic.BadRequestError, self.say, [said("a"), {"type": "image", "source": wrong}])
            self.assertTrue(error.body["error"]["message"].startswith(f"messages[0].content[1].{place}: "), error.body)
        error = self.refused(anthropic.BadRequestError, self.say, [block(WIDE)], model="counting")
        self.assertIn("text only", str(error))


class Logits(unittest.TestCase):
    def logits(self, *arguments, model="smolvlm", code=0):
        out = HOME / "logits.npy"
        done = sirocco("logits", "-m", GOLDEN / "pictures" / model, *SETTINGS, "--out", out, *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return out.read_bytes() if code == 0 else done.stderr.decode()

    def test_pictures_stand_before_the_text(self):
        (HOME / "wide.png").write_bytes(WIDE)
        for model in ("smolvlm", "gemma3"):
            shown_ = ("--image", HOME / "wide.png")
            whole = self.logits("-p", WORDS, *shown_, model=model)
            self.assertEqual(whole, self.logits("-p", WORDS, *shown_, "--chunks", "40,7", model=model))
            shape = [int(number) for number in re.search(rb"'shape': \((\d+), (\d+)\)", whole).groups()]
            self.assertGreater(shape[0], (len(self.logits("-p", WORDS, model=model)) - 128) // 4 // shape[1])
            # The last row chooses what `run` writes first.
            last = array.array("f", whole[-4 * shape[1]:])
            done = sirocco("run", "-m", GOLDEN / "pictures" / model, *SETTINGS, "-p", WORDS, "--raw", "-n", 1, "--temp", 0, "--quiet",
                           "--repeat-penalty", 1, *shown_)
            if model != "smolvlm":
                continue
            tokens, added = token_bytes(model)
            first = max(range(len(last)), key=last.__getitem__)
            self.assertEqual(done.stdout.removesuffix(b"\n"), tokens.get(first, added.get(first, "").encode()).decode(errors="replace").encode(), model)

    def test_mistakes_are_named(self):
        self.assertIn("--image", self.logits("--tokens", "1,2", "--image", HOME / "wide.png", code=2))
        (HOME / "none.png").write_bytes(b"none")
        self.assertIn("none.png", self.logits("-p", "a", "--image", HOME / "none.png", code=1))


class Fetched(Pictures):
    """What is fetched is tested beside the fetcher, whose servers are on loopback; here nothing may be."""
    OPTIONS = ("--fetch-pictures",)

    def test_only_from_public_hosts(self):
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0", "10.1.2.3", "169.254.169.254"):
            url = f"http://{host}:{self.server.port}/health"
            says = "isn't a public host; pictures are fetched from no other"
            self.refusal([said("a"), {"type": "image_url", "image_url": {"url": url}}], "messages[0].content[1].image_url.url", says)
            error = self.refused(anthropic.BadRequestError, self.messages_client.messages.create, model="smolvlm", max_tokens=1,
                                 messages=user([{"type": "image", "source": {"type": "url", "url": url}}]))
            self.assertIn("messages[0].content[0].source.url: ", str(error))
            self.assertIn(says, str(error))
            error = self.refused(openai.BadRequestError, self.client.responses.create, model="smolvlm",
                                 input=user([{"type": "input_image", "image_url": url}]))
            self.assertEqual(error.param, "input[0].content[0].image_url")
            self.assertIn(says, str(error))
        self.refusal([{"type": "image_url", "image_url": {"url": "http://a:b@a.example/"}}], "messages[0].content[0].image_url.url", "a user's name")
        # Data are read as ever.
        self.assertTrue(self.text([shown(WIDE), said(WORDS)]))

    def test_hosts_are_named_with_the_option(self):
        done = sirocco("serve", "--picture-host", "a.example")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--fetch-pictures", done.stderr.decode())
        done = sirocco("serve", "-m", GOLDEN / "pictures" / "smolvlm", "--port", 0, "--fetch-pictures", "--picture-host", "http://a.example")
        self.assertEqual(done.returncode, 1)
        self.assertIn("'http://a.example' is no name of a host", done.stderr.decode())


class Responses(Pictures):
    def respond(self, given, model="smolvlm", **members):
        return self.client.responses.create(model=model, input=given, temperature=0, max_output_tokens=12, **members)

    def test_pictures_are_kept(self):
        asked = self.chat([shown(WIDE), said(WORDS)])
        picture = {"type": "input_image", "image_url": in_url(WIDE), "detail": "low"}
        first = self.respond(user([picture, {"type": "input_text", "text": WORDS}]))
        self.assertEqual(first.output_text, asked.choices[0].message.content)
        self.assertEqual(first.usage.input_tokens, asked.usage.prompt_tokens)
        items = self.client.responses.input_items.list(first.id, order="asc").data
        self.assertEqual(items[0].content[0].to_dict(), {**picture, "file_id": None})
        self.assertEqual(items[0].content[1].text, WORDS)
        # The picture is still seen in the turns that follow.
        second = self.respond("And now?", previous_response_id=first.id)
        whole = self.client.chat.completions.create(model="smolvlm", temperature=0, max_tokens=12, messages=[
            *user([shown(WIDE), said(WORDS)]), {"role": "assistant", "content": first.output_text}, *user("And now?")])
        self.assertEqual((second.output_text, second.usage.input_tokens), (whole.choices[0].message.content, whole.usage.prompt_tokens))
        self.assertGreater(second.usage.input_tokens_details.cached_tokens, 0)
        # And where an item is named in another conversation.
        again = self.respond([{"type": "item_reference", "id": items[0].id}])
        self.assertEqual(again.output_text, first.output_text)

    def test_refusals(self):
        for part, place in (({"image_url": "https://a.example/b.png"}, "image_url"), ({"file_id": "f"}, "file_id"),
                            ({"image_url": in_url(b"BM")}, "image_url")):
            error = self.refused(openai.BadRequestError, self.respond, user([{"type": "input_image", **part}]))
            self.assertEqual(error.param, f"input[0].content[0].{place}")
        # A conversation with pictures that goes on with a model that doesn't see.
        first = self.respond(user([{"type": "input_image", "image_url": in_url(WIDE)}]))
        error = self.refused(openai.BadRequestError, self.respond, "And now?", previous_response_id=first.id, model="counting")
        self.assertEqual(error.param, "previous_response_id")


if __name__ == "__main__":
    unittest.main()
