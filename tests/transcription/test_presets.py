"""Presets and a person's own limits."""

from __future__ import annotations

from typing import Any

import pytest

from utils.errors import BadInput
from utils.transcription import presets


@pytest.mark.parametrize("preset", presets.PRESETS)
def test_presets_are_within_their_own_limits_and_labelled(preset: str) -> None:
    made = presets.rules(preset)
    own = {name: getattr(made, name) for name in presets.LIMITS}
    assert presets.rules(preset, **own) == made
    assert preset in presets.LABELS


def test_presets_own_limits_replace_those_of_the_preset() -> None:
    made = presets.rules("netflix", max_chars=30, max_lines=1, min_s=1, max_s=4, max_cps=12, gap_s=0.2)
    assert (made.max_chars, made.max_lines, made.min_s, made.max_s, made.max_cps, made.gap_s) == (30, 1, 1.0, 4.0, 12.0, 0.2)
    assert made.easy_cps == 12


@pytest.mark.parametrize("name", presets.LIMITS)
@pytest.mark.parametrize("value", ["below", "above", float("nan"), float("inf"), True, "12", [1]])
def test_presets_a_limit_out_of_range_is_one_sentence(name: str, value: Any) -> None:
    _, least, most = presets.LIMITS[name]
    number = {"below": least - 1, "above": most + 1}.get(value, value) if isinstance(value, str) else value
    with pytest.raises(BadInput) as caught:
        presets.rules("netflix", **{name: number})
    assert caught.value.sentence.endswith(".") and f"{most:g}" in caught.value.sentence


def test_presets_half_a_line_is_refused() -> None:
    with pytest.raises(BadInput, match="whole number"):
        presets.rules("netflix", max_lines=1.5)


def test_presets_no_reading_speed_is_zero() -> None:
    assert presets.rules("netflix", max_cps=0).easy_cps == 0


def test_presets_shortest_over_longest_is_refused() -> None:
    with pytest.raises(BadInput, match="longer than the longest"):
        presets.rules("reels", min_s=3)


@pytest.mark.parametrize("name", ["Netflix", "", None, 3, ["netflix"]])
def test_presets_an_unknown_one_is_refused(name: Any) -> None:
    with pytest.raises(BadInput, match="not known"):
        presets.rules(name)
