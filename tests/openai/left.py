"""What a server has left on its disk of requests that are over, and real recordings to send it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from tests.transcription import clips

MODEL = clips.MICRO
OWN = {"session.json", "passing"}  # of a passing session without work
WITHIN_S = 90.0


def left(outputs: Path) -> list[str]:
    """Everything that is in sessions, in the trash and in the list of open work."""
    while True:
        try:
            return _left(outputs)
        except FileNotFoundError:  # a folder that went while it was looked into
            continue


def _left(outputs: Path) -> list[str]:
    found = []
    for path in outputs.glob("[0-9a-f]*/**/*"):
        below = path.relative_to(outputs).parts[1:]
        if below not in [("single",), ("bulk",)] and not (len(below) == 1 and below[0] in OWN):
            found.append(str(path.relative_to(outputs)))
    found += [f".trash/{path.name}" for path in (outputs / ".trash").glob("*")]
    found += [f".open/{path.name}" for path in (outputs / ".open").glob("*") if not path.name.startswith(".")]
    return sorted(found)


def words_on_disk(outputs: Path, words: Sequence[str]) -> list[str]:
    """Files in which one of these words stands, anywhere below the folder."""
    marks = [word.encode() for word in words]
    return [
        str(path.relative_to(outputs))
        for path in outputs.rglob("*")
        if path.is_file() and any(mark in path.read_bytes() for mark in marks)
    ]


def assert_nothing_left(outputs: Path, words: Sequence[str] = ()) -> None:
    """Hold that nothing is left, as soon as the server has noticed that a client is gone."""
    deadline = time.monotonic() + WITHIN_S
    while (found := left(outputs)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == []  # so nothing goes any more while it is read
    assert words_on_disk(outputs, words) == []
