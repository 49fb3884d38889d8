"""A network between client and server that can be cut: lines go silent for a while, or break."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tests.live.killing import Feeder, Mortal
from tests.live.speaking import chunks_of, sound, token_of

PACE_S = 0.01


class Network:
    """Passes connections on to a port of the loopback.

    Attributes:
        url: Of its own end.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._whole = threading.Event()
        self._whole.set()
        self._lines: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._begin(self._accept)

    def cut(self, *, breaking: bool) -> None:
        """From now on nothing passes. What is on its way comes after all when it is mended, unless the lines break."""
        self._whole.clear()
        if breaking:
            self._break()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.mend()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        self._listener.close()
        self._break()
        for thread in self._threads:
            thread.join()

    def _begin(self, work: Callable[..., None], *given: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=given)
        self._threads.append(thread)
        thread.start()
        return thread

    def _break(self) -> None:
        for line in self._lines:
            with suppress(OSError):
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # no goodbye
                line.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                self._begin(self._serve, self._listener.accept()[0])

    def _serve(self, near: socket.socket) -> None:
        """One connection, both ways."""
        self._whole.wait()
        with near, suppress(OSError), socket.create_connection(("127.0.0.1", self._to)) as far:
            self._lines += [near, far]
            back = self._begin(self._pass, far, near)
            self._pass(near, far)
            back.join()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(4096):
                self._whole.wait()
                other.sendall(data)
        for line in (one, other):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)


@contextmanager
def network(port: int) -> Iterator[Network]:
    found = Network(port)
    try:
        yield found
    finally:
        found.close()


def recorded(server: Mortal, dice: random.Random, cut_s: float, *, breaking: bool) -> list[str]:
    """One recording over a network that is cut at a random moment for so long; what was wrong with it."""
    data = sound(6.0, seed=dice.randrange(2**31))
    parts = chunks_of(data)
    with server.client() as client, network(server.port) as between:
        feeder = Feeder(server, token_of(client), parts, between.url)
        after_s = dice.random() * PACE_S * len(parts)

        def cut() -> None:
            time.sleep(after_s)
            between.cut(breaking=breaking)
            time.sleep(cut_s)
            between.mend()

        cutting = threading.Thread(target=cut)
        cutting.start()
        ends = time.monotonic() + cut_s + 120
        while not feeder.feed(len(parts), ack_within_s=2, pace_s=PACE_S) and time.monotonic() < ends:
            time.sleep(0.5)
        cutting.join()
        found = feeder.finish()
        if found != data:
            feeder.problems.append(f"{len(found)} bytes instead of {len(data)}, or other ones")
    return feeder.problems
