"""Servers of models whose answers are known beforehand, for tests to ask."""

from server import Server  # first: it begins again in the clients' environment

import json
import math
import unittest

import openai

from chain_model import write_chain
from program import HOME
from small_model import write_folder

CHARACTERS = ["\n", *map(chr, range(32, 127))]
FIRST = 3  # the id of the first of them
TEMPLATE = ("{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
            "{% if add_generation_prompt %}assistant: {% endif %}")


def write_counting(folder, broken=None, template=TEMPLATE):
    """A model that says, behind each character, the next one of ASCII, on and on; or until the character `broken`."""
    write_chain(folder, CHARACTERS, loops=True, broken=broken)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": template}))
    return folder


def alone():
    """The folder of a counting model that is called alone, as it mostly is."""
    folder = HOME / "alone"
    return folder if folder.exists() else write_counting(folder)


def behind(text, count):
    """What the counting model says behind a text."""
    at = CHARACTERS.index(text[-1]) + 1
    return "".join(CHARACTERS[(at + i) % len(CHARACTERS)] for i in range(count))


def ids(text):
    return [FIRST + CHARACTERS.index(character) for character in text]


def write_dice(folder):
    """A model for which eight letters are as likely as each other, whatever was said."""
    return write_folder(folder, {letter: 5.0 for letter in "abcdefgh"})


DICE = math.log(math.exp(5) / (8 * math.exp(5) + 2))  # the log-probability of each of the letters


def user(text):
    return [{"role": "user", "content": text}]


class Case(unittest.TestCase):
    ARGUMENTS = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.ARGUMENTS)
        cls.addClassCleanup(cls.server.close)
        cls.client = cls.server.client()

    def refused(self, kind, call, *arguments, **members):
        with self.assertRaises(kind) as caught:
            call(*arguments, **members)
        return caught.exception

    def bad_request(self, call, param, says, **members):
        error = self.refused(openai.BadRequestError, call, **members)
        self.assertEqual((error.param, error.type), (param, "invalid_request_error"), error)
        self.assertIn(says, str(error))


class OfKnownModels(Case):
    @classmethod
    def setUpClass(cls):
        counting, dice = HOME / "counting", HOME / "dice"
        if not counting.exists():
            write_counting(counting)
            write_dice(dice)
        cls.ARGUMENTS = ("-m", counting, "-m", dice, "--alias", "first", "--alias", "second")
        super().setUpClass()
