"""One timed block of a subtitle file, and what it is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Cue:
    """What is shown from `start` to `end` (seconds). Lines of `text` are divided by a line feed."""

    start: float
    end: float
    text: str


class TimedText(Protocol):
    """A word, or a longer piece of text, with its time; `speech.contract.Mark` is one."""

    @property
    def start(self) -> float:
        """Seconds."""
        ...

    @property
    def end(self) -> float:
        """Seconds."""
        ...

    @property
    def text(self) -> str:
        """As it is to be shown."""
        ...

    @property
    def part(self) -> int:
        """Number of the sentence or paragraph it belongs to."""
        ...
