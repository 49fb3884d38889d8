# ruff: noqa: RUF001 - the marks of many scripts are its subject, also those that look like others
"""Punctuation by what it does, in the scripts that engines here speak."""

from __future__ import annotations

STOPS = ".!?…؟۔।॥։።။។"  # end a sentence when white space follows
TIGHT_STOPS = "。！？｡"  # end a sentence whatever follows
PAUSES = ";:؛—–"
TIGHT_PAUSES = "；：…"
COMMAS = ",،、"
TIGHT_COMMAS = "，、"
CLOSERS = "\"'”’»)]」』）】》›"  # close what a sentence stands in; belong to the mark before them
OPENERS = "([\"'“‘«「『（【《‹¿¡—–"
TIGHT = TIGHT_STOPS + TIGHT_PAUSES + TIGHT_COMMAS
ENDING = STOPS + PAUSES + COMMAS + TIGHT  # after one of these a line needs no full stop

KANA = "\u3040-\u30ff"
HAN = "\u3400-\u9fff\uf900-\ufaff"
HANGUL = "\uac00-\ud7af"
UNSPACED = f"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff{KANA}{HAN}"  # Thai, Lao, Burmese, Khmer, kana, Chinese characters
TIMES = "×"
