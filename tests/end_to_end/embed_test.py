#!/usr/bin/env python3
"""`sirocco embed` with a real encoder, from end to end: against what transformers makes of the same sentences.

usage: embed_test.py PROGRAM SOURCE_FOLDER
"""

import ast
import json
import math
import os
import pathlib
import struct
import subprocess
import unittest

from made_pictures import recorded_picture
from program import GOLDEN as MADE, HOME, PROGRAM, SOURCE, sirocco

ENCODER = os.environ.get("SIROCCO_TEST_ENCODER")
GOLDEN = SOURCE / "tests" / "golden" / "sentences"


def read_npy(path):
    """The rows of a float32 or float16 array in NumPy's format."""
    data = path.read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    rows, columns = header["shape"]
    letter = {"<f4": "f", "<f2": "e"}[header["descr"]]
    values = struct.unpack(f"<{rows * columns}{letter}", data[10 + size:])
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

    def test_an_empty_line_stops_no_other(self):
        cat, empty, dog = json.loads(embed(stdin=b"The cat.\n\nThe dog.\n").stdout)
        self.assertEqual([cat, dog], json.loads(embed("The cat.", "The dog.").stdout))
        self.assertEqual([empty], json.loads(embed("").stdout))
        self.assertEqual([empty], json.loads(embed(stdin=b"\n").stdout))
        self.assertAlmostEqual(sum(x * x for x in empty), 1, places=5)

    def test_special_tokens_are_text_unless_asked_for(self):
        text, parsed, spelled = (json.loads(embed(*arguments).stdout) for arguments in (
            ("The cat.[SEP]",), ("--special", "The cat.[SEP]"), ("The cat. [ SEP ]",)))
        self.assertEqual(text, spelled)
        self.assertLess(cosine(text[0], parsed[0]), 0.99)

    def test_texts_are_lowered_before_a_tokenizer_that_keeps_capitals(self):
        # The files of a folder as Windows' editors and Python's json write them, besides.
        folder = HOME / "cased"
        (folder / "1_Pooling").mkdir(parents=True)
        source = pathlib.Path(ENCODER)
        (folder / "model.safetensors").symlink_to((source / "model.safetensors").resolve())

        def write(name, **members):
            contents = json.loads((source / name).read_text())
            if members:
                contents.update(members)
            (folder / name).write_text("\ufeff" + json.dumps(contents), encoding="utf-8")

        tokenizer = json.loads((source / "tokenizer.json").read_text())
        write("tokenizer.json", normalizer={**tokenizer["normalizer"], "lowercase": False, "strip_accents": False})
        write("tokenizer_config.json", do_lower_case=False, strip_accents=False, noise=float("nan"))
        write("config.json", noise=[float("nan"), float("-inf"), 10**30], other=float("inf"))
        for name in ("modules.json", "config_sentence_transformers.json", "1_Pooling/config.json"):
            write(name)
        vectors = {}
        for lower in (False, True):
            write("sentence_bert_config.json", do_lower_case=lower)
            done = sirocco("embed", "-m", folder, "--quiet", "The Cat.", "the cat.")
            self.assertEqual(done.returncode, 0, done.stderr)
            vectors[lower] = json.loads(done.stdout)
        self.assertNotEqual(*vectors[False])
        self.assertEqual(*vectors[True])
        self.assertEqual(vectors[True][1], vectors[False][1])

    def test_the_example_says_what_is_alike(self):
        example = pathlib.Path(PROGRAM).with_name("example_similar_texts")
        done = subprocess.run([example, ENCODER, "The cat sits on the mat.", "A kitten rests on a rug.",
                               "Interest rates rose again."], capture_output=True, check=True, timeout=600)
        (kitten, text), (rates, _) = (line.split(maxsplit=1) for line in done.stdout.decode().splitlines())
        self.assertEqual(text, "A kitten rests on a rug.")
        self.assertGreater(float(kitten), float(rates) + 0.3)

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


class Pictures(unittest.TestCase):
    """Of a tiny CLIP with random weights; what its vectors are is compared with transformers in tests/models."""
    MODEL = MADE / "pictures" / "clip"

    def embed(self, *arguments, code=0):
        done = sirocco("embed", "-m", self.MODEL, "--quiet", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        return json.loads(done.stdout) if code == 0 else done.stderr.decode()

    def setUp(self):
        for name, size in (("wide", (96, 32)), ("tall", (30, 90))):
            (HOME / f"{name}.png").write_bytes(recorded_picture(name, *size))

    def test_their_vectors_stand_behind_those_of_texts(self):
        images = ("--image", HOME / "wide.png", "--image", HOME / "tall.png")
        both = self.embed(*images, "a red picture")
        self.assertEqual([len(vector) for vector in both], [20] * 3)
        self.assertEqual(both, self.embed("a red picture") + self.embed(*images))
        self.assertNotEqual(both[1], both[2])
        for vector in both:
            self.assertAlmostEqual(sum(x * x for x in vector), 1, places=5)
        out = HOME / "pictures.npy"
        self.assertEqual(sirocco("embed", "-m", self.MODEL, "--quiet", "--no-normalize", "--dimensions", 8, "--out", out, *images, "a").returncode, 0)
        rows = read_npy(out)
        self.assertEqual([len(row) for row in rows], [8] * 3)
        for row, vector in zip(rows[1:], both[1:]):
            self.assertGreater(cosine(row, vector[:8]), 0.99999)

    def test_mistakes_are_named(self):
        (HOME / "none.png").write_bytes(b"none")
        self.assertIn("none.png", self.embed("--image", HOME / "none.png", code=1))
        done = sirocco("embed", "-m", ENCODER, "--image", HOME / "wide.png")
        self.assertEqual(done.returncode, 1)
        self.assertIn("makes vectors of texts only", done.stderr.decode())
        self.assertIn("sirocco embed", sirocco("run", "-m", self.MODEL, "-p", "x").stderr.decode())


if __name__ == "__main__":
    if not ENCODER:
        raise SystemExit("SIROCCO_TEST_ENCODER must name the folder of all-MiniLM-L6-v2")
    unittest.main()
