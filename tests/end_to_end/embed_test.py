#!/usr/bin/env python3
"""`sirocco embed` with a real encoder, from end to end: against what transformers makes of the same sentences.

usage: embed_test.py PROGRAM SOURCE_FOLDER
"""

import ast
import json
import math
import os
import struct
import unittest

from program import HOME, SOURCE, sirocco

ENCODER = os.environ.get("SIROCCO_TEST_ENCODER")
GOLDEN = SOURCE / "tests" / "golden" / "sentences"


def read_npy(path):
    """The rows of a float32 array in NumPy's format."""
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    rows, columns = header["shape"]
    values = struct.unpack(f"<{rows * columns}f", data[10 + size:])
    return [values[i * columns:(i + 1) * columns] for i in range(rows)]


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))


def embed(*arguments, stdin=b""):
    done = sirocco("embed", "-m", ENCODER, "--quiet", *arguments, stdin=stdin)
    if done.returncode != 0:
        raise AssertionError(done.stderr.decode(errors="replace"))
    return done


class Embed(unittest.TestCase):
    def test_sentences_are_where_transformers_puts_them(self):
        out = HOME / "sentences.npy"
        embed("--out", out, stdin=(GOLDEN / "sentences.txt").read_bytes())
        ours, theirs = read_npy(out), read_npy(GOLDEN / "minilm.npy")
        self.assertEqual(len(ours), 200)
        self.assertEqual([len(row) for row in ours], [384] * 200)
        worst = min((cosine(a, b), i) for i, (a, b) in enumerate(zip(ours, theirs)))
        self.assertGreater(worst[0], 0.9999, f"sentence {worst[1]}")
        for row in ours:
            self.assertAlmostEqual(sum(x * x for x in row), 1, places=5)

    def test_arguments_and_json(self):
        texts = ("The cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose again.")
        cat, kitten, rates = json.loads(embed(*texts).stdout)
        self.assertEqual(len(cat), 384)
        self.assertGreater(cosine(cat, kitten), cosine(cat, rates) + 0.3)
        lines = json.loads(embed(stdin="\n".join(texts).encode() + b"\n").stdout)
        self.assertEqual(lines, [cat, kitten, rates])

    def test_dimensions_pooling_and_length(self):
        plain = json.loads(embed("--no-normalize", "hello").stdout)[0]
        self.assertNotAlmostEqual(sum(x * x for x in plain), 1, places=2)
        cut = json.loads(embed("--dimensions", "64", "hello").stdout)[0]
        length = math.sqrt(sum(x * x for x in plain[:64]))
        self.assertEqual(len(cut), 64)
        for a, b in zip(cut, plain):
            self.assertAlmostEqual(a, b / length, places=5)
        first = json.loads(embed("--pooling", "cls", "hello").stdout)[0]
        self.assertLess(cosine(first, plain), 0.999)

    def test_what_is_cut_is_said(self):
        done = sirocco("embed", "-m", ENCODER, "word " * 300)
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"text 1: 256 tokens fit; the last 46 are left out", done.stderr)

    def test_errors(self):
        for arguments, message in ((("--prompt-name", "query", "a"), b"the model has none"),
                                   (("--dimensions", "385", "a"), b"have 384"),
                                   (("--ctx", "513", "a"), b"the model has 512")):
            done = sirocco("embed", "-m", ENCODER, *arguments)
            self.assertEqual((done.returncode, done.stdout), (1, b""), arguments)
            self.assertIn(message, done.stderr)
        done = sirocco("embed", "-m", ENCODER)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"there is no text", done.stderr)
        done = sirocco("run", "-m", ENCODER, "-p", "Hello")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"sirocco embed", done.stderr)


if __name__ == "__main__":
    if not ENCODER:
        raise SystemExit("SIROCCO_TEST_ENCODER must name the folder of all-MiniLM-L6-v2")
    unittest.main()
