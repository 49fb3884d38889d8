"""The program of a process that finishes sounds of rows: `python -m utils.speech.finish_child`, started by `finish_pool`.

Both ways each message is 4 bytes of length (little endian) and a pickle: tasks come by standard input until its end, answers go to
standard output, each a FinishedRow or the exception. The first answer, None, says that everything is loaded. Whoever started it is
the only one who can speak to it.
"""

from __future__ import annotations

import os
import pickle
import sys
from typing import Any, BinaryIO


def send(pipe: BinaryIO, data: bytes) -> None:
    """Write one message."""
    pipe.write(len(data).to_bytes(4, "little") + data)
    pipe.flush()


def receive(pipe: BinaryIO) -> Any:
    """Read one message and unpickle it. EOFError: the other side has ended."""
    head = pipe.read(4)
    data = pipe.read(int.from_bytes(head, "little"))
    if len(head) < 4 or len(data) < int.from_bytes(head, "little"):
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - from our own process


def main() -> None:
    """Finish what comes until nobody sends any more."""
    import av  # noqa: F401 - encoding imports it late, and the first row should not wait for it

    from utils.speech.finish_row import finish_row

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library may say must not get between the answers
    send(answers, pickle.dumps(None))
    while True:
        try:
            task = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            answer: Any = finish_row(task)
        except Exception as exc:  # noqa: BLE001 - the other side decides what it means
            answer = exc
        try:
            data = pickle.dumps(answer)
        except (pickle.PicklingError, TypeError, AttributeError):
            data = pickle.dumps(RuntimeError(type(answer).__name__))
        try:
            send(answers, data)
        except OSError:  # nobody is there any more
            return


if __name__ == "__main__":
    main()
