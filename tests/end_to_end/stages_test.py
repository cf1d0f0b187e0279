#!/usr/bin/env python3
"""A model cut into stages: in one process, and in several that mpirun starts. The bits are those of the uncut model.

usage: stages_test.py PROGRAM SOURCE_FOLDER MPIRUN        MPIRUN may be empty: then there is none
"""

import sys

MPIRUN = sys.argv.pop(3)

import unittest

from program import HOME, MODEL, PROGRAM, sirocco
from random_model import write_random
from ranks import job, output_of, run_job


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
        for cut in (("--stages", 2), ("--stages", 3), ("--stages", 4), ("--cut", "1"), ("--cut", "3,4,29"),
                    ("--stages", 2, "--lm-head", "tail"), ("--cut", "25", "--lm-head", "ends")):
            self.assertEqual(output_of(sirocco(*self.ASK, *cut)), self.said, cut)

    def test_scores_are_the_same_bits_however_they_are_cut(self):
        whole = self.scores()
        for cut in (("--stages", 2), ("--stages", 3, "--chunks", 7, 100, 1), ("--cut", "2,28", "--chunks", 64),
                    ("--cut", "9,20", "--lm-head", "tail")):
            self.assertEqual(self.scores(*cut), whole, cut)

    def test_lists_with_something_missing(self):
        for option, text, expected in (("--cut", "5,", "layers, as in 10,20"), ("--cut", "5,,9", "layers, as in 10,20"),
                                       ("--device", "cpu,", "devices, as in cpu:0,cpu:1"), ("--device", ",cpu", "devices, as in cpu:0,cpu:1")):
            done = sirocco(*self.ASK, option, text)
            self.assertEqual(done.returncode, 2)
            self.assertIn(f"{option}: '{text}': nothing stands at one side of a comma; expected {expected}", done.stderr.decode())

    def test_cuts_that_cannot_be(self):
        for cut, said in ((("--cut", "30"), "a cut after layer 30 leaves a stage empty; the model has 30 layers"),
                          (("--cut", "5,5"), "a cut after layer 5 leaves a stage empty"),
                          (("--cut", "5,x"), "--cut 'x': expected layers, as in 10,20"),
                          (("--stages", 31), "31 stages of a model of 30 layers; there can be 1 to 30"),
                          (("--stages", 2, "--cut", "1,2"), "--stages 2: --cut 1,2 makes 3 stages")):
            done = sirocco(*self.ASK, *cut)
            self.assertEqual(done.returncode, 1)
            self.assertIn(said, done.stderr.decode())

    @unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
    def test_ranks_say_the_same(self):
        for ranks, cut in ((2, ()), (2, ("--lm-head", "tail")), (3, ("--cut", "10,11")), (4, ("--stages", 4))):
            self.assertEqual(output_of(run_job(job(MPIRUN, ranks, *self.ASK, *cut))), self.said, cut)
        whole = self.scores()
        self.assertEqual(self.scores("--chunks", 50, run=lambda *arguments: run_job(job(MPIRUN, 3, *arguments))), whole)

    @unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
    def test_a_prompt_comes_by_standard_input_to_the_first_rank(self):
        ask = ("run", "-m", MODEL, "--temp", 0, "-n", 12, "--quiet")
        self.assertEqual(output_of(run_job(job(MPIRUN, 2, *ask), b"What is a river?")), output_of(sirocco(*ask, stdin=b"What is a river?")))

    @unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
    def test_commands_without_a_model_run_once(self):
        self.assertEqual(output_of(run_job(job(MPIRUN, 2, "list"))), output_of(sirocco("list")))

    @unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
    def test_what_ranks_do_not_have_in_common_is_named(self):
        for options, said in ((("--isa", "ref"), "instruction set"), (("-m", self.other_model()), "model")):
            mine = job(MPIRUN, 1, *self.ASK)
            theirs = ["-n", "1", PROGRAM, *map(str, (*self.ASK, *options) if "--isa" in options else ("run", *options, *self.ASK[3:]))]
            done = run_job([*mine, ":", *theirs])
            self.assertNotEqual(done.returncode, 0)
            self.assertRegex(done.stderr.decode(), f"stage 1.*{said}|{said}.*stage 1")

    @unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
    def test_what_cannot_be_cut_is_refused(self):
        done = run_job(job(MPIRUN, 2, "serve", "-m", MODEL, "-m", MODEL, "--port", 0))
        self.assertEqual(done.returncode, 1)
        self.assertIn("have one model", done.stderr.decode())
        for command in (job(MPIRUN, 2, "embed", "-m", MODEL, "a"), [PROGRAM, "embed", "-m", MODEL, "--stages", "2", "a"]):
            done = run_job(command)
            self.assertEqual(done.returncode, 1)
            self.assertIn("can't be cut into stages", done.stderr.decode())

    @unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
    def test_as_many_stages_as_ranks(self):
        done = run_job(job(MPIRUN, 3, *self.ASK, "--stages", 2))
        self.assertEqual(done.returncode, 1)
        self.assertIn("mpirun started 3 processes for 2 stages; each needs one", done.stderr.decode())

    @staticmethod
    def other_model():
        folder = HOME / "other"
        if not folder.exists():
            write_random(folder, list("abcdefgh "), template="{{ messages[0].content }}")
        return folder


if __name__ == "__main__":
    unittest.main(verbosity=2)
