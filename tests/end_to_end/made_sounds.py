"""Sounds for tests: WAV files, and the ones that models were recorded with (tests/golden/hearing)."""

import array
import struct
import sys

from speech_model import counted_values


def wav(samples, rate=16000):
    """A WAV of one channel of floats."""
    data = array.array("f", samples)
    if sys.byteorder == "big":
        data.byteswap()
    body = b"WAVE" + b"fmt " + struct.pack("<IHHIIHH", 16, 3, 1, rate, 4 * rate, 4, 32) + b"data" + struct.pack("<I", 4 * len(data))
    return b"RIFF" + struct.pack("<I", len(body) + 4 * len(data)) + body + data.tobytes()


def recorded_sound(name, count):
    """The sound of that name and length, as tools/golden_sounds.py makes it."""
    return wav([value * 2.0 ** -(i // 2000 % 6) for i, value in enumerate(counted_values(1, name, count, 0.0, 0.5))])
