#!/usr/bin/env python3
"""Frames between ranks that mpirun starts: how they come, and how the end of one rank is seen by the others.

usage: mpi_transport_test.py MPIRUN RANKS_PROGRAM
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

from mpi_settings import SETTINGS

MPIRUN, RANKS = sys.argv[1:3]
del sys.argv[1:3]


class Job:
    """A job of mpirun that ran to its end."""

    def __init__(self, ranks, what, **settings):
        mark = f"SIROCCO_TEST_JOB={uuid.uuid4()}"
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, **SETTINGS, **settings, "TMPDIR": folder, **dict([mark.split("=")])}
            done = subprocess.run([MPIRUN, "--oversubscribe", "-n", str(ranks), RANKS, what], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=environment, timeout=240, check=False)
            self.left = self.processes(mark.encode())
        self.status = done.returncode
        self.said = dict(re.findall(r"^rank (\d): (.*?)\r?$", done.stdout.decode(), re.MULTILINE))
        self.all = f"status {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}"

    @staticmethod
    def processes(mark):
        """Those of the job, once they had the time to be gone."""
        deadline = time.monotonic() + 30
        while True:
            found = []
            for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
                try:
                    if mark in environ.read_bytes().split(b"\0"):
                        found.append(int(environ.parent.name))
                except OSError:
                    pass
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.05)


class Mpi(unittest.TestCase):
    def run_job(self, ranks, what, **settings):
        job = Job(ranks, what, **settings)
        self.assertEqual(job.left, [], job.all)
        return job

    def test_frames_of_all_sizes_cross_each_other(self):
        for ranks in (1, 2, 3):
            for network in ("^tcp", "tcp,self"):
                with self.subTest(ranks=ranks, network=network):
                    job = self.run_job(ranks, "exchange", OMPI_MCA_btl=network)
                    self.assertEqual(job.status, 0, job.all)
                    self.assertEqual(job.said, {str(rank): "all came as it was sent" for rank in range(ranks)}, job.all)

    def test_every_rank_is_told_in_what_they_differ(self):
        # The first that ends makes mpirun end the others, after a second; on a busy machine they may need longer to say it.
        job = self.run_job(3, "differ", OMPI_MCA_odls_base_sigkill_timeout="4")
        self.assertEqual(job.status, 4, job.all)
        difference = "the stages differ in 'model': stage 0 has '0a1b', stage 2 has 'ffff'"
        self.assertEqual(job.said, dict.fromkeys("012", difference), job.all)

    def test_a_rank_that_dies_is_noticed(self):
        for what, status in (("killed", 137), ("exits", 3)):
            with self.subTest(what):
                job = self.run_job(3, what)
                self.assertEqual(job.status, status, job.all)
                self.check_that_others_noticed(job)

    def test_a_rank_that_is_stopped_is_noticed(self):
        job = self.run_job(3, "stopped")
        self.assertEqual(job.status, 4, job.all)
        self.check_that_others_noticed(job)

    def check_that_others_noticed(self, job):
        """Each by itself, or it was told by the one that was first."""
        lost = "stage 1 is lost: nothing was heard of it for 0.5 s"
        self.assertLessEqual({"0", "2"}, set(job.said), job.all)
        others = [job.said["0"], job.said["2"]]
        self.assertIn(lost, others, job.all)
        for said in others:
            self.assertRegex(said, rf"^{lost}$|^stage [02] is lost: it gave up: '{lost}'$")

    def test_a_rank_that_fails_says_why(self):
        job = self.run_job(3, "throws")
        self.assertEqual(job.status, 4, job.all)
        self.assertEqual(job.said["1"], "no memory is left", job.all)
        for rank in "02":
            self.assertRegex(job.said[rank], r"stage 1 is lost: it gave up: 'no memory is left'", job.all)

    def test_what_is_no_frame_is_named(self):
        job = self.run_job(3, "garbage")
        self.assertEqual(job.status, 4, job.all)
        why = "stage 1 is lost: it sent what is no frame: a frame begins with 20544547 instead of 52465253: the sender isn't sirocco"
        self.assertEqual(job.said, {"0": why, "2": f"stage 0 is lost: it gave up: '{why}'"}, job.all)

    def test_an_abort_ends_all_ranks(self):
        job = self.run_job(3, "aborts")
        self.assertEqual(job.status, 7, job.all)

    def test_without_mpirun_it_says_how(self):
        done = subprocess.run([RANKS, "exchange"], capture_output=True, timeout=60, check=False,
                              env={name: value for name, value in os.environ.items() if not name.startswith(("OMPI_", "PMIX_"))})
        self.assertEqual(done.returncode, 4)
        self.assertEqual(done.stderr.decode(), "this process is no rank of a job: start it by mpirun -n STAGES\n")


if __name__ == "__main__":
    unittest.main()
