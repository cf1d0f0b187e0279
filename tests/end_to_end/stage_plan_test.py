#!/usr/bin/env python3
"""What is said of a model's stages before they are loaded, and what they then take and do.

usage: stage_plan_test.py PROGRAM SOURCE_FOLDER MPIRUN        MPIRUN may be empty: then there is none
"""

import sys

MPIRUN = sys.argv.pop(3)

import json
import pathlib
import re
import unittest

from program import MODEL, sirocco
from ranks import Served, job, output_of


def plan(*options):
    return json.loads(output_of(sirocco("info", MODEL, "--json", *options)))["plan"]


class Plan(unittest.TestCase):
    def test_layers_bytes_and_time_of_each_stage(self):
        found = plan("--stages", 3)
        self.assertEqual([stage["role"] for stage in found["stages"]], ["head", "middle", "tail"])
        layers = [stage["layers"] for stage in found["stages"]]
        self.assertEqual((layers[0][0], layers[-1][1]), (0, 29))
        for before, after in zip(layers, layers[1:]):
            self.assertEqual(before[1] + 1, after[0])
        self.assertTrue(all(stage["seconds_a_token"] > 0 and stage["threads"] >= 1 for stage in found["stages"]))
        self.assertEqual(found["context"], 8192)

    def test_what_it_weighs_is_what_the_file_has(self):
        described = json.loads(output_of(sirocco("info", MODEL, "--json", "--stages", 2)))
        table = 49152 * 576 // 32 * 34  # the tied table of this file, in Q8_0, is at both ends
        stages = described["plan"]["stages"]
        planned = sum(stage["weight_bytes"] for stage in stages)
        first, last = stages[1]["vocabulary"]
        self.assertEqual(planned, described["weight_bytes"] + table * (last + 1 - first) // 49152)
        unshared = plan("--stages", 2, "--lm-head", "tail")["stages"]
        self.assertEqual(sum(stage["weight_bytes"] for stage in unshared), described["weight_bytes"] + table)
        self.assertEqual([stage["weight_bytes"] for stage in plan("--stages", 1)["stages"]], [described["weight_bytes"]])

    def test_both_ends_score_the_vocabulary(self):
        head, middle, tail = plan("--stages", 3)["stages"]
        self.assertEqual(middle["vocabulary"], None)
        self.assertEqual((head["vocabulary"][0], tail["vocabulary"][1]), (0, 49151))
        self.assertEqual(head["vocabulary"][1] + 1, tail["vocabulary"][0])
        of_tail = 49152 - tail["vocabulary"][0]
        self.assertEqual([stage["sent_bytes_a_token"] for stage in (head, middle, tail)], [576 * 4, 576 * 4, (576 + of_tail) * 4])
        head, tail = plan("--stages", 2, "--lm-head", "tail")["stages"]
        self.assertEqual((head["vocabulary"], tail["vocabulary"]), (None, [0, 49151]))
        self.assertEqual((head["sent_bytes_a_token"], tail["sent_bytes_a_token"]), (576 * 4, 0))
        done = sirocco("info", MODEL, "--stages", 2, "--lm-head", "middle")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--lm-head 'middle': known are best, ends and tail", done.stderr.decode())

    def test_many_threads_take_no_more_memory_to_measure(self):
        self.assertEqual(plan("--stages", 1, "--threads", 600)["stages"][0]["threads"], 600)

    def test_caches_follow_from_what_is_asked_for(self):
        def caches(*options):
            return [stage["cache_bytes"] for stage in plan("--cut", "10", *options)["stages"]]

        # Keys and values of a position and layer: 3 heads of 64 elements each.
        for kv_type, element in (("f16", 2), ("f32", 4)):
            small, large = (caches("--kv-dtype", kv_type, "--ctx", context) for context in (1024, 2048))
            self.assertEqual(small[1], 2 * small[0])
            self.assertEqual(large[0] - small[0], 1024 * 10 * 2 * 3 * 64 * element)

    def test_what_does_not_fit_is_said(self):
        self.assertEqual(plan("--stages", 2)["shortages"], [])
        large = ("--stages", 2, "--ctx", 1 << 24, "--kv-dtype", "f32")
        found = plan(*large)
        needed = sum(stage["weight_bytes"] + stage["cache_bytes"] for stage in found["stages"])
        [shortage] = found["shortages"]
        self.assertEqual((shortage["stages"], shortage["needed_bytes"]), ([0, 1], needed))
        self.assertLess(shortage["free_bytes"], needed)
        self.assertRegex(output_of(sirocco("info", MODEL, *large)).decode().splitlines()[-1],
                         "^this does not fit: weights and caches of stages 0, 1 are .* GiB, and .* are free")
        done = sirocco("run", "-m", MODEL, "-p", "A river", *large)
        self.assertEqual(done.returncode, 1, "what the plan says is what happens")

    def test_a_table_for_people(self):
        shown = output_of(sirocco("info", MODEL, "--cut", "12")).decode().splitlines()
        self.assertEqual(shown[0].split(), ["stage", "role", "layers", "vocabulary", "weights", "cache", "a", "token", "sent", "threads"])
        self.assertRegex(shown[1], r"^0 +head +0-11 +0-\d+ .* MiB .* MiB .* ms +2.25 KiB +\d+$")
        self.assertRegex(shown[2], r"^1 +tail +12-29 +\d+-49151 ")

    def test_cuts_that_cannot_be(self):
        done = sirocco("info", MODEL, "--cut", "30")
        self.assertEqual(done.returncode, 1)
        self.assertIn("leaves a stage empty; the model has 30 layers", done.stderr.decode())


class Devices(unittest.TestCase):
    ASK = ("run", "-m", MODEL, "--temp", 0, "-n", 12, "--quiet", "-p", "Name a river.")

    def test_each_stage_has_its_own(self):
        whole = output_of(sirocco(*self.ASK))
        self.assertEqual(output_of(sirocco(*self.ASK, "--stages", 2, "--device", "cpu,cpu")), whole)
        self.assertEqual(output_of(sirocco(*self.ASK, "--stages", 3, "--device", "cpu")), whole)

    def test_as_many_as_stages(self):
        for options in (("--stages", 3, "--device", "cpu,cpu"), ("--device", "cpu,cpu")):
            done = sirocco(*self.ASK, *options)
            self.assertEqual(done.returncode, 1)
            self.assertIn("--device cpu,cpu: 2 devices for", done.stderr.decode())
        done = sirocco(*self.ASK, "--stages", 2, "--device", "cpu,gpu")
        self.assertEqual(done.returncode, 1)
        self.assertIn("gpu", done.stderr.decode())


class Measured(unittest.TestCase):
    SHORT = ("bench", "-m", MODEL, "-p", 64, "-n", 4, "-b", 2, "-r", 2)

    def test_what_a_shared_vocabulary_sends_is_what_the_plan_says(self):
        planned = plan("--stages", 2)["stages"]
        prompt, answers = json.loads(output_of(sirocco(*self.SHORT, "--json", "--stages", 2)))["results"]
        for result, rows, wanted in ((prompt, 2 * 2 * 64, 2 * 2), (answers, 2 * 2 * 4, 2 * 2 * 4)):
            sent = [stage["sent_bytes"] for stage in result["stages"]]
            self.assertEqual(sent, [rows * planned[0]["sent_bytes_a_token"], wanted * planned[1]["sent_bytes_a_token"]])
            self.assertEqual([stage["rows"] for stage in result["stages"]], [rows, rows])

    def test_bench_says_what_each_stage_did(self):
        done = json.loads(output_of(sirocco(*self.SHORT, "--json", "--stages", 2, "--lm-head", "tail")))
        prompt, answers = done["results"]
        for result, rows in ((prompt, 2 * 2 * 64), (answers, 2 * 2 * 4)):
            self.assertEqual(len(result["stages"]), 2)
            for stage in result["stages"]:
                self.assertEqual(stage["rows"], rows)
                self.assertTrue(0 < stage["busy_s"] <= result["wall_s"])
                self.assertAlmostEqual(stage["idle_share"], 1 - stage["busy_s"] / result["wall_s"])
            # Hidden states, F32 of 576 elements, cross the one cut; tokens are all that comes back of a tail that scores them all.
            self.assertEqual([stage["sent_bytes"] for stage in result["stages"]], [rows * 576 * 4, 0])
            self.assertAlmostEqual(result["bubble"], sum(stage["idle_share"] for stage in result["stages"]) / 2)
        self.assertNotIn("stages", json.loads(output_of(sirocco(*self.SHORT, "--json")))["results"][0])
        self.assertRegex(output_of(sirocco(*self.SHORT, "--stages", 2)).decode(), r"stages idle [\d.]+ %, [\d.]+ %; bubble [\d.]+ %")


@unittest.skipUnless(MPIRUN, "there is no mpirun, or the build has no MPI")
class Shares(unittest.TestCase):
    """What the processes of two ranks hold, by the system's account."""

    @staticmethod
    def held(cut):
        """Bytes of each rank's process, when both have answered once."""
        served = Served(job(MPIRUN, 2, "serve", "-m", MODEL, "--port", 0, "--ctx", 64, "--parallel", 1, "--cut", cut))
        try:
            served.ask("/v1/completions", prompt="A river", max_tokens=4).read()
            resident = {rank: re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]
                        for pid, rank in served.processes().items() if rank is not None}
            return [int(resident[rank]) * 1024 for rank in range(2)]
        finally:
            served.kill()

    def test_a_rank_holds_its_layers_and_no_others(self):
        def weights(cut):
            return [stage["weight_bytes"] for stage in plan("--cut", cut)["stages"]]

        few, many = self.held(1), self.held(29)
        for rank in range(2):
            expected = weights(29)[rank] - weights(1)[rank]
            self.assertAlmostEqual((many[rank] - few[rank]) / expected, 1, delta=0.05)


if __name__ == "__main__":
    unittest.main(verbosity=2)
