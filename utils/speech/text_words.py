"""Spell out what engines read wrongly: abbreviations, amounts of money, dates, numbers in another country's notation.

Plain numbers, times, percentages, degrees and the usual signs are left as they are: both engines read them well in the
language's own notation. What could mean two things (`12/03/2026` in English) is left as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from utils.speech.text_tables import Words, words_of

_NUMBER = r"(?:\d{1,3}(?:[ \u00a0\u202f\u2009]\d{3}){1,4}+(?:[.,]\d{1,2})?(?!\d)|\d(?:[\d.,]*\d)?)"
_SIGN = r"(?:R\$|US\$|[$€£¥₹])"
_UNIT = r"(?:(?P<gap>[ \u00a0\u202f]?)(?P<unit>[^\W\d_]{1,10})\b)?"
_BEFORE = re.compile(rf"(?<![\w$€£¥₹])(?P<sign>{_SIGN})[ \u00a0\u202f]?(?P<number>{_NUMBER}){_UNIT}")
_BEHIND = re.compile(rf"(?<![\w.,])(?P<number>{_NUMBER})[ \u00a0\u202f]?(?P<sign>[$€£¥₹])(?!\w)")
_GROUPED = re.compile(r"(?<!\d)\d{1,3}(?:[\u00a0\u202f\u2007\u2009]\d{3}){1,6}+(?!\d)")
_CONTINENTAL = re.compile(r"(?<![\w.,])\d{1,3}(?:\.\d{3})++,\d++(?![\w,])(?!\.\d)")
_ANGLO = re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})++\.\d++(?![\w,])(?!\.\d)")
_ISO_DATE = re.compile(r"(?<![\w/.-])(\d{4})-(\d\d)-(\d\d)(?![\w/]|-\d)")
_DAY_FIRST = re.compile(r"(?<![\w/.-])(\d{1,2})([./])(\d{1,2})\2(\d{4})(?![\w/]|[.-]\d)")

_GERMAN_DATE = re.compile(
    r"(?:(?<!\w)(?P<case>am|vom|zum|dem|den|beim|bis|seit|ab|des|der|die|das|diesem|jedem|jeden)(?P<gap>\s))?"
    r"(?<![\w.,])(?P<day>\d{1,2})\.\s?(?P<month>Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b",
    re.IGNORECASE,
)
_GERMAN_ORDINALS = (
    "erst", "zweit", "dritt", "viert", "fünft", "sechst", "siebt", "acht", "neunt", "zehnt", "elft", "zwölft", "dreizehnt",
    "vierzehnt", "fünfzehnt", "sechzehnt", "siebzehnt", "achtzehnt", "neunzehnt", "zwanzigst", "einundzwanzigst",
    "zweiundzwanzigst", "dreiundzwanzigst", "vierundzwanzigst", "fünfundzwanzigst", "sechsundzwanzigst", "siebenundzwanzigst",
    "achtundzwanzigst",     "neunundzwanzigst", "dreißigst", "einunddreißigst",
)  # fmt: skip


def normalise(text: str, language: str) -> str:
    """The text with abbreviations, money, dates and foreign notations of numbers spelled out for a language (BCP 47 tag)."""
    words = words_of(language)
    digits = any(figure in text for figure in "0123456789")
    if digits and not text.isascii():
        text = _GROUPED.sub(lambda found: re.sub(r"\D", "", found[0]), text)
    if words is None:
        return text
    if "." in text or "°" in text or "º" in text:
        text = _abbreviations(text, words)
    if not digits:
        return text
    text = _dates(text, words, american=language.lower() == "en-us")
    if any(sign in text for sign in "$€£¥₹"):
        text = _BEFORE.sub(lambda found: _money(found, words), text)
        text = _BEHIND.sub(lambda found: _money(found, words), text)
    return _decimals(text, words.decimal)


# ---- abbreviations ------------------------------------------------------------------------------------------------


_BETWEEN_NAMES = ("St.", "M.")  # behind another name these are something else: "Wall St.", "Jean M. Martin"


@cache
def _pattern(words: Words) -> re.Pattern[str]:

    def shorts(entries: Mapping[str, str]) -> str:
        return "|".join(sorted((_either_case(short) for short in entries), key=len, reverse=True))

    return re.compile(
        rf"(?<![\w.@/-])(?:(?P<always>{shorts(words.always)})(?=\s|[,;:)]|$)|(?P<numbered>{shorts(words.numbered)})(?=\s?\d)"
        rf"|(?P<closing>{shorts(words.closing)})(?![\w@]))"
    )


def _either_case(short: str) -> str:
    """Pattern of an abbreviation: with and without the spaces in it, and with a capital where it has a small letter first."""
    head = f"[{short[0]}{short[0].upper()}]" if short[0].islower() else re.escape(short[0])
    return head + re.escape(short[1:]).replace(r"\ ", r"\s?")


@cache
def _spoken(words: Words) -> dict[str, str]:
    merged = {**words.closing, **words.numbered, **words.always}
    return {"".join(short.split()): spoken for short, spoken in merged.items()}


def _abbreviations(text: str, words: Words) -> str:
    spoken = _spoken(words)

    def say(found: re.Match[str]) -> str:
        short = "".join(found[0].split())
        if short in _BETWEEN_NAMES and re.search(r"[A-ZÀ-Þ]\w+\s$", found.string[max(0, found.start() - 30) : found.start()]):
            return found[0]
        said = spoken.get(short) or capitalised(spoken[short[0].lower() + short[1:]])
        after = found.string[found.end() : found.end() + 1]
        if found.lastgroup == "numbered":
            return said if after.isspace() else said + " "
        following = found.string[found.end() : found.end() + 3].lstrip()[:1]
        ends = not following or after == "\n" or (found.lastgroup == "closing" and following.isupper())
        return said + "." if ends else said

    return _pattern(words).sub(say, text)


def capitalised(words: str) -> str:
    """The words with a capital first, the rest as it is."""
    return words[:1].upper() + words[1:]


# ---- money and numbers --------------------------------------------------------------------------------------------


def _amount(number: str) -> tuple[str, str]:
    """Whole part and decimals of a number in any notation: the last mark with one or two figures behind it is the decimal one."""
    found = re.fullmatch(r"(.*?\d)[.,](\d{1,2})", number)
    whole, decimals = (found[1], found[2]) if found else (number, "")
    return re.sub(r"\D", "", whole), decimals


def _money(found: re.Match[str], words: Words) -> str:
    names = words.money.get(found["sign"].removeprefix("US"))
    if names is None:
        return found[0]
    one, many, cent, cents = names
    whole, decimals = _amount(found["number"])
    group = found.groupdict()
    unit, gap = group.get("unit") or "", group.get("gap") or ""
    magnitude = unit if unit in words.magnitudes else words.short_magnitudes.get(unit, "") if not gap else ""
    if magnitude:
        return f"{whole}{words.decimal + decimals if decimals else ''} {magnitude} {many}"
    tail = gap + unit if gap or not unit else " " + unit
    hundredths = int(decimals.ljust(2, "0")) if decimals else 0
    units = f"{whole} {one if whole.lstrip('0') == '1' else many}"
    if not hundredths:
        return units + tail
    if not cents:
        return f"{whole}{words.decimal}{decimals} {many}{tail}"
    part = f"{hundredths} {cent if hundredths == 1 else cents}"
    return (part if not whole.strip("0") else f"{units} {words.joint} {part}") + tail


def _decimals(text: str, decimal: str) -> str:
    """Numbers with both marks in the other notation: `1.250,75` where the decimal mark is a point, and the other way round."""
    pattern, mark = (_CONTINENTAL, ",") if decimal == "." else (_ANGLO, ".")

    def say(found: re.Match[str]) -> str:
        whole, _, decimals = found[0].rpartition(mark)
        return re.sub(r"\D", "", whole) + decimal + decimals

    return pattern.sub(say, text)


# ---- dates --------------------------------------------------------------------------------------------------------


def _dates(text: str, words: Words, american: bool) -> str:
    def iso(found: re.Match[str]) -> str:
        return _date(found[0], int(found[3]), int(found[2]), found[1], words, american)

    def day_first(found: re.Match[str]) -> str:
        day, month = int(found[1]), int(found[3])
        if not words.dotted_dates:
            if day <= 12 and month <= 12 and day != month:  # could be read both ways
                return found[0]
            day, month = (month, day) if month > 12 else (day, month)
        return _date(found[0], day, month, found[4], words, american)

    text = _ISO_DATE.sub(iso, text) if "-" in text else text
    text = _DAY_FIRST.sub(day_first, text)  # before German ordinals: it leaves some to them
    return _GERMAN_DATE.sub(_german_date, text) if words.tag == "de" else text


def _date(written: str, day: int, month: int, year: str, words: Words, american: bool) -> str:
    if not (1 <= day <= 31 and 1 <= month <= 12):
        return written
    name = words.months[month - 1]
    if american:
        return f"{name} {day}, {year}"
    said = f"{day}." if words.tag == "de" else words.first if day == 1 else str(day)
    return words.day_first.format(day=said, month=name, year=year)


def _german_date(found: re.Match[str]) -> str:
    """`am 3. Juni` -> `am dritten Juni`, `der 3. Juni` -> `der dritte Juni`, `3. Juni` -> `dritter Juni`."""
    day = int(found["day"])
    if not 1 <= day <= 31:
        return found[0]
    case = found["case"] or ""
    ending = "er" if not case else "e" if case.lower() in ("der", "die", "das") else "en"
    return f"{case}{found['gap'] or ''}{_GERMAN_ORDINALS[day - 1]}{ending} {found['month']}"
