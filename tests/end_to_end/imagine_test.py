#!/usr/bin/env python3
"""`sirocco imagine` from end to end, with a tiny model of random weights: what it draws shows nothing, but is always the same.

usage: imagine_test.py PROGRAM SOURCE_FOLDER
"""

import shutil
import struct
import unittest

from made_pictures import png
from program import GOLDEN, HOME, SOURCE, sirocco

MODEL = GOLDEN / "diffusion" / "dev"
SIZE = (32, 48)
USUAL = ("--size", "32x48", "--steps", "2", "-p", "the red fox")


def imagine(*arguments, code=0, model=MODEL, name="fox.png"):
    done = sirocco("imagine", "-m", model, "-o", HOME / name, *arguments)
    assert done.returncode == code, (done.returncode, done.stderr.decode(errors="replace"))
    return done


def drawn(*arguments, name="fox.png"):
    imagine(*arguments, name=name)
    return (HOME / name).read_bytes()


def chunks(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        yield kind.decode(), png[at + 8:at + 8 + length]
        at += 12 + length


def size_of(png):
    return struct.unpack(">II", next(chunks(png))[1][:8])


def pixels(png):
    return b"".join(data for kind, data in chunks(png) if kind == "IDAT")


def checkered(width, height):
    return png(width, height, bytes(255 * ((x // 8 + y // 8 + c) % 2) for y in range(height) for x in range(width) for c in range(3)))


def npy(path, values, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + struct.pack(f"<{len(values)}f", *values))
    return path


class Imagine(unittest.TestCase):
    def test_a_seed_draws_its_picture_on_any_number_of_threads(self):
        first = drawn(*USUAL, "--seed", "7", "-t", "1")
        self.assertEqual(size_of(first), SIZE)
        self.assertEqual(first, drawn(*USUAL, "--seed", "7", "-t", "3"))
        self.assertNotEqual(pixels(first), pixels(drawn(*USUAL, "--seed", "8")))
        self.assertNotEqual(pixels(first), pixels(drawn(*USUAL[:-1], "a blue house", "--seed", "7")))
        self.assertNotEqual(pixels(first), pixels(drawn(*USUAL, "--seed", "7", "--guidance", "9")))

    def test_without_a_seed_each_is_another(self):
        self.assertNotEqual(pixels(drawn(*USUAL)), pixels(drawn(*USUAL)))
        told = imagine(*USUAL).stderr.decode()
        self.assertRegex(told, r"^a picture of 32 x 48 pixels in [0-9.]+ s; seed [0-9]+\n$")
        first = pixels((HOME / "fox.png").read_bytes())
        self.assertEqual(first, pixels(drawn(*USUAL, "--seed", told.split()[-1])))
        self.assertEqual(imagine(*USUAL, "--quiet").stderr, b"")

    def test_several_have_files_of_their_own(self):
        one = drawn(*USUAL, "--seed", "7", name="one.png")
        imagine(*USUAL, "--seed", "7", "--count", "3", name="many.png")
        self.assertFalse((HOME / "many.png").exists())
        many = [pixels((HOME / f"many-{i}.png").read_bytes()) for i in (1, 2, 3)]
        self.assertEqual(many[0], pixels(one))
        self.assertEqual(len(set(many)), 3)

    def test_many_wait_for_nobody(self):
        imagine("--size", "16x16", "--steps", "1", "-p", "x", "--count", "600", name="x.png")
        files = list(HOME.glob("x-*.png"))
        self.assertEqual(len(files), 600)
        for file in files:
            file.unlink()

    def test_the_file_says_how_it_was_made(self):
        notes = [data for kind, data in chunks(drawn(*USUAL, "--seed", "7")) if kind == "tEXt"]
        self.assertEqual(len(notes), 1)
        keyword, text = notes[0].decode("latin-1").split("\0")
        self.assertEqual(keyword, "parameters")
        prompt, figures = text.split("\n")
        self.assertEqual(prompt, "the red fox")
        for each in ("Steps: 2", "Seed: 7", "Size: 32x48", "Guidance: 3.5", "Model: dev"):
            self.assertIn(each, figures)
        notes = [data for kind, data in chunks(drawn(*USUAL[:-1], "ein Fuchs für dich")) if kind == "iTXt"]
        self.assertIn("für dich", notes[0].decode("utf-8"))

    def test_noise_of_a_file_takes_the_place_of_a_seed(self):
        count = 16 * 6 * 4
        noise = npy(HOME / "noise.npy", [((i * 7919) % 1000) / 250 - 2 for i in range(count)], (16, 6, 4))
        first = drawn(*USUAL, "--noise", noise, "--seed", "1")
        self.assertEqual(pixels(first), pixels(drawn(*USUAL, "--noise", noise, "--seed", "2")))
        short = npy(HOME / "short.npy", [0.0] * (count - 1), (count - 1,))
        self.assertIn(b"[383]", imagine(*USUAL, "--noise", short, code=1).stderr)
        turned = npy(HOME / "turned.npy", [0.0] * count, (16, 4, 6))
        self.assertIn(b"begins with [16, 6, 4]", imagine(*USUAL, "--noise", turned, code=1).stderr)
        wrong = npy(HOME / "nan.npy", [float("nan")] * count, (16, 6, 4))
        self.assertIn(b"finite", imagine(*USUAL, "--noise", wrong, code=1).stderr)

    def test_a_picture_is_drawn_from_another(self):
        (HOME / "source.png").write_bytes(checkered(70, 50))
        usual = ("-p", "a blue house", "--seed", "7", "--steps", "4")
        source = ("--image", HOME / "source.png")
        half = drawn(*usual, *source, "--strength", "0.5")
        self.assertEqual(size_of(half), (64, 48))
        self.assertIn(b"Denoising strength: 0.5", half)
        self.assertNotEqual(pixels(half), pixels(drawn(*usual, *source)))
        # Nothing is left of the source where all is noise at first.
        self.assertEqual(pixels(drawn(*usual, *source, "--strength", "1")), pixels(drawn(*usual, "--size", "64x48")))
        self.assertEqual(size_of(drawn(*usual, *source, "--size", "32x32")), (32, 32))

    def test_a_mask_says_where(self):
        (HOME / "source.png").write_bytes(checkered(64, 48))
        usual = ("--seed", "7", "--steps", "4", "--image", HOME / "source.png")
        for name, color in (("black", 0), ("white", 255)):
            (HOME / f"{name}.png").write_bytes(png(9, 7, bytes([color] * 3 * 9 * 7)))
        black = ("--mask", HOME / "black.png")
        white = ("--mask", HOME / "white.png")
        kept = pixels(drawn("-p", "a blue house", *usual, *black))
        self.assertEqual(kept, pixels(drawn("-p", "the red fox", *usual, *black)))
        painted = pixels(drawn("-p", "a blue house", *usual, *white))
        self.assertNotEqual(kept, painted)
        self.assertEqual(painted, pixels(drawn("-p", "a blue house", *usual)))

    def test_sources_that_cannot_be(self):
        (HOME / "source.png").write_bytes(checkered(64, 48))
        (HOME / "cut.png").write_bytes(checkered(64, 48)[:60])
        (HOME / "text.png").write_bytes(b"no picture")
        source = ("--image", HOME / "source.png")
        for arguments, word in (
                (("--strength", "0.5"), "--image"), (("--mask", HOME / "source.png"), "--image"), ((*source, "--strength", "0"), "leaves none"),
                ((*source, "--strength", "1.5"), "1.5"), ((*source, "--strength", "nan"), "nan"), (("--image", HOME / "none.png"), "none.png"),
                (("--image", HOME / "cut.png"), "cut.png"), (("--image", HOME / "text.png"), "text.png"), ((*source, "--mask", HOME / "text.png"), "text.png"),
                ((*source, "--size", "1000000x1000000"), "larger than")):
            with self.subTest(arguments=arguments):
                done = imagine("-p", "x", "--steps", "2", *arguments, code=1, name="refused.png")
                self.assertIn(word, done.stderr.decode())
                self.assertEqual(done.stderr.count(b"\n"), 1)
                self.assertFalse((HOME / "refused.png").exists())

    def test_the_usual_size_is_the_autoencoders(self):
        self.assertEqual(size_of(drawn("-p", "the red fox", "--steps", "1")), (64, 64))

    def test_it_can_be_quantized_as_it_is_loaded(self):
        first = drawn(*USUAL, "--seed", "7")
        other = drawn(*USUAL, "--seed", "7", "--quantize", "q8_0")
        self.assertEqual(size_of(other), SIZE)
        self.assertNotEqual(pixels(first), pixels(other))

    def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(self):
        for arguments, word in (
                (("--size", "33x48"), "multiples of 16"), (("--size", "0x48"), "0x48"), (("--size", "48"), "'48'"),
                (("--size", "32x48x2"), "32x48x2"), (("--size", "1000000x1000000"), "larger than"), (("--steps", "0"), "0 steps"),
                (("--steps", "1000000"), "1000000 steps"), (("--guidance", "nan"), "guidance"), (("--ctx", "9"), "--ctx"),
                (("--stages", "2"), "stages"), (("--seed", "-1"), "'-1'"), (("--noise", "none.npy"), "none.npy")):
            with self.subTest(arguments=arguments):
                given = [*USUAL]
                for name, value in zip(arguments[::2], arguments[1::2]):
                    if name in given:
                        given[given.index(name) + 1] = value
                    else:
                        given += [name, value]
                done = imagine(*given, code=1, name="refused.png")
                self.assertIn(word, done.stderr.decode())
                self.assertEqual(done.stderr.count(b"\n"), 1)
                self.assertFalse((HOME / "refused.png").exists())
        self.assertEqual(sirocco("imagine", "-m", MODEL, "-p", "x").returncode, 2)
        # Before the model is loaded, so that nobody waits for it.
        for name in ("no/such/fox.png", "fox.jpg"):
            self.assertIn(name.encode(), imagine(*USUAL, code=1, model="no-model", name=name).stderr)

    def test_the_end_of_a_long_prompt_is_told(self):
        done = imagine("--size", "16x16", "--steps", "1", "-p", "the fox " * 600 + "river", name="long.png")
        self.assertIn("isn't read: ", done.stderr.decode())
        self.assertEqual(size_of((HOME / "long.png").read_bytes()), (16, 16))

    def test_without_a_model_digits_are_drawn(self):
        def digit(*arguments):
            done = sirocco("imagine", "-p", "a handwritten seven", "-o", HOME / "seven.png", "--seed", "7", *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(b"-m names another" in done.stderr, not arguments)
            return (HOME / "seven.png").read_bytes()

        self.assertEqual(size_of(digit()), (64, 64))
        self.assertEqual(digit(), digit("-m", SOURCE / "examples" / "digits"))

    def test_models_that_do_not_draw_are_refused(self):
        done = sirocco("imagine", "-m", GOLDEN / "models" / "llama-gqa.gguf", "-o", HOME / "x.png", "-p", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"model_index.json", done.stderr)

    def test_other_commands_say_what_it_is_for(self):
        done = sirocco("run", "-m", MODEL, "-p", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"sirocco imagine", done.stderr)

    def test_a_missing_part_is_named(self):
        folder = HOME / "without"
        shutil.copytree(MODEL, folder)
        shutil.rmtree(folder / "text_encoder_2")
        self.assertIn(b"text_encoder_2", imagine(*USUAL, code=1, model=folder).stderr)


if __name__ == "__main__":
    unittest.main()
