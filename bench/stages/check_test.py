#!/usr/bin/env python3
"""What check.py concludes from measurements, here the simulator's own; and that `sirocco bench` makes the steps that are simulated.

usage: check_test.py [PROGRAM]        the program is asked where SIROCCO_TEST_MODEL names the default model
"""

import json
import os
import subprocess
import sys
import unittest

from check import APART, KNOWN_PROMPTS, KNOWN_SEQUENCES, PROMPT, SEQUENCES, STAGES, TOKENS, Between, decode_prediction, prompt_prediction
from simulator import Frames, Naps, simulate
from stage_times import Measured
from workloads import decode, prompt, usual_chunk

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else None
MODEL = os.environ.get("SIROCCO_TEST_MODEL")


def result(outcome, repetitions=2):
    """As bench --json tells it."""
    return {"tokens_per_s": [outcome.rows_per_s] * repetitions, "wall_s": outcome.wall_s * repetitions,
            "stages": [{"busy_s": use.busy_s * repetitions, "steps": use.steps * repetitions} for use in outcome.stages]}


class Conclusions(unittest.TestCase):
    # Eight rows take little longer than six.
    TIMES = tuple(Measured({1: 0.5 * unit, 4: 2 * unit, 6: 3 * unit, 8: 3.1 * unit, 10: 5 * unit, 16: 6 * unit}, per_key)
                  for unit, per_key in ((0.0066, 1e-6), (0.0075, 2e-6)))
    BETWEEN = Between(300e-6, 70e-6, Naps())

    def test_other_numbers_of_sequences_foretell_one(self):
        chain = self.BETWEEN.chain([Measured(stage.seconds) for stage in self.TIMES])
        known = {number: result(simulate(chain, decode(number, STAGES, TOKENS))) for number in KNOWN_SEQUENCES}
        rows = [sequences // STAGES for sequences in (*KNOWN_SEQUENCES, SEQUENCES) if sequences > 1]
        whole = {count: 0.8 * sum(stage.seconds[count] for stage in self.TIMES) for count in rows}
        predicted, between = decode_prediction(known, whole, self.BETWEEN.naps)
        self.assertAlmostEqual(between.latency_s, self.BETWEEN.latency_s, delta=5e-6)
        self.assertAlmostEqual(between.outcome_s, self.BETWEEN.outcome_s, delta=5e-6)
        true = simulate(chain, decode(SEQUENCES, STAGES, TOKENS))
        self.assertAlmostEqual(predicted.rows_per_s / true.rows_per_s, 1, places=3)

    def test_other_lengths_of_prompts_foretell_one(self):
        chain = self.BETWEEN.chain(self.TIMES)
        known = {tokens: result(simulate(chain, prompt(tokens, usual_chunk(STAGES)))) for tokens in KNOWN_PROMPTS}
        predicted = prompt_prediction(known, self.BETWEEN)
        self.assertAlmostEqual(predicted.wall_s, simulate(chain, prompt(PROMPT, usual_chunk(STAGES))).wall_s, places=6)


@unittest.skipUnless(PROGRAM and MODEL, "needs a program, and the default model in SIROCCO_TEST_MODEL")
class Steps(unittest.TestCase):
    def test_the_program_makes_the_steps_that_are_simulated(self):
        stages, sequences, tokens, long = 3, 5, 4, 1000
        done = subprocess.run([PROGRAM, "bench", "-m", MODEL, "--stages", str(stages), "-b", f"1,{sequences}", "-n", str(tokens),
                               "-p", str(long), "-r", "1", "--no-warmup", "--json", "--quiet", *APART], capture_output=True, check=True)
        measured = {(found["test"], found["batch"]): found["stages"] for found in json.loads(done.stdout)["results"]}
        for key, steps in (((f"tg{tokens}", sequences), decode(sequences, stages, tokens)), ((f"tg{tokens}", 1), decode(1, stages, tokens)),
                           ((f"pp{long}", 1), prompt(long, usual_chunk(stages)))):
            simulated = simulate(Between(0, 0).chain([Measured({1: 1.0})] * stages), steps).stages
            for stage, (found, use) in enumerate(zip(measured[key], simulated)):
                hidden = sum(Frames(576).hidden(step) - Frames.HEADER for step in steps) if stage < stages - 1 else 0
                self.assertEqual((found["steps"], found["rows"], found["sent_bytes"]), (use.steps, use.rows, hidden), (key, stage))


if __name__ == "__main__":
    unittest.main()
