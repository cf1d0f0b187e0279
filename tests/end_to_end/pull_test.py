#!/usr/bin/env python3
"""`sirocco pull`, `list` and `rm`, and models named to other commands, against a hub on this machine.

usage: pull_test.py PROGRAM SOURCE_FOLDER
"""

import json
import os
import pathlib
import re
import tempfile
import threading
import unittest

from program import ENVIRONMENT, SOURCE
from pulls import Pulls, content
from small_model import write_folder
from terminal import Terminal


class Choice(Pulls):
    def setUp(self):
        super().setUp()
        self.files = {f"tiny-{quant}.gguf": content(5000, quant) for quant in ("Q2_K", "Q4_K_M", "Q8_0", "f16")}
        others = {"README.md": b"# hi", "pytorch_model.bin": content(9000), "modeling.py": b"evil()", ".gitattributes": b"x",
                  "mmproj-tiny-f16.gguf": content(5000)}
        self.put("ann/tiny-GGUF", **self.files, **others)

    def test_the_preferred_format_and_nothing_else(self):
        path = self.pull("ann/tiny-GGUF")
        self.assertEqual(path.read_bytes(), self.files["tiny-Q4_K_M.gguf"])
        self.assertEqual({path for path, _ in self.hub.asked("other")}, {"/ann/tiny-GGUF/tiny-Q4_K_M.gguf"})
        self.assertEqual([file.name for file in self.store.rglob("*") if file.is_file()
                          and ".pull" not in file.parts], ["model.json", "tiny-Q4_K_M.gguf"])

    def test_by_format_and_by_file(self):
        for what, file in (("q8_0", "tiny-Q8_0.gguf"), ("F16", "tiny-f16.gguf"), ("tiny-Q2_K.gguf", "tiny-Q2_K.gguf")):
            self.assertEqual(self.pull(f"ann/tiny-GGUF:{what}").read_bytes(), self.files[file])
        self.assertEqual(set(self.listed()), {f"ann/tiny-GGUF:{what}" for what in ("Q8_0", "F16", "Q2_K")})
        self.fails("pull", "ann/tiny-GGUF:Q5_0", says="no model 'Q5_0'; it has 'Q2_K', 'Q4_K_M', 'Q8_0', 'F16'")
        self.fails("pull", "ann/tiny-GGUF:README.md", says="no model 'README.md'")

    def test_a_choice_that_a_person_has_to_make(self):
        self.put("ann/two", **{"a-Q4_K_M.gguf": content(5000, 1), "b-Q4_K_M.gguf": content(6000, 2)})
        errors = self.fails("pull", "ann/two", says="2 of its files are Q4_K_M; say which, as in ann/two:a-Q4_K_M.gguf")
        self.assertRegex(errors, r"(?m)^  ann/two:a-Q4_K_M\.gguf  4\.88 KiB, 1 file$")
        self.assertRegex(errors, r"(?m)^  ann/two:b-Q4_K_M\.gguf  5\.86 KiB, 1 file$")
        self.assertEqual(self.hub.asked("other"), [])
        self.pull("ann/two:b-Q4_K_M.gguf")
        self.assertEqual(set(self.listed()), {"ann/two"})

    def test_what_is_no_model(self):
        self.put("ann/pickles", **{"config.json": b"{}", "pytorch_model.bin": content(9000)})
        self.fails("pull", "ann/pickles", says="pickled files, which can run code")
        self.put("ann/half", **{"a-Q4_0-00002-of-00002.gguf": content(5000)})
        self.fails("pull", "ann/half", says="no GGUF model of which all parts are there")
        self.put("ann/empty", **{"README.md": b"x"})
        self.fails("pull", "ann/empty", says="neither GGUF nor safetensors")
        self.assertEqual(self.listed(), {})

    def test_split_files_are_one_model(self):
        parts = {f"big/big-Q4_K_M-{i:05}-of-00003.gguf": content(5000 + i, i) for i in (1, 2, 3)}
        self.put("ann/big-GGUF", **parts, **{"big/big-Q4_K_M-00001-of-00004.gguf": content(5000)})
        path = self.pull("ann/big-GGUF:Q4_K_M")
        self.assertEqual(path.name, "big-Q4_K_M-00001-of-00003.gguf")
        for name, data in parts.items():
            self.assertEqual((path.parent / pathlib.Path(name).name).read_bytes(), data)
        self.assertEqual(self.listed()["ann/big-GGUF"]["bytes"], sum(map(len, parts.values())))

    def test_dry_run_fetches_and_writes_nothing(self):
        out, errors = self.run_program("pull", "--dry-run", "ann/tiny-GGUF")
        self.assertEqual(out, "  4.88 KiB  tiny-Q4_K_M.gguf\n")
        self.assertIn("4.88 KiB would be fetched", errors)
        self.assertEqual(self.hub.asked("other"), [])
        self.assertFalse(self.store.exists())

    def test_help_and_docs_tell_the_order(self):
        said = " ".join(self.run_program("pull", "--help")[0].split())
        order = re.search(r"The first format without: ((?:\w+, )*\w+)", said)[1]
        self.assertTrue(order.startswith("Q4_K_M, "))
        self.assertIn(f"there is: {order}.", " ".join((SOURCE / "docs" / "models.md").read_text().split()))

    def test_usage(self):
        for arguments in (("pull",), ("pull", "tiny"), ("pull", "../tiny"), ("pull", "a/../b"), ("pull", "ann/tiny:"),
                          ("pull", "ann/tiny:../x"), ("pull", "ann/tiny@a..b"), ("rm",), ("list", "x")):
            self.run_program(*arguments, status=2)


class Folders(Pulls):
    def setUp(self):
        super().setUp()
        with tempfile.TemporaryDirectory() as name:
            folder = write_folder(pathlib.Path(name) / "m", {"a": 5})
            self.files = {path.name: path.read_bytes() for path in folder.iterdir()}

    def shard(self):
        """The same weights in two files."""
        whole = self.files.pop("model.safetensors")
        size = int.from_bytes(whole[:8], "little")
        header, data = json.loads(whole[8:8 + size]), whole[8 + size:]
        places = {}
        for number, names in enumerate((sorted(header)[:5], sorted(header)[5:]), 1):
            part, bytes_of_part, file = {}, b"", f"model-{number:05}-of-00002.safetensors"
            for tensor in names:
                begin, end = header[tensor]["data_offsets"]
                part[tensor] = {**header[tensor], "data_offsets": [len(bytes_of_part), len(bytes_of_part) + end - begin]}
                bytes_of_part += data[begin:end]
                places[tensor] = file
            encoded = json.dumps(part).encode()
            self.files[file] = len(encoded).to_bytes(8, "little") + encoded + bytes_of_part
        self.files["model.safetensors.index.json"] = json.dumps({"weight_map": places}).encode()

    def test_a_name_is_pulled_where_it_is_used(self):
        self.shard()
        others = {"README.md": b"#", "pytorch_model.bin": content(9000), "tokenizer.py": b"x", "logo.png": content(9000),
                  "onnx/model.onnx": content(9000), "consolidated.safetensors": content(9000)}
        repository = self.put("ann/small", **self.files, **others)
        self.hub.page = 3
        out, errors = self.run_program("run", "-m", "ann/small", "-p", "b", "-n", "3", "--temp", "0")
        self.assertEqual(out, "aaa\n")
        self.assertIn("ann/small is neither here nor in the store; asking the hub", errors)
        model = self.listed()["ann/small"]
        self.assertEqual((model["format"], model["commit"]), ("safetensors", repository.commit))
        folder = pathlib.Path(model["path"])
        self.assertEqual({file.name: file.read_bytes() for file in folder.iterdir()}, self.files)
        self.assertGreater(len(self.hub.asked("hub", "/tree/")), 3)
        # From now on without the hub.
        before = len(self.hub.requests)
        out, errors = self.run_program("run", "-m", "ann/small", "-p", "b", "-n", "3", "--temp", "0")
        self.assertEqual((out, len(self.hub.requests)), ("aaa\n", before))
        self.assertIn("small", self.run_program("info", "ann/small")[0])

    def test_whole_weights_come_before_parts(self):
        weights = self.files["model.safetensors"]
        self.shard()
        self.put("ann/both", **self.files, **{"model.safetensors": weights})
        names = {file.name for file in self.pull("ann/both").iterdir()}
        self.assertIn("model.safetensors", names)
        self.assertFalse(any("-of-" in name or "index" in name for name in names))

    def test_a_path_is_not_asked_for(self):
        self.fails("info", "nowhere/model.gguf", says="nowhere/model.gguf")
        here = self.home / "ann"
        here.mkdir()
        self.fails("info", "ann/small", says="no file or folder 'ann/small' here.*sirocco pull ann/small", cwd=self.home)
        self.assertEqual(self.hub.requests, [])
        self.fails("info", "ann/small", says="no model ann/small", cwd=here)

    def test_revisions(self):
        old = self.put("ann/small", **self.files)
        old.revisions = ("main", "refs/pr/1")
        self.pull("ann/small@refs/pr/1")
        first = self.listed()["ann/small"]
        self.assertEqual(first["revision"], "refs/pr/1")
        self.pull("ann/small", "--revision", old.commit)
        self.assertEqual(self.listed()["ann/small"], {**first, "revision": old.commit})
        # A later state replaces it; what is asked for by another is asked of the hub.
        self.put("ann/small", **{**self.files, "generation_config.json": b'{"temperature": 0.5}'})
        self.pull("ann/small")
        second = self.listed()["ann/small"]
        self.assertNotEqual(first["path"], second["path"])
        self.assertFalse(os.path.exists(first["path"]))
        self.run_program("info", f"ann/small@{second['commit'][:8]}")
        self.fails("info", f"ann/small@{first['commit']}", says="no revision")
        self.assertEqual(self.listed(), {"ann/small": second})

    def test_a_commit_without_other_files_of_the_model_changes_no_file(self):
        self.put("ann/small", **self.files)
        path = self.pull("ann/small")
        later = self.put("ann/small", **self.files, **{"README.md": b"new"})
        before = len(self.hub.asked("hub", "/resolve/"))
        self.assertEqual(self.pull("ann/small"), path)
        self.assertEqual(len(self.hub.asked("hub", "/resolve/")), before)
        self.assertEqual(self.listed()["ann/small"]["commit"], later.commit)


class Store(Pulls):
    def test_listed_and_removed(self):
        self.store.mkdir()
        (self.store / "mine.gguf").write_bytes(bytes(2000))
        write_folder(self.store / "own", {"a": 5})
        self.put_gguf()
        self.pull("ann/tiny-GGUF")
        out, _ = self.run_program("list")
        self.assertEqual([line.split()[0] for line in out.splitlines()], ["ann/tiny-GGUF", "mine.gguf", "own"])
        self.assertRegex(out, r"(?m)^ann/tiny-GGUF +3\.00 MiB +Q4_K_M +\d{4}-\d\d-\d\d$")
        for name in ("nothing", "ann/nothing", "..", "../models/own", "own/", ".pull", str(self.store / "own"), "ann"):
            self.fails("rm", name, says="no model|sirocco list")
        _, errors = self.run_program("rm", "mine", "own", "ann/tiny-GGUF:Q4_K_M")
        self.assertEqual(errors.count("removed"), 3)
        self.assertEqual(self.listed(), {})
        self.assertEqual([path.name for path in self.store.iterdir()], [".pull"])

    def test_several_of_a_repository(self):
        self.put("ann/tiny-GGUF", **{f"tiny-{quant}.gguf": content(5000, quant) for quant in ("Q4_0", "Q8_0")})
        for quant in ("Q4_0", "Q8_0"):
            self.pull(f"ann/tiny-GGUF:{quant}")
        self.fails("rm", "ann/tiny-GGUF", says="means several models: ann/tiny-GGUF:Q4_0, ann/tiny-GGUF:Q8_0; say which")
        self.run_program("rm", "ann/tiny-GGUF:q4_0")
        self.assertEqual(list(self.listed()), ["ann/tiny-GGUF"])

    def test_what_is_damaged_isnt_listed_and_is_pulled_again(self):
        self.put_gguf()
        path = self.pull("ann/tiny-GGUF")
        good = path.read_bytes()
        path.write_bytes(good[:1000])
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.pull("ann/tiny-GGUF").read_bytes(), good)
        self.pull("ann/tiny-GGUF")
        description = next(self.store.rglob("model.json"))
        text = description.read_text()
        for damaged in ("", "{", text.replace('"size": ', '"size": -'), text.replace("tiny-Q4", "../tiny-Q4"), "[]",
                        text.replace('"folder": "', '"folder": "../../../')):
            description.write_text(damaged)
            self.assertEqual(self.listed(), {}, damaged)
        self.assertEqual(self.pull("ann/tiny-GGUF").read_bytes(), good)

    def test_forced(self):
        self.put_gguf()
        first = self.pull("ann/tiny-GGUF")
        before = self.hub.sent
        self.assertEqual(self.pull("ann/tiny-GGUF"), first)
        self.assertEqual(self.hub.sent, before)
        second = self.pull("--force", "ann/tiny-GGUF")
        self.assertEqual(self.hub.sent, 2 * before)
        self.assertFalse(first.exists())
        self.assertEqual(self.listed()["ann/tiny-GGUF"]["path"], str(second))

    def test_an_empty_store(self):
        self.assertEqual(self.run_program("list")[0], "")
        self.assertEqual(self.listed(), {})


class Progress(Pulls):
    def test_a_bar_on_a_terminal_only(self):
        self.put_gguf()
        _, errors = self.run_program("pull", "ann/tiny-GGUF")
        self.assertNotIn("\x1b", errors)
        self.assertIn("pulling ann/tiny-GGUF:Q4_K_M: 3.00 MiB of 3.00 MiB, in 1 file", errors)
        out, errors = self.run_program("pull", "--quiet", "--force", "ann/tiny-GGUF")
        self.assertEqual((errors, out.count("\n")), ("", 1))

        slow = threading.Event()
        self.addCleanup(slow.set)

        def pieces(request, repository, path, data):
            begin, end = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"]).groups())
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
            request.send_header("Content-Length", str(end + 1 - begin))
            request.end_headers()
            for at in range(begin, end + 1, 8192):
                request.wfile.write(data[at:min(end + 1, at + 8192)])
                slow.wait(0.02)
            return True
        self.hub.large = pieces
        names = set(ENVIRONMENT) - set(self.environment)
        terminal = Terminal("pull", "--force", "ann/tiny-GGUF",
                            environment={**self.environment, **{name: "" for name in names}})
        self.addCleanup(terminal.close)
        terminal.read_until(rb"\r\x1b\[K\[#+ *\] [\d.]+ [KM]iB of 3\.00 MiB, [\d.]+ [KM]iB/s, \d:\d\d left")
        slow.set()
        terminal.read_until(rb"ann/tiny-GGUF:Q4_K_M is in the store\r\n")
        self.assertEqual(terminal.wait(), 0)


if __name__ == "__main__":
    unittest.main()
