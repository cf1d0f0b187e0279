#!/usr/bin/env python3
"""A model whose stages are on two machines with a slow and lossy line between them, which is cut at last. The machines are
network namespaces; where there can be none, or no devices in them, the test is skipped and says why.

usage: stage_network_test.py PROGRAM SOURCE_FOLDER MPIRUN
"""

import os
import pathlib
import subprocess
import sys

INSIDE = "SIROCCO_TEST_NAMESPACE"
if INSIDE not in os.environ:
    alone = ["unshare", *(() if os.geteuid() == 0 else ("--user", "--map-root-user")), "--net", "--uts"]
    probe = subprocess.run([*alone, "sh", "-c", "hostname near && ip tuntap add dev probe mode tap"], capture_output=True, check=False)
    if probe.returncode != 0:
        print(f"skipped: no network namespaces with devices of their own here: {probe.stderr.decode().strip()}")
        sys.exit(77)
    os.environ[INSIDE] = "1"
    os.execvp(alone[0], [*alone, "sh", "-c", 'hostname near && exec "$@"', "sh", sys.executable, *sys.argv])

MPIRUN = sys.argv.pop(3)

# pylint: disable=wrong-import-position
import json
import signal
import unittest

from link import FAR, NEAR, NETWORK, Link
from program import HOME, MODEL, PROGRAM, sirocco
from ranks import Served, output_of, run_job

OVER_THE_LINE = {"OMPI_MCA_oob_tcp_if_include": NETWORK, "OMPI_MCA_btl_tcp_if_include": NETWORK, "OMPI_MCA_btl": "tcp,self",
                 # On a busy machine a second may be too little to notice a death, and another one to tell of it.
                 "OMPI_MCA_odls_base_sigkill_timeout": "4"}


class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.link = Link(delay_s=0.020, loss=0.01)
        # As docs/distributed.md has it: else mpirun waits a quarter of an hour for a machine that is cut off.
        cls.link.set_variable("ipv4/tcp_retries2", 6)
        agent = HOME / "agent"
        agent.write_text(f'#!/bin/sh\nshift\nexec {" ".join(cls.link.enter)} sh -c "$*"\n')
        agent.chmod(0o755)
        cls.job = [MPIRUN, "--mca", "plm_rsh_agent", str(agent), "--host", f"{NEAR}:1,{FAR}:1", "-n", "2", PROGRAM]

    def test_1_an_answer_is_the_same(self):
        ask = ("run", "-m", MODEL, "--seed", "7", "--temp", "1.0", "-n", "40", "--quiet", "-p", "Name three rivers.")
        said = output_of(sirocco(*ask))
        before = self.link.dropped
        self.assertEqual(output_of(run_job([*self.job, *ask], **OVER_THE_LINE)), said)
        self.assertGreater(self.link.dropped, before)
        scores = [HOME / "near.npy", HOME / "far.npy"]
        text = "The river runs from the mountains to the sea. " * 20
        for out, run in zip(scores, (lambda *a: sirocco(*a), lambda *a: run_job([*self.job, *a], **OVER_THE_LINE))):
            output_of(run("logits", "-m", MODEL, "-p", text, "--out", str(out), "--quiet"))
        self.assertEqual(scores[0].read_bytes(), scores[1].read_bytes())

    def story(self):
        """A server on both machines, and an answer of it that has begun."""
        served = Served([*self.job, "serve", "-m", MODEL, "--port", "0"], **OVER_THE_LINE)
        self.addCleanup(served.kill)
        answer = served.ask("/v1/chat/completions", messages=[{"role": "user", "content": "Tell a long story."}], max_tokens=4000,
                            ignore_eos=True, stream=True)
        for _ in range(8):
            answer.readline()
        return served, answer

    def check_end(self, served, answer, said, status):
        last = [line for line in answer.read().decode().splitlines() if line.startswith("data: {")][-1]
        self.assertEqual(json.loads(last.removeprefix("data: "))["error"]["message"], said)
        self.assertEqual(served.wait(), status)
        self.assertIsNone(served.is_well())
        self.assertIn(f"sirocco: {said}\n", served.words())

    def test_2_a_stage_that_is_killed_over_there(self):
        served, answer = self.story()
        served.signal(1, signal.SIGKILL)
        self.check_end(served, answer, "stage 1 is lost: nothing was heard of it for 0.75 s", 137)

    def test_3_a_line_that_is_cut(self):
        served, answer = self.story()
        self.link.cut()
        self.check_end(served, answer, "stage 1 is lost: nothing was heard of it for 10 s", 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
