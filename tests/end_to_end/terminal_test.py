#!/usr/bin/env python3
"""What the terminal sends and is sent: pastes, keys, signals, and answers that fit its lines. The models are tiny.

usage: terminal_test.py PROGRAM SOURCE_FOLDER
"""

import json
import os
import re
import signal
import termios
import time
import unittest
from pathlib import Path

from chain_model import write_chain
from program import HOME, PROGRAM, sirocco
from terminal import LONG_ENOUGH, PROMPT, Terminal

BEGIN, END = "\x1b[200~", "\x1b[201~"
MARK_PASTES, LEAVE_PASTES = b"\x1b[?2004h", b"\x1b[?2004l"
ANSWER = ["The", " quick", " brown", " fox", " jumps", " over", " a", " lazy", " dog", ".\n", "日本語を", "書く", "。", "🙂\n",
          "```c\n", "int main(int argc, char** argv) { return argc; }", "\n```\n", "    four spaces before this line stay",
          "\nsee", " https://example.org/a/long/path/to/nothing", " now", "\n"]
ONCE = write_chain(HOME / "Once-1B", ANSWER)
ENDLESS = write_chain(HOME / "Endless-1B", ["One", " two", " three", " four "], loops=True)


def lives(process):
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class TerminalTest(unittest.TestCase):
    def start(self, *arguments, model=ONCE, **keywords):
        terminal = Terminal("run", "-m", model, *arguments, **keywords)
        self.addCleanup(terminal.close)
        terminal.read_until(PROMPT)
        return terminal

    def messages(self, terminal):
        """What was said so far."""
        terminal.say(f"/save {HOME / 'saved.json'}")
        return [message["content"] for message in json.loads((HOME / "saved.json").read_text())
                if message["role"] == "user"]

    def send(self, terminal):
        """Enter, by itself, and the answer."""
        terminal.type("\r")
        terminal.read_until(b"\r\n" + PROMPT)


class Pastes(TerminalTest):
    def test_marked_ones_are_one_message_as_they_stand(self):
        terminal = self.start(columns=80, rows=24)
        pastes = ("one\ntwo\n\nthree", "one\r\ntwo", "if x:\n\ty\t= 1", "/bye\nis no command here", "\\\n\\",
                  "\x03\x04\x1a\x1c\x15\x7f\x00\x1b[A\x1b[31mred\x1b]0;title\x07", '"""Text."""\nx = 1', "日本\n🙂")
        for paste in pastes:
            terminal.read_until(re.escape(MARK_PASTES))
            terminal.type(BEGIN + paste + END)
            self.send(terminal)
        expected = [paste.replace("\r\n", "\n") for paste in pastes]
        self.assertEqual(self.messages(terminal), expected)

    def test_nothing_of_them_steers_the_terminal(self):
        terminal = self.start(columns=80, rows=24)
        terminal.read_until(re.escape(MARK_PASTES))
        terminal.type(BEGIN + "a\x1b]0;title\x07\x1b[2J\u009b2J\nb" + END)
        shown = terminal.read_until(rb"\.\.\. b")
        self.assertIn(b"a^[]0;title^G^[[2J<9B>2J", shown)
        for steering in (b"\x07", b"\x1b]", b"\x1b[2J", "\u009b".encode()):
            self.assertNotIn(steering, shown)

    def test_a_line_end_at_the_end_sends_nothing(self):
        terminal = self.start(columns=80, rows=24)
        terminal.type(BEGIN + "one\ntwo\r" + END)
        terminal.read_until(rb"\.\.\. two\r+\n\.\.\. ")
        terminal.type("three")
        self.send(terminal)
        terminal.type(BEGIN + "four\n" + END)
        self.send(terminal)
        self.assertEqual(self.messages(terminal), ["one\ntwo\nthree", "four"])

    def test_lines_that_arrive_together_are_one_message(self):
        for environment in ({}, {"TERM": "dumb"}):
            terminal = self.start(columns=80, rows=24, environment=environment)
            terminal.type("one\n\ttwo\nthree\n")
            terminal.read_until(b"\r\n" + PROMPT)
            self.assertEqual(self.messages(terminal), ["one\n\ttwo\nthree"])

    def test_pieces_of_marks_and_characters(self):
        terminal = self.start(columns=80, rows=24)
        for piece in (b"\x1b", b"[20", b"0~", b"\xe6\x97", b"\xa5\n\xf0\x9f", b"\x99\x82", b"\x1b[2", b"01~\xc3", b"\xa9"):
            terminal.type(piece)
        terminal.read_until("é".encode())
        self.send(terminal)
        self.assertEqual(self.messages(terminal), ["日\n🙂é"])

    def test_a_megabyte(self):
        text = "\n".join(f"line {i} " + "é日🙂\t" * 5 for i in range(17000))
        terminal = self.start(columns=80, rows=24)
        terminal.type(BEGIN + text + END)
        terminal.read_until(b"line 16999")
        terminal.type("!\x7f")
        self.send(terminal)
        # The history has all of it, and gives way to what is being written.
        terminal.type("\x10\x0e")
        self.assertEqual(self.messages(terminal), [text])

    def test_edited_before_sending_and_in_the_history(self):
        terminal = self.start(columns=80, rows=24)
        terminal.type(BEGIN + "one\ntwo" + END)
        terminal.read_until(b"two")
        terminal.type("\x1b[A!\x1b\rmore\x1b[F\x1b[F.")
        self.send(terminal)
        terminal.type("\x1b[A")
        terminal.read_until(rb"\.\.\. two\.")
        self.send(terminal)
        self.assertEqual(self.messages(terminal), ["one!\nmore\ntwo."] * 2)
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)
        again = self.start(columns=80, rows=24)
        again.type("\x10\x10")  # behind what saved the messages
        again.read_until(rb"\.\.\. two\.")
        self.send(again)
        self.assertEqual(self.messages(again), ["one!\nmore\ntwo."])

    def test_within_quotes(self):
        terminal = self.start(columns=80, rows=24)
        terminal.type('"""\n')
        terminal.read_until(rb"\n\.\.\. ")
        terminal.type(BEGIN + "one\n/bye\\\ntwo" + END + "\n")
        terminal.read_until(rb"two\x1b\[\?2004l\r\n\.\.\. ")
        terminal.type('"""\n')
        terminal.read_until(b"\r\n" + PROMPT)
        self.assertEqual(self.messages(terminal), ["one\n/bye\\\ntwo"])

    def test_what_arrives_during_an_answer_waits(self):
        for typed, enter, expected in ((f"{BEGIN}one\ntwo\n{END}", "\r", "one\ntwo"), ("one\rtwo", "\r", "one\ntwo"),
                                       ("one\r", "", "one")):
            terminal = self.start("-n", "3000", model=ENDLESS, columns=80, rows=24)
            terminal.type("go\r")
            terminal.read_until(b"One")
            terminal.type(typed)
            terminal.read_until(b"limit of 3000 tokens\\]\r\n" + PROMPT)
            if enter:
                terminal.read_until(b"two")
                terminal.type(enter)
            terminal.read_until(b"limit of 3000 tokens\\]\r\n" + PROMPT)
            self.assertEqual(self.messages(terminal), ["go", expected])

    def test_an_answer_can_be_stopped_behind_much_that_was_typed(self):
        terminal = self.start("-n", "60000", model=ENDLESS, columns=80, rows=24)
        terminal.type("go\r")
        terminal.read_until(b"One")
        terminal.type("forgotten\r" * 2000)
        terminal.type("\x03")
        terminal.read_until(b"stopped\\]\r\n" + PROMPT)
        self.assertEqual(self.messages(terminal), ["go"])


class Manners(TerminalTest):
    def test_pastes_are_marked_while_somebody_writes(self):
        terminal = self.start(columns=80, rows=24)
        self.assertIn(MARK_PASTES, terminal.read_until(re.escape(MARK_PASTES)))
        terminal.type("go\r")
        self.assertTrue(terminal.read_until(b"\n").endswith(LEAVE_PASTES + b"\r\n"))
        self.assertNotIn(MARK_PASTES, terminal.read_until(PROMPT))
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)
        self.assertGreater(terminal.seen.rfind(LEAVE_PASTES), terminal.seen.rfind(MARK_PASTES))
        self.assertEqual(termios.tcgetattr(terminal.descriptor), terminal.settings)

    def test_signals_leave_the_terminal_as_it_was(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            terminal = self.start(columns=80, rows=24)
            terminal.read_until(re.escape(MARK_PASTES))
            terminal.type("half")
            terminal.read_until(b"half")
            self.assertNotEqual(termios.tcgetattr(terminal.descriptor), terminal.settings)
            os.kill(terminal.process, number)
            self.assertEqual(terminal.wait(), -number)
            self.assertTrue(terminal.seen.endswith(LEAVE_PASTES), terminal.seen)
            self.assertEqual(termios.tcgetattr(terminal.descriptor), terminal.settings)

    def test_stopping_and_going_on(self):
        shell = Terminal("-i", program="/bin/sh", columns=80, rows=24, environment={"PS1": "$ ", "ENV": ""})
        self.addCleanup(shell.close)
        shell.read_until(rb"\$ ")
        shell.type(f"'{PROGRAM}' run -m '{ONCE}'\n")
        shell.read_until(re.escape(MARK_PASTES))
        shell.type("half")
        shell.read_until(b"half")
        shell.type("\x1a")
        shell.read_until(re.escape(LEAVE_PASTES))
        shell.read_until(rb"\$ ")
        self.assertEqual(termios.tcgetattr(shell.descriptor)[3] & termios.ICANON, termios.ICANON)
        shell.type("fg\n")
        shell.read_until(re.escape(b">>> half"))
        shell.type(" an hour\r")
        shell.read_until(b"an hour")
        shell.read_until(b"\r\n" + PROMPT + re.escape(MARK_PASTES))
        # In the background the terminal isn't its own to restore.
        shell.type("\x1a")
        shell.read_until(rb"\$ ")
        shell.type("jobs -p; kill %1; kill -CONT %1\n")
        process = re.search(rb"\r\n(\d+)\r\n", shell.read_until(rb"\r\n\d+\r\n"))[1].decode()
        deadline = time.monotonic() + LONG_ENOUGH
        while lives(process):
            self.assertLess(time.monotonic(), deadline, "it was stopped when it should have ended")
            time.sleep(0.01)

    def test_a_terminal_without_a_cursor_is_sent_no_sequences(self):
        terminal = self.start(columns=80, rows=24, environment={"TERM": "dumb"})
        self.assertIn("quick", terminal.say("go"))
        self.assertEqual(self.messages(terminal), ["go"])
        terminal.type("\x04")
        self.assertEqual(terminal.wait(), 0)
        self.assertNotIn(b"\x1b", terminal.seen)

    def test_another_width_while_editing(self):
        terminal = self.start(columns=40, rows=24)
        terminal.type("0123456789" * 5)
        terminal.read_until(rb"\n\d{14}")
        terminal.resize(100, 24)
        terminal.read_until(rb"\x1b\[J>>> (0123456789){5}")
        self.send(terminal)
        self.assertEqual(self.messages(terminal), ["0123456789" * 5])


class Wrapping(TerminalTest):
    WRAPPED = ("The quick brown fox\njumps over a lazy dog.\n日本語を書く。🙂\n```c\n"
               "int main(int argc, char** argv) { return argc; }\n```\n    four spaces before this line stay\nsee\n"
               "https://example.org/a/long/path/to/nothing\nnow\n")

    def answer(self, terminal):
        return terminal.say("go")

    def test_words_stay_whole(self):
        terminal = self.start(columns=22, rows=24)
        self.assertEqual(self.answer(terminal), self.WRAPPED)
        terminal.resize(13, 24)
        narrow = self.answer(terminal)
        self.assertTrue(narrow.startswith("The quick\nbrown fox\njumps over a\nlazy dog.\n日本語を書\nく。🙂\n"), narrow)
        terminal.resize(200, 24)
        self.assertEqual(self.answer(terminal), "".join(ANSWER))

    def test_so_do_the_programs_own(self):
        terminal = self.start("-n", "3", model=ENDLESS, columns=24, rows=24)
        self.assertIn("[the answer reached its\nlimit of 3 tokens]\n", terminal.say("go"))

    def test_can_be_left_to_the_terminal(self):
        terminal = self.start("--nowordwrap", columns=22, rows=24)
        self.assertEqual(self.answer(terminal), "".join(ANSWER))
        self.assertIn("between words", terminal.say("/wrap on"))
        self.assertEqual(self.answer(terminal), self.WRAPPED)
        self.assertIn("left to the terminal", terminal.say("/wrap off"))
        self.assertIn("left to the terminal", terminal.say("/wrap"))
        self.assertEqual(self.answer(terminal), "".join(ANSWER))
        self.assertIn("usage", terminal.say("/wrap maybe"))
        self.assertIn("between words", terminal.say("/set wordwrap"))
        self.assertIn("left to the terminal", terminal.say("/set nowordwrap"))

    def test_one_answer(self):
        for arguments, expected in (((), self.WRAPPED), (("--nowordwrap",), "".join(ANSWER))):
            terminal = Terminal("run", "-m", ONCE, "--quiet", "-p", "go", *arguments, columns=22, rows=24)
            self.addCleanup(terminal.close)
            self.assertEqual(terminal.wait(), 0)
            self.assertEqual(terminal.seen.decode().replace("\r\n", "\n"), expected)
        done = sirocco("run", "-m", ONCE, "--quiet", "-p", "go")
        self.assertEqual(done.stdout.decode(), "".join(ANSWER) + "\n")

    def test_another_width_on_the_way(self):
        terminal = self.start("-n", "60000", model=ENDLESS, columns=79, rows=24)
        terminal.type("go\r")
        terminal.read_until(rb"\n[^\n]{70,79}\r\n")
        terminal.resize(20, 24)
        terminal.read_until(rb"\n([^\n]{12,20}\r\n){3}")
        terminal.type("\x03")
        terminal.read_until(b"stopped")


if __name__ == "__main__":
    unittest.main()
