#!/usr/bin/env python3
"""What holds of any chain of stages, in closed forms and over random ones.

usage: simulator_test.py
"""

import dataclasses
import math
import random
import statistics
import unittest

from simulator import Chain, Frames, Link, Naps, Span, Step, simulate
from stage_times import LLAMA_70B_Q4_0, Machine, Measured, Roofline, cut
from workloads import beside, decode, prompt, usual_chunk

FRAMES = Frames(width=8)


def chain(*seconds, latency=0.0, rate=math.inf, **more):
    """Stages that take so long at any step, each with a link of its own."""
    return Chain(tuple((lambda step, s=s: s) for s in seconds), tuple(Link(latency, rate) for _ in seconds), FRAMES, **more)


def random_steps(rng, stages):
    if rng.random() < 0.3:
        return prompt(rng.randint(1, 200), rng.randint(1, 40), rng.randint(0, 50))
    sequences = rng.randint(1, 3 * stages)
    steps = decode(sequences, rng.randint(1, 2 * stages), rng.randint(1, 12), rng.randint(0, 50))
    return beside(steps, prompt(rng.randint(1, len(steps)), rng.randint(1, 3))[:len(steps)]) if rng.random() < 0.3 else steps


def random_chain(rng):
    stages = rng.randint(1, 8)
    links = [Link(rng.choice([0, rng.random()]), rng.choice([math.inf, rng.uniform(10, 1e4)])) for _ in range(stages)]
    if rng.random() < 0.3:
        links = [links[0]] * stages
    times = [Measured({1: rng.random(), 8: 1 + rng.random()}, 1e-3 * rng.random()) for _ in range(stages)]
    work = rng.choice([0, 0.1 * rng.random()])
    return Chain(tuple(times), tuple(links), FRAMES, lambda step: work, rng.choice([0, rng.randint(1, 2 * stages)]),
                 rng.choice([64 << 20, rng.randint(1, 2000)]), rng.choice([None, Naps(1 / 16, 1e-3, 0.1)]))


class ClosedForms(unittest.TestCase):
    def test_one_stage_takes_the_sum_of_its_steps(self):
        stage = Measured({1: 0.5, 3: 2.5}, 0.125)
        steps = decode(5, 2, 4, behind=7) + [Step((Span(9, 100, False),))]
        got = simulate(Chain((stage,), (Link(3, 1),), FRAMES), steps)
        self.assertAlmostEqual(got.wall_s, sum(map(stage, steps)))
        self.assertEqual(got.stages[0].sent_bytes, 0)
        self.assertAlmostEqual(got.idle_share(0), 0)

    def test_the_slowest_stage_bounds_a_prompt(self):
        # The others take their turns once: before the slowest has something, and behind its last.
        for seconds in ((1, 1, 1, 1), (1, 3, 2), (4, 1, 1), (1, 2, 5)):
            got = simulate(chain(*seconds), prompt(80, 2))
            self.assertAlmostEqual(got.wall_s, 40 * max(seconds) + sum(seconds) - max(seconds))
            self.assertAlmostEqual(got.stages[0].busy_s, 40 * seconds[0])

    def test_as_many_groups_as_balanced_stages_fill_them(self):
        for stages in (1, 2, 5):
            got = simulate(chain(*[2.0] * stages), decode(3 * stages, stages, 50))
            self.assertAlmostEqual(got.wall_s, 2.0 * (50 * stages + stages - 1))
            self.assertAlmostEqual(got.gaps_s[-1], 2.0 * stages)

    def test_fewer_groups_leave_stages_idle(self):
        got = simulate(chain(1, 1, 1, 1), decode(3, 3, 100))
        self.assertAlmostEqual(got.wall_s, 100 * 4 + 2)

    def test_a_sequence_alone_goes_through_all_stages_and_latencies(self):
        got = simulate(chain(1, 2, 3, latency=0.25, head_work=lambda step: 0.125), decode(1, 1, 10))
        self.assertAlmostEqual(got.wall_s, 10 * (1 + 2 + 3 + 3 * 0.25 + 0.125))
        for gap in got.gaps_s:
            self.assertAlmostEqual(gap, 6.875)
        self.assertAlmostEqual(got.first_token_s, 6.875)

    def test_a_round_of_as_many_groups_as_stages_takes_latencies_too(self):
        got = simulate(chain(1, 1, 1, latency=0.25), decode(3, 3, 40))
        self.assertAlmostEqual(statistics.median(got.gaps_s), 3 * 1.25)
        more = simulate(chain(1, 1, 1, latency=0.25, steps_under_way=4), decode(4, 4, 40))
        self.assertAlmostEqual(statistics.median(more.gaps_s), 4)

    def test_a_link_slower_than_a_stage_bounds_the_rate(self):
        steps = prompt(200, 4)
        slow = (FRAMES.hidden(steps[0]) + FRAMES.REPORT) / 2  # two seconds for what the middle says of a chunk
        stages = chain(1, 1, 1, steps_under_way=50)
        links = (Link(), Link(0, slow), Link())
        got = simulate(dataclasses.replace(stages, links=links), steps)
        self.assertAlmostEqual(got.wall_s, 50 * 2 + 3)
        self.assertAlmostEqual(got.sent_bytes_per_s(1), 50 * 2 * slow / got.wall_s)

    def test_stages_that_share_a_link_share_its_rate(self):
        steps = prompt(200, 4)
        rate = 100.0  # slower than any stage
        stages = chain(0.1, 0.1, 0.1, steps_under_way=50)
        sent = [use.sent_bytes for use in simulate(stages, steps).stages]
        own = simulate(dataclasses.replace(stages, links=tuple(Link(0, rate) for _ in range(3))), steps)
        shared = simulate(dataclasses.replace(stages, links=(Link(0, rate),) * 3), steps)
        last = (FRAMES.hidden(steps[-1]) + 2 * FRAMES.REPORT + FRAMES.outcome(steps[-1])) / rate
        self.assertAlmostEqual(own.wall_s, sent[0] / rate + last + 0.2)
        # From the first step's computing on, until the last's is left, it is never free.
        self.assertAlmostEqual(shared.wall_s, sum(sent) / rate, delta=0.3)

    def test_what_comes_is_noticed_after_half_a_nap(self):
        # The tail has heard the description when the head begins, the head nothing since it was free.
        naps = Naps(1 / 4, 0.1, 0.4)
        got = simulate(chain(1, 2, naps=naps), decode(1, 1, 2))
        self.assertAlmostEqual(got.ended_s[0], 1 + 0.25 / 2 + 2 + 0.4 / 2)
        self.assertAlmostEqual(got.gaps_s[0], got.ended_s[0])
        # With three the head hears the middle's report meanwhile.
        got = simulate(chain(0.25, 8, 0.5, naps=naps), decode(1, 1, 1))
        self.assertAlmostEqual(got.ended_s[0], 0.25 + 0.1 / 2 + 8 + 0.4 / 2 + 0.5 + (0.7 / 4) / 2)

    def test_what_comes_within_a_nap_waits_for_its_end(self):
        # The second arrives 0.1 s behind the first, which is noticed 0.2 s after it came.
        head, tail = Measured({1: 0.1, 9: 10.0}), Measured({1: 5.0, 9: 1.0})
        got = simulate(Chain((head, tail), (Link(), Link()), FRAMES, naps=Naps(1 / 4, 0.02, 0.4)), [Step((Span(9),)), Step((Span(1),))])
        self.assertAlmostEqual(got.ended_s[0], 10 + 0.2 + 1 + (1.1 / 4) / 2)
        self.assertAlmostEqual(got.ended_s[1], 11.2 + 5 + 0.2)

    def test_without_room_a_stage_waits_for_the_next(self):
        # One chunk at a stage, one before it, and no more: the first is as slow as the second.
        roomy = simulate(chain(1, 5, steps_under_way=9), prompt(12, 1))
        tight = simulate(chain(1, 5, steps_under_way=9, max_on_the_way=1), prompt(12, 1))
        self.assertAlmostEqual(roomy.begun_s[5], 5)
        self.assertAlmostEqual(tight.begun_s[5], 16)
        self.assertAlmostEqual(tight.wall_s, roomy.wall_s)

    def test_more_under_way_than_that_do_not_begin(self):
        got = simulate(chain(1, 1, 8, steps_under_way=2), prompt(9, 1))
        for i in range(2, 9):
            self.assertGreaterEqual(got.begun_s[i], got.ended_s[i - 2])

    def test_bytes_are_those_of_the_frames(self):
        steps = decode(6, 2, 3, behind=31)
        got = simulate(chain(1, 1, 1), steps)
        rows = sum(step.rows for step in steps)
        self.assertEqual(got.stages[1].sent_bytes, 4 * 8 * rows + (56 + 80) * len(steps))
        self.assertEqual(got.stages[2].sent_bytes, 14 * rows + (56 + 80) * len(steps))
        described = got.stages[0].sent_bytes - (4 * 8 * rows + 56 * len(steps))
        self.assertEqual(described, 2 * sum(map(FRAMES.description, steps)))
        self.assertEqual(FRAMES.description(steps[2]) - FRAMES.description(steps[0]), 3 * 4)  # a block more each


class RandomChains(unittest.TestCase):
    def setUp(self):
        self.rng = random.Random(20261130)

    def each(self, count=150):
        for number in range(count):
            with self.subTest(number=number):
                stages = random_chain(self.rng)
                yield stages, random_steps(self.rng, len(stages.stages))

    def test_time_is_spent_or_waited(self):
        for stages, steps in self.each():
            got = simulate(stages, steps)
            for stage, use in zip(stages.stages, got.stages):
                self.assertAlmostEqual(use.busy_s + use.waited_s + use.head_work_s, got.wall_s)
                self.assertAlmostEqual(use.busy_s, sum(map(stage, steps)))
                self.assertGreaterEqual(use.waited_s, -1e-9)
                self.assertEqual((use.steps, use.rows), (len(steps), sum(step.rows for step in steps)))

    def test_no_step_is_faster_than_its_way(self):
        for stages, steps in self.each():
            got = simulate(stages, steps)
            links, frames = stages.links, stages.frames
            for i, step in enumerate(steps):
                way = sum(stage(step) for stage in stages.stages) + stages.head_work(step)
                if len(stages.stages) > 1:
                    way += sum(link.latency_s + frames.hidden(step) / link.bytes_per_s for link in links[:-1])
                    way += sum(frames.REPORT / link.bytes_per_s for link in links[1:])
                    way += links[-1].latency_s + frames.outcome(step) / links[-1].bytes_per_s
                self.assertGreaterEqual(got.ended_s[i] - got.begun_s[i], way - 1e-9)
                if step.after is not None:
                    self.assertGreaterEqual(got.begun_s[i], got.ended_s[step.after])
            self.assertEqual(sorted(got.ended_s), list(got.ended_s))

    def test_the_same_input_gives_the_same_output(self):
        for stages, steps in self.each(30):
            self.assertEqual(simulate(stages, steps).ended_s, simulate(stages, steps).ended_s)

    def test_what_is_better_is_never_slower(self):
        for stages, steps in self.each():
            if len(set(stages.links)) < len(stages.links):
                continue  # who comes first on a shared link may change
            napping = simulate(stages, steps).wall_s
            stages = dataclasses.replace(stages, naps=None)
            before = simulate(stages, steps).wall_s
            self.assertLessEqual(before, napping + 1e-9)
            links = tuple(Link(link.latency_s / 2, link.bytes_per_s * 2) for link in stages.links)
            under_way = (stages.steps_under_way or len(stages.stages)) + 1
            for better in (dataclasses.replace(stages, links=links), dataclasses.replace(stages, max_on_the_way=math.inf),
                           dataclasses.replace(stages, head_work=lambda step: 0.0),
                           dataclasses.replace(stages, steps_under_way=under_way)):
                self.assertLessEqual(simulate(better, steps).wall_s, before + 1e-9)

    def test_more_groups_of_as_many_sequences_are_never_slower(self):
        for stages, _ in self.each(40):
            stages = dataclasses.replace(stages, steps_under_way=20)
            rates = [simulate(stages, decode(2 * groups, groups, 30)).rows_per_s for groups in (1, 2, 4, 8, 16)]
            for fewer, more in zip(rates, rates[1:]):
                self.assertGreaterEqual(more, fewer * (1 - 1e-9))


class Workloads(unittest.TestCase):
    def test_groups_have_all_sequences(self):
        rng = random.Random(7)
        for _ in range(100):
            sequences, groups, tokens = rng.randint(1, 40), rng.randint(1, 12), rng.randint(1, 5)
            steps = decode(sequences, groups, tokens, 9)
            groups = min(groups, sequences)
            self.assertEqual(len(steps), groups * tokens)
            for token in range(tokens):
                of_token = steps[token * groups:(token + 1) * groups]
                self.assertEqual(sum(step.rows for step in of_token), sequences)
                self.assertLessEqual(max(step.rows for step in of_token) - min(step.rows for step in of_token), 1)
                self.assertEqual({span.behind for step in of_token for span in step.spans}, {9 + token})

    def test_a_prompt_is_cut_into_chunks(self):
        steps = prompt(10, 4, behind=3)
        self.assertEqual([step.spans[0] for step in steps], [Span(4, 3, False), Span(4, 7, False), Span(2, 11, True)])
        self.assertEqual(sum(step.keys for step in steps), sum(range(4, 14)))
        self.assertEqual([usual_chunk(stages) for stages in (1, 2, 3, 16, 32, 64, 1000)], [512, 128, 85, 16, 16, 8, 1])

    def test_a_prompt_comes_in_beside_answers(self):
        steps = beside(decode(2, 2, 3), prompt(5, 2))
        self.assertEqual([step.rows for step in steps], [3, 3, 2, 1, 1, 1])
        self.assertEqual([step.wanted for step in steps], [1, 1, 2, 1, 1, 1])
        self.assertEqual([step.after for step in steps], [None, None, 0, 1, 2, 3])


class StageTimes(unittest.TestCase):
    def test_what_was_measured_and_what_lies_between(self):
        stage = Measured({4: 2.0, 1: 1.0, 8: 6.0})
        for rows, seconds in ((1, 1), (2, 4 / 3), (4, 2), (6, 4), (8, 6), (10, 8)):
            self.assertAlmostEqual(stage(Step((Span(rows),))), seconds)
        self.assertAlmostEqual(Measured({1: 1.0}, 0.5)(Step((Span(2, 3),))), 1 + 0.5 * (4 + 5))

    def test_a_roofline_reads_or_computes(self):
        shape = LLAMA_70B_Q4_0
        # 68.5 billion weights in layers, one of the vocabulary: what is known of Llama 3 70B but for the embedding.
        self.assertEqual(80 * shape.layer_weights + 2 * shape.head_weights + 161 * 8192, 70_553_706_496)
        token, chunk = Step((Span(1),)), Step((Span(512, 0, False),))
        slow_memory = Roofline(shape, Machine(1e9, 1e18, 1e18), 10)
        self.assertAlmostEqual(slow_memory(token), 10 * (shape.layer_weights * 18 / 32 + 4096) / 1e9)
        self.assertAlmostEqual(slow_memory(chunk) - slow_memory(token), 10 * 511 * 4096 / 1e9)
        # Chunks but the last of a prompt don't go through the vocabulary's head.
        self.assertEqual(dataclasses.replace(slow_memory, has_head=True)(chunk), slow_memory(chunk))
        self.assertAlmostEqual(dataclasses.replace(slow_memory, has_head=True)(token), slow_memory(token) + 8192 * 128256 * 18 / 32 / 1e9)
        slow_products = Roofline(shape, Machine(1e18, 1e12, 1e18), 10, has_head=True)
        self.assertAlmostEqual(slow_products(chunk), 512 * 10 * 2 * shape.layer_weights / 1e12)
        self.assertAlmostEqual(slow_products(token), 2 * (10 * shape.layer_weights + shape.head_weights) / 1e12)

    def test_cuts(self):
        for stages in (1, 2, 3, 7, 16, 40, 64, 79, 80):
            layers = cut(LLAMA_70B_Q4_0, stages)
            self.assertEqual((len(layers), sum(layers)), (stages, 80))
            self.assertGreaterEqual(min(layers), 1)
            self.assertLessEqual(max(layers), -(-80 // stages) + 1)
        self.assertEqual(cut(LLAMA_70B_Q4_0, 2), (40, 40))
        # The vocabulary's head weighs as 1.2 layers of an answer's step: with 3 of the tail it would be slower than 3 elsewhere.
        self.assertEqual(cut(LLAMA_70B_Q4_0, 8), (10,) * 8)
        self.assertEqual(cut(LLAMA_70B_Q4_0, 48)[-1], 1)
        self.assertRaises(ValueError, cut, LLAMA_70B_Q4_0, 81)


if __name__ == "__main__":
    unittest.main()
