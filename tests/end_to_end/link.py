"""Two machines and a line between them, on one: network namespaces, and a process that carries what one sends to the other,
late and not all of it."""

import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

NEAR, FAR = "10.77.0.1", "10.77.0.2"
NETWORK = "10.77.0.0/24"


def _tap(name):
    """The end of an Ethernet device: what the system sends by it is read here, and what is written here it receives."""
    set_interface, tap, no_header = 0x400454ca, 0x0002, 0x1000
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, set_interface, struct.pack("16sH", name.encode(), tap | no_header))
    return descriptor


class Link:
    """The near machine is this process and those that it starts; `enter` begins the command of one on the far machine. All of
    it is gone with this process, which has namespaces of its own already (`unshare --net`)."""

    def __init__(self, delay_s, loss):
        self._delay, self._loss, self._random = delay_s, loss, random.Random(1)
        self.dropped = 0
        # It holds the far machine's namespaces until its standard input ends.
        self._far = subprocess.Popen(["unshare", "--net", "--uts", "sh", "-c", "hostname far && echo && exec cat"],  # pylint: disable=consider-using-with
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._far.stdout.readline()
        self.enter = ["nsenter", "-t", str(self._far.pid), "--net", "--uts"]
        self._ends = _tap("near"), _tap("far")
        self._ip("link", "set", "far", "netns", str(self._far.pid))
        for where, name, address in (((), "near", NEAR), (self.enter, "far", FAR)):
            self._ip("addr", "add", address + "/24", "dev", name, where=where)
            for device in ("lo", name):
                self._ip("link", "set", device, "up", where=where)
        threading.Thread(target=self._carry, daemon=True).start()

    @staticmethod
    def _ip(*arguments, where=()):
        subprocess.run([*where, "ip", *arguments], check=True)

    def set_variable(self, name, value):
        """Sets a variable of the system's network on both machines."""
        for where in ((), self.enter):
            subprocess.run([*where, "sh", "-c", f"echo {value} > /proc/sys/net/{name}"], check=True)

    def cut(self):
        self._ip("link", "set", "near", "down")

    def _carry(self):
        on_the_way, number = [], 0
        other = dict(zip(self._ends, reversed(self._ends)))
        while True:
            wait = max(on_the_way[0][0] - time.monotonic(), 0) if on_the_way else None
            for end in select.select(self._ends, (), (), wait)[0]:
                try:
                    packet = os.read(end, 1 << 16)
                except OSError:  # the line is cut
                    time.sleep(0.01)
                    continue
                if self._random.random() < self._loss:
                    self.dropped += 1
                    continue
                number += 1
                heapq.heappush(on_the_way, (time.monotonic() + self._delay, number, other[end], packet))
            while on_the_way and on_the_way[0][0] <= time.monotonic():
                *_, end, packet = heapq.heappop(on_the_way)
                try:
                    os.write(end, packet)
                except OSError:
                    pass
