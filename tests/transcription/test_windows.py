"""Cuts lie in silence, never in a word; chunks hold all speech; where there is no pause, both sides overlap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest

from tests.transcription import clips
from utils.transcription import windows
from utils.transcription.contract import RATE_HZ, Span, Word
from utils.transcription.levels import levels


def in_word(place: float, words: Sequence[Word], margin_s: float = 0.03) -> bool:
    return any(word.start + margin_s < place < word.end - margin_s for word in words)


@pytest.mark.parametrize("noise_dbfs", [None, -45])
@pytest.mark.parametrize("pause_s", [0.8, 0.3, 0.2])
def test_window_cut_at_any_length_lies_between_words(pause_s: float, noise_dbfs: float | None) -> None:
    made = clips.joined(clips.drawn(30, 5), pause_s=pause_s)
    sound = made.samples.copy()
    if noise_dbfs is not None:
        sound += (10 ** (noise_dbfs / 20) * np.random.default_rng(1).standard_normal(len(sound))).astype(np.float32)
    found = levels(sound)
    for length_s in np.arange(8, made.seconds, 0.37):
        part = sound[: int(length_s * RATE_HZ)]
        cut = windows.cut(len(part) / RATE_HZ, [Span(0, len(part) / RATE_HZ)], found[: len(part) // 160])
        assert not cut.hard and cut.end == cut.next
        assert length_s / 2 <= cut.end <= length_s
        assert not in_word(cut.end, made.words), (length_s, cut)


def test_window_with_silences_is_cut_in_the_longest_near_its_end() -> None:
    speech = [Span(0, 300), Span(305, 500), Span(501, 540), Span(540.2, 580), Span(582, 600)]
    assert windows.cut(600, speech, np.full(60_000, -20, np.float32)) == windows.Cut(581, 581)


def test_window_that_ends_in_silence_leaves_the_edge_of_it_to_the_next() -> None:
    found = np.full(60_000, -20, np.float32)
    assert windows.cut(600, [Span(0, 560)], found) == windows.Cut(599.75, 599.75)
    assert windows.cut(600, [], found) == windows.Cut(599.75, 599.75)


def test_window_without_a_pause_is_cut_hard_with_an_overlap() -> None:
    cut = windows.cut(600, [Span(0, 600)], np.full(60_000, -20, np.float32))
    assert cut.hard and cut.end - cut.next == pytest.approx(windows.OVERLAP_S)
    assert 480 <= cut.next < cut.end <= 600


def test_chunks_hold_all_speech_and_are_well_filled() -> None:
    speech = [Span(start, start + 2.5) for start in np.arange(0.3, 590, 3.3)]
    made = windows.chunks(600, speech, np.full(60_000, -90, np.float32))
    assert all(any(chunk.start <= span.start and span.end <= chunk.end for chunk in made) for span in speech)
    assert all(0 < chunk.end - chunk.start <= 30 for chunk in made)
    assert all(before.end <= after.start for before, after in itertools.pairwise(made))
    assert np.mean([chunk.end - chunk.start for chunk in made]) > 25


def test_chunks_leave_out_long_silences() -> None:
    made = windows.chunks(60, [Span(1, 3), Span(20, 22), Span(24, 26)], np.full(6_000, -90, np.float32))
    assert [(round(chunk.start, 1), round(chunk.end, 1)) for chunk in made] == [(1, 3), (20, 26)]


@pytest.mark.parametrize("pause_s", [0.8, 0.3, 0.2])
def test_chunks_of_speech_without_gaps_are_cut_in_pauses(pause_s: float) -> None:
    made = clips.joined(clips.drawn(60, 6), pause_s=pause_s)
    # A voice detector that cuts where it likes: its stretches touch, in the middle of words.
    speech = [Span(start, min(start + 17.3, made.seconds)) for start in np.arange(0, made.seconds, 17.3)]
    found = windows.chunks(made.seconds, speech, levels(made.samples))
    assert found[0].start == 0 and found[-1].end == pytest.approx(made.seconds)
    for before, after in itertools.pairwise(found):
        assert not after.hard and before.end == after.start
        assert not in_word(after.start, made.words)
    assert all(chunk.end - chunk.start <= windows.CHUNK_S for chunk in found)


def test_chunks_of_speech_without_any_pause_overlap() -> None:
    found = windows.chunks(100, [Span(0, 100)], np.full(10_000, -20, np.float32))
    assert [chunk.hard for chunk in found] == [False, *[True] * (len(found) - 1)]
    for before, after in itertools.pairwise(found):
        assert before.end - after.start == pytest.approx(windows.OVERLAP_S)
    assert all(chunk.end - chunk.start <= windows.CHUNK_S + 0.01 for chunk in found)


def test_groups_have_their_sizes_and_begin_at_hard_chunks() -> None:
    plain = [windows.Chunk(at, at + 1) for at in range(14)]
    assert [len(group) for group in windows.groups(plain, (1, 3, 8))] == [1, 3, 8, 2]
    hard = [windows.Chunk(0, 10), windows.Chunk(9, 20, hard=True), windows.Chunk(20, 30)]
    assert [len(group) for group in windows.groups(hard, (8,))] == [1, 2]
