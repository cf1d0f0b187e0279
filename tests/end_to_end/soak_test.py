#!/usr/bin/env python3
"""`sirocco serve` under everything at once: it answers well, and afterwards it is as before. soak.py and hostile.py have more
of the same by hand.

usage: soak_test.py PROGRAM SOURCE_FOLDER
"""

from known_models import CHARACTERS, TEMPLATE, Case, behind, user, write_counting  # first: it begins again in the clients' environment

import asyncio
import os
import unittest

from hostile import Hostile
from program import HOME, SOURCE
from random_model import write_random
from soak import Soak
from soak_requests import Maker

# How much is asked; fewer where a sanitizer makes all of it slow. Its quarantine keeps memory that was given back.
SANITIZED = bool(os.environ.get("SIROCCO_TEST_SANITIZED"))
REQUESTS = 200 if SANITIZED else 1200
MAX_GROWTH_MIB = 48


class Pressed(Case):
    """A server with little cache and few places, of a model that depends on all of its weights and one that counts."""

    MODELS = ("random", "counting")
    MORE = ()

    @classmethod
    def setUpClass(cls):
        folder = HOME / "random"
        if not folder.exists():
            write_random(folder, CHARACTERS, template=TEMPLATE)
            write_counting(HOME / "counting")
            (HOME / "models").mkdir(exist_ok=True)
            write_random(HOME / "models" / "spare", CHARACTERS, template=TEMPLATE, seed=2)
        models = [argument for name in cls.MODELS for argument in ("-m", HOME / name)]
        cls.ARGUMENTS = (*models, "--parallel", 8, "--cache-tokens", 1024, *cls.MORE)
        super().setUpClass()

    def soak(self, seed, spare=None, embeds=True):
        maker = Maker(list(self.MODELS), 120, 40, spare, embeds)
        return Soak(self.server.port, maker, seed, 16, self.server.process.pid)

    def none(self, failures):
        self.assertFalse(failures, f"{len(failures)} failures:\n" + "\n".join(failures[:10]))

    def answers_well(self):
        answer = self.client.chat.completions.create(model="counting", messages=user("a"), max_tokens=30)
        self.assertEqual(answer.choices[0].message.content, behind(" ", 30))

    def test_everything_at_once(self):
        soak = self.soak(1, "spare")
        before = asyncio.run(soak.figures_at_rest())

        async def run(requests):
            await soak.run(requests)
            await soak.settle(before)
            return soak.resident_mib()
        warm = asyncio.run(run(REQUESTS // 2))
        after = asyncio.run(run(REQUESTS // 2))
        self.none(soak.failures)
        if not SANITIZED:
            self.assertLess(after, warm + MAX_GROWTH_MIB)
        # All that was meant to happen did.
        for kind in ("chat", "completion", *(["embeddings"] if soak.maker.embeds else [])):
            for outcome in ("answered", "left", "invalid"):
                self.assertGreater(soak.outcomes[f"{kind}: {outcome}"], 0, soak.outcomes)
        self.assertGreater(soak.outcomes["model: unloaded"], 0, soak.outcomes)
        self.answers_well()

    def test_answers_with_seeds_are_the_same_alone_and_in_a_crowd(self):
        soak = self.soak(2)
        self.assertEqual(asyncio.run(soak.replay(30 if SANITIZED else 60)), 0)
        self.none(soak.failures)

    def test_hostile_clients(self):
        soak = self.soak(3)
        hostile = Hostile(self.server.port, "".join((SOURCE / "docs" / page).read_text() for page in ("openai-api.md", "anthropic-api.md")))
        before = asyncio.run(soak.figures_at_rest())

        async def run():
            await asyncio.gather(hostile.run(REQUESTS), soak.run(REQUESTS // 4))
            await soak.settle(before)
        asyncio.run(run())
        self.none(hostile.failures + soak.failures)
        self.assertTrue({200, 400, 404} <= hostile.statuses.keys(), hostile.statuses)  # it got through to the routes, and they answered
        self.answers_well()


class Cut(Pressed):
    """The same with the model that has two layers cut into as many stages, which work at the same time."""

    MODELS = ("random",)
    MORE = ("--stages", 2)
    test_hostile_clients = None  # what they send never reaches a stage

    def soak(self, seed, spare=None, embeds=False):
        return super().soak(seed, spare, embeds)

    def answers_well(self):
        answer = self.client.chat.completions.create(model="random", messages=user("a"), max_tokens=30, extra_body={"ignore_eos": True})
        self.assertEqual(answer.usage.completion_tokens, 30)


if __name__ == "__main__":
    unittest.main()
