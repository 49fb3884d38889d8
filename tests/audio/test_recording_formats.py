"""Every kind of recording that is accepted comes out as the sound that went in."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from tests.audio import hostile_media, media, sounds
from tests.audio.media import Part
from utils.audio.pcm import Pcm
from utils.audio.recording import ACCEPTED, RATE_HZ, Decoded, decode, inspect, samples
from utils.errors import UnreadableSound

WITH_VIDEO = [key for key, kind in media.KINDS.items() if kind.video]


def put(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def decoded(source: Path, track: int | None = None) -> Decoded:
    return decode(source, source.with_suffix(".pcm"), max_seconds=60, track=track)


def middle(done: Decoded) -> Pcm:
    """A second of it, away from the ends, where encoders fade."""
    sound = samples(done.pcm, RATE_HZ, 2 * RATE_HZ)
    assert sound.dtype == np.float32
    return (sound * 32_767).astype(np.int16)


@pytest.mark.parametrize(("key", "video"), [(key, False) for key in media.KINDS] + [(key, True) for key in WITH_VIDEO])
def test_decode_each_kind_gives_length_tone_and_level(tmp_path: Path, key: str, video: bool) -> None:
    kind = media.KINDS[key]
    done = decoded(put(tmp_path, f"clip.{key}", media.make(key, 3.0, video=video)))

    assert done.report.seconds == pytest.approx(3.0, abs=0.01 + kind.late_s)
    assert done.pcm.seconds == done.report.seconds
    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(440, abs=0.5)
    # One channel made two shares its power among them, and AMR is meant for voices.
    level = 0.25 / np.sqrt(2) / (np.sqrt(2) if kind.layout == "stereo" else 1)
    assert sounds.rms(middle(done)) == pytest.approx(level, rel=0.25 if "amr" in kind.codec else 0.06)
    assert done.report.losses() == []
    facts = inspect(tmp_path / f"clip.{key}")
    assert facts.has_video == video
    assert [(track.rate_hz, track.channels) for track in facts.tracks] == [(kind.rate_hz, 2 if kind.layout == "stereo" else 1)]
    assert facts.seconds is None if key in ("aac", "amr") else facts.seconds == pytest.approx(3.0, abs=0.1)


def test_accepted_suffixes_name_each_kind() -> None:
    assert {f".{key}" for key in media.KINDS} <= set(ACCEPTED)


OTHER_CODECS = (
    ("mkv", "libopus"), ("mkv", "pcm_s24le"), ("mkv", "eac3"), ("mov", "alac"), ("mp4", "flac"), ("avi", "ac3"), ("ts", "mp2"),
    ("wav", "pcm_f32le"), ("wav", "pcm_u8"), ("wav", "adpcm_ima_wav"), ("wav", "pcm_mulaw"), ("caf", "alac"), ("aiff", "pcm_s24be"),
)  # fmt: skip


@pytest.mark.parametrize(("key", "codec"), OTHER_CODECS)
def test_decode_other_codecs_in_known_containers(tmp_path: Path, key: str, codec: str) -> None:
    rate_hz = 44_100 if codec == "adpcm_ima_wav" else 48_000
    done = decoded(put(tmp_path, f"clip.{key}", media.make(key, 3.0, codec=codec, rate_hz=rate_hz)))

    assert done.report.seconds == pytest.approx(3.0, abs=0.1)
    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(440, abs=0.5)


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 11_025, 12_345, 22_050, 44_099, 96_000, 192_000, 384_000])
def test_decode_odd_rates_keep_length_and_pitch(tmp_path: Path, rate_hz: int) -> None:
    done = decoded(put(tmp_path, "clip.wav", media.make("wav", 3.0, rate_hz=rate_hz)))

    assert done.report.seconds == pytest.approx(3.0, abs=0.01)
    assert done.report.rate_hz == rate_hz
    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(440, abs=0.5)


@pytest.mark.parametrize("rate_hz", [3_999, 384_001])
def test_decode_rates_outside_the_limits_are_refused(tmp_path: Path, rate_hz: int) -> None:
    with pytest.raises(UnreadableSound, match="4 to 384 kHz"):
        decoded(put(tmp_path, "clip.wav", hostile_media.wav(bytes(20_000), rate_hz=rate_hz)))


@pytest.mark.parametrize("layout", ["2.1", "4.0", "5.1", "7.1", "hexadecagonal"])
def test_decode_many_channels_are_mixed_to_one(tmp_path: Path, layout: str) -> None:
    done = decoded(put(tmp_path, "clip.wav", media.make("wav", 3.0, layout=layout)))

    assert done.report.seconds == pytest.approx(3.0, abs=0.01)
    assert done.report.channels == {"2.1": 3, "4.0": 4, "5.1": 6, "7.1": 8, "hexadecagonal": 16}[layout]
    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(440, abs=0.5)


def test_decode_eight_channels_without_a_layout_are_mixed(tmp_path: Path) -> None:
    tone = sounds.tone(440, 3.0, rate_hz=RATE_HZ)
    done = decoded(put(tmp_path, "clip.wav", hostile_media.wav(np.repeat(tone, 8).tobytes(), channels=8)))

    assert done.report.seconds == pytest.approx(3.0, abs=0.01)
    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(440, abs=0.5)


TWO = (Part(440, "eng", "Commentary", aside=True), Part(660, "deu", "Interview"))


@pytest.mark.parametrize(
    ("key", "parts", "track", "hz"),
    [
        ("mkv", (Part(440), Part(660)), None, 440),
        ("mp4", (Part(440), Part(660)), None, 440),
        ("mkv", (Part(440), Part(660, default=True)), None, 660),
        ("mp4", (Part(440), Part(660, default=True)), None, 660),
        ("mkv", TWO, None, 660),
        ("mkv", TWO, 0, 440),
        ("mp4", (Part(440), Part(660), Part(880)), 2, 880),
    ],
)
def test_decode_several_tracks_takes_the_right_one(
    tmp_path: Path, key: str, parts: tuple[Part, ...], track: int | None, hz: float
) -> None:
    done = decoded(put(tmp_path, f"clip.{key}", media.make(key, 3.0, parts=parts)), track)

    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(hz, abs=0.5)
    assert done.report.tracks == len(parts)
    assert round(parts[done.report.track].hz) == hz


def test_decode_beside_subtitles(tmp_path: Path) -> None:
    done = decoded(put(tmp_path, "clip.mkv", media.subtitled("mkv", 3.0)))

    assert done.report.seconds == pytest.approx(3.0, abs=0.01)
    assert sounds.frequency(middle(done), RATE_HZ) == pytest.approx(440, abs=0.5)


def test_inspect_names_the_tracks(tmp_path: Path) -> None:
    facts = inspect(put(tmp_path, "clip.mkv", media.make("mkv", 1.0, parts=TWO, video=True)))

    assert [(track.index, track.language, track.title) for track in facts.tracks] == [
        (0, "eng", "Commentary"),
        (1, "deu", "Interview"),
    ]
    assert facts.has_video and facts.seconds == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("track", [-1, 2, 99])
def test_decode_a_track_that_is_not_there_is_refused(tmp_path: Path, track: int) -> None:
    with pytest.raises(UnreadableSound, match="no sound track of that number"):
        decoded(put(tmp_path, "clip.mkv", media.make("mkv", 1.0, parts=TWO)), track)


def test_decode_a_film_without_sound_is_refused_as_such(tmp_path: Path) -> None:
    film = put(tmp_path, "film.mp4", media.make("mp4", 1.0, parts=(), video=True))

    for look in (inspect, decoded):
        with pytest.raises(UnreadableSound, match="no sound track"):
            look(film)


def test_inspect_cuts_and_cleans_titles(tmp_path: Path) -> None:
    title = "a\tb\x1b[31m" + "x" * 100_000
    facts = inspect(put(tmp_path, "clip.mkv", media.make("mkv", 1.0, parts=(Part(title=title),))))

    assert facts.tracks[0].title.startswith("a b [31mxxx")
    assert len(facts.tracks[0].title) <= 200


def test_sound_that_begins_later_than_the_pictures_keeps_its_time(tmp_path: Path) -> None:
    done = decoded(put(tmp_path, "clip.mkv", media.late("mkv", 3.0, late_s=1.5)))

    sound = samples(done.pcm, 0, done.pcm.sample_count)
    assert done.report.seconds == pytest.approx(4.5, abs=0.05)
    assert not sound[: int(1.4 * RATE_HZ)].any()
    assert sounds.rms((sound[int(1.6 * RATE_HZ) : 3 * RATE_HZ] * 32_767).astype(np.int16)) > 0.1
    assert done.report.gaps == () and done.report.losses() == []


def test_a_jump_beyond_the_claimed_length_is_not_believed(tmp_path: Path) -> None:
    data = media.late("mkv", 3.0, late_s=30.0)
    place = data.index(b"\x44\x89\x88") + 3  # Matroska's Duration: 8 bytes follow, in ms
    done = decoded(put(tmp_path, "clip.mkv", data[:place] + struct.pack(">d", 3_000.0) + data[place + 8 :]))

    assert done.report.seconds == pytest.approx(3.0, abs=0.05)
    assert decoded(put(tmp_path, "whole.mkv", data)).report.seconds == pytest.approx(33.0, abs=0.05)


def test_samples_beyond_the_end_are_not_there(tmp_path: Path) -> None:
    done = decoded(put(tmp_path, "clip.wav", media.make("wav", 1.0)))

    whole = samples(done.pcm, 0, 10**9)
    assert len(whole) == RATE_HZ and np.abs(whole).max() <= 1
    np.testing.assert_array_equal(samples(done.pcm, 100, 300), whole[100:300])
    assert len(samples(done.pcm, RATE_HZ, RATE_HZ + 5)) == 0
