#!/usr/bin/env python3
"""`sirocco transcribe` from end to end, with a tiny model of random weights: what it says means nothing, but is always the same.

usage: transcribe_test.py PROGRAM SOURCE_FOLDER
"""

import json
import re
import unittest

from program import HOME, SOURCE, sirocco
from speech_model import write_sound, write_speech_model

MODEL = write_speech_model(HOME / "speech", SOURCE)
SOUND = write_sound(HOME / "sound.wav", 7.3)
SHORT = write_sound(HOME / "short.wav", 1.1, 44100)


def transcribe(*arguments, code=0, model=MODEL):
    done = sirocco("transcribe", "-m", model, *arguments)
    assert done.returncode == code, (done.returncode, done.stderr.decode(errors="replace"))
    return done


def said(*arguments):
    return json.loads(transcribe("--format", "json", *arguments).stdout)


def seconds_of(text):
    parts = [float(part.replace(",", ".")) for part in text.split(":")]
    return sum(part * 60 ** i for i, part in enumerate(reversed(parts)))


class Transcribe(unittest.TestCase):
    def test_segments_are_in_order_and_within_the_sound(self):
        made = said(SOUND)
        self.assertEqual(made["duration"], 7.3)
        self.assertIn(made["language"], ("en", "de", "fr"))
        self.assertTrue(made["segments"])
        before = 0
        for segment in made["segments"]:
            self.assertLessEqual(before, segment["start"] + 1e-6)
            self.assertLessEqual(segment["start"], segment["end"])
            before = segment["start"]
        # A character may be cut by the end of a segment.
        whole = [s["text"].strip() for s in made["segments"] if "\ufffd" not in s["text"]]
        self.assertTrue(made["text"])
        for text in whole:
            self.assertIn(text, made["text"])

    def test_formats_say_the_same(self):
        segments = said(SOUND)["segments"]
        text = transcribe(SOUND).stdout.decode(errors="replace")
        self.assertGreaterEqual(len(text.splitlines()), len(segments))
        for format, pattern in (("srt", rb"^(\S+) --> (\S+)$"), ("vtt", rb"^(\S+) --> (\S+)$")):
            out = transcribe("--format", format, SOUND).stdout
            times = re.findall(pattern, out, re.MULTILINE)
            self.assertEqual(len(times), len(segments))
            for (start, end), segment in zip(times, segments):
                self.assertAlmostEqual(seconds_of(start.decode()), segment["start"], places=3)
                self.assertAlmostEqual(seconds_of(end.decode()), segment["end"], places=3)
        self.assertTrue(out.startswith(b"WEBVTT\n\n"))
        stamped = transcribe("--timestamps", SOUND).stdout
        self.assertEqual(len(re.findall(rb"^\[\d\d:\d\d\.\d{3} --> \d\d:\d\d\.\d{3}\] ", stamped, re.MULTILINE)), len(segments))

    def test_same_with_any_threads_and_files_beside(self):
        alone = transcribe("--format", "json", "-t", "1", SOUND).stdout
        lines = transcribe("--format", "json", "-t", "3", SHORT, SOUND).stdout.splitlines(keepends=True)
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[1], alone)
        self.assertEqual(json.loads(lines[0])["duration"], 1.1)
        self.assertEqual(alone, transcribe("--format", "json", "--isa", "ref", SOUND).stdout)

    def test_language_and_translation_change_what_is_written(self):
        german = said("--language", "de", SOUND)
        self.assertEqual(german["language"], "de")
        self.assertNotEqual(german["text"], said("--language", "de", "--translate", SOUND)["text"])

    def test_quantized_while_loading(self):
        self.assertTrue(said("--quantize", "q8_0", SOUND)["segments"])

    def test_a_sound_shorter_than_a_frame_says_nothing(self):
        empty = write_sound(HOME / "empty.wav", 0)
        self.assertEqual(transcribe(empty).stdout, b"")
        self.assertEqual(said(empty)["segments"], [])

    def test_mistakes_are_named(self):
        def fails(*arguments, says, code=1, model=MODEL):
            done = transcribe(*arguments, code=code, model=model)
            self.assertIn(says, done.stderr.decode())
            self.assertNotIn("Traceback", done.stderr.decode())

        fails("--language", "xx", SOUND, says="the model doesn't know language 'xx'; known are en, de, fr")
        fails("--format", "docx", SOUND, says="known are text, srt, vtt and json")
        fails("--format", "srt", SOUND, SHORT, says="one file at a time")
        fails(HOME / "nothing.wav", says="nothing.wav")
        fails(MODEL / "config.json", says="is no sound in WAV, FLAC, Ogg or MP3")
        fails("--ctx", "100", SOUND, says="--ctx 100")
        self.assertIn("with -m", sirocco("transcribe", SOUND).stderr.decode())
        self.assertIn("`sirocco transcribe` runs it", sirocco("run", "-m", MODEL, "-p", "x").stderr.decode())
        broken = write_speech_model(HOME / "broken", SOURCE, {"no_timestamps_token_id": 10**6})
        fails(SOUND, model=broken, says="no_timestamps_token_id' is 1000000")


if __name__ == "__main__":
    unittest.main()
