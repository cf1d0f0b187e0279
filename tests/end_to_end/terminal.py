"""The program on a pseudo-terminal."""

import fcntl
import os
import pty
import re
import resource
import select
import signal
import struct
import termios
import time

from program import ENVIRONMENT, PROGRAM

PROMPT = b">>> "
LONG_ENOUGH = 120  # seconds until a test gives up


class Terminal:
    """The program on a terminal of its own, or another one. Without a size the terminal doesn't know its own."""

    def __init__(self, *arguments, program=PROGRAM, columns=0, rows=0, environment=None):
        self.seen = b""
        self.status = None
        self.process, self.descriptor = pty.fork()
        if self.process == 0:
            self._set_size(0, columns, rows)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.execve(program, [program, *map(str, arguments)], {**ENVIRONMENT, **(environment or {})})
        self.settings = termios.tcgetattr(self.descriptor)

    @staticmethod
    def _set_size(descriptor, columns, rows):
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, columns, rows):
        self._set_size(self.descriptor, columns, rows)

    def close(self):
        if self.status is None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.descriptor)

    def read_until(self, pattern):
        """What appears up to the end of the pattern's first match."""
        deadline = time.monotonic() + LONG_ENOUGH
        while True:
            match = re.search(pattern, self.seen)
            if match:
                before, self.seen = self.seen[:match.end()], self.seen[match.end():]
                return before
            if not self._read(deadline):
                raise AssertionError(f"{pattern!r} never appeared; seen: {self.seen[-2000:]!r}")

    def wait(self):
        """Reads to the end; the exit status."""
        deadline = time.monotonic() + LONG_ENOUGH
        while self._read(deadline):
            pass
        if time.monotonic() >= deadline:
            raise AssertionError(f"the program never ended; seen: {self.seen[-2000:]!r}")
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return self.status

    def _read(self, deadline):
        if not select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
            return False
        try:
            piece = os.read(self.descriptor, 1 << 16)
        except OSError:  # the other side is closed
            return False
        self.seen += piece
        return bool(piece)

    def type(self, text):
        """Sends bytes as fast as they are taken, and reads meanwhile."""
        left = text.encode() if isinstance(text, str) else text
        deadline = time.monotonic() + LONG_ENOUGH
        while left:
            readable, writable, _ = select.select([self.descriptor], [self.descriptor], [],
                                                  max(0, deadline - time.monotonic()))
            if not readable and not writable:
                raise AssertionError(f"nobody takes what is typed; seen: {self.seen[-2000:]!r}")
            if readable:
                self._read(deadline)
            if writable:
                left = left[os.write(self.descriptor, left[:1024]):]

    def say(self, line):
        """Types a line; what appears between its echo and the next prompt."""
        self.type(line + "\n")
        self.read_until(b"\r\n")
        return self.read_until(b"\r\n" + PROMPT)[:-len(PROMPT)].decode().replace("\r\n", "\n")
