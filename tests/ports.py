"""Ports of the loopback for servers of the tests, with nobody else's server on them."""

from __future__ import annotations

import socket


class Port:
    """A port that the system gives to nobody else while this is open: others take theirs at the same time.

    Only who names the port and allows its reuse, as servers do, can listen on it; also again, after it was killed.
    """

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._held.bind(("127.0.0.1", 0))
        self.number: int = self._held.getsockname()[1]

    def close(self) -> None:
        self._held.close()

    def __enter__(self) -> Port:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
