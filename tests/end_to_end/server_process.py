"""A server under test, without anything to ask it with."""

import re
import signal
import socket
import subprocess
import threading

from program import ENVIRONMENT, PROGRAM

SECONDS = 120  # for what ends much sooner, on a machine that does other work too


class ServerProcess:
    """`sirocco serve` on a free port of loopback, from the first line that it says to its end."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PROGRAM, "serve", "--port", "0", *map(str, arguments)], env=ENVIRONMENT,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self._said = b""
        self._changed = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self.port = int(self.wait_until_said(rb"serving .* on https?://127\.0\.0\.1:(\d+)")[1])
        except BaseException:
            self.kill()
            raise
        self.url = f"http://127.0.0.1:{self.port}"

    def _listen(self):
        while data := self.process.stderr.read1(1 << 16):
            with self._changed:
                self._said += data
                self._changed.notify_all()
        with self._changed:
            self._said += b"\n[end]"
            self._changed.notify_all()

    def said(self):
        with self._changed:
            return self._said

    def wait_until_said(self, pattern):
        """The match of a pattern in standard error."""
        with self._changed:
            self._changed.wait_for(lambda: re.search(pattern, self._said) or self._said.endswith(b"\n[end]"), SECONDS)
            found = re.search(pattern, self._said)
        if not found:
            raise AssertionError(f"the server didn't say {pattern}, but {self._said.decode(errors='replace')}")
        return found

    def connect(self, receive_bytes=None):
        """A connection; with `receive_bytes`, the system keeps little more than these until they are read."""
        connection = socket.socket()
        connection.settimeout(SECONDS)
        if receive_bytes:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        connection.connect(("127.0.0.1", self.port))
        return connection

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self):
        return self.process.wait(SECONDS)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends the server as whoever started it would; it must end well."""
        try:
            if self.process.poll() is None:
                self.terminate()
                self.process.wait(SECONDS)
        finally:
            if self.process.poll() is None:
                self.kill()
            self._listener.join()
            self.process.stderr.close()
        if self.process.returncode != 0:
            raise AssertionError(f"the server ended with {self.process.returncode}: {self._said.decode(errors='replace')}")
