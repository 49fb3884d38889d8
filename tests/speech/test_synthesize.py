"""From a request to files: the sound, its subtitles, what the player draws; fallback, cancel, and no litter."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.speech.prose import prose
from tests.speech.stage import CHARACTER_S, EDGE_S, Clock, Listener, ToneEngine
from utils.audio import loudness
from utils.audio.codec import FORMATS, decode_trusted
from utils.audio.probe import describe
from utils.errors import Cancelled, EngineBusy, EngineRefused, EngineUnreachable, NothingToSay, StoreUnavailable, TextTooLong
from utils.settings import Settings
from utils.speech.choose import Chooser
from utils.speech.contract import SpeechRequest
from utils.speech.engines import espeak_library
from utils.speech.engines.gtts_engine import GttsEngine
from utils.speech.synthesize import SpeechResult, synthesize

TEXT = "Hello there my friend. This is the second sentence of it.\n\nAnd a new paragraph."
NATIVE = frozenset({"speed", "pitch"})


def speak(folder: Path, chooser: Chooser | None = None, run: Listener | None = None, **options: Any) -> SpeechResult:
    request = SpeechRequest(**{"text": TEXT, "language": "en-US", "format": "wav", **options})
    chooser = chooser or Chooser({"gtts": ToneEngine()}, clock=Clock())
    return synthesize(request, chooser=chooser, folder=folder, stem="speech", run=run or Listener(), max_chars=100_000)


def samples(folder: Path, name: str = "speech.wav") -> np.ndarray:
    found = decode_trusted(folder / name).samples
    return found if found.dtype == np.int16 else (found * 32_768).astype(np.int16)


def player(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "player.json").read_text(encoding="utf-8")))


def spoken_s(text: str) -> float:
    return sum(map(len, text.split())) * CHARACTER_S


def tone_starts_and_ends(sound: np.ndarray, rate_hz: int) -> tuple[float, float]:
    loud = np.flatnonzero(np.abs(sound.astype(int)) > 200)
    return loud[0] / rate_hz, (loud[-1] + 1) / rate_hz


# ---- files --------------------------------------------------------------------------------------------------------


def test_synthesize_writes_four_files_and_nothing_else(tmp_path: Path) -> None:
    made = speak(tmp_path)
    assert made.files == (
        ("speech.wav", "audio"),
        ("speech.srt", "subtitles"),
        ("speech.vtt", "subtitles"),
        ("player.json", "peaks"),
    )
    assert sorted(os.listdir(tmp_path)) == ["player.json", "speech.srt", "speech.vtt", "speech.wav"]


@pytest.mark.parametrize("key", list(FORMATS))
def test_synthesize_every_format_has_the_length_it_says(tmp_path: Path, key: str) -> None:
    made = speak(tmp_path, format=key)
    name = made.files[0][0]
    assert name == "speech" + FORMATS[key].suffix
    if key == "pcm":
        assert (tmp_path / name).stat().st_size / 2 / 24_000 == pytest.approx(made.seconds, abs=0.001)
    else:
        assert describe(tmp_path / name).seconds == pytest.approx(made.seconds, abs=0.1)


def test_synthesize_result_says_what_was_done(tmp_path: Path) -> None:
    made = speak(tmp_path).as_dict()
    assert made.pop("seconds") > 3
    assert made == {
        "engine": "gtts", "engine_label": "Google", "fallback": "", "voice": "gtts:en:us", "voice_name": "English (United States)",
        "language": "en-US", "characters": 77, "requests": 2, "cached": 1, "lufs": made["lufs"], "parts_redone": 0,
    }  # fmt: skip
    assert json.loads(json.dumps(made)) == made


def test_synthesize_file_carries_title_engine_voice_and_language(tmp_path: Path) -> None:
    speak(tmp_path, format="mp3")
    tags = describe(tmp_path / "speech.mp3").tags
    assert tags["title"] == "Hello there my friend. This is the second"
    assert tags["artist"] == "English (United States)"
    assert tags["comment"] == "Google, gtts:en:us"
    assert tags["language"] == "eng"
    speak(tmp_path, format="mp3", title=" My  title ")
    assert describe(tmp_path / "speech.mp3").tags["title"] == "My title"


# ---- every edit of the sound is done to the times -----------------------------------------------------------------


@pytest.mark.parametrize("speed", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("pitch", [0.0, 5.0])
@pytest.mark.parametrize("trim", [True, False])
@pytest.mark.parametrize("level", [None, -20.0])
def test_synthesize_times_follow_every_edit(tmp_path: Path, speed: float, pitch: float, trim: bool, level: float | None) -> None:
    made = speak(tmp_path, speed=speed, pitch=pitch, trim=trim, loudness=level)
    sound = samples(tmp_path)
    shown = player(tmp_path)
    edges_s = 0.0 if trim else 2 * EDGE_S
    assert made.seconds == shown["seconds"] == pytest.approx(len(sound) / 24_000, abs=0.001)
    assert made.seconds == pytest.approx((spoken_s(TEXT) + 0.4 + edges_s) / speed, abs=0.25)
    first_s, last_s = tone_starts_and_ends(sound, 24_000)
    blur_s = 0.15 if speed < 1 else 0.06  # the tempo filter blends windows
    assert shown["words"][0][0] == pytest.approx(first_s, abs=blur_s)
    assert shown["words"][-1][1] == pytest.approx(last_s, abs=blur_s)
    assert [word for _, _, word in shown["words"]] == TEXT.split()
    assert all(0 <= start <= end <= made.seconds for start, end, _ in shown["words"])


def test_synthesize_native_speed_is_not_done_twice(tmp_path: Path) -> None:
    engine = ToneEngine("espeak", native=NATIVE)
    made = speak(tmp_path, Chooser({"espeak": engine}), speed=2.0, pitch=3.0)
    assert engine.prosody is not None and (engine.prosody.speed, engine.prosody.pitch) == (2.0, 3.0)
    assert made.seconds == pytest.approx(spoken_s(TEXT) / 2 + 0.4, abs=0.2)


def test_synthesize_pause_marks_at_the_ends_survive_trimming(tmp_path: Path) -> None:
    speak(tmp_path, text="[pause:1.5s] Hello there. [pause:2s]")
    sound = samples(tmp_path)
    first_s, last_s = tone_starts_and_ends(sound, 24_000)
    assert first_s == pytest.approx(1.5, abs=0.06)
    assert len(sound) / 24_000 - last_s == pytest.approx(2.0, abs=0.06)
    assert player(tmp_path)["words"][0][0] == pytest.approx(first_s, abs=0.06)


@pytest.mark.parametrize("target", [-16.0, -30.0])
def test_synthesize_loudness_is_reached_by_one_gain(tmp_path: Path, target: float) -> None:
    made = speak(tmp_path, loudness=target, text=prose(400))
    assert made.lufs == pytest.approx(target, abs=0.2)
    assert loudness.measure([samples(tmp_path)], 24_000).lufs == pytest.approx(target, abs=0.3)


def test_synthesize_without_loudness_leaves_the_level(tmp_path: Path) -> None:
    made = speak(tmp_path, loudness=None)
    assert made.lufs is None
    assert np.abs(samples(tmp_path)).max() == pytest.approx(0.3 * 32_767, rel=0.01)


def test_synthesize_peaks_are_a_picture_of_the_finished_sound(tmp_path: Path) -> None:
    speak(tmp_path, text="Hello. [pause:5s]")
    peaks = player(tmp_path)["peaks"]
    assert 200 <= len(peaks) <= 1000
    assert max(peaks) == 100 and min(peaks) == 0
    assert not any(peaks[len(peaks) // 2 :])


def test_synthesize_subtitles_hold_all_words_in_order(tmp_path: Path) -> None:
    made = speak(tmp_path)
    srt = (tmp_path / "speech.srt").read_text(encoding="utf-8")
    words = [word for line in srt.splitlines() if line and not line.isdigit() and "-->" not in line for word in line.split()]
    assert words == TEXT.split()
    ends = re.findall(r"--> (\d\d):(\d\d):(\d\d),(\d{3})", srt)
    hours, minutes, seconds, millis = map(int, ends[-1])
    assert 3600 * hours + 60 * minutes + seconds + millis / 1000 <= made.seconds + 0.001
    assert (tmp_path / "speech.vtt").read_text(encoding="utf-8").startswith("WEBVTT")


# ---- who speaks ---------------------------------------------------------------------------------------------------


def two_engines(**options: Any) -> tuple[ToneEngine, ToneEngine, Chooser, Clock]:
    google, espeak, clock = ToneEngine("gtts"), ToneEngine("espeak", native=NATIVE), Clock()
    return google, espeak, Chooser({"gtts": google, "espeak": espeak}, clock=clock, **options), clock


def test_synthesize_fallback_is_told_kept_and_paid_for_once(tmp_path: Path) -> None:
    away: list[str] = []
    google, espeak, chooser, clock = two_engines(on_away=away.append)
    google.fails = EngineUnreachable("No network.")
    run = Listener()
    made = speak(tmp_path, chooser, run)
    assert (made.engine, made.fallback, made.requests) == ("espeak", "Google could not be reached", 0)
    assert run.notes == ["Google could not be reached; eSpeak NG speaks instead."]
    assert made.seconds == pytest.approx(spoken_s(TEXT) + 0.4, abs=0.15)  # nothing of the broken attempt
    again = speak(tmp_path, chooser)
    assert (again.fallback, len(google.calls), away) == ("Google could not be reached", 1, ["gtts"])
    clock.now += 61
    google.fails = None
    assert speak(tmp_path, chooser).fallback == ""
    assert len(espeak.calls) == 2


@pytest.mark.parametrize("error", [EngineRefused("Half an answer."), EngineBusy("Blocked.", retry_after_s=300)])
def test_synthesize_refusal_and_block_fall_back_too(tmp_path: Path, error: EngineRefused | EngineBusy) -> None:
    google, _, chooser, _ = two_engines()
    google.fails = error
    made = speak(tmp_path, chooser)
    assert made.engine == "espeak" and made.fallback.startswith("Google ")


def test_synthesize_asked_engine_keeps_its_error(tmp_path: Path) -> None:
    google, espeak, chooser, _ = two_engines()
    google.fails = EngineUnreachable("No network.")
    with pytest.raises(EngineUnreachable, match="No network"):
        speak(tmp_path, chooser, engine="gtts")
    assert espeak.calls == []
    assert os.listdir(tmp_path) == []


def test_synthesize_silence_is_never_a_success(tmp_path: Path) -> None:
    google, _, chooser, _ = two_engines()
    google.level = 0.0
    assert speak(tmp_path, chooser).engine == "espeak"
    with pytest.raises(EngineRefused, match="Google gave no sound"):
        speak(tmp_path, chooser, engine="gtts")


def test_synthesize_bad_requests_reach_no_engine(tmp_path: Path) -> None:
    google, espeak, chooser, _ = two_engines()
    with pytest.raises(NothingToSay):
        speak(tmp_path, chooser, text="😀 ...")
    with pytest.raises(TextTooLong):
        speak(tmp_path, chooser, text="a" * 100_001)
    assert google.calls == espeak.calls == []
    assert os.listdir(tmp_path) == []


# ---- progress, cancel, disk ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("engine", "share"), [("gtts", 0.95), ("espeak", 0.2)])
def test_synthesize_progress_grows_to_the_end(tmp_path: Path, engine: str, share: float) -> None:
    run = Listener()
    speak(tmp_path, Chooser({engine: ToneEngine(engine)}), run, speed=1.5, text=prose(2_000))
    done = [part for part, _ in run.reports]
    assert done == sorted(done)
    assert {total for _, total in run.reports} == {2_000}
    assert done[-1] == 2_000
    assert any(abs(part / 2_000 - share) < 0.02 for part in done)


@pytest.mark.parametrize("stop_at", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_synthesize_cancel_leaves_no_temporary_file(tmp_path: Path, stop_at: float) -> None:
    run = Listener(stop_at)
    with pytest.raises(Cancelled):
        speak(tmp_path, Chooser({"espeak": ToneEngine("espeak")}), run, speed=1.5, text=prose(1_500))
    assert [name for name in os.listdir(tmp_path) if name.startswith(".")] == []


def test_synthesize_is_asked_to_stop_often_while_it_finishes(tmp_path: Path) -> None:
    run = Listener()
    made = speak(tmp_path, Chooser({"espeak": ToneEngine("espeak")}), run, text=prose(6_000))
    blocks = made.seconds * 24_000 / 65_536
    assert len(run.reports) >= 2 * blocks  # after each block of the measuring and of the encoding pass


def test_synthesize_disk_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        speak(tmp_path / "gone")
    assert caught.value.hint


# ---- with the real engine -----------------------------------------------------------------------------------------


@pytest.fixture
def espeak() -> Chooser:
    if espeak_library.find() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("espeakng-loader is not installed")
    from utils.speech.engines.espeak import EspeakEngine

    return Chooser({"espeak": EspeakEngine()}, "espeak")


def test_synthesize_espeak_really_speaks(tmp_path: Path, espeak: Chooser) -> None:
    made = speak(tmp_path, espeak, text="Dr. Smith paid $1,250.75.\n\nÜber 50% of naïve users agree!", format="mp3")
    assert 4 < made.seconds < 12
    assert made.lufs is not None and -20 < made.lufs <= -15.9  # its peaks are high: the gain stops below clipping
    words = [word for _, _, word in player(tmp_path)["words"]]
    assert words[0] == "Doctor" and words[-1] == "agree!"
    sound = samples(tmp_path, "speech.mp3")
    assert len(sound) / 22_050 == pytest.approx(made.seconds, abs=0.05)


@pytest.mark.parametrize("pitch", [-12.0, 12.0])
def test_synthesize_espeak_pitch_beyond_its_own_reach_keeps_the_times(tmp_path: Path, espeak: Chooser, pitch: float) -> None:
    plain = speak(tmp_path, espeak)
    made = speak(tmp_path, espeak, pitch=pitch)
    assert made.seconds == pytest.approx(plain.seconds, rel=0.15)
    assert player(tmp_path)["words"][-1][1] <= made.seconds


HOSTILE = {
    "abort": "s'" * 220,
    "letters": "a" * 1_000,
    "emoji": "ok " + "😀" * 500,
    "scripts": "abc абв עברית 漢字 ไทย हिन्दी " * 3,
    "nul": "a\x00b\x1b c",
    "ssml": '<speak><audio src="/etc/passwd"/><break time="99s"/>x</speak>',
    "option": "-f/etc/passwd",
    "phonemes": "[[h@'loU]] [[",
}


@pytest.mark.parametrize("name", list(HOSTILE))
def test_synthesize_espeak_hostile_text_is_spoken_or_refused(tmp_path: Path, espeak: Chooser, name: str) -> None:
    from utils.errors import AppError

    try:
        made = speak(tmp_path, espeak, text=HOSTILE[name], format="mp3")
    except AppError as exc:
        assert exc.sentence
    else:
        assert 0 < made.seconds < 2_000
    assert [entry for entry in os.listdir(tmp_path) if entry.startswith(".")] == []


def test_request_survives_plain_data() -> None:
    request = replace(SpeechRequest(text=TEXT), dictionary=(("a", "b"),), loudness=None)
    assert SpeechRequest.from_dict(json.loads(json.dumps(request.as_dict()))) == request


# ---- with the stand-in for Google ---------------------------------------------------------------------------------


def fast(endpoint: str) -> Settings:
    return Settings(gtts_endpoint=endpoint, gtts_requests_per_second=1000)


def test_synthesize_google_words_are_timed_within_their_pieces(tmp_path: Path) -> None:
    from tests.fakes.google import FakeGoogle, seconds_of

    with FakeGoogle() as google, closing(GttsEngine.from_settings(fast(google.url))) as engine:
        made = speak(tmp_path, Chooser({"gtts": engine}), text=prose(700), speed=1.25, trim=False)
    assert (made.engine, made.fallback) == ("gtts", "")
    words = player(tmp_path)["words"]
    assert made.requests == 8
    assert [word for _, _, word in words] == prose(700).split()
    assert all(before[1] <= after[0] + 0.001 for before, after in pairwise(words))
    assert words[-1][1] == pytest.approx(made.seconds, abs=0.3)
    spoken = sorted((piece.text for piece in google.asked), key=prose(700).index)  # three workers ask in any order
    at_s, last = 0.0, 0
    for count, piece in enumerate(spoken, 1):  # each piece ends where the sound of all pieces so far ends, to the padding of MP3
        at_s, last = at_s + seconds_of(piece) / 1.25, last + len(piece.split())
        assert words[last - 1][1] == pytest.approx(at_s, abs=0.04 * count)  # MP3 comes in steps of 24 ms


def test_synthesize_google_without_network_falls_back(tmp_path: Path, espeak: Chooser) -> None:
    offline = espeak.choices(SpeechRequest(text=TEXT))[0].engine
    with closing(GttsEngine.from_settings(fast("http://127.0.0.1:9"))) as engine:
        made = speak(tmp_path, Chooser({"gtts": engine, "espeak": offline}))
    assert (made.engine, made.fallback) == ("espeak", "Google could not be reached")


def test_engines_are_built_without_their_libraries() -> None:
    code = (
        "import sys; from utils.settings import Settings; from utils.speech.engines import build; "
        "print([*build(Settings())], {'gtts', 'requests', 'av', 'espeakng_loader'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['gtts', 'espeak'] set()"
