"""Rows spoken side by side, over engines that can be told to fail; real eSpeak where groups matter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from tests.speech.stage import Clock, Listener, ToneEngine
from utils.audio.codec import decode_trusted
from utils.errors import (
    AppError,
    Cancelled,
    EngineBusy,
    EngineCrashed,
    EngineRefused,
    EngineUnreachable,
    NothingToSay,
    StoreUnavailable,
)
from utils.speech.batch_lanes import GROUP_ROWS
from utils.speech.batch_rows import Means, RowSpeaker
from utils.speech.choose import Chooser
from utils.speech.contract import Part, Prosody, Run, SpeechRequest, Spoken, Voice
from utils.speech.engines.espeak import EspeakEngine
from utils.speech.finish_pool import FinishPool
from utils.speech.finish_row import RowFiles
from utils.speech.row import RowTask, SpokenRow

PLAIN = SpeechRequest("", format="wav", loudness=None)


class RowEngine(ToneEngine):
    """A tone engine that tells where parts end, and fails for texts that hold a word.

    Attributes:
        bad: Word -> what a text with it raises.
        texts: The parts of each call.
        gate: Waited for in each call, so that a test can look at what happens meanwhile.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, native=frozenset({"speed", "pitch"}) if name == "espeak" else frozenset())
        self.bad: dict[str, Exception] = {}
        self.silent: set[str] = set()
        self.texts: list[list[str]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.most = self.now = 0
        self._lock = threading.Lock()

    def speak(self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run) -> Spoken:
        with self._lock:
            self.texts.append([part.text for part in parts])
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            while not self.gate.wait(0.01):
                run.progress(0, 1)
            for part in parts:
                for word, error in self.bad.items():
                    if word in part.text:
                        raise error
            return self._spoken(parts, voice, prosody, out, run)
        finally:
            with self._lock:
                self.now -= 1

    def _spoken(self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run) -> Spoken:
        ends, marks, count = [], [], 0
        rate_hz = 24_000
        for index, part in enumerate(parts):
            quiet = any(word in part.text for word in self.silent)
            spoken = super().speak([part], voice, prosody, out, run)
            if quiet:
                out.seek(-2 * spoken.sample_count, 1)
                out.write(bytes(2 * spoken.sample_count))
            shift = count / rate_hz
            marks += [replace(mark, start=mark.start + shift, end=mark.end + shift, part=index) for mark in spoken.marks]
            count += spoken.sample_count
            ends.append(count)
        return Spoken(rate_hz, count, tuple(marks), requests=self.requests(parts), part_ends=tuple(ends))


class Stage:
    """Rows over two engines, a manual clock, a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.google, self.espeak = RowEngine("gtts"), RowEngine("espeak")
        self.chooser = Chooser({"gtts": self.google, "espeak": self.espeak}, clock=self.clock)
        self.listener = Listener()
        self.notes: set[str] = set()

    def speaker(self, tasks: Sequence[RowTask], **more: Any) -> RowSpeaker:
        means = Means(self.chooser, self.folder, self.listener, RowFiles(), 1000, 4, FinishPool(2), self.clock)
        return RowSpeaker(tasks, replace(means, **more))

    def spoken(self, tasks: Sequence[RowTask], **more: Any) -> dict[int, SpokenRow | Exception]:
        """Everything to its end."""
        ended: dict[int, SpokenRow | Exception] = {}
        with closing(self.speaker(tasks, **more)) as speaker:
            while not speaker.finished:
                for task, outcome in speaker.poll():
                    assert task.number not in ended
                    ended[task.number] = outcome
                self.notes.add(speaker.note)
        assert not [path for path in self.folder.iterdir() if path.name[0] == "."]
        return ended


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def rows(*texts: str, **more: Any) -> list[RowTask]:
    return [RowTask(n, f"{n:04d}", replace(PLAIN, text=text, **more)) for n, text in enumerate(texts, 1)]


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60.0
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def well(outcome: SpokenRow | Exception) -> SpokenRow:
    assert isinstance(outcome, SpokenRow), outcome
    return outcome


def test_rows_of_our_own_engine_are_spoken_in_groups_of_one_voice_and_prosody(stage: Stage) -> None:
    tasks = [*rows("One.", "Two.", engine="espeak"), RowTask(3, "0003", replace(PLAIN, text="Three.", engine="espeak", speed=1.5))]
    tasks.append(RowTask(4, "0004", replace(PLAIN, text="Four.", engine="espeak", language="de-DE")))
    ended = stage.spoken(tasks)
    assert sorted(map(len, stage.espeak.texts)) == [1, 1, 2]
    assert [well(ended[number]).files for number in range(1, 5)] == [(f"{n:04d}.wav",) for n in range(1, 5)]
    assert well(ended[4]).language == "de"


def test_rows_of_a_group_are_cut_exactly(stage: Stage) -> None:
    together = stage.spoken(rows("One.", "Twenty two.", "Three hundred thirty three.", engine="espeak", trim=False))
    for number, row in together.items():
        (stage.folder / f"{number:04d}.wav").rename(stage.folder / f"{number}.wav")
        alone = well(stage.spoken([RowTask(number, f"{number:04d}", _text(number))])[number])
        assert well(row).seconds == alone.seconds
        assert (stage.folder / f"{number}.wav").read_bytes()[44:] == (stage.folder / f"{number:04d}.wav").read_bytes()[44:]


def _text(number: int) -> SpeechRequest:
    text = ("One.", "Twenty two.", "Three hundred thirty three.")[number - 1]
    return replace(PLAIN, text=text, engine="espeak", trim=False)


def test_rows_of_a_long_list_go_in_groups_of_bounded_size(stage: Stage) -> None:
    ended = stage.spoken(rows(*(f"Row {n}." for n in range(100)), engine="espeak"))
    assert len(ended) == 100
    assert [len(texts) for texts in stage.espeak.texts] == [GROUP_ROWS, GROUP_ROWS, 20]


@pytest.mark.parametrize(
    "error", [EngineCrashed("It broke off."), EngineRefused("No sound."), NothingToSay("Nothing."), RuntimeError("a secret")]
)
def test_row_that_brings_its_group_down_fails_alone(stage: Stage, error: Exception) -> None:
    stage.espeak.bad["evil"] = error
    ended = stage.spoken(rows("One.", "An evil row.", "Three.", engine="espeak"))
    assert [type(ended[number]) for number in (1, 2, 3)] == [SpokenRow, type(error), SpokenRow]
    assert [len(texts) for texts in stage.espeak.texts] == [3, 1, 1, 1]


def test_row_of_a_group_without_sound_is_spoken_by_itself_and_gets_its_own_error(stage: Stage) -> None:
    stage.espeak.silent.add("quiet")
    ended = stage.spoken(rows("One.", "A quiet row.", "Three.", engine="espeak"))
    assert [type(ended[number]) for number in (1, 2, 3)] == [SpokenRow, EngineRefused, SpokenRow]
    assert [len(texts) for texts in stage.espeak.texts] == [3, 1]


def test_rows_for_a_service_ask_it_in_parallel_within_the_limit(stage: Stage) -> None:
    stage.google.gate.clear()
    threading.Timer(0.3, stage.google.gate.set).start()
    ended = stage.spoken(rows(*(f"Row {n}." for n in range(12)), engine="gtts"))
    assert {well(row).engine for row in ended.values()} == {"gtts"}
    assert stage.google.most == 4
    assert {len(texts) for texts in stage.google.texts} == {1}
    assert sum(well(row).requests for row in ended.values()) == 12


def test_row_that_cannot_be_planned_fails_alone(stage: Stage) -> None:
    tasks = [*rows("One.", "...", "x" * 1001, engine="espeak"), RowTask(4, "0004", replace(PLAIN, text="Four.", language="zz"))]
    ended = stage.spoken(tasks)
    codes = [outcome.code if isinstance(outcome, AppError) else "" for outcome in map(ended.__getitem__, range(1, 5))]
    assert codes == ["", "nothing_to_say", "text_too_long", "unknown_voice"]


def test_row_that_the_service_refuses_falls_back_alone(stage: Stage) -> None:
    stage.google.bad["odd"] = EngineRefused("No sound.")
    ended = stage.spoken(rows("One.", "An odd row.", "Three."))
    assert [well(ended[number]).engine for number in (1, 2, 3)] == ["gtts", "espeak", "gtts"]
    assert well(ended[2]).fallback == "Google sent no sound that fits the text"


def test_rows_go_to_our_own_engine_in_groups_once_the_service_is_known_to_be_away(stage: Stage) -> None:
    stage.google.bad["Row"] = EngineUnreachable("No network.")
    ended = stage.spoken(rows(*(f"Row {n}." for n in range(50))))
    assert {(well(row).engine, well(row).fallback) for row in ended.values()} == {("espeak", "Google could not be reached")}
    assert len(stage.google.texts) <= 4
    assert len(stage.espeak.texts) < 10
    assert "Google could not be reached; eSpeak NG speaks instead." in stage.notes


def test_rows_wait_for_a_service_that_asked_for_a_pause_when_nobody_else_may_speak(stage: Stage) -> None:
    stage.google.bad["One"] = EngineBusy("Google asked this server to slow down.", retry_after_s=30.0)
    began = stage.clock.now
    with closing(stage.speaker(rows("One.", engine="gtts"))) as speaker:
        while speaker.note == "":
            assert not speaker.poll()
        assert speaker.note == "Google asked this server to slow down."
        assert not speaker.poll()
        stage.google.bad.clear()
        stage.clock.now = began + 31.0
        ended = []
        while not speaker.finished:
            ended += speaker.poll()
        assert speaker.note == ""
    assert len(stage.google.texts) == 2
    assert well(ended[0][1]).engine == "gtts"


def test_row_gives_up_on_a_service_that_asks_for_pauses_again_and_again(stage: Stage) -> None:
    stage.google.bad["One"] = EngineBusy("Google asked this server to slow down.", retry_after_s=0.0)
    ended = stage.spoken(rows("One.", engine="gtts"))
    assert isinstance(ended[1], EngineBusy)
    assert len(stage.google.texts) == 5


def test_disk_that_takes_no_more_is_no_row_s_fault(stage: Stage) -> None:
    stage.espeak.bad["One"] = StoreUnavailable("The disk is full.")
    with pytest.raises(StoreUnavailable):
        stage.spoken(rows("One.", "Two.", engine="espeak"))


def test_folder_that_is_gone_ends_everything(stage: Stage) -> None:
    with pytest.raises(StoreUnavailable):
        stage.spoken(rows("One.", "Two.", engine="espeak"), folder=stage.folder / "gone")


def test_close_stops_what_is_being_spoken(stage: Stage) -> None:
    stage.google.gate.clear()
    stage.espeak.gate.clear()
    tasks = [*rows("One.", "Two.", engine="espeak"), RowTask(3, "0003", replace(PLAIN, text="Three.", engine="gtts"))]
    speaker = stage.speaker(tasks)
    wait_for(lambda: (stage.google.now, stage.espeak.now) == (1, 1))
    began = time.monotonic()
    speaker.close()
    assert time.monotonic() - began < 30.0
    assert (stage.google.now, stage.espeak.now) == (0, 0)


def test_wind_up_ends_rows_of_the_service_and_gives_up_groups(stage: Stage) -> None:
    stage.google.gate.clear()
    stage.espeak.gate.clear()
    tasks = [RowTask(n, f"{n:04d}", replace(PLAIN, text=f"Row {n}.", engine="gtts")) for n in range(10, 20)]
    with closing(stage.speaker([*rows("One.", "Two.", engine="espeak"), *tasks])) as speaker:
        wait_for(lambda: (stage.google.now, stage.espeak.now) == (4, 1))
        speaker.wind_up()
        stage.google.gate.set()
        stage.espeak.gate.set()
        ended = []
        while not speaker.finished:
            ended += speaker.poll()
    assert sorted(task.number for task, _ in ended) == [10, 11, 12, 13]


def test_row_cues_and_subtitles_are_made_when_they_are_wanted(stage: Stage) -> None:
    tasks = rows("Good morning to you.", "Two.", engine="espeak")
    plain = well(stage.spoken(tasks)[1])
    assert plain.cues == ()
    full = stage.spoken(tasks, files=RowFiles(subtitles=True, cues=True))
    row = well(full[1])
    assert row.files == ("0001.wav", "0001.srt", "0001.vtt")
    assert [cue.text for cue in row.cues] == ["Good morning to you."]
    assert 0.0 <= row.cues[0].start < row.cues[0].end <= row.seconds
    assert well(full[2]).cues[0].start < 0.2


def test_engine_that_stops_by_itself_ends_everything(stage: Stage) -> None:
    stage.espeak.bad["One"] = Cancelled("Who knows why.")
    with pytest.raises(Cancelled):
        stage.spoken(rows("One.", engine="espeak"))


def real(folder: Path, tasks: Sequence[RowTask]) -> dict[int, SpokenRow]:
    means = Means(Chooser({"espeak": EspeakEngine()}), folder, Listener(), RowFiles(cues=True), 10_000, 4, FinishPool(2))
    ended = {}
    with closing(RowSpeaker(tasks, means)) as speaker:
        while not speaker.finished:
            ended.update({task.number: well(outcome) for task, outcome in speaker.poll()})
    return ended


def test_espeak_rows_spoken_together_sound_as_each_alone(tmp_path: Path) -> None:
    texts = [
        "One.",
        "Is this a question?",
        "A paragraph.\n\nAnd another one, after a pause.",
        "It costs $12.50, [pause:1s] they say.",
    ]
    together, alone = tmp_path / "together", tmp_path / "alone"
    together.mkdir()
    alone.mkdir()
    tasks = rows(*texts, engine="espeak")
    grouped = real(together, tasks)
    for task in tasks:
        single, row = real(alone, [task])[task.number], grouped[task.number]
        # eSpeak's synthesizer carries some phase from one text to the next: a millisecond of length, nothing to hear.
        assert row.seconds == pytest.approx(single.seconds, abs=0.01)
        assert [cue.text for cue in row.cues] == [cue.text for cue in single.cues]
        for ours, theirs in zip(row.cues, single.cues, strict=True):
            assert (ours.start, ours.end) == pytest.approx((theirs.start, theirs.end), abs=0.01)
        levels = [_levels(folder / f"{task.stem}.wav") for folder in (together, alone)]
        count = min(map(len, levels))
        assert np.corrcoef(levels[0][:count], levels[1][:count])[0, 1] > 0.98


def _levels(path: Path) -> np.ndarray:
    """The loudness of each hundredth of a second."""
    samples = decode_trusted(path).samples.astype(float)
    return np.abs(samples[: len(samples) // 220 * 220].reshape(-1, 220)).mean(axis=1)


def test_espeak_row_that_kills_the_child_fails_alone(tmp_path: Path) -> None:
    """A sentence of this form aborts the library's process, alone as well as in company."""
    means = Means(Chooser({"espeak": EspeakEngine()}), tmp_path, Listener(), RowFiles(), 10_000, 4, FinishPool(2))
    ended = {}
    with closing(RowSpeaker(rows("One.", "s'" * 220, "Three.", engine="espeak"), means)) as speaker:
        while not speaker.finished:
            ended.update({task.number: outcome for task, outcome in speaker.poll()})
    assert isinstance(ended[1], SpokenRow)
    assert isinstance(ended[3], SpokenRow)
    assert isinstance(ended[2], SpokenRow | EngineCrashed)  # a newer library, or a text kept from it, may live
