#!/usr/bin/env python3
"""`sirocco pull`, `list` and `rm`, and models named to other commands, against a hub on this machine.

usage: pull_test.py PROGRAM SOURCE_FOLDER
"""

import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from hub_server import Cut, Hub, Repository, answer, entry
from program import ENVIRONMENT, PROGRAM
from small_model import write_folder
from terminal import Terminal

MEBIBYTE = 1 << 20
TOKEN = "hf_secret"


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


class Access(Pulls):
    def test_the_token_goes_to_the_hub_alone(self):
        self.put_gguf()
        self.hub.token = TOKEN
        self.fails("pull", "ann/tiny-GGUF", says="no model ann/tiny-GGUF for everyone: check the name; a private or gated")
        self.environment["HF_TOKEN"] = "hf_other"
        self.fails("pull", "ann/tiny-GGUF", says="for the token of HF_TOKEN")
        self.environment["HF_TOKEN"] = TOKEN
        self.pull("ann/tiny-GGUF")
        asked = self.hub.asked("other")
        self.assertTrue(asked)
        self.assertFalse([headers for _, headers in asked if "Authorization" in headers or TOKEN in str(headers)])

    def test_the_token_of_the_usual_file(self):
        self.put_gguf()
        self.hub.token = TOKEN
        del self.environment["HF_HOME"]
        file = self.home / ".cache/huggingface/token"
        file.parent.mkdir(parents=True)
        file.write_text(TOKEN + "\n")
        self.environment.pop("XDG_CACHE_HOME", None)
        self.pull("ann/tiny-GGUF")
        file.write_text("two\nlines: x")
        self.fails("pull", "ann/tiny-GGUF", says="holds something else than a token")

    def test_gated_models(self):
        self.put_gguf()
        self.hub.api = lambda request, path: answer(request, 403, X_Error_Code="GatedRepo") or True
        self.fails("pull", "ann/tiny-GGUF", says=f"gated: its page {self.hub.address}/ann/tiny-GGUF says.*HF_TOKEN")

    def test_what_isnt_there(self):
        self.put_gguf()
        self.fails("pull", "ann/nothing", says="no model ann/nothing")
        self.fails("pull", "ann/tiny-GGUF@v9", says="no revision 'v9'")
        self.hub.api = lambda request, path: answer(request, 200, b"<html>") or True
        self.fails("pull", "ann/tiny-GGUF", says="is HF_ENDPOINT the address of a hub")

    def test_addresses_that_arent_followed(self):
        self.put_gguf()
        for target, says in (("ftp://localhost/x", "neither http nor https"), ("file:///etc/passwd", "neither http nor https"),
                             ("http://user:secret@localhost/x", "holds a user's name"), (None, "more than 8 redirects")):
            def redirect(request, path, target=target):
                return answer(request, 302, Location=target or request.path) or True
            self.hub.api = redirect
            errors = self.fails("pull", "ann/tiny-GGUF", says=says)
            self.assertNotIn("secret", errors)

    def test_a_repository_that_has_moved(self):
        self.put_gguf()
        self.hub.repositories["bob/tiny"] = self.hub.repositories.pop("ann/tiny-GGUF")

        def redirect(request, path):
            if "ann/tiny-GGUF" not in request.path:
                return False
            answer(request, 307, Location=request.path.replace("ann/tiny-GGUF", "bob/tiny"))
            return True
        self.hub.api = redirect
        self.hub.repositories["ann/tiny-GGUF"] = self.hub.repositories["bob/tiny"]
        self.pull("ann/tiny-GGUF")

    def test_names_that_would_lead_out_of_the_folder(self):
        self.put("ann/evil", **{"ok-Q8_0.gguf": content(5000)})
        outside = sorted(path for path in self.home.rglob("*"))
        for name in ("../evil-Q4_K_M.gguf", "a/../../evil-Q4_K_M.gguf", "/evil-Q4_K_M.gguf", "a\\..\\evil-Q4_K_M.gguf",
                     "C:evil-Q4_K_M.gguf", "evil\0-Q4_K_M.gguf", "a//evil-Q4_K_M.gguf", "x" * 300 + "-Q4_K_M.gguf"):
            self.hub.names = [entry(name, content(5000))]
            self.fails("pull", "ann/evil", says="which can't be written here")
        self.hub.names = [entry(".git/evil-Q4_K_M.gguf", content(5000))]
        self.assertEqual(self.pull("ann/evil").name, "ok-Q8_0.gguf")
        new = {path for path in self.home.rglob("*")} - set(outside)
        self.assertTrue(all(self.store in (path, *path.parents) for path in new), new)

    def test_lists_that_make_no_sense(self):
        self.put_gguf()
        for names, says in (([entry("tiny-Q4_K_M.gguf", b"x")], "twice"), ([{"type": "file", "path": "a"}], "no size or hash"),
                            ([{"type": "file", "path": "a", "size": -1, "oid": "0" * 40}], "no size or hash"),
                            ([{"type": "file", "path": "a", "size": 1, "oid": "zz"}], "no size or hash"), ([7], "isn't an object"),
                            ([entry(f"{i}.json", b"") for i in range(20001)], "more than 20000 files")):
            self.hub.names = names
            self.hub.page = 50000
            self.fails("pull", "ann/tiny-GGUF", says=says)


class Setbacks(Pulls):
    def setUp(self):
        super().setUp()
        self.data = content(3 * MEBIBYTE + 7)
        self.put("ann/tiny-GGUF", **{"tiny-Q4_K_M.gguf": self.data})

    @staticmethod
    def first(times, act):
        """A fault that happens the first times."""
        left = threading.Semaphore(times)
        return lambda *arguments: left.acquire(blocking=False) and act(*arguments) is not False

    def complete(self, *arguments):
        out, errors = self.run_program("pull", "ann/tiny-GGUF", *arguments)
        self.assertEqual(pathlib.Path(out.rstrip("\n")).read_bytes(), self.data)
        return errors

    def test_busy_servers_are_given_time(self):
        self.hub.api = self.first(1, lambda request, path: answer(request, 429, Retry_After="1"))
        self.assertRegex(self.complete(), r"too many requests \(429\); trying again in 1\.0 s")
        self.hub.large = self.first(2, lambda request, *_: answer(request, 503))
        self.assertRegex(self.complete("--force"), r"tiny-Q4_K_M\.gguf: .*\(503\); trying again in 0\.5 s")
        self.hub.api = lambda request, path: answer(request, 429, Retry_After="9999") or True
        self.fails("pull", "ann/tiny-GGUF", says="asks to be left alone for 9999 s")

    def test_connections_that_break_off(self):
        self.hub.large = self.first(4, lambda request, repository, path, data: self.hub.send(request, data, most=300_000))
        self.complete()
        self.assertLess(self.hub.sent, len(self.data) + 1)  # nothing came twice
        resumed = [headers for _, headers in self.hub.asked("other") if int(headers["Range"][6:].split("-")[0]) % MEBIBYTE]
        self.assertGreaterEqual(len(resumed), 3)
        self.assertTrue(all("If-Range" in headers for headers in resumed))

    def test_a_server_without_ranges(self):
        self.hub.ranges = False
        self.hub.large = self.first(2, lambda request, repository, path, data: self.hub.send(request, data, most=1_300_000))
        self.complete()
        self.assertGreaterEqual(self.hub.sent, len(self.data) + 2 * 1_300_000)

    def test_a_file_that_changes_on_the_way(self):
        def other(request, repository, path, data):
            self.hub.send(request, bytes(len(data)), most=500_000, tag='"old"')
        self.hub.large = self.first(1, other)
        self.complete()

    def test_wrong_bytes(self):
        def wrong(request, repository, path, data):
            self.hub.send(request, bytes(len(data)), tag='"x"')
        segments = 4
        self.hub.large = self.first(segments, wrong)
        errors = self.complete()
        self.assertRegex(errors, "tiny-Q4_K_M.gguf: has the hash sha256:[0-9a-f]{64}, the hub lists sha256:[0-9a-f]{64}; it is "
                                 "thrown away and fetched once more")
        self.hub.large = lambda *arguments: wrong(*arguments) or True
        before = self.listed()
        self.fails("pull", "--force", "ann/tiny-GGUF", says="a second time; it was thrown away")
        self.assertEqual(self.listed(), before)
        self.assertEqual([path.stat().st_size for path in (self.store / ".pull").rglob("*.gguf") if path.is_file()
                          and "files" in path.parts], [0])

    def test_wrong_sizes(self):
        for size in (len(self.data) - 5, len(self.data) + 5):
            self.hub.large = lambda request, repository, path, data, size=size: self.hub.send(
                request, (data + bytes(5))[:size]) or True
            self.fails("pull", "ann/tiny-GGUF", says=f"has {size} bytes, the hub lists {len(self.data)}, a second time")
        # A small one, whose wrong length nobody announces.
        self.put("ann/small", **{"config.json": b"{}", "model.safetensors": content(5000)})

        def endless(request, repository, path, data):
            request.send_response(200)
            request.send_header("Connection", "close")
            request.end_headers()
            request.wfile.write(bytes(100))
            raise Cut
        self.hub.small = endless
        self.hub.large = None
        self.fails("pull", "ann/small", says="config.json: goes on behind the 2 bytes that the hub lists, a second time")

    def test_a_server_that_stalls(self):
        self.environment["HF_HUB_DOWNLOAD_TIMEOUT"] = "1"
        gone = threading.Event()
        self.addCleanup(gone.set)

        def stall(request, repository, path, data):
            request.send_response(206)
            request.send_header("Content-Range", f"bytes 0-{MEBIBYTE - 1}/{len(data)}")
            request.send_header("Content-Length", str(MEBIBYTE))
            request.end_headers()
            request.wfile.write(data[:1000])
            gone.wait(60)
            raise Cut
        self.hub.large = self.first(1, stall)
        self.assertIn("trying again", self.complete())

    def test_nobody_at_the_address(self):
        self.hub.close()
        self.fails("pull", "ann/tiny-GGUF", says="given up after 4 tries")


class Interruptions(Pulls):
    """A hub that sends slowly, so that a pull can be met in the middle."""

    def setUp(self):
        super().setUp()
        self.data = content(4 * MEBIBYTE)
        self.put("ann/tiny-GGUF", **{"tiny-Q4_K_M.gguf": self.data})
        self.arrived = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.addCleanup(self.go_on.set)
        self.hub.large = self.half

    def half(self, request, repository, path, data):
        """The first half of what is asked for; the rest when the test says so."""
        begin, end = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["Range"]).groups())
        middle = (begin + end + 1) // 2
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {begin}-{end}/{len(data)}")
        request.send_header("Content-Length", str(end + 1 - begin))
        request.send_header("ETag", '"tag"')
        request.end_headers()
        request.wfile.write(data[begin:middle])
        if not self.go_on.is_set():
            self.arrived.release()
        self.go_on.wait(60)
        request.wfile.write(data[middle:end + 1])
        return True

    def in_the_middle(self, *arguments):
        process = self.start("pull", "ann/tiny-GGUF", *arguments)
        for _ in range(4):  # halves of all four segments are sent
            self.assertTrue(self.arrived.acquire(timeout=60))
        deadline = time.monotonic() + 60
        while self.there() < len(self.data) // 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return process

    def there(self):
        """Bytes that records count."""
        total = 0
        for record in (self.store / ".pull").rglob("records/*"):
            counted = record.read_bytes()[512:]
            total += sum(int.from_bytes(counted[i:i + 8], "little") for i in range(0, len(counted), 8))
        return total

    def resume(self):
        """Bytes that the next pull asks for."""
        self.go_on.set()
        before = len(self.hub.asked("other"))
        self.assertEqual(self.pull("ann/tiny-GGUF").read_bytes(), self.data)
        ranges = [re.fullmatch(r"bytes=(\d+)-(\d+)", headers["Range"]) for _, headers in self.hub.asked("other")[before:]]
        return sum(int(asked[2]) + 1 - int(asked[1]) for asked in ranges)

    def test_killed(self):
        process = self.in_the_middle()
        process.kill()
        process.communicate()
        self.assertEqual(self.listed(), {})
        repositories, self.hub.repositories = self.hub.repositories, {}
        self.fails("info", "ann/tiny-GGUF", says="no model ann/tiny-GGUF")  # half a model isn't used
        self.hub.repositories = repositories
        self.assertEqual(self.resume(), len(self.data) // 2)

    def test_killed_at_any_moment(self):
        self.go_on.set()
        moments = random.Random(1)
        for _ in range(12):
            process = self.start("pull", "--force", "ann/tiny-GGUF")
            time.sleep(moments.uniform(0, 0.12))
            process.kill()
            process.communicate()
            for model in self.listed().values():
                self.assertEqual(pathlib.Path(model["path"]).read_bytes(), self.data)
        self.assertEqual(self.pull("ann/tiny-GGUF").read_bytes(), self.data)
        self.assertEqual(list(self.listed()), ["ann/tiny-GGUF"])

    def test_control_c(self):
        process = self.in_the_middle()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=60)
        self.assertEqual((process.returncode, out), (1, b""))
        self.assertIn(b"interrupted; what was fetched is kept: sirocco pull ann/tiny-GGUF goes on from there", errors)
        self.assertEqual(self.listed(), {})
        self.assertEqual(self.resume(), len(self.data) // 2)

    def test_two_at_once(self):
        first = self.in_the_middle()
        second = self.start("pull", "ann/tiny-GGUF")
        self.assertIn(b"another pull of ann/tiny-GGUF is at work", second.stderr.readline())
        self.fails("rm", "ann/tiny-GGUF", says="is being pulled")
        self.go_on.set()
        paths = {process.communicate(timeout=60)[0] for process in (first, second)}
        self.assertEqual((first.returncode, second.returncode, len(paths)), (0, 0, 1))
        self.assertEqual(len(self.hub.asked("other")), 4)

    def test_a_file_that_may_not_grow(self):
        self.go_on.set()
        limit = 3 * MEBIBYTE
        self.fails("pull", "ann/tiny-GGUF", says="may write; what was fetched is kept",
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(self.listed(), {})
        self.assertLess(self.resume(), len(self.data))

    def test_a_full_disk(self):
        if shutil.which("unshare") is None or subprocess.run(
                ["unshare", "-rm", "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("no file system of one's own can be mounted here")
        self.store.mkdir()

        def on_small_disk(size, *arguments, used=0):
            script = ('mount -t tmpfs -o size="$1" none "$2" && head -c "$3" /dev/zero >"$2/filler" && shift 3 && "$@"; '
                      'status=$?; cp -r "$SIROCCO_HOME/models/.pull" "$SIROCCO_HOME/kept"; exit $status')
            process = subprocess.Popen(
                ["unshare", "-rm", "sh", "-c", script, "sh", str(size), str(self.store), str(used), PROGRAM, *arguments],
                env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(process.kill)
            return process

        process = on_small_disk(4 * MEBIBYTE, "pull", "ann/tiny-GGUF")
        errors = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 1)
        self.assertRegex(errors, rb"has 4\.00 MiB free, and 4\.00 MiB are to be fetched: free some space")
        self.assertEqual(self.hub.asked("other"), [])

        # The room is taken while the pull is at work.
        shutil.rmtree(self.home / "kept")
        process = on_small_disk(6 * MEBIBYTE, "pull", "ann/tiny-GGUF")
        for _ in range(4):
            self.assertTrue(self.arrived.acquire(timeout=60))
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        inside = pathlib.Path(f"/proc/{(children or [process.pid])[0]}/root{self.store}")
        with self.assertRaises(OSError), open(inside / "more", "wb", buffering=0) as more:
            while True:
                more.write(bytes(65536))
        self.go_on.set()
        errors = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 1, errors)
        self.assertRegex(errors, rb"the disk is full; what was fetched is kept: free some space and run the same again")
        shutil.rmtree(self.store)
        self.store.mkdir()
        shutil.move(self.home / "kept", self.store / ".pull")
        self.assertLessEqual(self.resume(), len(self.data) // 2)


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
