"""The merged track as it decodes again: every row at its place, chapters and subtitles with it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from utils.audio import probe
from utils.audio.codec import decode_trusted, encode
from utils.errors import Cancelled
from utils.speech.track import Track, merge
from utils.speech.track_layout import Placed, TrackRow, at_their_times, one_after_another
from utils.subtitles import Cue

HZ = 22_050


def tone_row(
    folder: Path, number: int, seconds: float, pitch: int, form: str = "wav", rate_hz: int = HZ, **times: float
) -> TrackRow:
    samples = (0.4 * 32767 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.int16)
    path = folder / f"{number:04d}.{form}"
    encode([samples], rate_hz, path, form)
    return TrackRow(number, f"Chapter {number}", path, seconds, "espeak", times.get("start"), times.get("end"))


def made(placed: list[Placed], folder: Path, kind: str = "m4b") -> Track:
    def cues(number: int) -> list[Cue]:
        return [Cue(0.1, 0.4, f"Row {number}.")]

    return merge(placed, folder, "merged", kind, title="A lesson", cues_of=cues, report=lambda part: None)


def pitch_at(samples: np.ndarray, rate_hz: int, at: float) -> float:
    """The strongest frequency in a tenth of a second around a moment; 0 in silence."""
    piece = samples[round((at - 0.05) * rate_hz) : round((at + 0.05) * rate_hz)].astype(float)
    if np.abs(piece).max() < 200:
        return 0.0
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 15))
    return float(np.argmax(spectrum) * rate_hz / (1 << 15))


@pytest.mark.parametrize("form", ["wav", "mp3", "opus", "m4a", "aac", "flac", "pcm"])
@pytest.mark.parametrize("kind", ["m4b", "mp3"])
def test_track_every_row_sounds_at_its_place_whatever_its_format(tmp_path: Path, form: str, kind: str) -> None:
    pitches = [300, 500, 700, 900]
    rows = [tone_row(tmp_path, number, 0.7, pitch, form) for number, pitch in enumerate(pitches, 1)]
    placed = one_after_another(rows, 0.3)
    track = made(placed, tmp_path, kind)
    sound = decode_trusted(tmp_path / f"merged.{kind}", format="m4a" if kind == "m4b" else "mp3")
    assert track.seconds == pytest.approx(4 * 0.7 + 3 * 0.3)
    assert sound.seconds == pytest.approx(track.seconds, abs=0.1)
    for one, pitch in zip(placed, pitches, strict=True):
        assert pitch_at(sound.samples, sound.rate_hz, one.begin + 0.35) == pytest.approx(pitch, rel=0.02)
        if one is not placed[-1]:
            assert pitch_at(sound.samples, sound.rate_hz, one.end + 0.15) == 0.0


@pytest.mark.parametrize("kind", ["m4b", "mp3"])
def test_track_chapters_and_tags_read_back_right(tmp_path: Path, kind: str) -> None:
    placed = one_after_another([tone_row(tmp_path, number, 0.5, 400) for number in range(1, 4)], 0.25)
    made(placed, tmp_path, kind)
    sound = probe.describe(tmp_path / f"merged.{kind}", format="m4a" if kind == "m4b" else "mp3")
    told = [(round(one.start, 3), round(one.end, 3), one.title) for one in sound.chapters]
    assert told == [(0.0, 0.75, "Chapter 1"), (0.75, 1.5, "Chapter 2"), (1.5, 2.0, "Chapter 3")]
    assert sound.tags["title"] == "A lesson"


def test_track_of_many_rows_does_not_drift(tmp_path: Path) -> None:
    rows = [tone_row(tmp_path, number, 0.1234567, 440, "mp3") for number in range(1, 3)]
    many = [TrackRow(number, f"{number}", rows[number % 2].path, rows[0].seconds, "espeak") for number in range(1, 401)]
    placed = one_after_another(many, 0.1)
    made(placed, tmp_path)
    sound = decode_trusted(tmp_path / "merged.m4b", format="m4a")
    assert sound.seconds == pytest.approx(placed[-1].end, abs=0.1)
    assert pitch_at(sound.samples, sound.rate_hz, placed[-1].begin + 0.06) == pytest.approx(440, rel=0.05)
    assert len(probe.describe(tmp_path / "merged.m4b", format="m4a").chapters) == 400


def test_track_rows_of_different_rates_keep_pitch_and_time(tmp_path: Path) -> None:
    rows = [tone_row(tmp_path, 1, 1.0, 440, "wav", 22_050), tone_row(tmp_path, 2, 1.0, 660, "mp3", 24_000)]
    rows[1] = TrackRow(2, "2", rows[1].path, 1.0, "gtts")
    made(one_after_another(rows, 0.5), tmp_path, "mp3")
    sound = decode_trusted(tmp_path / "merged.mp3")
    assert sound.rate_hz == 24_000
    assert pitch_at(sound.samples, sound.rate_hz, 0.5) == pytest.approx(440, rel=0.02)
    assert pitch_at(sound.samples, sound.rate_hz, 2.0) == pytest.approx(660, rel=0.02)


def test_track_timed_row_is_sped_up_at_the_same_pitch_and_its_cues_with_it(tmp_path: Path) -> None:
    rows = [tone_row(tmp_path, 1, 1.5, 440, start=1.0, end=2.0), tone_row(tmp_path, 2, 0.5, 880, start=2.0, end=3.0)]
    placed = at_their_times(rows, 0.5)
    assert placed[0].faster == pytest.approx(1.5)
    made(placed, tmp_path, "mp3")
    sound = decode_trusted(tmp_path / "merged.mp3")
    assert pitch_at(sound.samples, sound.rate_hz, 0.5) == 0.0
    assert pitch_at(sound.samples, sound.rate_hz, 1.5) == pytest.approx(440, rel=0.03)
    assert pitch_at(sound.samples, sound.rate_hz, 2.2) == pytest.approx(880, rel=0.02)
    times = re.findall(r"(\S+) --> (\S+)", (tmp_path / "merged.srt").read_text("utf-8"))
    assert times == [("00:00:01,067", "00:00:01,267"), ("00:00:02,100", "00:00:02,400")]


def test_track_subtitles_lie_where_the_rows_do(tmp_path: Path) -> None:
    track = made(one_after_another([tone_row(tmp_path, number, 1.0, 400) for number in (1, 2)], 0.5), tmp_path)
    assert track.files == (("merged.m4b", "audio"), ("merged.srt", "subtitles"), ("merged.vtt", "subtitles"))
    text = (tmp_path / "merged.srt").read_text("utf-8")
    assert text == "1\n00:00:00,100 --> 00:00:00,400\nRow 1.\n\n2\n00:00:01,600 --> 00:00:01,900\nRow 2.\n\n"
    assert (tmp_path / "merged.vtt").read_text("utf-8").startswith("WEBVTT\n\n00:00:00.100 --> 00:00:00.400\nRow 1.\n")


def test_track_stopped_on_the_way_ends_with_what_was_raised(tmp_path: Path) -> None:
    rows = [tone_row(tmp_path, number, 1.0, 400) for number in range(1, 30)]

    def report(part: float) -> None:
        if part > 0.3:
            raise Cancelled("Somebody asked to stop.")

    with pytest.raises(Cancelled):
        merge(one_after_another(rows, 0.5), tmp_path, "merged", "m4b", title="", cues_of=lambda number: [], report=report)
