"""What the end-to-end tests share: the program under test, its model, and a home of its own."""

import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile

if len(sys.argv) < 3:
    sys.exit(f"usage: {sys.argv[0]} PROGRAM SOURCE_FOLDER")
PROGRAM = sys.argv[1]
SOURCE = pathlib.Path(sys.argv[2])
GOLDEN = pathlib.Path(PROGRAM).resolve().parent / "golden"  # made by the build: tests/golden/README.md
del sys.argv[1:3]
MODEL = os.environ.get("SIROCCO_TEST_MODEL")
if not MODEL:
    sys.exit("SIROCCO_TEST_MODEL must name the default model")

_home = tempfile.TemporaryDirectory()
HOME = pathlib.Path(_home.name)
ENVIRONMENT = {**os.environ, "SIROCCO_HOME": str(HOME), "TERM": "xterm"}


def sirocco(*arguments, stdin=b"", stdout=subprocess.PIPE, largest_file=resource.RLIM_INFINITY, ignored_signal=None):
    """Runs the program to its end, nothing of it on a terminal. No file may grow beyond largest_file bytes."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
        if ignored_signal is not None:
            signal.signal(ignored_signal, signal.SIG_IGN)

    return subprocess.run([PROGRAM, *map(str, arguments)], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          env=ENVIRONMENT, timeout=600, check=False, preexec_fn=limit)
