"""The steps that `sirocco bench` and the engine make of sequences."""

from simulator import Span, Step

MAX_STEP = 512  # rows that are under way of one prompt


def usual_chunk(stages):
    """Rows of a prompt in a step, as `usual_step` of sirocco/pipeline/language_pipeline.cpp has it."""
    if stages == 1:
        return MAX_STEP
    return min(max(MAX_STEP // (2 * stages), 16), max(MAX_STEP // stages, 1))


def decode(sequences, groups, tokens, behind=0):
    """`tokens` of each sequence behind `behind` positions. A step has one group, and its next has to wait for its outcome."""
    groups = min(groups, sequences)
    sizes = [sequences * (group + 1) // groups - sequences * group // groups for group in range(groups)]
    return [Step((Span(1, behind + token),) * size, (token - 1) * groups + group if token else None)
            for token in range(tokens) for group, size in enumerate(sizes)]


def prompt(tokens, chunk, behind=0):
    """A prompt in chunks; a token is wanted of its last row."""
    return [Step((Span(min(chunk, tokens - begin), behind + begin, begin + chunk >= tokens),)) for begin in range(0, tokens, chunk)]


def beside(decoding, reading):
    """The steps of `decoding`, with one of `reading` in each as long as there are such: a prompt that comes in beside answers."""
    rest = [()] * (len(decoding) - len(reading))
    return [Step(step.spans + spans, step.after) for step, spans in zip(decoding, [read.spans for read in reading] + rest)]
