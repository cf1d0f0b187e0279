#!/usr/bin/env python3
"""Sound that `sirocco serve` writes down: by OpenAI's own Python client, of a tiny model that hears, beside one that chats.

usage: serve_sound_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import Case, user, write_counting  # first: it begins again in the clients' environment

import json
import threading
import unittest
import warnings
import wave

import openai

from program import HOME, SOURCE, sirocco
from speech_model import write_sound, write_speech_model

SPEECH = write_speech_model(HOME / "speech", SOURCE)
SOUND = write_sound(HOME / "sound.wav", 7.3)
SHORT = write_sound(HOME / "short.wav", 1.1, 44100)
SETTINGS = ("--kv-dtype", "f16")


def transcribed(*arguments):
    done = sirocco("transcribe", "-m", SPEECH, *SETTINGS, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Sound(Case):
    @classmethod
    def setUpClass(cls):
        cls.log = HOME / "requests.log"
        cls.ARGUMENTS = ("-m", write_counting(HOME / "counting") if not (HOME / "counting").exists() else HOME / "counting",
                         "-m", SPEECH, *SETTINGS, "--request-log", cls.log)
        super().setUpClass()

    def transcribe(self, file=SOUND, **members):
        return self.client.audio.transcriptions.create(file=file, **{"model": "speech", **members})

    def translate(self, file=SOUND, **members):
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            return self.client.audio.translations.create(file=file, **{"model": "speech", **members})


class Answers(Sound):
    def test_they_are_those_of_transcribe(self):
        for file in (SOUND, SHORT):
            expected = json.loads(transcribed("--format", "json", file))
            verbose = self.transcribe(file, response_format="verbose_json", timestamp_granularities=["segment"])
            self.assertEqual(verbose.text, expected["text"])
            self.assertEqual(verbose.duration, expected["duration"])
            self.assertEqual(verbose.language, {"en": "english", "de": "german", "fr": "french"}[expected["language"]])
            self.assertEqual(len(verbose.segments), len(expected["segments"]))
            for found, wanted in zip(verbose.segments, expected["segments"]):
                self.assertEqual((found.id, found.start, found.end, found.tokens), (wanted["id"], wanted["start"], wanted["end"], wanted["tokens"]))
                self.assertAlmostEqual(found.avg_logprob, wanted["avg_logprob"])
                self.assertLessEqual(found.seek / 100, found.start + 1e-6)
            self.assertGreater(verbose.segments[-1].seek, 0 if file is SOUND else -1)
            plain = self.transcribe(file)
            self.assertEqual((plain.text, plain.usage.type, plain.usage.seconds), (expected["text"], "duration", expected["duration"]))
            self.assertEqual(self.transcribe(file, response_format="text"), expected["text"] + "\n")
            for format in ("srt", "vtt"):
                self.assertEqual(self.transcribe(file, response_format=format), transcribed("--format", format, file).decode(errors="replace"))

    def test_language_and_translation(self):
        german = self.transcribe(language="de", response_format="verbose_json")
        self.assertEqual((german.language, german.text), ("german", json.loads(transcribed("--format", "json", "--language", "de", SOUND))["text"]))
        english = self.translate(response_format="verbose_json")
        self.assertEqual((english.language, english.text), ("english", json.loads(transcribed("--format", "json", "--translate", SOUND))["text"]))
        self.assertEqual(self.translate().text, english.text)

    def test_what_was_said_before_and_temperatures(self):
        self.assertNotEqual(self.transcribe(prompt="abc abc").text, self.transcribe().text)
        self.assertEqual(self.transcribe(prompt="  \n").text, self.transcribe().text)
        rolled = [self.transcribe(temperature=1, extra_body={"seed": seed}).text for seed in (1, 1, 2)]
        self.assertEqual(rolled[0], rolled[1])
        self.assertNotEqual(rolled[0], rolled[2])

    def test_streams(self):
        for file in (SOUND, SHORT):
            whole = self.transcribe(file).text
            events = list(self.transcribe(file, stream=True))
            self.assertEqual([event.type for event in events], ["transcript.text.delta"] * (len(events) - 1) + ["transcript.text.done"])
            self.assertEqual("".join(event.delta for event in events[:-1]), whole)
            self.assertEqual(events[-1].text, whole)
        self.assertGreater(len(list(self.transcribe(stream=True))), 2)

    def test_a_sound_shorter_than_a_frame_says_nothing(self):
        empty = write_sound(HOME / "empty.wav", 0)
        self.assertEqual(self.transcribe(empty).text, "")
        self.assertEqual(self.transcribe(empty, response_format="verbose_json").segments, [])
        self.assertEqual([event.type for event in self.transcribe(empty, stream=True)], ["transcript.text.done"])

    def test_many_at_once_have_the_same_text(self):
        wanted = {language: self.transcribe(language=language).text for language in ("en", "de", "fr")}
        found = []

        def ask(language):
            found.append((language, self.transcribe(language=language).text))

        threads = [threading.Thread(target=ask, args=(language,)) for language in wanted for _ in range(4)]
        for thread in threads:
            thread.start()
        answer = self.client.chat.completions.create(model="counting", messages=user("abc"), max_tokens=5)
        for thread in threads:
            thread.join()
        self.assertTrue(answer.choices[0].message.content)
        self.assertEqual(len(found), 12)
        for language, text in found:
            self.assertEqual(text, wanted[language])


class Models(Sound):
    def test_they_say_what_they_can_do(self):
        can = {model.id: (model.capabilities, model.max_model_len) for model in self.client.models.list()}
        self.assertEqual(can["speech"][0], ["transcription", "translation"])
        self.assertNotIn("transcription", can["counting"][0])
        self.assertGreater(can["speech"][1], 0)

    def test_each_is_asked_for_what_it_can(self):
        for call, members in ((self.client.chat.completions.create, {"messages": user("a")}), (self.client.completions.create, {"prompt": "a"}),
                              (self.client.responses.create, {"input": "a"})):
            self.bad_request(call, "model", "speech can't be asked for completion; it can be for transcription, translation", model="speech", **members)
        self.bad_request(self.client.embeddings.create, "model", "speech can't be asked for embedding", model="speech", input="a")
        self.bad_request(self.transcribe, "model", "counting can't be asked for transcription; it can be for chat", model="counting")
        self.bad_request(self.translate, "model", "counting can't be asked for translation", model="counting")
        error = self.refused(openai.NotFoundError, self.transcribe, model="none")
        self.assertEqual(error.code, "model_not_found")
        for path, members in (("/tokenize", {"content": "ab"}), ("/detokenize", {"tokens": [97]})):
            self.assertEqual(self.server.post(path, model="speech", **members)[0], 200)

    def test_mistakes_are_named(self):
        self.bad_request(self.transcribe, "language", "known are en, de, fr", language="xx")
        self.bad_request(self.transcribe, "temperature", "from 0 to 1", temperature=2)
        self.bad_request(self.transcribe, "timestamp_granularities[0]", "segment", response_format="verbose_json", timestamp_granularities=["word"])
        self.bad_request(self.transcribe, "stream", "response_format", response_format="vtt", stream=True)
        self.bad_request(self.transcribe, "colour", "", extra_body={"colour": "red"})
        self.bad_request(self.transcribe, "file", "is no sound in WAV, FLAC, Ogg or MP3", file=SPEECH / "config.json")
        self.bad_request(self.transcribe, "file", "", file=("cut.wav", SOUND.read_bytes()[:30]))
        # Hours of silence are few bytes.
        with wave.open(str(HOME / "long.wav"), "wb") as out:
            out.setparams((1, 1, 1000, 0, "NONE", None))
            out.writeframes(b"\x80" * 7201 * 1000)
        self.bad_request(self.transcribe, "file", "7200", file=HOME / "long.wav")
        for body, kind in (({"json": {"model": "speech"}}, "is 'application/json'"), ({"content": b"--b--", "headers": {"content-type": "multipart/form-data"}}, "no boundary"),
                           ({"content": b"--b--", "headers": {"content-type": "multipart/form-data; boundary=b"}}, "file")):
            response = self.server.http.post("/v1/audio/transcriptions", **body)
            self.assertEqual(response.status_code, 400)
            self.assertIn(kind, response.json()["error"]["message"])
        response = self.server.http.post("/v1/audio/transcriptions", files={"file": ("a.wav", bytes(33 << 20))})
        self.assertEqual(response.status_code, 413)


class Figures(Sound):
    def test_logs_and_metrics(self):
        before = self.server.metric("requests_total", model="speech", reason="stop")
        route = {"route": "/v1/audio/transcriptions", "status": "200"}
        answered = self.server.metrics().get(("sirocco_http_requests_total", tuple(sorted(route.items()))), 0)
        self.transcribe(extra_headers={"x-request-id": "told"})
        self.assertEqual(self.server.metric("requests_total", model="speech", reason="stop"), before + 1)
        self.assertEqual(self.server.metric("http_requests_total", **route), answered + 1)
        line, = (line for line in map(json.loads, self.log.read_text().splitlines()) if line["id"] == "told")
        self.assertEqual((line["model"], line["sound_seconds"], line["finish"], line["prompt_tokens"]), ("speech", 7.3, "stop", 0))
        self.assertGreater(line["generated_tokens"], 0)

    def test_a_client_that_leaves_is_cancelled(self):
        long = HOME / "minutes.wav"
        with wave.open(str(SOUND)) as short, wave.open(str(long), "wb") as out:
            out.setparams(short.getparams())
            out.writeframes(short.readframes(short.getnframes()) * 80)
        with self.client.audio.transcriptions.with_streaming_response.create(file=long, model="speech", stream=True) as response:
            next(response.iter_lines())
        self.server.wait_for_metric(1, "requests_total", model="speech", reason="cancelled")
        self.assertEqual(self.server.metric("requests_running", model="speech"), 0)

    def test_models_come_and_go(self):
        self.assertEqual(self.server.post("/models/unload", model="speech")[0], 200)
        self.refused(openai.NotFoundError, self.transcribe)


if __name__ == "__main__":
    unittest.main()
