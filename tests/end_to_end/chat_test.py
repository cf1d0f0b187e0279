#!/usr/bin/env python3
"""A conversation on a pseudo-terminal: what a person types, and what that one sees.

usage: chat_test.py PROGRAM SOURCE_FOLDER
"""

import json
import stat
import unittest
from pathlib import Path

from made_pictures import recorded_picture
from made_sounds import recorded_sound
from program import GOLDEN, HOME, MODEL
from small_model import write_folder
from terminal import PROMPT, Terminal


class Chat(unittest.TestCase):
    def setUp(self):
        self.terminal = Terminal("run", "-m", MODEL, "--temp", "0", "-n", "200")
        self.addCleanup(self.terminal.close)
        greeting = self.terminal.read_until(PROMPT)
        self.assertIn(b"/help", greeting)
        self.assertTrue(greeting.partition(b"\r\x1b[K")[2].startswith(Path(MODEL).name.partition(".")[0].encode()), greeting)

    def test_help_names_commands_and_mistakes_are_told(self):
        shown = self.terminal.say("/help")
        for command in ("/clear", "/system", "/set", "/wrap", "/save", "/load", "/stats", "/bye", "/exit"):
            self.assertIn(command, shown)
            self.assertIn(command, self.terminal.say("/hlep"))
        self.assertIn("temp", self.terminal.say("/set heat 3"))
        self.assertIn("top_p is 0.5", self.terminal.say("/set top_p 0.5"))
        self.assertRegex(self.terminal.say("/set"), r"top_p +0\.5 ")

    def test_answers_in_one_conversation(self):
        self.terminal.say("/system You are a helpful assistant.")
        self.assertIn("Paris", self.terminal.say("What is the capital of France?"))
        self.terminal.say("Thank you.")
        stats = self.terminal.say("/stats")
        self.assertRegex(stats, r"context +\d+ of \d+ tokens")
        path = HOME / "talk.json"
        self.assertIn("4 messages", self.terminal.say(f"/save {path}"))
        messages = json.loads(path.read_text())
        self.assertEqual([m["role"] for m in messages],
                         ["system", "user", "assistant", "user", "assistant"])
        self.assertIn("Paris", messages[2]["content"])
        self.terminal.say("/clear")
        self.assertIn("0 messages", self.terminal.say(f"/save {HOME / 'empty.json'}"))
        self.assertIn("4 messages", self.terminal.say(f"/load {path}"))
        self.assertIn("4 messages", self.terminal.say(f"/save {HOME / 'again.json'}"))
        self.assertEqual(json.loads((HOME / "again.json").read_text()), messages)

    def test_files_that_cannot_be(self):
        (HOME / "broken.json").write_text('[{"role": "user"}]')
        self.assertIn("content", self.terminal.say(f"/load {HOME / 'broken.json'}"))
        self.assertIn("no file", self.terminal.say(f"/load {HOME / 'none.json'}"))
        self.assertIn("none", self.terminal.say(f"/save {HOME / 'none' / 'talk.json'}"))
        self.assertIn("0 messages", self.terminal.say(f"/save {HOME / 'still.json'}"))

    def test_interrupt_stops_the_answer_and_not_the_program(self):
        self.terminal.say("/set n 4000")
        self.terminal.type("Write a very long story about a dragon who learns to cook.\n")
        self.terminal.read_until(b"\r\n")
        self.terminal.read_until(b"[a-z]+ ")
        self.terminal.type("\x03")
        self.assertIn(b"stopped", self.terminal.read_until(PROMPT))
        self.assertIn("/clear", self.terminal.say("/help"))

    def test_interrupt_forgets_the_line(self):
        self.terminal.type("/exi\x03")
        self.terminal.read_until(b"\r\n" + PROMPT)
        self.assertIn("/clear", self.terminal.say("/help"))
        self.terminal.type('"""\n')
        self.terminal.read_until(rb"\.\.\. ")
        self.terminal.type("\x03")
        self.terminal.read_until(b"\r\n" + PROMPT)
        self.assertIn("/clear", self.terminal.say("/help"))

    def test_messages_of_several_lines(self):
        self.terminal.say("/set n 2")
        for lines in (('"""What is', "this?", '"""'), ("What is\\", "this?")):
            self.terminal.say("/clear")
            for line in lines[:-1]:
                self.terminal.type(line + "\n")
                self.terminal.read_until(rb"\.\.\. ")
            self.terminal.say(lines[-1])
            self.terminal.say(f"/save {HOME / 'lines.json'}")
            self.assertEqual(json.loads((HOME / "lines.json").read_text())[0]["content"], "What is\nthis?")

    def test_system_message(self):
        self.assertIn("Be brief", self.terminal.say("/system Be brief."))
        self.terminal.say(f"/save {HOME / 'system.json'}")
        self.assertEqual(json.loads((HOME / "system.json").read_text()), [{"role": "system", "content": "Be brief."}])
        self.assertIn("No system", self.terminal.say('/system ""'))

    def test_leaving(self):
        self.terminal.type("\x04")
        self.assertEqual(self.terminal.wait(), 0)
        for command in ("/bye", "/exit"):
            again = Terminal("run", "-m", MODEL)
            self.addCleanup(again.close)
            again.read_until(PROMPT)
            again.type(command + "\n")
            self.assertEqual(again.wait(), 0)

    def test_keys_right_behind_the_prompt_are_not_lost(self):
        for _ in range(20):
            again = Terminal("run", "-m", MODEL)
            self.addCleanup(again.close)
            again.read_until(PROMPT)
            again.type("\x04")
            self.assertEqual(again.wait(), 0)

    def test_history_is_kept_and_private(self):
        self.terminal.say("/set temp 0.25")
        self.terminal.type("\x04")
        self.assertEqual(self.terminal.wait(), 0)
        history = HOME / "history"
        self.assertIn("/set temp 0.25", history.read_text().splitlines())
        self.assertEqual(stat.S_IMODE(history.stat().st_mode), 0o600)
        again = Terminal("run", "-m", MODEL)
        self.addCleanup(again.close)
        again.read_until(PROMPT)
        again.type("\x1b[A\n")
        again.read_until(rb"temp is 0\.25")


class Variables(unittest.TestCase):
    def test_variables_of_the_template_are_set_in_a_chat(self):
        file = HOME / "telling.jinja"
        file.write_text("{{ raise_exception('thinks ' ~ enable_thinking ~ ', mood ' ~ mood) }}")
        terminal = Terminal("run", "-m", MODEL, "--chat-template-file", file, "--set", "mood=calm")
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        self.assertRegex(terminal.say("/set"), r'mood +"calm" ')
        self.assertIn("enable_thinking is false.", terminal.say("/set enable_thinking=false"))
        self.assertIn("thinks False, mood calm", terminal.say("hello"))
        self.assertIn("on.", terminal.say("/set think"))
        self.assertIn("is not set", terminal.say("/set mood="))
        self.assertIn("thinks True, mood '", terminal.say("hello"))
        self.assertIn("it uses enable_thinking, mood", terminal.say("/set heat 3"))


class SmallContext(unittest.TestCase):
    def test_full_context_is_told_and_the_program_goes_on(self):
        terminal = Terminal("run", "-m", MODEL, "--temp", "0", "--ctx", "64", "-n", "20")
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        self.assertIn("/clear", terminal.say("word " * 100))
        self.assertIn("0 messages", terminal.say(f"/save {HOME / 'full.json'}"))
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)


    def test_a_limit_beyond_the_context_is_the_contexts(self):
        terminal = Terminal("run", "-m", MODEL, "--temp", "0", "--ctx", "64", "-n", "4000")
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        self.assertIn("[the context of 64 tokens is full; /clear makes room]", terminal.say("Tell me a long story."))


class Pictures(unittest.TestCase):
    def test_a_picture_is_shown_with_the_next_message(self):
        terminal = Terminal("run", "-m", GOLDEN / "pictures" / "smolvlm", "--temp", "0", "-n", "4")
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        picture = HOME / "picture.png"
        picture.write_bytes(recorded_picture("wide", 96, 32))
        self.assertIn("no file", terminal.say(f"/image {HOME / 'none.png'}"))
        (HOME / "text.png").write_text("no picture")
        self.assertIn("JPEG, PNG", terminal.say(f"/image {HOME / 'text.png'}"))
        self.assertIn("shows that picture", terminal.say(f"/image {picture}"))
        self.assertIn("shows 2 pictures", terminal.say(f"/image {picture}"))
        terminal.say("What is it?")
        path = HOME / "seen.json"
        self.assertIn("2 messages", terminal.say(f"/save {path}"))
        asked = json.loads(path.read_text())[0]["content"]
        self.assertEqual([part["type"] for part in asked], ["image", "image", "text"])
        self.assertEqual(asked[0]["path"], str(picture))
        terminal.say("And now?")
        self.assertIn("4 messages", terminal.say(f"/save {path}"))
        self.assertEqual(json.loads(path.read_text())[2]["content"], "And now?")
        self.assertIn("4 messages", terminal.say(f"/load {path}"))

    def test_a_model_of_text_says_so(self):
        terminal = Terminal("run", "-m", MODEL)
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        self.assertIn("text only", terminal.say("/image picture.png"))
        self.assertIn("text only", terminal.say("/audio sound.wav"))


class Sounds(unittest.TestCase):
    def test_a_sound_is_heard_with_the_next_message(self):
        terminal = Terminal("run", "-m", GOLDEN / "hearing" / "qwen2-audio", "--temp", "0", "-n", "4")
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        sound = HOME / "sound.wav"
        sound.write_bytes(recorded_sound("short", 7001))
        self.assertIn("/audio FILE", terminal.say("/help"))
        self.assertIn("no file", terminal.say(f"/audio {HOME / 'none.wav'}"))
        (HOME / "text.wav").write_text("no sound")
        self.assertIn("text.wav", terminal.say(f"/audio {HOME / 'text.wav'}"))
        self.assertIn("takes no pictures", terminal.say(f"/image {sound}"))
        self.assertIn("has that sound", terminal.say(f"/audio {sound}"))
        self.assertIn("has 2 sounds", terminal.say(f"/audio {sound}"))
        terminal.say("What is it?")
        path = HOME / "heard.json"
        self.assertIn("2 messages", terminal.say(f"/save {path}"))
        asked = json.loads(path.read_text())[0]["content"]
        self.assertEqual([part["type"] for part in asked], ["audio", "audio", "text"])
        self.assertEqual(asked[0]["path"], str(sound))
        terminal.say("And now?")
        self.assertIn("4 messages", terminal.say(f"/save {path}"))
        self.assertIn("4 messages", terminal.say(f"/load {path}"))


class BrokenModel(unittest.TestCase):
    def test_the_chat_goes_on(self):
        folder = write_folder(HOME / "broken", {"a": float("nan")})
        terminal = Terminal("run", "-m", folder)
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        for _ in range(2):
            self.assertIn("[the answer failed: the model's scores of tokens are not finite", terminal.say("ab"))
        terminal.type("/bye\n")
        self.assertEqual(terminal.wait(), 0)


if __name__ == "__main__":
    unittest.main()
