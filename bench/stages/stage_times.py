"""How long a stage computes at a step: as it was measured, or by the roofline of a machine and the shape of a model."""

import bisect
import dataclasses
import functools


@dataclasses.dataclass(frozen=True)
class Measured:
    """Measured is a stage whose seconds were measured at some numbers of rows, {rows: seconds}; straight lines lie between
    them and go on beyond. `per_key_s` is for each pair of a row and a position that it sees."""

    seconds: dict
    per_key_s: float = 0.0

    def __call__(self, step):
        return self._of_rows(step.rows) + self.per_key_s * step.keys

    def _of_rows(self, rows):
        known = sorted(self.seconds)
        if len(known) == 1:
            return self.seconds[known[0]]
        right = min(max(bisect.bisect_left(known, rows), 1), len(known) - 1)
        low, high = known[right - 1], known[right]
        return self.seconds[low] + (self.seconds[high] - self.seconds[low]) * (rows - low) / (high - low)


@dataclasses.dataclass(frozen=True)
class Machine:
    """Machine is what a stage runs on, by what it reaches at work, not by what its parts could do at best."""

    bytes_per_s: float  # of weights and cache that it reads
    int_ops_per_s: float  # of products with weights; an addition and a multiplication are two
    float_ops_per_s: float  # of attention


@dataclasses.dataclass(frozen=True)
class Shape:
    """Shape is a dense decoder model with gated feed-forward, its letters those of docs/shape-letters.md."""

    layers: int
    D: int
    H: int
    K: int
    E: int
    F: int
    V: int
    bytes_per_weight: float
    bytes_per_cached: float = 2  # f16

    @functools.cached_property
    def layer_weights(self):
        return 2 * self.D * self.H * self.E + 2 * self.D * self.K * self.E + 3 * self.D * self.F

    @functools.cached_property
    def head_weights(self):
        return self.D * self.V


LLAMA_70B_Q4_0 = Shape(layers=80, D=8192, H=64, K=8, E=128, F=28672, V=128256, bytes_per_weight=18 / 32)


@dataclasses.dataclass(frozen=True)
class Roofline:
    """Roofline is a stage of `layers` layers, and of the vocabulary's head where it `has_head`, that takes as long as reading
    its weights and caches or as its arithmetic, whichever is longer."""

    shape: Shape
    machine: Machine
    layers: int
    has_head: bool = False

    def __call__(self, step):
        shape, machine = self.shape, self.machine
        head = shape.head_weights if self.has_head and step.wanted else 0
        cached = step.positions * 2 * shape.K * shape.E * shape.bytes_per_cached
        read = (self.layers * shape.layer_weights + head) * shape.bytes_per_weight + self.layers * cached
        products = 2 * (self.layers * shape.layer_weights * step.rows + head * step.wanted)
        attention = 4 * shape.H * shape.E * step.keys * self.layers
        return max(read / machine.bytes_per_s, products / machine.int_ops_per_s + attention / machine.float_ops_per_s)


@functools.lru_cache
def cut(shape, stages):
    """How many layers each stage has, the head first, as `plan_stages` of sirocco/pipeline/stage_plan.cpp cuts for equal
    machines: the slowest is as fast as can be, both at prompts, which don't go through the vocabulary's head, and at answers,
    which do, and weigh less."""
    if not 1 <= stages <= shape.layers:
        raise ValueError(f"{stages} stages of {shape.layers} layers; there can be 1 to {shape.layers}")
    head = shape.head_weights / shape.layer_weights

    def weight(layers, has_head):
        return max(layers / shape.layers, 0.8 * (layers + head * has_head) / (shape.layers + head))

    # best[s][end]: the slowest of stages 0 to s that have the layers before `end`, and where the last of them begins.
    best = [{end: (weight(end, end == shape.layers), 0) for end in range(1, shape.layers + 1)}]
    for stage in range(1, stages):
        best.append({end: min((max(best[-1][first][0], weight(end - first, end == shape.layers)), first) for first in range(stage, end))
                     for end in range(stage + 1, shape.layers + 1)})
    layers, end = [], shape.layers
    for slowest in reversed(best):
        first = slowest[end][1]
        layers.insert(0, end - first)
        end = first
    return tuple(layers)


def roofline_stages(shape, machine, stages):
    layers = cut(shape, stages)
    return tuple(Roofline(shape, machine, count, i == stages - 1) for i, count in enumerate(layers))
