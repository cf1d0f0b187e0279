"""Jobs of mpirun under test: the program as the ranks of a job, from their first words to the end of all of its processes."""

import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import uuid

from mpi_settings import SETTINGS
from program import ENVIRONMENT, HOME, PROGRAM

SECONDS = 120  # for what ends much sooner, on a machine that does other work too


def job(mpirun, ranks, *arguments):
    """The command of so many ranks that do the same."""
    return [mpirun, "--oversubscribe", "-n", str(ranks), PROGRAM, *map(str, arguments)]


def run_job(command, stdin=b"", **settings):
    return subprocess.run(command, input=stdin, capture_output=True, env={**ENVIRONMENT, **SETTINGS, **settings}, timeout=300,
                          check=False)


def output_of(done):
    if done.returncode != 0:
        raise AssertionError(f"status {done.returncode}: {done.stderr.decode()}")
    return done.stdout


class Job:
    """A job that runs. Its processes, mpirun's own among them, are known by a mark in their environment."""

    def __init__(self, command, **settings):
        name = str(uuid.uuid4())
        self.mark = f"SIROCCO_TEST_JOB={name}".encode()
        self.said = HOME / f"{name}.said"
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                command, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env={**ENVIRONMENT, **SETTINGS, **settings, "SIROCCO_TEST_JOB": name})

    def words(self):
        """All that was said."""
        return self.said.read_text(errors="replace")

    def wait_for_words(self, pattern):
        end = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.words())):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"nobody said {pattern}, but {self.words()}")
            time.sleep(0.05)
        return found

    def processes(self):
        """The rank of each process of the job; of mpirun's own none."""
        found = {}
        for environ in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                variables = environ.read_bytes().split(b"\0")
            except OSError:
                continue
            if self.mark in variables:
                rank = [v for v in variables if v.startswith(b"OMPI_COMM_WORLD_RANK=")]
                found[int(environ.parent.name)] = int(rank[0].partition(b"=")[2]) if rank else None
        return found

    def signal(self, rank, number):
        pid = next(pid for pid, of in self.processes().items() if of == rank)
        os.kill(pid, number)

    def wait(self):
        """The status of mpirun, once all processes are gone."""
        end = time.monotonic() + SECONDS
        while left := self.processes():
            if time.monotonic() > end:
                raise AssertionError(f"processes and their ranks are left, {left}: {self.words()}")
            self.process.poll()  # or it would be left as a zombie
            time.sleep(0.1)
        return self.process.wait()

    def kill(self):
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()


class Served(Job):
    """A job whose head serves a model."""

    def __init__(self, command, **settings):
        super().__init__(command, **settings)
        try:
            self.port = int(self.wait_for_words(r"serving .* on http://127\.0\.0\.1:(\d+)")[1])
        except BaseException:
            self.kill()
            raise

    def send(self, path, **members):
        """A connection on which something was asked."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request("POST", path, json.dumps(members), {"Content-Type": "application/json", "Connection": "close"})
        return connection

    def ask(self, path, **members):
        """An answer that has begun."""
        return self.send(path, **members).getresponse()

    def is_well(self):
        """What its health says; nothing when it listens no more."""
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            connection.request("GET", "/health", headers={"Connection": "close"})
            answer = connection.getresponse()
            answer.read()
            return answer.status == 200
        except OSError:
            return None
