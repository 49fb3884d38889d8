from __future__ import annotations

import io
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.google import FakeGoogle, pitch_of, seconds_of
from tests.speech.engines.gtts_kit import EN, TWELVE, ManualClock, MemoryCache, TestRun, engine_for, pitch_hz, say
from utils.errors import EngineRefused, NothingToSay, UnknownVoice
from utils.settings import Settings
from utils.speech.contract import Part, Prosody, Voice
from utils.speech.engines.gtts_engine import AHEAD, GttsEngine
from utils.speech.engines.gtts_voices import ACCENTS, speaker_of

FRAME_S = 0.024  # the stand-in's sounds are whole MP3 frames
PROSE = "When the rain stopped, we went out: the street was empty, the lamps were off, and nobody had opened yet. "


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as server:
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(google: FakeGoogle, clock: ManualClock) -> Iterator[GttsEngine]:
    engine = engine_for(google, clock)
    yield engine
    engine.close()


def voice(key: str) -> Voice:
    return Voice(f"gtts:{key}", "gtts", "somebody", "und")


# ---- the sound --------------------------------------------------------------------------------------------------------


def test_speak_pieces_with_random_delays_come_out_in_order(google: FakeGoogle, engine: GttsEngine) -> None:
    chance = random.Random(7)
    google.delay_s = lambda text: chance.random() * 0.05
    sound, spoken = say(engine, TWELVE)
    assert [mark.text for mark in spoken.marks] == [part.text for part in TWELVE]
    assert [mark.part for mark in spoken.marks] == list(range(12))
    for mark in spoken.marks:
        heard = sound[round(mark.start * spoken.rate_hz) : round(mark.end * spoken.rate_hz)]
        assert pitch_hz(heard, spoken.rate_hz) == pytest.approx(pitch_of(mark.text), abs=5)
        assert mark.end - mark.start == pytest.approx(seconds_of(mark.text), abs=3 * FRAME_S)


def test_speak_marks_and_samples_agree_to_the_sample(engine: GttsEngine) -> None:
    parts = [Part(PROSE * 3, 0.25), Part("Short.", 0.0), Part("And the end.", 1.5)]
    sound, spoken = say(engine, parts)
    assert spoken.rate_hz == 24_000
    assert len(sound) == spoken.sample_count
    for before, after in pairwise(spoken.marks):
        silence_s = parts[before.part].pause_after_s if before.part != after.part else 0.0
        assert after.start - before.end == pytest.approx(silence_s, abs=1e-9)
        gap = sound[round(before.end * 24_000) : round(after.start * 24_000)]
        assert not gap.any()
    assert spoken.sample_count / 24_000 - spoken.marks[-1].end == pytest.approx(1.5)
    words = " ".join(mark.text for mark in spoken.marks).split()
    assert words == " ".join(part.text for part in parts).split()


def test_speak_part_of_marks_alone_is_silent_and_costs_nothing(google: FakeGoogle, engine: GttsEngine) -> None:
    parts = [Part("...", 0.5), Part("One.", 0.25), Part("* * *", 0.125)]
    _, spoken = say(engine, parts)
    assert [asked.text for asked in google.asked] == ["One."]
    assert engine.requests(parts) == 1
    assert spoken.marks[0].start == pytest.approx(0.5)
    assert spoken.sample_count / 24_000 == pytest.approx(spoken.marks[0].end + 0.375)


def test_speak_nothing_to_say_is_refused_without_a_request(google: FakeGoogle, engine: GttsEngine) -> None:
    with pytest.raises(NothingToSay):
        say(engine, [Part("?!", 1.0)])
    assert google.asked == []


def test_speak_long_text_sends_packed_pieces_of_at_most_100(google: FakeGoogle, engine: GttsEngine) -> None:
    parts = [Part(" ".join(f"{number}: {PROSE}" for number in range(20)))]
    _, spoken = say(engine, parts)
    assert all(len(asked.text) <= 100 for asked in google.asked)
    assert len(google.asked) == spoken.requests == engine.requests(parts)
    assert len(parts[0].text) / spoken.requests > 75


def test_speak_text_that_repeats_itself_asks_once_for_each_piece(google: FakeGoogle, engine: GttsEngine) -> None:
    parts = [Part("Row, row, row."), Part("Gently."), *[Part("Merrily.")] * 4, Part("Row, row, row.")]
    _, spoken = say(engine, parts)
    assert len(google.asked) == spoken.requests == engine.requests(parts) == 3
    assert spoken.cached == 4
    assert len(spoken.marks) == 7


# ---- parallel work ----------------------------------------------------------------------------------------------------


def test_speak_asks_in_parallel_up_to_the_workers(google: FakeGoogle, engine: GttsEngine) -> None:
    google.delay_s = 0.03
    say(engine, TWELVE)
    assert google.most_in_flight == 3
    assert google.connections <= 3


def test_speak_look_ahead_is_bounded_so_that_memory_stays_flat(google: FakeGoogle, engine: GttsEngine) -> None:
    lead = []

    class SlowDisk(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            asked = -1
            while not lead and asked != len(google.asked):  # hold the first piece until nothing more is fetched
                asked = len(google.asked)
                time.sleep(0.4)
            lead.append(len(google.asked) - len(lead))
            return super().write(data)

    engine.speak([Part(f"Piece number {number}.") for number in range(30)], EN, Prosody(), SlowDisk(), TestRun())
    assert len(lead) == 30
    assert max(lead) <= 3 * AHEAD + 1


def test_speak_twenty_speeches_at_once_each_get_their_own_sound(google: FakeGoogle, engine: GttsEngine) -> None:
    google.delay_s = 0.002

    def one(number: int) -> tuple[list[str], list[float]]:
        parts = [Part(f"{'x' * number} says {row}." + " more" * row) for row in range(5)]
        sound, spoken = say(engine, parts, TestRun(session_id=f"session {number}"))
        pitches = [pitch_hz(sound[round(mark.start * 24_000) : round(mark.end * 24_000)], 24_000) for mark in spoken.marks]
        return [mark.text for mark in spoken.marks], pitches

    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(one, range(20)))
    for number, (texts, pitches) in enumerate(results):
        assert texts == [f"{'x' * number} says {row}.".strip() + " more" * row for row in range(5)]
        assert pitches == pytest.approx([pitch_of(text) for text in texts], abs=5)
    assert len(google.asked) == 100
    assert google.most_in_flight <= 3


def test_speak_short_speech_beside_a_long_one_gets_its_turn(google: FakeGoogle, clock: ManualClock) -> None:
    engine = engine_for(google, clock, workers=1)
    google.delay_s = 0.01
    long_begun, short_done = [], []

    def long() -> None:
        say(
            engine,
            [Part(f"Long {number}.") for number in range(60)],
            TestRun("long", cancel_when=lambda: bool(long_begun.append(1))),
        )

    def short() -> None:
        while len(google.asked) < 5:
            clock.sleep(0)
        say(engine, [Part(f"Short {number}.") for number in range(5)], TestRun("short"))
        short_done.append(len(google.asked))

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(long), pool.submit(short)]:
            done.result()
    engine.close()
    assert short_done[0] < 40  # of 65: it did not wait for the long one to end
    places = [place for place, asked in enumerate(google.asked) if asked.text.startswith("Short")]
    between = [after - before for before, after in pairwise(places)]
    assert max(between) <= 4  # at most a few of the long one's between two of its own


# ---- the cache --------------------------------------------------------------------------------------------------------


def test_speak_same_text_again_asks_nothing_and_sounds_the_same(google: FakeGoogle, engine: GttsEngine) -> None:
    cache = MemoryCache()
    first, one = say(engine, TWELVE, TestRun(cache=cache))
    second, two = say(engine, TWELVE, TestRun(cache=cache))
    assert (one.requests, one.cached, two.requests, two.cached) == (12, 0, 0, 12)
    assert len(google.asked) == 12
    assert np.array_equal(first, second)
    assert one.marks == two.marks


def test_speak_after_one_changed_sentence_asks_for_that_alone(google: FakeGoogle, engine: GttsEngine) -> None:
    cache = MemoryCache()
    say(engine, TWELVE, TestRun(cache=cache))
    _, spoken = say(engine, [*TWELVE[:5], Part("Something new."), *TWELVE[6:]], TestRun(cache=cache))
    assert (spoken.requests, spoken.cached) == (1, 11)
    assert google.asked[-1].text == "Something new."


@pytest.mark.parametrize("key", ["en:co.uk", "de"])
def test_speak_other_voice_or_accent_is_not_served_from_the_cache(engine: GttsEngine, key: str) -> None:
    cache = MemoryCache()
    say(engine, TWELVE[:2], TestRun(cache=cache))
    _, spoken = say(engine, TWELVE[:2], TestRun(cache=cache), voice(key))
    assert (spoken.requests, spoken.cached) == (2, 0)


def test_speak_other_endpoint_is_not_served_from_the_cache(engine: GttsEngine, clock: ManualClock) -> None:
    cache = MemoryCache()
    say(engine, TWELVE[:2], TestRun(cache=cache))
    with FakeGoogle() as another:
        other = engine_for(another, clock)
        _, spoken = say(other, TWELVE[:2], TestRun(cache=cache))
        other.close()
    assert (spoken.requests, spoken.cached) == (2, 0)


@pytest.mark.parametrize("damage", [b"", b"not MP3 at all" * 100, "cut"])
def test_speak_damaged_cache_entry_is_fetched_again(google: FakeGoogle, engine: GttsEngine, damage: bytes | str) -> None:
    cache = MemoryCache()
    parts = [Part(PROSE[:90])]
    whole, _ = say(engine, parts, TestRun(cache=cache))
    ((key, data),) = cache.kept.items()
    cache.kept[key] = damage if isinstance(damage, bytes) else data[: len(data) // 8]
    again, spoken = say(engine, parts, TestRun(cache=cache))
    assert (spoken.requests, spoken.cached) == (1, 0)
    assert np.array_equal(whole, again)
    assert cache.kept[key] == data


def test_cache_keys_are_hexadecimal_and_all_different() -> None:
    from utils.speech.engines.gtts_fetcher import cache_key
    from utils.speech.engines.gtts_voices import Speaker

    speakers = [Speaker("en"), Speaker("en", "us"), Speaker("fr"), Speaker("fr-CA")]
    endpoints = ("", "http://127.0.0.1:1")
    keys = {cache_key(s, p, e, v) for s in speakers for p in ("a", "b", "\ud800") for e in endpoints for v in ("2.5.4", "3")}
    assert len(keys) == 48
    assert all(len(key) == 64 and int(key, 16) for key in keys)


# ---- voices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["xx", "EN", "en:evil.example", "en:com@127.0.0.1:8443", "en:co.uk/", "fr:co.uk", "en:", "", "de:us"]
)
def test_speak_voice_outside_the_fixed_lists_is_refused_unsent(google: FakeGoogle, engine: GttsEngine, key: str) -> None:
    with pytest.raises(UnknownVoice):
        say(engine, TWELVE[:1], voice=voice(key))
    assert google.asked == []


def test_speak_voice_of_another_engine_is_refused(engine: GttsEngine) -> None:
    with pytest.raises(UnknownVoice):
        say(engine, TWELVE[:1], voice=Voice("espeak:en", "espeak", "eSpeak", "en"))


def test_speak_every_language_and_accent_works(google: FakeGoogle, engine: GttsEngine) -> None:
    from gtts.lang import tts_langs

    keys = [*tts_langs(), *[f"{language}:{tld}" for language, tlds in ACCENTS.items() for tld in tlds]]
    for key in keys:
        say(engine, [Part("Hello.")], voice=voice(key))
    assert [asked.language for asked in google.asked] == [key.partition(":")[0] for key in keys]
    assert {"fr-CA", "pt-PT"} <= {asked.language for asked in google.asked}


def test_voices_on_offer_are_those_that_the_engine_takes() -> None:
    from gtts.lang import tts_langs

    from utils.speech import voices

    keys = {*tts_langs(), *[f"{language}:{tld}" for language, tlds in ACCENTS.items() for tld in tlds]}
    offered = [one for language in voices.languages() for one in voices.for_language(language.tag) if one.engine == "gtts"]
    assert len(offered) > 60
    for one in offered:
        assert one.key in keys
        speaker_of(one, tts_langs())


# ---- reports and what the engine says of itself -----------------------------------------------------------------------


def test_speak_progress_never_falls_and_ends_full(engine: GttsEngine) -> None:
    run = TestRun()
    say(engine, TWELVE, run)
    done = [done for done, _ in run.reports]
    assert done == sorted(done)
    assert run.reports[0][0] == 0
    assert run.reports[-1][0] == run.reports[-1][1] == sum(len(part.text) for part in TWELVE)
    assert run.notes == []


def test_engine_from_settings_says_what_it_is() -> None:
    engine = GttsEngine.from_settings(Settings())
    assert (engine.name, engine.label, engine.native) == ("gtts", "Google (gTTS)", frozenset())
    assert engine.available() == ""


def test_engine_without_its_package_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gtts", None)
    engine = GttsEngine.from_settings(Settings())
    assert "gtts" in engine.available()


def test_engine_made_and_asked_for_requests_imports_no_library() -> None:
    code = """
import json, sys
from utils.settings import Settings
from utils.speech.contract import Part
from utils.speech.engines.gtts_engine import GttsEngine
engine = GttsEngine.from_settings(Settings())
engine.requests([Part("Some text.")]), engine.available()
print(json.dumps([name for name in ("gtts", "requests", "urllib3", "av", "numpy") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


def test_speak_sound_too_long_in_all_is_refused_although_each_piece_passes(google: FakeGoogle, engine: GttsEngine) -> None:
    """Each piece may have some slack, the whole text has it once."""
    parts = [Part("a") for _ in range(40)]
    say(engine, parts)  # 0.4 s each is fine
    google.fail("lingers")
    with pytest.raises(EngineRefused, match="the whole text"):
        say(engine, parts)


# ---- heard while it is spoken ---------------------------------------------------------------------------------------


def test_speak_tells_what_is_settled_piece_by_piece_and_it_stays_as_it_is(
    google: FakeGoogle, engine: GttsEngine, tmp_path: Path
) -> None:
    told: list[tuple[int, bytes]] = []
    path = tmp_path / "spoken.pcm"

    def settled(samples: int, rate_hz: int) -> None:
        assert rate_hz == 24_000
        told.append((samples, path.read_bytes()))

    with path.open("w+b") as out:
        spoken = engine.speak(TWELVE, EN, Prosody(), out, TestRun(), settled)
    whole = path.read_bytes()
    assert len(told) == 12 and len(whole) == 2 * spoken.sample_count
    for samples, seen in told:
        assert len(seen) >= 2 * samples and seen[: 2 * samples] == whole[: 2 * samples]
    assert told[-1][0] == round(spoken.marks[-1].end * spoken.rate_hz)


def test_speak_stops_at_what_the_listener_raises(google: FakeGoogle, engine: GttsEngine, tmp_path: Path) -> None:
    def settled(samples: int, rate_hz: int) -> None:
        raise EngineRefused("Stands for a full disk.")

    with (tmp_path / "spoken.pcm").open("w+b") as out, pytest.raises(EngineRefused):
        engine.speak(TWELVE, EN, Prosody(), out, TestRun(), settled)
