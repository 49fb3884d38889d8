"""The dictionary: read, written, applied."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.errors import BadInput
from utils.speech import dictionary


@pytest.mark.parametrize(
    ("entries", "text", "expected"),
    [
        ("sql = sequel", "sql SQL Sql sqlite mysql", "sequel sequel Sequel sqlite mysql"),
        ("US = United States", "US us Us", "United States us Us"),
        ("new york = the big apple\nnew = old", "New York is new, new  york.", "The big apple is old, the big apple."),
        ("C++ = C plus plus\nC = see", "C++, C and C#", "C plus plus, see and see#"),
        ("a = b\nb = a", "a b", "b a"),
        ("东京 = 大阪", "我去东京玩", "我去大阪玩"),
        ("😀 = smile", "Hi 😀!", "Hi smile!"),
        ("um =", "Well um yes", "Well  yes"),
        ("pause = stop", "pause [pause:1.5s] pause", "stop [pause:1.5s] stop"),
        ("naïve = simple", "Naïve", "Simple"),
        ("don't = do not", "I don't.", "I do not."),
        (".NET = dot net", "the .NET way", "the dot net way"),
    ],
)
def test_apply_replaces_whole_words_once(entries: str, text: str, expected: str) -> None:
    assert dictionary.apply(text, dictionary.parse(entries)) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a = b\n\nnonsense", "Line 3 of the dictionary has no equals sign"),
        ("= b", "Line 1 of the dictionary has no word"),
        ("a = 1\nb = 2\na = 3", "Line 3 of the dictionary repeats the word of line 1"),
        ("x" * 101 + " = y", "Line 1 of the dictionary has a word of 101 characters, the limit is 100"),
        ("x = " + "y" * 301, "Line 1 of the dictionary has 301 spoken characters, the limit is 300"),
    ],
)
def test_parse_wrong_line_is_named(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        dictionary.parse(text)
    assert caught.value.hint


def test_parse_too_many_entries_are_refused() -> None:
    with pytest.raises(BadInput, match="501 entries; the limit is 500"):
        dictionary.parse("\n".join(f"word{number} = w" for number in range(501)))


WORDS = st.text(alphabet="abAB é東.+", min_size=1, max_size=12).map(lambda word: " ".join(word.split())).filter(bool)


@given(st.dictionaries(WORDS, WORDS | st.just(""), max_size=8))
@settings(max_examples=100, deadline=None)
def test_format_is_the_inverse_of_parse(pairs: dict[str, str]) -> None:
    assert dict(dictionary.parse(dictionary.format(tuple(pairs.items())))) == pairs


@given(st.dictionaries(WORDS, st.just("z"), max_size=8), st.text(alphabet="abAB é東.+", max_size=60))
@settings(max_examples=80, deadline=None)
def test_apply_any_text_ends_and_keeps_what_is_not_named(pairs: dict[str, str], text: str) -> None:
    applied = dictionary.apply(text, tuple(pairs.items()))
    assert set(applied) <= set(text) | set("zZ")
