"""What the tests of `sirocco pull` share: a hub, a home, and the program that knows only these."""

import json
import pathlib
import random
import subprocess
import tempfile
import unittest

from hub_server import Hub, Repository
from program import ENVIRONMENT, PROGRAM

MEBIBYTE = 1 << 20


def content(size, seed=0):
    return random.Random(seed).randbytes(size)


class Pulls(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)
        self.store = self.home / "models"
        self.hub = Hub()
        self.addCleanup(self.hub.close)
        keep = {name: value for name, value in ENVIRONMENT.items()
                if not name.startswith("HF_") and not name.lower().endswith("_proxy")}
        self.environment = {**keep, "SIROCCO_HOME": str(self.home), "HF_ENDPOINT": self.hub.address,
                            "HF_HOME": str(self.home / "hf"), "HOME": str(self.home)}

    def start(self, *arguments, **keywords):
        return subprocess.Popen([PROGRAM, *map(str, arguments)], env=self.environment, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **keywords)

    def run_program(self, *arguments, status=0, **keywords):
        process = self.start(*arguments, **keywords)
        out, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, status, (arguments, errors.decode(errors="replace")))
        return out.decode(), errors.decode()

    def pull(self, *arguments, **keywords):
        """Where the model is."""
        out, _ = self.run_program("pull", *arguments, **keywords)
        return pathlib.Path(out.removesuffix("\n"))

    def fails(self, *arguments, says, status=1, **keywords):
        out, errors = self.run_program(*arguments, status=status, **keywords)
        self.assertFalse(out)
        self.assertRegex(errors, says)
        return errors

    def listed(self):
        return {model["name"]: model for model in json.loads(self.run_program("list", "--json")[0])}

    def put(self, name, **files):
        """A repository with files; their names have no dots here but for the last one."""
        self.hub.repositories[name] = Repository({path: bytes(data) for path, data in files.items()})
        return self.hub.repositories[name]

    def put_gguf(self, size=3 * MEBIBYTE + 7):
        return self.put("ann/tiny-GGUF", **{"tiny-Q4_K_M.gguf": content(size)})
