"""Languages by letters, and the voices that OpenAI names."""

from __future__ import annotations

import pytest

from utils.speech import voices
from utils.speech.named_voices import NAMED
from utils.speech.tongue import guess


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Good morning.", "en"),
        ("", "en"),
        ("123 ... 456", "en"),
        ("Übermäßig schön", "en"),  # Latin letters say nothing
        ("Доброе утро", "ru"),
        ("Доброго ранку, їжаче", "uk"),
        ("Καλημέρα", "el"),
        ("صباح الخير", "ar"),
        ("בוקר טוב", "he"),
        ("सुप्रभात", "hi"),
        ("早上好", "zh"),
        ("おはようございます世界", "ja"),
        ("좋은 아침", "ko"),
        ("สวัสดี", "th"),
        ("OK: Доброе утро, друзья", "ru"),
    ],
)
def test_guess_of_a_text_is_the_language_of_most_of_its_letters(text: str, tag: str) -> None:
    assert guess(text) == tag
    assert voices.find_language(tag)


def test_named_voices_exist_and_differ() -> None:
    found = {name: voices.find("espeak:en-us" + (f"+{named.variant}" if named.variant else "")) for name, named in NAMED.items()}
    assert len({voice.id for voice in found.values()}) == len(NAMED) == 13
    for named in NAMED.values():
        assert voices.default("gtts", "en", named.accent or None)
