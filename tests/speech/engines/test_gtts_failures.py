"""Every way in which Google may fail, at the first piece and at a later one: recovered, or failed with the reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.fakes.certificate import self_signed
from tests.fakes.google import FAILURES, FakeGoogle, speak
from tests.speech.engines.gtts_kit import ManualClock, MemoryCache, TestRun, engine_for, say
from utils.errors import Cancelled, EngineBusy, EngineError, EngineRefused, EngineUnreachable
from utils.speech.contract import Part
from utils.speech.engines.gtts_client import Kind
from utils.speech.engines.gtts_engine import GttsEngine
from utils.speech.engines.gtts_fetcher import FIRST_TRIES, MOST_BUSY, TRIES, WAITS_S
from utils.speech.engines.gtts_governor import PAUSES_S

PARTS = [Part("The first one is here.", 0.1), Part("Then a second."), Part("And a third one.", 0.3), Part("The last one ends it.")]
WHERE = {"first piece": PARTS[0].text, "later piece": PARTS[3].text}
FINAL_ERROR: dict[str, type[EngineError]] = {
    "429": EngineBusy,
    "sorry": EngineBusy,
    "503": EngineUnreachable,
    "half": EngineUnreachable,
    "drop": EngineUnreachable,
    "stall": EngineUnreachable,
}
NO_USE = ("403", "404")  # the same request would get the same answer
HARMLESS = ("lingers", "dribble")  # the first is no failure of one piece; the second is held in test_gtts_client


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as server:
        yield server


@pytest.fixture(scope="module", autouse=True)
def tones() -> None:
    """The stand-in makes its tones beforehand: the first time it takes longer than this engine waits."""
    for part in PARTS:
        speak(part.text)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def engine(google: FakeGoogle, clock: ManualClock, request: pytest.FixtureRequest) -> Iterator[GttsEngine]:
    stalls = hasattr(request.node, "callspec") and request.node.callspec.params.get("mode") == "stall"
    hasty_s = 1.0 if "recovered" in request.node.name else 0.4  # where it is to recover, a busy machine must not count as a stall
    engine = engine_for(google, clock, read_s=hasty_s if stalls else 20.0)
    yield engine
    engine.close()


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("mode", [mode for mode in FAILURES if mode not in HARMLESS])
def test_speak_failure_that_stays_ends_with_the_reason(google: FakeGoogle, engine: GttsEngine, mode: str, where: str) -> None:
    google.fail(mode, text=WHERE[where])
    run = TestRun()
    with pytest.raises(FINAL_ERROR.get(mode, EngineRefused)) as caught:
        say(engine, PARTS, run)
    assert caught.value.sentence.endswith(".")
    assert caught.value.hint
    tries = sum(asked.text == WHERE[where] for asked in google.asked)
    assert (tries == 1) if mode in NO_USE else (1 < tries <= MOST_BUSY)
    assert run.reports[-1][0] < run.reports[-1][1]  # never reported as done
    assert not any(len(data) < 100 for data in run.cache.kept.values())


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("mode", [mode for mode in FAILURES if mode not in (*HARMLESS, *NO_USE)])
def test_speak_failure_that_passes_is_recovered(google: FakeGoogle, engine: GttsEngine, mode: str, where: str) -> None:
    whole, _ = say(engine, PARTS)
    google.asked.clear()
    google.fail(mode, text=WHERE[where], times=1)
    sound, spoken = say(engine, PARTS)
    assert sound.tobytes() == whole.tobytes()
    assert spoken.requests == len(google.asked) == len(PARTS) + 1
    assert [mark.text for mark in spoken.marks] == [part.text for part in PARTS]


@pytest.mark.parametrize("mode", ["403", "noaudio", "drop"])
def test_speak_failure_ends_without_asking_for_the_rest(google: FakeGoogle, engine: GttsEngine, mode: str) -> None:
    google.fail(mode)
    with pytest.raises(EngineError):
        say(engine, [Part(f"Piece {number}.") for number in range(100)])
    assert len(google.asked) < 30


def test_speak_pieces_fetched_before_a_failure_are_not_asked_again(google: FakeGoogle, engine: GttsEngine) -> None:
    cache = MemoryCache()
    google.fail("404", text=WHERE["later piece"])
    with pytest.raises(EngineRefused):
        say(engine, PARTS, TestRun(cache=cache))
    google.recover()
    google.asked.clear()
    _, spoken = say(engine, PARTS, TestRun(cache=cache))
    assert (spoken.requests, spoken.cached) == (1, 3)


# ---- how often, and after which waits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "kind"), [("500", Kind.FAULT), ("empty", Kind.NO_SOUND), ("too_short", Kind.NO_SOUND)])
def test_speak_tries_are_bounded_and_their_waits_grow(
    google: FakeGoogle, engine: GttsEngine, clock: ManualClock, mode: str, kind: Kind
) -> None:
    google.fail(mode)
    clock.slept.clear()
    with pytest.raises(EngineError):
        say(engine, PARTS[:1])
    assert len(google.asked) == TRIES[kind]
    assert clock.total_s == pytest.approx(sum(WAITS_S[: TRIES[kind] - 1]), abs=0.5)
    assert list(WAITS_S) == sorted(WAITS_S)


def test_speak_no_connection_at_first_gives_up_soon_and_later_is_patient(google: FakeGoogle, engine: GttsEngine) -> None:
    google.fail("drop")
    with pytest.raises(EngineUnreachable):
        say(engine, PARTS[:1])
    assert len(google.asked) == FIRST_TRIES
    google.asked.clear()
    google.fail("drop", text="9. ")
    with pytest.raises(EngineUnreachable):
        say(engine, [PARTS[0], *[Part(f"{number}. ") for number in range(2, 5)], Part("9. ends")])
    assert sum(asked.text == "9. ends" for asked in google.asked) in (FIRST_TRIES, TRIES[Kind.NO_CONNECTION])


def test_speak_retry_after_of_a_fault_is_heeded_within_bounds(google: FakeGoogle, engine: GttsEngine, clock: ManualClock) -> None:
    google.fail("503", times=1, Retry_After="20")
    clock.slept.clear()
    run = TestRun()
    say(engine, PARTS[:1], run)
    assert clock.total_s == pytest.approx(20, abs=0.5)


def test_speak_bad_certificate_is_refused_at_once(tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with FakeGoogle(certificate=self_signed(tmp_path)) as google:
        engine = engine_for(google, clock)
        with pytest.raises(EngineUnreachable, match="certificate"):
            say(engine, PARTS)
        engine.close()
        assert google.asked == []
    assert clock.total_s < 1


# ---- 429 --------------------------------------------------------------------------------------------------------------


def test_speak_429_waits_says_so_and_goes_on(google: FakeGoogle, engine: GttsEngine, clock: ManualClock) -> None:
    google.fail("429", times=2)
    seen = []
    clock.slept.clear()

    class SlowRun(TestRun):
        def note(self, sentence: str) -> None:
            seen.append(sentence)

    _, spoken = say(engine, PARTS[:1], SlowRun())
    assert spoken.requests == 3
    assert clock.total_s >= PAUSES_S[0] + PAUSES_S[1]
    assert all(sentence == "" or "slow down; going on in " in sentence for sentence in seen)
    assert not seen or seen[-1] == ""


def test_speak_note_while_google_wants_a_pause_says_how_long(google: FakeGoogle, clock: ManualClock) -> None:
    """The clock stands still while the run looks, so that the pause is there to be seen."""
    noted = threading.Event()
    run = TestRun()
    run.note = lambda sentence: (run.notes.append(sentence), noted.set())[0]  # type: ignore[method-assign,func-returns-value]
    sleep = clock.sleep
    clock.sleep = lambda seconds: (noted.wait(60), sleep(seconds))[1]  # type: ignore[method-assign,func-returns-value]
    engine = engine_for(google, clock)
    google.fail("429", times=1, Retry_After="37")
    say(engine, PARTS[:1], run)
    engine.close()
    assert run.notes[0] == "Google asked us to slow down; going on in 40 s."
    assert run.notes[-1] == ""


@pytest.mark.parametrize("mode", ["429", "sorry"])
def test_speak_429_that_stays_ends_with_the_wait(google: FakeGoogle, engine: GttsEngine, mode: str) -> None:
    google.fail(mode)
    with pytest.raises(EngineBusy) as caught:
        say(engine, PARTS)
    assert caught.value.retry_after_s is not None
    assert 120 < caught.value.retry_after_s <= PAUSES_S[2]
    assert "5 minutes" in caught.value.sentence
    with pytest.raises(EngineBusy):  # whoever comes during the pause is told at once, without a request
        say(engine, [Part("Somebody else.")], TestRun("another session"))
    assert all(asked.text != "Somebody else." for asked in google.asked)


def test_speak_after_the_pause_works_again(google: FakeGoogle, engine: GttsEngine, clock: ManualClock) -> None:
    google.fail("429")
    with pytest.raises(EngineBusy) as caught:
        say(engine, PARTS)
    google.recover()
    clock.sleep(caught.value.retry_after_s or 0)
    _, spoken = say(engine, PARTS)
    assert len(spoken.marks) == len(PARTS)


# ---- cancelling -------------------------------------------------------------------------------------------------------


def cancelled_when(google: FakeGoogle, engine: GttsEngine, wish: Callable[[], bool]) -> None:
    """Speak until the wish is there; the test's own time limit catches a speech that does not hear it."""
    with pytest.raises(Cancelled):
        say(engine, [Part(f"Piece {number}.") for number in range(50)], TestRun("cancelled", cancel_when=wish))


def test_speak_cancelled_before_the_start_asks_nothing(google: FakeGoogle, engine: GttsEngine) -> None:
    cancelled_when(google, engine, lambda: True)
    assert google.asked == []


def test_speak_cancelled_while_waiting_for_a_turn_leaves_its_place(google: FakeGoogle) -> None:
    """One request in 100 s is allowed, by the real clock: without hearing the wish it would take more than an hour."""
    from utils.speech.engines.gtts_governor import Governor

    engine = GttsEngine(Governor(0.01, 3), workers=3, endpoint=google.url)
    cancelled_when(google, engine, lambda: len(google.asked) >= 1)
    engine.close()
    assert len(google.asked) == 1


def test_speak_cancelled_during_a_pause_ends(google: FakeGoogle) -> None:
    from utils.speech.engines.gtts_governor import Governor

    governor = Governor(1000.0, 3)
    engine = GttsEngine(governor, workers=3, endpoint=google.url)
    google.fail("429", Retry_After="100")
    cancelled_when(google, engine, lambda: governor.pause_s() > 1)
    engine.close()
    assert len(google.asked) <= 3


def test_speak_cancelled_while_google_stalls_does_not_wait_for_it(google: FakeGoogle, clock: ManualClock) -> None:
    engine = engine_for(google, clock, read_s=30.0)
    google.fail("stall")
    cancelled_when(google, engine, lambda: len(google.asked) == 3)
    google.close()  # lets go of the three requests that are still on the wire
    engine.close()


def test_speak_cancelled_between_two_tries_ends(google: FakeGoogle) -> None:
    from utils.speech.engines.gtts_governor import Governor

    engine = GttsEngine(Governor(1000.0, 3), workers=1, endpoint=google.url)
    google.fail("503", Retry_After="30")
    cancelled_when(google, engine, lambda: len(google.asked) == 1)
    engine.close()
    assert len(google.asked) == 1


def test_speak_after_a_cancelled_speech_of_the_same_session_works(google: FakeGoogle, engine: GttsEngine) -> None:
    google.delay_s = 0.01
    cancelled_when(google, engine, lambda: len(google.asked) >= 2)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(say, engine, PARTS, TestRun("cancelled")) for _ in range(4)]:
            assert len(done.result()[1].marks) == len(PARTS)
    assert google.most_in_flight <= 3


def test_speak_cancelled_stores_nothing_that_comes_later(google: FakeGoogle, engine: GttsEngine) -> None:
    """The session may be gone by then, and its folder must not come back."""
    held = threading.Event()
    google.delay_s = lambda text: 0.0 * held.wait(30)
    run = TestRun("cancelled", cancel_when=lambda: len(google.asked) == 3)
    with pytest.raises(Cancelled):
        say(engine, PARTS, run)
    on_the_wire = [thread for thread in threading.enumerate() if thread.name.startswith("gtts")]
    held.set()
    for thread in on_the_wire:
        thread.join()
    assert on_the_wire
    assert run.cache.kept == {}
