"""Numbers as words and as digits are the same: `twenty-three` and `23`, for English, German, French and Spanish, up to 999,999."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType

Words = tuple[str, ...]
MAX_WORDS = 7  # of a number below a thousand


def _list(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_EN = _list(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen "
    "nineteen"
)
_EN_TENS = _list("twenty thirty forty fifty sixty seventy eighty ninety")
_DE = _list(
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn "
    "neunzehn"
)
_DE_TENS = _list("zwanzig dreissig vierzig fünfzig sechzig siebzig achtzig neunzig")  # casefold makes ss of ß
_FR = _list(
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix|sept dix|huit dix|neuf"
)
_FR_TENS = _list("vingt trente quarante cinquante soixante")
_ES = _list(
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete dieciocho "
    "diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho veintinueve"
)
_ES_TENS = _list("treinta cuarenta cincuenta sesenta setenta ochenta noventa")
_ES_HUNDREDS = _list("ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos")


def _english(number: int) -> Iterator[Words]:
    if number < 20:
        yield (_EN[number],)
    elif number < 100:
        tens = _EN_TENS[number // 10 - 2]
        yield (tens, _EN[number % 10]) if number % 10 else (tens,)
    else:
        head = (_EN[number // 100], "hundred")
        if not number % 100:
            yield head
            return
        for rest in _english(number % 100):
            yield (*head, *rest)
            yield (*head, "and", *rest)


def _german(number: int) -> Iterator[Words]:
    if number < 20:
        yield (_DE[number],)
        if number == 2:
            yield ("zwo",)
    elif number < 100:
        tens = _DE_TENS[number // 10 - 2]
        unit = "ein" if number % 10 == 1 else _DE[number % 10]
        yield (f"{unit}und{tens}" if number % 10 else tens,)
    else:
        rests = [rest[0] for rest in _german(number % 100)] if number % 100 else [""]
        heads = ["hundert", "einhundert"] if number < 200 else [f"{_DE[number // 100]}hundert"]
        for head in heads:
            for rest in rests:
                yield (head + rest,)
                if rest:
                    yield (f"{head}und{rest}",)


def _french(number: int) -> Iterator[Words]:
    if number < 20:
        yield tuple(_FR[number].split("|"))
    elif number < 60 or 60 <= number < 80:
        tens, unit = (_FR_TENS[number // 10 - 2], number % 10) if number < 60 else ("soixante", number - 60)
        rest = tuple(_FR[unit].split("|"))
        yield (tens,) if not unit else (tens, "et", *rest) if unit in (1, 11) else (tens, *rest)
    elif number < 100:
        fours: tuple[Words, ...] = (("quatre", "vingt"), ("quatre", "vingts"))
        for head in fours:
            yield head if number == 80 else (*head, *_FR[number - 80].split("|"))
    else:
        many = number // 100
        heads: list[Words] = [("cent",)] if many == 1 else [(_FR[many], "cent"), (_FR[many], "cents")]
        for head in heads:
            for rest in _french(number % 100) if number % 100 else [()]:
                yield (*head, *rest)


def _spanish(number: int) -> Iterator[Words]:
    if number < 30:
        yield (_ES[number],)
    elif number < 100:
        tens = _ES_TENS[number // 10 - 3]
        yield (tens, "y", _ES[number % 10]) if number % 10 else (tens,)
    elif number == 100:
        yield ("cien",)
    else:
        head = _ES_HUNDREDS[number // 100 - 1]
        for rest in _spanish(number % 100) if number % 100 else [()]:
            yield (head, *rest)


_SPOKEN: Mapping[str, Callable[[int], Iterator[Words]]] = MappingProxyType(
    {"en": _english, "de": _german, "fr": _french, "es": _spanish}
)
_THOUSAND = MappingProxyType({"en": "thousand", "de": "tausend", "fr": "mille", "es": "mil"})


@lru_cache(4)
def _table(language: str) -> dict[Words, int]:
    spoken = _SPOKEN[language]
    return {words: number for number in range(1000) for words in spoken(number)}


@lru_cache(4)
def _first_words(language: str) -> frozenset[str]:
    return frozenset({words[0] for words in _table(language)} | {_THOUSAND[language]})


def number_at(words: list[str], at: int, language: str) -> tuple[int, int] | None:
    """A number that is spoken from there on.

    Args:
        words: In lower case; compounds with hyphens already divided.
        at: Index of its first word.
        language: `en`, `de`, `fr` or `es`; no other has numbers here.

    Returns:
        The number and the index behind its last word, or None.
    """
    if language not in _SPOKEN or not (words[at] in _first_words(language) or "tausend" in words[at]):
        return None
    if language == "de" and "tausend" in words[at]:
        return _german_thousands(words[at], at)
    thousand = _THOUSAND[language]
    head = _below_thousand(words, at, language)
    if head is None:
        # "mille" and "mil" stand alone; "thousand" alone is a word like any other
        if words[at] != thousand or language == "en":
            return None
        head = (1, at)
    value, stop = head
    if value > 0 and stop < len(words) and words[stop] == thousand:
        value, stop = value * 1000, stop + 1
        joined = language == "en" and words[stop : stop + 1] == ["and"]
        rest = _below_thousand(words, stop + joined, language)
        if rest is not None and rest[0]:
            value, stop = value + rest[0], rest[1]
    return value, stop


def _below_thousand(words: list[str], at: int, language: str) -> tuple[int, int] | None:
    table = _table(language)
    for stop in range(min(len(words), at + MAX_WORDS), at, -1):
        value = table.get(tuple(words[at:stop]))
        if value is not None:
            return value, stop
    return None


def _german_thousands(word: str, at: int) -> tuple[int, int] | None:
    table = _table("de")
    head, _, rest = word.partition("tausend")
    many = 1 if head in ("", "ein") else table.get((head,), table.get((head + "s",)))
    more = 0 if not rest else table.get((rest.removeprefix("und"),), table.get((rest,)))
    return None if not many or more is None else (many * 1000 + more, at + 1)
