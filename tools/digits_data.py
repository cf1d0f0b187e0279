"""Handwritten digits as pictures and prompts, and how a digit is read off a picture (tools/train_digits.py).

The digits are those of scikit-learn (`load_digits`): the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten
Digits" (1998), UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0: 1,797 fields of 8 x 8 numbers from 0 to 16.
One in five is held out (`split`): no training sees it, and pictures are judged by these.

A picture is 64 x 64: blue ink on white paper, the field in its middle 48 x 48, 6 pixels a cell, interpolated and with sharper edges.
"""

from __future__ import annotations

import numpy as np
import sklearn.datasets
import torch
import torch.nn.functional as F

Array = np.ndarray
SIZE = 64
INK = (20, 40, 120)
CELL = 6
MARGIN = (SIZE - 8 * CELL) // 2
EDGE = 10.0  # how sharp edges are
SPLIT_SEED = 20260101
TOKENS = 32  # rows of T5's that a prompt has


# --- digits ------------------------------------------------------------------------------------------------------------


def split() -> tuple[Array, Array, Array, Array]:
    """Fields [N, 8, 8] from 0 to 1 and digits [N], to train with, then the same held out (360)."""
    held = sklearn.datasets.load_digits()
    fields, digits = (held.images / 16).astype(np.float32), held.target.astype(np.int64)
    order = np.random.Generator(np.random.PCG64(SPLIT_SEED)).permutation(len(fields))
    out, rest = order[:360], order[360:]
    return fields[rest], digits[rest], fields[out], digits[out]


def drawn(fields: Array, generator: torch.Generator | None = None, amount: float = 1.0) -> torch.Tensor:
    """Pictures [N, 3, 64, 64] from -1 to 1; with a generator each a little turned, moved and stretched, by up to `amount` of 0.09
    radians, 0.8 pixels and 6 %."""
    count = len(fields)
    angle, zoom, move = torch.zeros(count), torch.ones(count, 2), torch.zeros(count, 2)
    if generator:
        angle = (torch.rand(count, generator=generator) - 0.5) * 0.18 * amount
        zoom = 1 + (torch.rand(count, 2, generator=generator) - 0.5) * 0.12 * amount
        move = (torch.rand(count, 2, generator=generator) - 0.5) * 0.05 * amount
    reach = SIZE / (8 * CELL)  # from the middle to the edge of the picture, where 1 is the edge of the field
    cos, sin = torch.cos(angle), torch.sin(angle)
    affine = torch.stack([torch.stack([cos * zoom[:, 0], -sin * zoom[:, 1], move[:, 0]], 1),
                          torch.stack([sin * zoom[:, 0], cos * zoom[:, 1], move[:, 1]], 1)], 1) * reach
    grid = F.affine_grid(affine, [count, 1, SIZE, SIZE], align_corners=False)
    ink = F.grid_sample(torch.from_numpy(fields)[:, None], grid, mode="bicubic", padding_mode="zeros", align_corners=False)
    low, high = (torch.sigmoid(torch.tensor(EDGE * (end - 0.45))) for end in (0.0, 1.0))
    ink = ((torch.sigmoid(EDGE * (ink - 0.45)) - low) / (high - low)).clamp(0, 1)
    color = torch.tensor(INK).view(1, 3, 1, 1) / 255
    return 2 * (1 + ink * (color - 1)) - 1


# --- reading -----------------------------------------------------------------------------------------------------------


def darkness(pictures: Array) -> Array:
    """[N, 64] of pictures [N, 64, 64, 3] of bytes: of each cell the mean of 255 - byte over its pixels and channels, rounded."""
    middle = 255 - pictures[:, MARGIN:SIZE - MARGIN, MARGIN:SIZE - MARGIN].astype(np.float64)
    return np.rint(middle.reshape(-1, 8, CELL, 8, CELL, 3).mean((2, 4, 5))).reshape(-1, 64).astype(np.int64)


def as_bytes(pictures: torch.Tensor) -> Array:
    return np.rint(((pictures / 2 + 0.5).clamp(0, 1) * 255).permute(0, 2, 3, 1).numpy()).astype(np.uint8)


def distances(known: Array, asked: Array) -> Array:
    """Squared, [asked, known], and exact."""
    asked, known = asked.astype(np.float64), known.astype(np.float64)
    return (asked ** 2).sum(1)[:, None] - 2.0 * asked @ known.T + (known ** 2).sum(1)[None]


def nearest(known: Array, digits: Array, asked: Array) -> Array:
    """Of each row the digit of the nearest known one, the first of several as near."""
    return digits[distances(known, asked).argmin(1)]


def unanimous(known: Array, digits: Array, asked: Array, neighbours: int) -> torch.Tensor:
    """Of each row the digit of that many nearest known ones, -1 where they aren't of one digit."""
    found = digits[distances(known, asked).argsort(1, kind="stable")[:, :neighbours]]
    return torch.from_numpy(np.where((found == found[:, :1]).all(1), found[:, 0], -1))


def clear(fields: Array, digits: Array, neighbours: int = 5) -> Array:
    """Which of the fields have that many neighbours, of the rest, that are all of their digit."""
    rows = darkness(as_bytes(drawn(fields)))
    apart = distances(rows, rows)
    np.fill_diagonal(apart, np.inf)
    return (digits[apart.argsort(1, kind="stable")[:, :neighbours]] == digits[:, None]).all(1)


# --- prompts -----------------------------------------------------------------------------------------------------------

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ANY = 10  # the class of a prompt that names no digit: any may be drawn
FORMS = ("a handwritten {}", "a {} drawn by hand", "handwritten {}", "a handwritten number {}", "the number {}", "number {}",
         "a handwritten digit {}", "the digit {}", "digit {}", "{}", "a {}", "the figure {}", "a hand-drawn {}", "a hand drawn {}",
         "a picture of a {}", "a picture of the number {}", "a photo of a handwritten {}", "an image of the digit {}", "the {}",
         "a drawing of a {}", "please draw a {}", "draw a {}", "draw {}", "draw me the number {}", "write a {}", "paint a {}",
         "write the digit {} by hand", "sketch of a {}", "a {} in blue ink", "a {} written with a pen", "a {} on white paper",
         "the numeral {} in blue ink on white paper", "a {} written by hand, ink on paper", "handwriting: {}", "show me a {}",
         "I want a handwritten {}.", "an old handwritten {}", "a neat {}", "a child's handwritten {}", "what does a {} look like?",
         "can you draw a {} for me?", "generate the number {}", "give me a {}", "digit: {}", "a single digit, {}",
         "this is a {}", "my favourite number is {}", "number {} please", "a blue {}", "how do you write {}?", "'{}'", "\"{}\"", "({})",
         "make a picture of a {}", "imagine a {}", "the number {} as somebody wrote it", "scan of a handwritten {}", "{} by hand")
WORDS = ("beautiful", "simple", "small", "large", "quick", "elegant", "scanned", "in the morning", "by a friend", "for my mother",
         "very", "nice", "clean", "high quality", "in the style of an old letter", "with care", "from a school book", "best", "centered",
         "on a sheet", "sketch", "minimal", "detailed", "photo", "art", "black", "dark", "thick", "thin", "bold", "a stone", "weight",
         "height", "often", "done", "money", "phone", "someone", "for", "to", "too", "if", "of", "even", "ate", "fine", "mine", "and",
         "with", "big", "little", "white", "background", "blue", "red", "green", "pen", "pencil", "brush", "ink", "paper", "on", "in",
         "my", "your", "his", "her", "this", "that", "good", "great", "ugly", "funny", "wide", "tall", "italic", "curly", "crooked",
         "masterpiece", "sharp", "soft", "smooth", "please", "thanks", "now", "today", "quickly", "slowly", "school", "house", "tree")
OTHERS = ("", "a cat", "a house on a hill", "a handwritten digit", "a number", "something drawn by hand", "any digit", "hello world",
          "draw something", "a picture", "a handwritten number", "handwriting", "surprise me", "a red fox in the snow", "a letter", "?")
UNSEEN = ("somebody scribbled {} on a napkin", "could I see a {} in cursive?", "{}!", "the number {}, as it was on the old door",
          "an ink drawing showing the digit {}", "Draw {}", "A HANDWRITTEN {}", "house number {}", "it is {} o'clock", "just {}")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def articles(text: str) -> str:
    return text.replace("a eight", "an eight").replace("a 8", "an 8")


class Prompts:
    """Prompts that a generator picks."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def draw(self) -> float:
        return torch.rand((), generator=self.generator).item()

    def pick(self, choices):
        return choices[int(torch.randint(len(choices), (), generator=self.generator))]

    def words(self) -> str:
        """Some that say nothing of the digit, now and then one that nobody knows."""
        return " ".join("".join(self.pick(LETTERS) for _ in range(self.pick((2, 3, 4, 5, 6, 7, 8)))) if self.draw() < 0.25
                        else self.pick(WORDS) for _ in range(self.pick((1, 1, 2, 3))))

    def prompt(self, digit: int) -> str:
        if digit == ANY:
            text = "" if self.draw() < 0.4 else self.pick(OTHERS) if self.draw() < 0.6 else self.words()
        else:
            form = FORMS[0] if self.draw() < 0.1 else self.pick(FORMS)
            text = articles(form.format(NAMES[digit] if self.draw() < 0.55 else str(digit)))
            if self.draw() < 0.35:
                draw = self.draw()
                text = (f"{text}, {self.words()}" if draw < 0.4 else f"{text} {self.words()}" if draw < 0.7 else
                        f"{self.words()} {text}" if draw < 0.9 else f"{self.words()} {text}, {self.words()}")
        draw = self.draw()
        return text.capitalize() if draw < 0.15 else text.upper() if draw < 0.2 else text + "." if draw < 0.25 else text


def lines() -> list[str]:
    """What the tokenizers are trained on: forms with names and numerals, other words, and every character of a keyboard."""
    out = [articles(form.format(name)).lower() for form in FORMS for digit in range(10) for name in (NAMES[digit], str(digit))]
    out += [*WORDS, *OTHERS] * 8 + [" ".join(map(chr, range(33, 127)))] * 2
    return out
