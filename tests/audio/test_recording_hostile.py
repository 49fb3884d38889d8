"""Hostile and damaged recordings: one sentence or the sound, what is missing is told, and nothing else is ever opened."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.audio import hostile_batch, hostile_media, media
from tests.audio.hostile_media import ACCEPT, ANY, LOSS, REFUSE, Case
from utils.audio.decode_faults import refusal
from utils.audio.decode_process import ColdChild, Starter
from utils.audio.recording import SoundReport, decode, inspect, samples
from utils.errors import AppError, RecordingTooLong, UnreadableSound

MAX_S = 7_200.0
LISTENER, VICTIM = "http://127.0.0.1:{port}/sound.ts", "victim/secret"
NAMES = {case.name: case for case in hostile_media.cases(LISTENER, VICTIM)}
SENTENCE = re.compile(r"[A-Z][^\n]*[.]", re.DOTALL)
TOLD = re.compile(r"missing|breaks off")


@dataclass(frozen=True)
class Place:
    """Where hostile files lie, what they would like to reach, and who listens."""

    folder: Path
    victim: Path
    listener: socket.socket

    def case(self, name: str) -> Case:
        """The case of that name, aimed at this place."""
        return next(case for case in self.cases() if case.name == name)

    def cases(self) -> list[Case]:
        """All of them, aimed at this place."""
        return hostile_media.cases(LISTENER.format(port=self.listener.getsockname()[1]), str(self.victim / "secret"))

    def heard(self) -> bool:
        """Somebody called."""
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("hostile")
    victim = folder / "victim"
    victim.mkdir()
    (victim / "secret.wav").write_bytes(media.make("wav", 1.0))
    (victim / "secret.ts").write_bytes(media.make("ts", 1.0))
    (folder / "mine.wav").write_bytes(media.make("wav", 0.5))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        place = Place(folder, victim, listener)
        yield place
        assert not place.heard()


def put(place: Place, name: str, data: bytes) -> Path:
    path = place.folder / name
    path.write_bytes(data)
    return path


def outcome(source: Path, *, max_s: float = MAX_S, start: Starter | None = None) -> SoundReport | AppError:
    """The report, or the error, which has to be one of two kinds."""
    try:
        return decode(source, source.with_suffix(".pcm"), max_seconds=max_s, start=start).report
    except (UnreadableSound, RecordingTooLong) as refused:
        assert not source.with_suffix(".pcm").exists()
        return refused


def judge(case: Case, seen: SoundReport | AppError) -> None:
    if isinstance(seen, AppError):
        assert case.verdict in (REFUSE, ANY), seen
        assert SENTENCE.fullmatch(seen.sentence) and SENTENCE.fullmatch(seen.hint)
        return
    sound_s = seen.seconds - sum(gap.seconds for gap in seen.gaps)
    told = any(TOLD.search(line) for line in seen.losses())
    assert case.verdict != REFUSE, seen
    assert case.low_s <= sound_s <= case.high_s
    assert told or case.verdict != LOSS
    assert not told or case.verdict != ACCEPT, seen.losses()
    assert all(SENTENCE.fullmatch(line) for line in seen.losses())
    if case.group == "damage" and case.verdict == LOSS and case.name.startswith("damaged"):
        assert seen.missing_s == pytest.approx(hostile_media.GOOD_S - sound_s, abs=0.2)


def test_there_are_sixty_cases_of_every_class() -> None:
    assert len(NAMES) >= 60
    assert {case.group for case in NAMES.values()} >= {
        "playlist", "bomb", "header", "boxes", "damage", "joined", "tags", "no recording", "good"
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_decode_a_hostile_file_ends_as_it_should(place: Place, name: str) -> None:
    case = place.case(name)
    source = put(place, name, case.make())
    try:
        judge(case, outcome(source))
    finally:
        source.unlink()
        source.with_suffix(".pcm").unlink(missing_ok=True)
    assert not place.heard()


@pytest.mark.parametrize("name", [case.name for case in NAMES.values() if case.group == "playlist"])
def test_inspect_a_playlist_leads_nowhere(place: Place, name: str) -> None:
    source = put(place, name, place.case(name).make())

    with pytest.raises(UnreadableSound):
        inspect(source)

    assert not place.heard()


NAIVE = """
import av, io, sys

class Upload(io.BytesIO):
    name = "talk.m3u8"

with open(sys.argv[1], "rb") as file:
    av.open(Upload(file.read()), timeout=2)
"""


def test_good_playlists_would_lead_somewhere(place: Place) -> None:
    """The bait is real: where the media library sees a playlist's name, as it does of uploads, it calls."""
    source = put(place, "hls_http.m3u8", place.case("hls_http.m3u8").make())
    with subprocess.Popen([sys.executable, "-c", NAIVE, str(source)], stderr=subprocess.DEVNULL) as naive:
        limit = time.monotonic() + 20
        while not (called := place.heard()) and time.monotonic() < limit and naive.poll() is None:
            time.sleep(0.02)
        naive.kill()

    assert called
    while place.heard():
        pass


@pytest.mark.parametrize("key", ["wav", "mp3", "aac", "ogg", "webm"])
def test_sound_around_the_damage_is_at_its_own_time(place: Place, key: str) -> None:
    """Behind the hole the sound goes on where the whole recording has it."""
    whole = decode(put(place, f"whole.{key}", hostile_media.marked(key)), place.folder / "whole.pcm", max_seconds=60)
    done = decode(put(place, f"hole.{key}", hostile_media.holed(key)), place.folder / "hole.pcm", max_seconds=60)

    early = slice(0, 2 * 16_000)
    a, b = samples(whole.pcm, 0, 10**9), samples(done.pcm, 0, 10**9)
    assert abs(a[early] - b[early]).max() < 0.02
    slack_s = 0.4 if key == "aac" else 0.1  # bare AAC hides where its hole is
    assert hostile_media.beep_s(b) == pytest.approx(hostile_media.beep_s(a), abs=slack_s)


# ---- mutants --------------------------------------------------------------------------------------------------------------------


def judge_batch(count: int, seed: int) -> None:
    bad = []
    kinds = {"done": 0, "refused": 0}
    for data, report in zip(
        hostile_media.mutants(count, seed), hostile_batch.verdicts(hostile_media.mutants(count, seed)), strict=True
    ):
        kind = "done" if "done" in report else "refused"
        kinds[kind] += 1
        if kind == "refused" and report["refused"] not in KNOWN:
            bad.append((report, data[:16]))
    assert bad == []
    assert min(kinds.values()) > count / 20, kinds  # neither a harness that refuses all, nor mutants that change nothing


KNOWN = {"unreadable", "no_audio", "no_sound", "no_decoder", "no_index", "odd_sound", "too_big", "too_long", "too_many_tracks"}


def test_known_refusals_have_sentences_of_their_own() -> None:
    sentences = {refusal({"refused": code}, 60).sentence for code in KNOWN | {"died", "too_slow", "empty", "no_disk", "no_library"}}

    assert len(sentences) == len(KNOWN) + 5


def test_mutants_2000_crash_nothing() -> None:
    with ThreadPoolExecutor(2) as pool:  # two children
        list(pool.map(judge_batch, [1_000, 1_000], [1, 2]))


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_mutants_50000_crash_nothing() -> None:
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(judge_batch, [5_000] * 10, range(10, 20)))


def test_mutants_200_through_a_child_each(place: Place) -> None:
    def one(number: int, data: bytes) -> SoundReport | AppError:
        return outcome(put(place, f"mutant{number}.bin", data), max_s=60)

    with ThreadPoolExecutor(3) as pool:
        seen = list(pool.map(one, range(200), hostile_media.mutants(200, 3)))

    refused = [one for one in seen if isinstance(one, AppError)]
    assert 10 < len(refused) < 190
    assert all(SENTENCE.fullmatch(one.sentence) for one in refused)
    assert "broke down" not in " ".join(one.sentence for one in refused)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_hostile_files_are_refused_soon(place: Place) -> None:
    """In seconds of a processor, which hold on a busy machine as well, start of the interpreter included."""
    slow = {}
    for case in place.cases():
        source = put(place, case.name, case.make())
        before = os.times()
        seen = outcome(source, max_s=12 * 3600, start=ColdChild)
        after = os.times()
        took_s = after.children_user + after.children_system - before.children_user - before.children_system
        if isinstance(seen, AppError) and took_s > (10 if isinstance(seen, RecordingTooLong) else 2):
            slow[case.name] = round(took_s, 2)
        source.with_suffix(".pcm").unlink(missing_ok=True)
    assert slow == {}


# ---- seen from outside ----------------------------------------------------------------------------------------------------------


def test_hostile_files_make_the_child_open_nothing(place: Place, tmp_path: Path) -> None:
    """Seen by strace: once the child has closed its doors, not one file, socket, program or process is even tried."""
    strace = shutil.which("strace")
    works = strace and not subprocess.run([strace, "-o", os.devnull, "true"], capture_output=True, check=False).returncode
    if not works:
        if os.environ.get("CI") == "true":
            pytest.fail("strace is needed here")
        pytest.skip("strace is not installed, or may not look into processes here")
    assert strace is not None
    log = tmp_path / "trace"
    calls = "open,openat,openat2,creat,socket,connect,bind,sendto,execve,execveat,fork,vfork,clone,clone3,unlink,rename,prlimit64"
    chosen = [case for case in place.cases() if case.group in ("playlist", "boxes", "tags", "no recording", "joined")]
    wrap = (strace, "-f", "-qq", "-e", f"trace={calls}", "-o", str(log))

    reports = list(hostile_batch.verdicts((case.make() for case in chosen), max_s=200, wrap=wrap))

    assert len(reports) == len(chosen) and sum("done" in report for report in reports) >= 10
    lines = log.read_text().splitlines()
    doors = [number for number, line in enumerate(lines) if "RLIMIT_NOFILE" in line and "rlim_cur=0" in line]
    assert doors
    harmless = re.compile(r"prlimit64|exited with|killed by SIGKILL|CLONE_THREAD|clone3 resumed")  # decoders use threads
    assert [line for line in lines[doors[0] + 1 :] if not harmless.search(line)] == []
    assert not any("victim" in line or "AF_INET" in line for line in lines)
