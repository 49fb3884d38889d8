"""What the gate thinks of sound and of text, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.transcription import clips, nonspeech
from utils.transcription import gate, word_times
from utils.transcription.contract import RATE_HZ, Segment, Span, Word
from utils.transcription.levels import flux, is_quiet, levels

SPEECH = clips.joined(clips.SENTENCES[:6])
GOOD = Segment(0, 3, "Turn on the light in the kitchen.", avg_logprob=-0.2, no_speech_prob=0.01, compression_ratio=1.1)


def noise(seconds: float, dbfs: float) -> np.ndarray:
    return (10 ** (dbfs / 20) * np.random.default_rng(1).standard_normal(int(seconds * RATE_HZ))).astype(np.float32)


def test_every_reason_is_one_sentence() -> None:
    assert all(text.endswith(".") and text[0].isupper() for text in gate.REASONS.values())


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (GOOD, ""),
        (replace(GOOD, no_speech_prob=0.7, avg_logprob=-1.2), "no_speech"),
        (replace(GOOD, no_speech_prob=0.7), ""),
        (replace(GOOD, avg_logprob=-1.2), "unsure"),
        (replace(GOOD, text="la " * 40, compression_ratio=9.0, end=20), "repetition"),
        (replace(GOOD, text="Ha ha ha.", compression_ratio=3.0), ""),
        (replace(GOOD, end=0.5), "rate"),
        (replace(GOOD, avg_logprob=None, no_speech_prob=None, compression_ratio=None), ""),
    ],
)
def test_suspicion_names_the_rule_that_a_segment_breaks(segment: Segment, reason: str) -> None:
    assert gate.suspicion([segment], 20) == reason


def test_more_words_than_the_voice_in_a_chunk_can_say_are_suspect() -> None:
    long = replace(GOOD, end=20, text="I want a small latte with milk and then " * 2)
    assert gate.suspicion([long], 5) == "" and gate.suspicion([long], 0.4) == "rate"


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("The meeting is on Tuesday at ten o'clock. " * 3, True),
        ("The meeting is on Tuesday at ten o'clock. " * 2, False),
        ("thank you " * 5, True),
        ("No, no, no, no.", False),
        ("no " * 12, True),
        ("Turn on the light. Turn off the light. Turn on the fan. Turn off the fan.", False),
        ("ありがとうございます" * 4, True),
        ("今日は天気がいいですね明日はどうでしょうか", False),
        ("", False),
    ],
)
def test_repeats_finds_loops_and_leaves_people_their_emphasis(text: str, loops: bool) -> None:
    assert gate.repeats(text) is loops


def test_chunk_that_is_suspect_once_takes_its_second_text() -> None:
    bad = replace(GOOD, avg_logprob=-1.5)
    verdict = gate.judge(SPEECH.samples, 10, [bad], lambda: [GOOD])
    assert verdict == gate.Verdict((GOOD,), True)


def test_chunk_that_stays_suspect_is_kept_and_marked_where_there_is_a_voice() -> None:
    bad = replace(GOOD, avg_logprob=-1.5)
    verdict = gate.judge(SPEECH.samples, 10, [GOOD, bad], lambda: [bad])
    assert [segment.doubt for segment in verdict.segments] == ["unsure"] and not verdict.dropped


@pytest.mark.parametrize("kind", ["tremolo", "chord", "gated sawtooth", "silence"])
def test_chunk_that_stays_suspect_is_left_out_where_there_is_no_voice_and_counted(kind: str) -> None:
    loop = replace(GOOD, text="thank you very much " * 6, end=28)
    verdict = gate.judge(nonspeech.make(kind, 29), 29, [loop], lambda: [loop])
    assert verdict.segments == ()
    assert [(entry.reason, entry.words, entry.start, entry.end) for entry in verdict.dropped] == [("repetition", 24, 0, 28)]


def test_chunk_that_is_empty_the_second_time_is_counted() -> None:
    verdict = gate.judge(SPEECH.samples, 10, [replace(GOOD, no_speech_prob=0.9, avg_logprob=-1.4)], lambda: [])
    assert verdict.segments == () and verdict.dropped[0].reason == "no_speech" and verdict.dropped[0].words == 7


def test_suspects_are_only_marked_when_there_is_no_time() -> None:
    verdict = gate.judge(SPEECH.samples, 10, [replace(GOOD, avg_logprob=-1.5)], None)
    assert [segment.doubt for segment in verdict.segments] == ["unsure"] and not verdict.again


def test_empty_text_is_no_text() -> None:
    assert gate.judge(SPEECH.samples, 10, [replace(GOOD, text=" ")], None) == gate.Verdict()


@pytest.mark.parametrize("kind", ["tremolo", "gated sawtooth", "chord", "silence"])
def test_steady_sound_that_is_called_speech_is_taken_out_and_speech_stays(kind: str) -> None:
    steady = nonspeech.make(kind, 12)
    sound = np.concatenate([SPEECH.samples, steady, SPEECH.samples])
    kept, dropped = gate.voiced(sound, [Span(0, len(sound) / RATE_HZ)])
    assert len(dropped) == 1 and dropped[0].reason in ("no_voice", "silence") and dropped[0].words == 0
    assert dropped[0].end - dropped[0].start > 10
    for word in SPEECH.words:
        for start, end in ((word.start, word.end), (word.start + SPEECH.seconds + 12, word.end + SPEECH.seconds + 12)):
            assert any(span.start <= start and end <= span.end for span in kept)


def test_steady_sound_is_taken_out_whole_wherever_the_detector_cuts_it() -> None:
    sound = nonspeech.make("tremolo", 40, 3)
    for length_s in np.arange(2.6, 8, 0.09):
        speech = [Span(at, at + length_s) for at in np.arange(0, 40 - length_s, length_s)]
        assert gate.voiced(sound, speech)[0] == []


@pytest.mark.parametrize("voice", ["en-us", "en-us+f3", "en-us+m3", "de", "fr"])
def test_speech_is_never_taken_out(voice: str) -> None:
    for text in ("No.", "Oh.", "Ann.", "I am a moo moo.", "Go on, Leo, allow me a yellow lemon.", "Call my mother."):
        sound = np.concatenate([np.zeros(3_200, np.float32), clips.clip(text, voice).samples, np.zeros(3_200, np.float32)])
        speech = [Span(0, len(sound) / RATE_HZ)]
        assert gate.voiced(sound, speech) == (speech, [])


def test_blip_counts_only_beside_other_speech() -> None:
    sound = noise(20, -20)
    alone, beside = [Span(1, 1.4), Span(5, 8)], [Span(4.3, 4.7), Span(5, 8)]
    assert gate.voiced(sound, beside) == (beside, [])
    kept, dropped = gate.voiced(sound, alone)
    assert kept == alone[1:] and [(entry.start, entry.reason) for entry in dropped] == [(1, "too_short")]


def test_text_far_from_any_voice_is_left_out_in_silence_and_marked_in_noise() -> None:
    sound = np.concatenate([np.zeros(10 * RATE_HZ, np.float32), noise(10, -20)])
    segments = [replace(GOOD, start=4, end=6), replace(GOOD, start=14, end=16)]
    verdict = gate.bounded(segments, sound, [Span(19, 20)], strict=False)
    assert [(segment.start, segment.doubt) for segment in verdict.segments] == [(14, "outside")]
    assert [(entry.start, entry.reason, entry.words) for entry in verdict.dropped] == [(4, "silence", 7)]


def test_strict_gate_wants_both_to_hear_each_word() -> None:
    words = (Word(1, 1.3, " go"), Word(1.4, 1.8, " on"), Word(5, 5.2, " the"))
    verdict = gate.bounded([Segment(1, 5.2, "go on the", words)], noise(10, -20), [Span(0.8, 2)], strict=True)
    assert [(segment.text, segment.end) for segment in verdict.segments] == [("go on", 1.8)]
    assert [(entry.reason, entry.words) for entry in verdict.dropped] == [("outside", 1)]


def test_levels_and_flux_tell_speech_from_the_rest() -> None:
    assert is_quiet(noise(3, -56)) and not is_quiet(noise(3, -45)) and not is_quiet(SPEECH.samples)
    assert is_quiet(np.zeros(0, np.float32)) and flux(np.zeros(0, np.float32)) == 0
    assert flux(SPEECH.samples) > 0.45 > 0.2 > flux(nonspeech.make("tremolo", 10))
    assert levels(noise(2, -30)).mean() == pytest.approx(-30, abs=0.5)
    assert levels(np.zeros(100, np.float32)).shape == (0,)


def test_word_times_rise_end_in_time_and_leave_silence_alone() -> None:
    words = (Word(2, 9.5, " Turn"), Word(9.4, 9.3, " on"), Word(9.6, 14, " it"), Word(30, 31, " now"))
    made = word_times.tidy([Segment(2, 31, "Turn on it now", words)], Span(0, 20), [Span(9, 12)])
    found = made[0].words
    assert found[0].start == pytest.approx(9) and found[0].end == pytest.approx(9.5)
    assert found[2].end <= 11.6
    assert all(a.start <= a.end <= b.start for a, b in pairwise(found))
    assert found[-1].end <= 20
    assert (made[0].start, made[0].end) == (found[0].start, found[-1].end)


def test_long_first_word_keeps_its_end() -> None:
    words = (Word(1, 9.5, " So"), Word(9.5, 9.8, " it"))
    found = word_times.tidy([Segment(1, 9.8, "So it", words)], Span(0, 20), [Span(1, 3), Span(9, 12)])[0].words
    assert found[0].end - found[0].start <= word_times.MAX_WORD_S and found[1].start == 9.5
