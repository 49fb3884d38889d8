from __future__ import annotations

import pytest

from utils.ui.pasted import suffix_of


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("", ".txt"),
        ("Good morning, all.\nHow are you, and you?", ".txt"),
        ("Text, he said, is what we speak.\nAnd so on.", ".txt"),
        ("text,filename\nHello,one", ".csv"),
        ('"Text";"Datei"\n"Hallo, du";eins', ".csv"),
        ("text\tlanguage\nHello, you\ten-US", ".csv"),
        ("text\nGood morning.\nGood night.", ".csv"),
        ("text\nGood morning, all.", ".txt"),  # a comma that is no delimiter
        ("Hello\tone\nBye\ttwo", ".tsv"),
        ("Hello\tone\nBye", ".txt"),
        ('{"text": "Hello"}\n{"text": "Bye"}', ".jsonl"),
        ("1\n00:00:01,000 --> 00:00:02,000\nHello", ".srt"),
        ("WEBVTT\n\n00:01.000 --> 00:02.000\nHello", ".vtt"),
        ("From A --> B", ".txt"),
    ],
)
def test_pasted_text_is_known_by_its_looks(text: str, suffix: str) -> None:
    assert suffix_of(text) == suffix
    assert suffix_of(f"\n  \n{text}\n") == suffix
