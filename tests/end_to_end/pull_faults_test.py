#!/usr/bin/env python3
"""`sirocco pull` where the hub, the network, the disk or a person gets in the way.

usage: pull_faults_test.py PROGRAM SOURCE_FOLDER
"""

import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import threading
import time
import unittest

from hub_server import Cut, answer, entry
from program import PROGRAM
from pulls import MEBIBYTE, Pulls, content

TOKEN = "hf_secret"


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
        self.wait_for_halves(self.store)
        return process

    def wait_for_halves(self, store):
        """Until halves of all four segments are written."""
        deadline = time.monotonic() + 60
        while self.there(store) < len(self.data) // 2:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    @staticmethod
    def there(store):
        """Bytes that records count."""
        total = 0
        for record in (store / ".pull").rglob("records/*"):
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
        self.assertTrue(self.arrived.acquire(timeout=60))
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        inside = pathlib.Path(f"/proc/{(children or [process.pid])[0]}/root{self.store}")
        self.wait_for_halves(inside)
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


if __name__ == "__main__":
    unittest.main()
