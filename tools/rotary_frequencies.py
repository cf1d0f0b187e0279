#!/usr/bin/env python3
"""Prints the rotary frequencies that `transformers` computes for a config.json, a line a number: what the tests of
sirocco/nn/rotary.hpp hold.

    rotary_frequencies.py CONFIG.json [--length N]

N is the length of the sequence, for scalings that depend on it. The library's own function runs, on numpy arrays in
float32 where it asks for torch, which needn't be installed.
"""

from __future__ import annotations

import argparse
import json
import sys
import types

import numpy as np
import transformers
from transformers import modeling_rope_utils


class Floats(np.ndarray):
    """An array with the one method that the functions call on a tensor."""

    def to(self, device=None, dtype=None):
        return self if dtype is None else self.astype(dtype)

    def float(self):
        return self.astype(np.float32)


def arange(*bounds, dtype=None, device=None):
    return np.arange(*bounds, dtype=dtype).view(Floats)


STAND_IN = types.SimpleNamespace(arange=arange, int64=np.int64, float=np.float32, float32=np.float32, Tensor=(),
                                 device=None, clamp=np.clip, where=np.where,
                                 tensor=lambda values, dtype=None, device=None: np.array(values, dtype).view(Floats))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", help="'-' for standard input")
    parser.add_argument("--length", type=int)
    arguments = parser.parse_args()
    text = sys.stdin.read() if arguments.config == "-" else open(arguments.config, encoding="utf-8").read()
    members = json.loads(text)
    config = transformers.AutoConfig.for_model(members.pop("model_type"), **members)
    modeling_rope_utils.torch = STAND_IN
    function = modeling_rope_utils.ROPE_INIT_FUNCTIONS[config.rope_parameters["rope_type"]]
    frequencies, magnitude = function(config, seq_len=arguments.length)
    for frequency in frequencies:
        print(f"{np.float32(frequency):.9g}")
    print(f"transformers {transformers.__version__}, magnitude {magnitude}", file=sys.stderr)


if __name__ == "__main__":
    main()
