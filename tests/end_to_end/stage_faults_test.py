#!/usr/bin/env python3
"""Stages in processes of their own of which one goes wrong: what those hear who wait for an answer, and how the job ends.

usage: stage_faults_test.py PROGRAM SOURCE_FOLDER MPIRUN FAULTS        FAULTS is preloaded by the rank that goes wrong
"""

import sys

MPIRUN, FAULTS = sys.argv[3:5]
del sys.argv[3:5]

import json
import signal
import threading
import unittest
import uuid

from program import HOME, MODEL, PROGRAM
from ranks import SECONDS, Job, Served, job, run_job

STORY = [{"role": "user", "content": "Write a long story about a river and the people who live by it, in ten chapters."}]
CHAT = {"messages": STORY, "max_tokens": 4000, "ignore_eos": True}
# mpirun gives its ranks a second to notice that one has died, and another one to end. On a busy machine that may be too little.
PATIENT = {"OMPI_MCA_odls_base_sigkill_timeout": "4"}


def command(ranks, faulty, how, file, *arguments):
    """A job of which the rank `faulty` goes wrong once the file is there."""
    preload = ["env", f"LD_PRELOAD={FAULTS}", f"SIROCCO_TEST_FAULT={how}", f"SIROCCO_TEST_FAULT_FILE={file}"]
    words = []
    for rank in range(ranks):
        words += [*(":" if rank > 0 else ""), "-n", "1", *(preload if rank == faulty else ()), PROGRAM, *map(str, arguments)]
    return [MPIRUN, "--oversubscribe", *words]


class Answers:
    """Answers of all kinds under way, each read by a thread to its end."""

    def __init__(self, served):
        self.said = {}
        # Two of the APIs can't be told to go on for ever; what is likeliest here is long.
        likeliest = {"max_tokens": 4000, "temperature": 0, "stream": True}
        streams = {"chat": ("/v1/chat/completions", {**CHAT, "stream": True}),
                   "messages": ("/v1/messages", {"model": "m", "messages": STORY, **likeliest}),
                   "completions": ("/v1/completions", {"prompt": "A river", "ignore_eos": True, **likeliest})}
        # First, so that it is under way when the others have begun.
        plain = served.send("/v1/chat/completions", **CHAT)
        answers = {kind: served.ask(path, **members) for kind, (path, members) in streams.items()}
        for answer in answers.values():
            for _ in range(12):  # what they begin with, and some tokens
                answer.readline()
        self._threads = [threading.Thread(target=self._read, args=(kind, lambda answer=answer: answer)) for kind, answer in answers.items()]
        self._threads.append(threading.Thread(target=self._read, args=("plain", plain.getresponse)))
        for thread in self._threads:
            thread.start()

    def _read(self, kind, answer_of):
        try:
            answer = answer_of()
            self.said[kind] = (answer.status, answer.read().decode())
        except Exception as error:  # pylint: disable=broad-exception-caught
            self.said[kind] = (0, repr(error))

    def errors(self):
        """What each says of its end."""
        for thread in self._threads:
            thread.join(SECONDS)
        return {kind: self._error(kind, *said) for kind, said in self.said.items()}

    @staticmethod
    def _error(kind, status, body):
        try:
            if kind == "plain":
                return status, json.loads(body)["error"]["message"]
            last = [line for line in body.splitlines() if line.startswith("data: {")][-1]
            data = json.loads(last.removeprefix("data: "))
            return status, data["error"]["message"]
        except (LookupError, ValueError, TypeError) as error:
            raise AssertionError(f"{kind}: {status} {body[-1000:]}") from error


class Faults(unittest.TestCase):
    def served(self, command_line, **settings):
        served = Served(command_line, **settings)
        self.addCleanup(served.kill)
        return served

    def lose(self, ranks, faulty, how, options=(), **settings):
        """What a loss was called, by everybody, and the status of mpirun."""
        file = HOME / str(uuid.uuid4())
        served = self.served(command(ranks, faulty, how, file, "serve", "-m", MODEL, "--alias", "m", "--port", 0, *options), **PATIENT, **settings)
        self.assertTrue(served.is_well())
        answers = Answers(served)
        file.touch()
        errors = answers.errors()
        self.assertEqual(set(errors), {"chat", "messages", "completions", "plain"})
        (_, error), *_ = errors.values()
        self.assertEqual(errors, {kind: (500 if kind == "plain" else 200, error) for kind in errors}, served.words())
        status = served.wait()
        self.assertIsNone(served.is_well())
        self.assertIn(f"sirocco: {error}\n", served.words())
        return error, status

    def test_a_stage_that_dies(self):
        for ranks, how, network, status in ((2, "killed", "^tcp", 137), (2, "killed", "tcp,self", 137), (3, "killed", "^tcp", 137),
                                            (2, "exits", "^tcp", 3), (2, "crashes", "tcp,self", 134)):
            with self.subTest(how, ranks=ranks, network=network):
                error, found = self.lose(ranks, 1, how, OMPI_MCA_btl=network)
                # Of several stages another one may notice it first.
                self.assertRegex(error, "^(stage 2 is lost: it gave up: ')?stage 1 is lost: nothing was heard of it for 0.75 s'?$")
                self.assertEqual(found, status)

    def test_a_stage_that_is_stopped(self):
        self.assertEqual(self.lose(2, 1, "stopped"), ("stage 1 is lost: nothing was heard of it for 10 s", 1))

    def test_a_stage_that_sends_what_is_no_frame(self):
        tail = ("--lm-head", "tail")
        for how, options, said in (("no frame", (), "it sent what is no frame: a frame begins with 20544547 instead of 52465253"),
                                   ("bit", tail, "it sent what is no frame: .*checksum"),
                                   ("torn", (), "it sent what is no frame: a frame .* begins with a message of"),
                                   ("turned", (), r"it sent what can't be: hidden states of step \d+ are \[576, \d+\]; expected f32 \[\d+, 576\]"),
                                   ("no tokens", tail, "it sent what can't be: an outcome of the tail: ")):
            with self.subTest(how):
                error, status = self.lose(2, 1, how, options)
                self.assertRegex(error, f"^stage 1 is lost: {said}")
                self.assertEqual(status, 1)

    def test_a_stage_in_the_middle_that_sends_what_is_no_frame(self):
        error, status = self.lose(3, 1, "no frame")
        self.assertRegex(error, "^stage [12] is lost: .*a frame begins with 20544547")
        self.assertEqual(status, 1)

    def test_a_stage_that_is_lost_while_nobody_asks(self):
        served = self.served(job(MPIRUN, 2, "serve", "-m", MODEL, "--port", 0))
        self.assertTrue(served.is_well())
        served.signal(1, signal.SIGSTOP)
        self.assertEqual(served.wait(), 1)
        self.assertIsNone(served.is_well())
        self.assertIn("sirocco: stage 1 is lost: nothing was heard of it for 10 s\n", served.words())

    def test_a_head_that_dies(self):
        served = self.served(job(MPIRUN, 3, "serve", "-m", MODEL, "--port", 0))
        served.signal(0, signal.SIGKILL)
        self.assertEqual(served.wait(), 137)

    def test_other_commands_say_who_is_lost(self):
        file = HOME / str(uuid.uuid4())
        file.touch()
        for arguments in (("run", "-m", MODEL, "-p", "Tell a long story."), ("bench", "-m", MODEL, "-n", 64, "-r", 2)):
            done = run_job(command(2, 1, "killed", file, *arguments), **PATIENT)
            self.assertEqual(done.returncode, 137, done.stderr.decode())
            self.assertRegex(done.stderr.decode(), "sirocco: .*stage 1 is lost: nothing was heard of it for 0.75 s\n")


class Signals(unittest.TestCase):
    """What mpirun sends all ranks when it is asked to end."""

    def serve(self, **settings):
        served = Served(job(MPIRUN, 3, "serve", "-m", MODEL, "--port", 0), **settings)
        self.addCleanup(served.kill)
        return served

    def test_answers_are_ended(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            served = self.serve()
            answer = served.ask("/v1/chat/completions", **{**CHAT, "max_tokens": 60}, stream=True)
            answer.readline()
            for rank in (1, 2, 0):
                served.signal(rank, number)
            self.assertTrue(answer.read().endswith(b"data: [DONE]\n\n"))
            self.assertEqual(served.wait(), 0, served.words())

    def test_mpirun_is_ended(self):
        served = self.serve()
        answer = served.ask("/v1/chat/completions", **CHAT, stream=True)
        answer.readline()
        served.process.send_signal(signal.SIGTERM)
        self.assertNotEqual(served.wait(), 0)

    def test_a_command_ends_at_once(self):
        running = Job(job(MPIRUN, 2, "bench", "-m", MODEL, "-p", 16, "-n", 4000, "-r", 1000))
        self.addCleanup(running.kill)
        running.wait_for_words("loaded in")
        running.signal(0, signal.SIGTERM)
        self.assertEqual(running.wait(), 143)


if __name__ == "__main__":
    unittest.main(verbosity=2)
