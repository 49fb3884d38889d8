"""Texts that were read lately: what stays is bounded in words and in time."""

from __future__ import annotations

from utils.transcription.contract import Transcript
from utils.transcription.memo import KEPT_S, TextMemo


class Shelf:
    """A memo with a clock, and what had to be made for it."""

    def __init__(self, most_words: int = 1_000) -> None:
        self.now = 0.0
        self.memo = TextMemo(most_words, clock=lambda: self.now)
        self.made: list[str] = []

    def ask(self, key: str) -> Transcript:
        def make() -> Transcript:
            self.made.append(key)
            return Transcript((), "", None, "draft", "draft", 1.0)

        return self.memo.get(key, make)


def test_text_that_nobody_asks_for_is_let_go_and_one_that_is_read_stays() -> None:
    shelf = Shelf()
    shelf.ask("left")
    read = shelf.ask("read")
    shelf.now = KEPT_S
    assert shelf.ask("read") is read
    shelf.now = KEPT_S + 1
    shelf.memo.let_go()
    assert shelf.ask("read") is read
    shelf.ask("left")
    assert shelf.made == ["left", "read", "left"]


def test_letting_go_of_nothing_does_no_harm() -> None:
    shelf = Shelf()
    shelf.memo.let_go()
    shelf.ask("one")
    shelf.now = 2 * KEPT_S
    shelf.memo.let_go()
    shelf.memo.let_go()
    assert shelf.ask("one") is shelf.ask("one")
    assert shelf.made == ["one", "one"]
