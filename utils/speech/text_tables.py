"""What abbreviations, amounts and dates are called in the languages of `data/words.json`: English, German, French, Spanish,
Italian, Portuguese.

Abbreviations are written with their dots and, where people put spaces into them, with those ("z. B."); they are found with and
without. What stands there is what eSpeak NG 1.52 reads wrongly (as letters, or with a pause as at the end of a sentence), in
words that Google reads well, too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, eq=False)  # one object a language; patterns are kept by it
class Words:
    """The words of one language.

    Attributes:
        tag: Primary language subtag.
        always: Abbreviation to spoken form; its dot never ends a sentence.
        numbered: The same, only before a number.
        closing: The same; its dot may end a sentence as well.
        months: January first.
        day_first: How a date is said, from {day}, {month} and {year}.
        money: Sign of a currency to its names: one, many, one hundredth, many hundredths.
        joint: Between units and hundredths: "3 euros and 50 cents".
        magnitudes: Words between a number and its currency: "$3 million".
        short_magnitudes: Letters right behind an amount: "$3m".
        less: For `<` between numbers.
        more: For `>` between numbers.
        dot: For the dots in addresses where engines leave them out, else empty.
        decimal: The language's decimal mark.
        dotted_dates: 12.03.2026 and 12/03/2026 are day, month, year, and nothing else.
        first: The first day of a month.
    """

    tag: str
    always: Mapping[str, str]
    numbered: Mapping[str, str]
    closing: Mapping[str, str]
    months: tuple[str, ...]
    day_first: str
    money: Mapping[str, tuple[str, str, str, str]]
    joint: str
    magnitudes: tuple[str, ...]
    short_magnitudes: Mapping[str, str]
    less: str
    more: str
    dot: str
    decimal: str
    dotted_dates: bool
    first: str


def words_of(language: str) -> Words | None:
    """The words of a language (BCP 47 tag), or None when we have none."""
    return _all().get(language.partition("-")[0].lower())


@cache
def _all() -> dict[str, Words]:
    text = Path(__file__).with_name("data").joinpath("words.json").read_text(encoding="utf-8")
    return {
        tag: Words(tag=tag, **{name: _frozen(value) for name, value in entry.items()}) for tag, entry in json.loads(text).items()
    }


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _frozen(inner) for key, inner in value.items()}
    return tuple(value) if isinstance(value, list) else value
