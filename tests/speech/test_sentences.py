"""Where sentences end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.speech.sentences import split


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("en", "Dr. Smith met J. R. Brown. They talked.", ["Dr. Smith met J. R. Brown.", "They talked."]),
        ("en", "Apples, pears, etc. Then we ate.", ["Apples, pears, etc.", "Then we ate."]),
        ("en", "Apples, etc. and pears.", ["Apples, etc. and pears."]),
        ("en", "He lives in the U.S. now. Good.", ["He lives in the U.S. now.", "Good."]),
        ("en", "See no. 5 there. He said no. Then he left.", ["See no. 5 there.", "He said no.", "Then he left."]),
        ("en", "It costs 3.50 today. Fine.", ["It costs 3.50 today.", "Fine."]),
        ("en", '"No!" he said. "Why?" Nobody knew.', ['"No!" he said.', '"Why?"', "Nobody knew."]),
        ("en", "Well... perhaps. Well... Perhaps.", ["Well... perhaps.", "Well...", "Perhaps."]),
        ("en", "(He left.) She stayed.", ["(He left.)", "She stayed."]),
        ("de", "Am 3. Juni kam er. Um 3. Dann ging er.", ["Am 3. Juni kam er.", "Um 3.", "Dann ging er."]),
        ("de", "Das ist z. B. Brot. Gut.", ["Das ist z. B. Brot.", "Gut."]),
        ("fr", "M. Dupont arrive. Il part.", ["M. Dupont arrive.", "Il part."]),
        ("zh-CN", "今天很好。我们走吧！好吗？好", ["今天很好。", "我们走吧！", "好吗？", "好"]),
        ("hi", "यह अच्छा है। चलो।", ["यह अच्छा है।", "चलो।"]),
        ("ar", "هل أنت بخير؟ نعم.", ["هل أنت بخير؟", "نعم."]),
        ("xx", "", []),
    ],
)
def test_split_text_gives_its_sentences(language: str, text: str, expected: list[str]) -> None:
    assert split(text, language) == expected


@given(st.text(alphabet="aB1. !?…。\"') ", max_size=200), st.sampled_from(["", "en", "de", "zh-CN"]))
@settings(max_examples=200, deadline=None)
def test_split_any_text_loses_nothing(text: str, language: str) -> None:
    assert "".join("".join(split(text, language)).split()) == "".join(text.split())
