#!/usr/bin/env python3
"""`cmake --install`, and a project of somebody else's that uses what was installed: examples/, copied elsewhere.

usage: install_test.py PROGRAM SOURCE_FOLDER      the environment's CMAKE, CXX and CMAKE_GENERATOR are those of the build
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest

from program import HOME, PROGRAM, SOURCE
from small_model import write_folder

BUILD = pathlib.Path(PROGRAM).resolve().parent
CMAKE = os.environ["CMAKE"]
OF_TESTS = re.compile(r"_test\.|_testing\.|-inl\.")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=300, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}\n{done.stdout.decode()}\n{done.stderr.decode()}")
    return done.stdout.decode()


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        installed_at = HOME / "installed"
        run(CMAKE, "--install", BUILD, "--prefix", installed_at)
        # Whatever still points to where it was first is found missing.
        cls.prefix = installed_at.rename(HOME / "moved")

    def test_the_program_runs(self):
        self.assertIn("usage", run(self.prefix / "bin" / "sirocco", "--help").lower())

    def test_it_draws_digits(self):
        picture = HOME / "seven.png"
        run(self.prefix / "bin" / "sirocco", "imagine", "-p", "a handwritten seven", "-o", picture)
        self.assertTrue(picture.read_bytes().startswith(b"\x89PNG"))

    def test_headers_are_complete_and_nothing_else_is_there(self):
        include = self.prefix / "include"
        files = [path.relative_to(include).as_posix() for path in include.rglob("*") if path.is_file()]
        self.assertIn("sirocco/engine/sirocco.hpp", files)
        for file in files:
            self.assertRegex(file, r"^sirocco/(?!cli/|server/).*\.hpp$")
            self.assertNotRegex(file, OF_TESTS)
            for included in re.findall(r'#\s*include\s+["<]([^">]+)', (include / file).read_text()):
                known = included in files or "/" not in included or included.startswith("fmt/")
                self.assertTrue(known, f"{file} includes {included}, which isn't installed")

    def test_the_package_knows_no_path_of_the_checkout(self):
        files = list(self.prefix.rglob("*.cmake"))
        self.assertGreaterEqual(len(files), 4)
        for file in files:
            text = file.read_text()
            for folder in (SOURCE, BUILD):
                self.assertNotIn(str(folder), text, file)

    def test_an_example_elsewhere_streams_and_cancels(self):
        project, build = HOME / "project", HOME / "project-build"
        shutil.copytree(SOURCE / "examples", project)
        run(CMAKE, "-S", project, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")
        for compiled in json.loads((build / "compile_commands.json").read_text()):
            self.assertNotRegex(compiled["command"], r" -W| -f(?!PI)", "options of sirocco's own must not reach others")
            self.assertRegex(compiled["command"], r" -std=\w+\+\+20")
        run(CMAKE, "--build", build, "--target", "example_stream_and_cancel")

        # It would say b without end. There is room for more than waits for a reader who takes nothing.
        model = write_folder(HOME / "endless", {"b": 5})
        config = json.loads((model / "config.json").read_text())
        (model / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 4096}))
        shown, first, second = run(build / "example_stream_and_cancel", model, "a").splitlines()
        self.assertEqual(shown, 40 * "b")
        self.assertEqual(first, "shown: length after 40 tokens")
        self.assertRegex(second, r"^given up: cancelled after \d+ tokens$")

        done = subprocess.run([build / "example_stream_and_cancel", HOME / "nowhere", "a"], capture_output=True, check=False,
                              timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr.decode(), r"^not_found: .*nowhere")


if __name__ == "__main__":
    unittest.main()
