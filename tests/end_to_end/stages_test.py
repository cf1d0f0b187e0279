#!/usr/bin/env python3
"""A model cut into stages: in one process, and in several that mpirun starts. The bits are those of the uncut model, and a
stage that is gone ends the job in words.

usage: stages_test.py PROGRAM SOURCE_FOLDER MPIRUN        MPIRUN may be empty: then there is none
"""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest
import urllib.request
import uuid

from mpi_job import SETTINGS, job, needs_mpirun, output_of, run_job
from program import ENVIRONMENT, HOME, MODEL, PROGRAM, sirocco
from random_model import write_random


class Cut(unittest.TestCase):
    """The real model; of each command what it says with and without cuts."""

    ASK = ("run", "-m", MODEL, "--seed", 7, "--temp", 1.0, "-n", 40, "--repeat-penalty", 1.2, "--quiet", "-p", "Name three rivers.")

    @classmethod
    def setUpClass(cls):
        cls.said = output_of(sirocco(*cls.ASK))
        cls.text = "The river runs from the mountains to the sea. " * 40

    def scores(self, *cut, run=lambda *arguments: sirocco(*arguments)):
        out = HOME / "scores.npy"
        out.unlink(missing_ok=True)
        output_of(run("logits", "-m", MODEL, "-p", self.text, "--out", out, "--quiet", *cut))
        return out.read_bytes()

    def test_an_answer_is_the_same_however_it_is_cut(self):
        for cut in (("--stages", 2), ("--stages", 3), ("--stages", 4), ("--cut", "1"), ("--cut", "3,4,29")):
            self.assertEqual(output_of(sirocco(*self.ASK, *cut)), self.said, cut)

    def test_scores_are_the_same_bits_however_they_are_cut(self):
        whole = self.scores()
        for cut in (("--stages", 2), ("--stages", 3, "--chunks", 7, 100, 1), ("--cut", "2,28", "--chunks", 64)):
            self.assertEqual(self.scores(*cut), whole, cut)

    def test_cuts_that_cannot_be(self):
        for cut, said in ((("--cut", "30"), "a cut after layer 30 leaves a stage empty; the model has 30 layers"),
                          (("--cut", "5,5"), "a cut after layer 5 leaves a stage empty"),
                          (("--cut", "5,x"), "--cut 'x': expected layers, as in 10,20"),
                          (("--stages", 31), "31 stages of a model of 30 layers; there can be 1 to 30"),
                          (("--stages", 2, "--cut", "1,2"), "--stages 2: --cut 1,2 makes 3 stages")):
            done = sirocco(*self.ASK, *cut)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr.decode())

    @needs_mpirun
    def test_ranks_say_the_same(self):
        for ranks, cut in ((2, ()), (3, ("--cut", "10,11")), (4, ("--stages", 4))):
            self.assertEqual(output_of(run_job(job(ranks, *self.ASK, *cut))), self.said, cut)
        whole = self.scores()
        self.assertEqual(self.scores("--chunks", 50, run=lambda *arguments: run_job(job(3, *arguments))), whole)

    @needs_mpirun
    def test_a_prompt_comes_by_standard_input_to_the_first_rank(self):
        ask = ("run", "-m", MODEL, "--temp", 0, "-n", 12, "--quiet")
        self.assertEqual(output_of(run_job(job(2, *ask), b"What is a river?")), output_of(sirocco(*ask, stdin=b"What is a river?")))

    @needs_mpirun
    def test_commands_without_a_model_run_once(self):
        self.assertEqual(output_of(run_job(job(2, "list"))), output_of(sirocco("list")))

    @needs_mpirun
    def test_what_ranks_do_not_have_in_common_is_named(self):
        for options, said in ((("--isa", "ref"), "instruction set"), (("-m", self.other_model()), "model")):
            mine = job(1, *self.ASK)
            theirs = ["-n", "1", PROGRAM, *map(str, (*self.ASK, *options) if "--isa" in options else ("run", *options, *self.ASK[3:]))]
            done = run_job([*mine, ":", *theirs])
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr.decode(), f"stage 1.*{said}|{said}.*stage 1")

    @needs_mpirun
    def test_what_cannot_be_cut_is_refused(self):
        done = run_job(job(2, "serve", "-m", MODEL, "-m", MODEL, "--port", 0))
        self.assertEqual(done.returncode, 1)
        self.assertIn("have one model", done.stderr.decode())
        for command in (job(2, "embed", "-m", MODEL, "a"), [PROGRAM, "embed", "-m", MODEL, "--stages", "2", "a"]):
            done = run_job(command)
            self.assertEqual(done.returncode, 1)
            self.assertIn("can't be cut into stages", done.stderr.decode())

    @needs_mpirun
    def test_as_many_stages_as_ranks(self):
        done = run_job(job(3, *self.ASK, "--stages", 2))
        self.assertEqual(done.returncode, 1)
        self.assertIn("mpirun started 3 processes for 2 stages; each needs one", done.stderr.decode())

    @staticmethod
    def other_model():
        folder = HOME / "other"
        if not folder.exists():
            write_random(folder, list("abcdefgh "), template="{{ messages[0].content }}")
        return folder


@needs_mpirun
class Served(unittest.TestCase):
    """A server of two ranks, of which one is lost."""

    def setUp(self):
        self.mark = f"SIROCCO_TEST_JOB={uuid.uuid4()}"
        self.errors = open(HOME / f"{uuid.uuid4()}.err", "w+b")  # pylint: disable=consider-using-with
        self.process = subprocess.Popen(job(2, "serve", "-m", MODEL, "--port", 0), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=self.errors, env={**ENVIRONMENT, **SETTINGS, **dict([self.mark.split("=")])})
        self.addCleanup(self.end)
        self.port = int(self.wait_for_words(rb"serving .* on http://127\.0\.0\.1:(\d+)")[1])

    def end(self):
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self.errors.close()

    def words(self):
        self.errors.flush()
        return pathlib.Path(self.errors.name).read_bytes()

    def wait_for_words(self, pattern, seconds=120):
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.words())):
            self.assertLess(time.monotonic(), end, self.words())
            time.sleep(0.05)
        return found

    def processes(self):
        found = {}
        for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                variables = environ.read_bytes().split(b"\0")
            except OSError:
                continue
            if self.mark.encode() in variables:
                rank = [v for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
                found[int(environ.parent.name)] = int(rank[0].partition(b"=")[2]) if rank else None
        return found

    def worker(self):
        return next(pid for pid, rank in self.processes().items() if rank == 1)

    def stream(self, tokens):
        body = {"messages": [{"role": "user", "content": "Tell a long story."}], "max_tokens": tokens, "ignore_eos": True, "stream": True}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/v1/chat/completions", json.dumps(body).encode())
        return urllib.request.urlopen(request, timeout=120)

    def test_answers_and_ends(self):
        with self.stream(20) as events:
            self.assertTrue(events.read().endswith(b"data: [DONE]\n\n"))
        head = next(pid for pid, rank in self.processes().items() if rank == 0)
        os.kill(head, signal.SIGTERM)
        self.assertEqual(self.process.wait(60), 0, self.words())
        self.assertFalse(self.processes())

    def lose(self, signal_number, patience):
        """What a stream says whose stage is lost, and how the job ended."""
        with self.stream(100000 if patience else 5000) as events:
            for _ in range(8):
                events.readline()
            os.kill(self.worker(), signal_number)
            try:
                rest = events.read()
            except (OSError, http.client.HTTPException) as error:  # mpirun has ended the head, a second later
                rest = str(error).encode()
        status = self.process.wait(120)
        end = time.monotonic() + 30
        while self.processes() and time.monotonic() < end:
            time.sleep(0.1)
        self.assertFalse(self.processes())
        return rest, status

    def test_a_stage_that_is_killed(self):
        _, status = self.lose(signal.SIGKILL, 0)
        self.assertNotEqual(status, 0)

    def test_a_stage_that_is_stopped(self):
        rest, status = self.lose(signal.SIGSTOP, 10)
        self.assertIn(b"stage 1 is lost", rest)
        self.assertNotEqual(status, 0)
        self.assertIn(b"stage 1 is lost", self.words())


if __name__ == "__main__":
    unittest.main(verbosity=2)
