"""A chain of stages as discrete events: who computes, sends and waits when. No clock and no random numbers: the same input
gives the same output.

What is simulated is what sirocco/pipeline does. The head, stage 0, takes the steps of a workload in order. It sends each other
stage a description of the step, computes its own part, sends the hidden states to stage 1, and goes on to the next step while
fewer than `steps_under_way` are. A stage computes one step at a time, in order, when both the description and the hidden
states are there; it tells the head how long it took. What the tail makes of a step goes to the head, which waits for it where
it has nothing else to begin.
"""

import collections
import dataclasses
import functools
import heapq
import itertools
import math
from typing import Callable, Optional


@dataclasses.dataclass(frozen=True)
class Span:
    """Span is what a step has of one sequence: `rows` tokens with `behind` positions in the cache before them."""

    rows: int
    behind: int = 0
    wanted: bool = True  # an outcome of the last row: not of the middle of a prompt


@dataclasses.dataclass(frozen=True)
class Step:
    """Step is what goes through all stages at once. It begins when the outcome of step `after`, an earlier one, has come."""

    spans: tuple[Span, ...]
    after: Optional[int] = None

    @functools.cached_property
    def rows(self):
        return sum(span.rows for span in self.spans)

    @functools.cached_property
    def wanted(self):
        return sum(span.wanted for span in self.spans)

    @functools.cached_property
    def positions(self):
        """In the caches of its sequences, its own rows among them."""
        return sum(span.behind + span.rows for span in self.spans)

    @functools.cached_property
    def keys(self):
        """Pairs of a row and a position that it sees, itself among them."""
        return sum(span.rows * span.behind + span.rows * (span.rows + 1) // 2 for span in self.spans)


@dataclasses.dataclass(frozen=True, eq=False)
class Link:
    """Link is what a stage sends over: one frame after the other at `bytes_per_s`, each there `latency_s` after its last byte
    left. Stages that have one Link share it; equal ones are two."""

    latency_s: float = 0.0
    bytes_per_s: float = math.inf


@dataclasses.dataclass(frozen=True)
class Frames:
    """Frames says how many bytes what is sent takes (sirocco/pipeline/step_frames.cpp and outcome_frames.cpp)."""

    width: int  # elements of a hidden state
    outcome_bytes: int = 14  # of a token; where logits are wanted, 4 an entry of the vocabulary
    block_positions: int = 32

    HEADER = 56
    REPORT = HEADER + 24  # how long a stage took

    def description(self, step):
        blocks = sum(-(-(span.behind + span.rows) // self.block_positions) for span in step.spans)
        return self.HEADER + 60 + 49 * len(step.spans) + 4 * step.wanted + 4 * blocks

    def hidden(self, step):
        return self.HEADER + 4 * self.width * step.rows

    def outcome(self, step):
        return self.HEADER + self.outcome_bytes * step.wanted


@dataclasses.dataclass(frozen=True)
class Naps:
    """Naps is how a stage waits that no signal wakes: it looks, and sleeps for a share of the time since something last came
    (sirocco/transport/wired_end_thread.cpp). What comes is noticed half a nap later, on average."""

    share: float = 1 / 16
    shortest_s: float = 20e-6
    longest_s: float = 1e-3

    def until_noticed(self, quiet_s):
        return min(max(quiet_s * self.share, self.shortest_s), self.longest_s) / 2


@dataclasses.dataclass(frozen=True)
class Chain:
    """Chain is the stages of a model with what lies between them."""

    stages: tuple[Callable[[Step], float], ...]  # seconds that each computes at a step, the head first
    links: tuple[Link, ...]  # each stage's own, for all that it sends
    frames: Frames
    head_work: Callable[[Step], float] = lambda step: 0.0  # seconds of the head at an outcome
    steps_under_way: int = 0  # at most; 0: as many as stages
    max_on_the_way: float = 64 << 20  # bytes to the next stage not taken yet beyond which a sender waits
    naps: Optional[Naps] = None  # none: a stage notices at once


@dataclasses.dataclass
class StageUse:
    """StageUse is how a stage spent its time. busy_s + waited_s (+ head_work_s) is the whole of it."""

    busy_s: float = 0.0
    waited_s: float = 0.0  # for steps, or for room to send
    head_work_s: float = 0.0
    steps: int = 0
    rows: int = 0
    sent_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Outcome is what came of a workload; times are seconds since its beginning."""

    steps: tuple[Step, ...]
    begun_s: tuple[float, ...]  # of each step
    ended_s: tuple[float, ...]
    stages: tuple[StageUse, ...]

    @property
    def wall_s(self):
        return self.ended_s[-1]

    @property
    def rows_per_s(self):
        return sum(step.rows for step in self.steps) / self.wall_s

    @property
    def first_token_s(self):
        return next(end for step, end in zip(self.steps, self.ended_s) if step.wanted)

    @property
    def gaps_s(self):
        """Between the outcomes of steps that follow from each other: how long a sequence waits for its next token."""
        return [self.ended_s[i] - self.ended_s[step.after] for i, step in enumerate(self.steps) if step.after is not None]

    def idle_share(self, stage):
        return 1 - self.stages[stage].busy_s / self.wall_s

    def sent_bytes_per_s(self, stage):
        return self.stages[stage].sent_bytes / self.wall_s


def simulate(chain, steps):
    """The Outcome of steps in that order, of which there is one at least."""
    return _Run(chain, tuple(steps)).run()


class _Stage:
    """What is true of a stage at a moment."""

    def __init__(self):
        self.use = StageUse()
        self.at_work = False
        self.free_since = 0.0
        self.unsent = None  # the step whose hidden states wait for room
        self.described = []  # when the description of each step is there
        self.arrived = collections.deque()  # steps whose hidden states it hasn't taken, the oldest first
        self.on_the_way = 0.0  # bytes of these, and of those that are still to arrive
        self.heard = 0.0  # when something last came
        self.descriptions_heard = 0
        self.looks = 0.0  # when its nap is over


class _Run:
    def __init__(self, chain, steps):
        self.chain, self.steps = chain, steps
        self.most_under_way = chain.steps_under_way or len(chain.stages)
        self.stages = [_Stage() for _ in chain.stages]
        self.tail = len(self.stages) - 1
        self.now, self.order, self.events = 0.0, itertools.count(), []
        self.link_free = {link: 0.0 for link in chain.links}
        self.begun, self.ended = [], []
        self.outcomes = collections.deque()  # steps of which something came that the head hasn't looked at

    def run(self):
        self.go_on(0)
        while self.events:
            self.now, _, action, arguments = heapq.heappop(self.events)
            action(*arguments)
        assert len(self.ended) == len(self.steps)
        for stage in self.stages:
            stage.use.waited_s += self.ended[-1] - stage.free_since
        return Outcome(self.steps, tuple(self.begun), tuple(self.ended), tuple(stage.use for stage in self.stages))

    def at(self, time, action, *arguments):
        heapq.heappush(self.events, (time, next(self.order), action, arguments))

    def send(self, sender, size):
        """When a frame is there that is sent now."""
        link = self.chain.links[sender]
        self.link_free[link] = max(self.now, self.link_free[link]) + size / link.bytes_per_s
        self.stages[sender].use.sent_bytes += size
        return self.link_free[link] + link.latency_s

    def work(self, stage, seconds, then, *arguments):
        stage.use.waited_s += self.now - stage.free_since
        stage.at_work = True
        stage.free_since = self.now + seconds
        self.at(stage.free_since, then, *arguments)

    def compute(self, i, number):
        stage, step = self.stages[i], self.steps[number]
        seconds = self.chain.stages[i](step)
        stage.use.busy_s += seconds
        stage.use.steps += 1
        stage.use.rows += step.rows
        self.work(stage, seconds, self.computed, i, number)

    def go_on(self, i):
        """The stage begins what it can, if it isn't at something already."""
        stage = self.stages[i]
        if stage.at_work or stage.unsent is not None:
            return
        if i == 0:
            self.go_on_as_head()
        elif stage.arrived:
            number = stage.arrived.popleft()
            self.compute(i, number)
            stage.on_the_way -= self.chain.frames.hidden(self.steps[number])
            if self.stages[i - 1].unsent is not None:
                self.send_hidden(i - 1, self.stages[i - 1].unsent)

    def go_on_as_head(self):
        number = len(self.begun)
        if number < len(self.steps) and number - len(self.ended) < self.most_under_way:
            step = self.steps[number]
            if step.after is None or step.after < len(self.ended):
                self.begun.append(self.now)
                for stage in self.stages[1:]:
                    stage.described.append(self.send(0, self.chain.frames.description(step)))
                self.compute(0, number)
                return
        if self.outcomes:
            number = self.outcomes.popleft()
            seconds = self.chain.head_work(self.steps[number])
            self.stages[0].use.head_work_s += seconds
            self.work(self.stages[0], seconds, self.end)

    def end(self):
        self.stages[0].at_work = False
        self.ended.append(self.now)
        self.go_on(0)

    def computed(self, i, number):
        self.stages[i].at_work = False
        there = self.now if i == 0 else self.send(i, self.chain.frames.REPORT)
        if i < self.tail:
            if i > 0:
                self.at(there, self.report_came)
            self.send_hidden(i, number)
            return
        if i > 0:
            there = self.send(i, self.chain.frames.outcome(self.steps[number]))
        self.at(there, self.came, 0, self.outcomes, number)
        self.go_on(i)

    def send_hidden(self, i, number):
        """Sends a computed step to the next stage, if there is room; then the stage goes on."""
        to = self.stages[i + 1]
        has_room = to.on_the_way < self.chain.max_on_the_way
        self.stages[i].unsent = None if has_room else number
        if not has_room:
            return
        size = self.chain.frames.hidden(self.steps[number])
        to.on_the_way += size
        # The description has come: it left the head before the hidden states did, over the same link.
        self.at(self.send(i, size), self.came, i + 1, to.arrived, number)
        self.go_on(i)

    def report_came(self):
        self.stages[0].heard = self.now

    def came(self, i, into, number):
        """Something for a stage is there; it may have to notice."""
        stage = self.stages[i]
        if self.chain.naps is None or stage.at_work or stage.unsent is not None:
            self.noticed(i, into, number)
            return
        while stage.descriptions_heard < len(stage.described) and stage.described[stage.descriptions_heard] < self.now:
            stage.heard = max(stage.heard, stage.described[stage.descriptions_heard])
            stage.descriptions_heard += 1
        quiet = self.now - max(stage.heard, stage.free_since)
        stage.looks = max(stage.looks, self.now + self.chain.naps.until_noticed(quiet))
        stage.heard = self.now
        self.at(stage.looks, self.noticed, i, into, number)

    def noticed(self, i, into, number):
        into.append(number)
        self.go_on(i)
