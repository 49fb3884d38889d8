"""The limited child: its limits are its own, it ends when it must, and so does the warm process that it comes from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.audio import media
from tests.audio.hostile_boxes import box_patched
from tests.audio.hostile_flac import flac
from utils.audio.decode_process import ColdChild, Job, Running, Starter, run
from utils.audio.decode_warm import WarmStarter
from utils.audio.recording import decode, inspect
from utils.errors import Cancelled, RecordingTooLong, StoreUnavailable, UnreadableSound

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the warm process")
ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@pytest.fixture
def warm() -> Iterator[WarmStarter]:
    starter = WarmStarter()
    yield starter
    starter.close()


@pytest.fixture(params=["cold", "warm"])
def start(request: pytest.FixtureRequest, warm: WarmStarter) -> Starter:
    return warm if request.param == "warm" else ColdChild


def until(condition: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.01)


def clip(folder: Path, seconds: float = 1.0) -> Path:
    path = folder / "clip.wav"
    path.write_bytes(media.make("wav", seconds))
    return path


def endless(folder: Path) -> Path:
    """A recording that takes seconds to decode."""
    path = folder / "long.flac"
    path.write_bytes(flac(24))
    return path


def children() -> list[psutil.Process]:
    """The decoding children of this process and of its warm one."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "decode_w" in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def can_leave_network() -> bool:
    """Whether the kernel lets ordinary processes have a network of their own."""
    program = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    return subprocess.run([sys.executable, "-I", "-c", program], check=False).returncode == 0


class Watch:
    """A starter that remembers the process which came of it, and a check that acts once sound has come."""

    def __init__(self, start: Starter) -> None:
        self.start, self.before = start, {process.pid for process in children()}
        self.done_s = 0.0

    def progress(self, done_s: float, expected_s: float | None) -> None:
        self.done_s = done_s

    def child(self, warm: WarmStarter) -> psutil.Process:
        """The one that decodes."""
        fresh = [process for process in children() if process.pid not in self.before | {warm.pid}]
        assert len(fresh) == 1
        return fresh[0]


def test_check_that_raises_kills_the_child(tmp_path: Path, start: Starter, warm: WarmStarter) -> None:
    watch, seen = Watch(start), []

    def check() -> None:
        if watch.done_s > 60:
            seen.append(watch.child(warm))
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        decode(endless(tmp_path), tmp_path / "out.pcm", max_seconds=7_200, start=start, progress=watch.progress, check=check)

    until(lambda: not seen[0].is_running() or seen[0].status() == psutil.STATUS_ZOMBIE)
    assert not (tmp_path / "out.pcm").exists()


class Silent:
    """A child that says what it was given, and nothing more."""

    def __init__(self, *said: bytes) -> None:
        self._said = list(said)
        self._ended = threading.Event()

    def read(self) -> bytes:
        if self._said:
            return self._said.pop(0)
        self._ended.wait()
        return b""

    def close(self) -> None:
        self._ended.set()


def test_check_is_called_while_the_child_is_silent(tmp_path: Path) -> None:
    calls = []

    def check() -> None:
        calls.append(time.monotonic())
        if len(calls) == 8:
            raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        decode(clip(tmp_path), tmp_path / "out.pcm", max_seconds=60, start=lambda *_: Silent(), check=check)


@pytest.mark.parametrize(("decoded_s", "patience_s"), [(0, 60), (100, 560)])
def test_child_that_takes_too_long_is_given_up(decoded_s: int, patience_s: int) -> None:
    now = [0.0]
    calls = []

    def check() -> None:
        calls.append(now[0])
        if len(calls) > 3:  # by then it has been heard
            now[0] = patience_s + 1 if now[0] == patience_s - 1 else patience_s - 1

    report = run(
        Silent(b'{"at": %d}\n' % (decoded_s * 16_000)),
        hear=lambda said: said["at"] / 16_000,
        check=check,
        clock=lambda: now[0],
    )

    assert report == {"refused": "too_slow"}
    assert calls[-1] == patience_s - 1  # a look before, it was still allowed


FACTS = b'{"facts": {"container": "wav", "seconds": 1, "has_video": false, "tracks": []}, "track": 0}\n'
NONSENSE = (
    b"garbage\n", b"[]\n", b"x" * 2**21,
    b'{"at": "x"}\n', b'{"facts": 7, "track": 0}\n', b'{"done": 5}\n', FACTS + b'{"done": {}}\n',
)  # fmt: skip


@pytest.mark.parametrize("said", NONSENSE)
def test_child_that_talks_nonsense_is_refused(tmp_path: Path, said: bytes) -> None:
    with pytest.raises(UnreadableSound, match="broke down"):
        decode(clip(tmp_path), tmp_path / "out.pcm", max_seconds=60, start=lambda *_: Silent(said))

    assert not (tmp_path / "out.pcm").exists()


@pytest.mark.parametrize("said", [b"garbage\n", b'{"facts": {}}\n', b'{"done": {}}\n'])
def test_look_that_ends_in_nonsense_is_refused(tmp_path: Path, said: bytes) -> None:
    with pytest.raises(UnreadableSound, match="broke down"):
        inspect(clip(tmp_path), start=lambda *_: Silent(said))


def test_child_has_its_own_limits_and_nothing_of_ours(tmp_path: Path, start: Starter, warm: WarmStarter) -> None:
    watch, seen = Watch(start), {}

    def check() -> None:
        if watch.done_s > 60 and not seen:
            child = Path("/proc") / str(watch.child(warm).pid)
            for line in (child / "limits").read_text().splitlines()[1:]:
                seen[line[:26].strip()] = line[26:].split()[1]  # the hard limit
            seen["environment"] = (child / "environ").read_text()
            seen["folder"] = os.readlink(child / "cwd")
            seen["network"] = (child / "net" / "dev").read_text().count(":")
            seen["files"] = len(os.listdir(child / "fd"))
            raise Cancelled("Seen enough.")

    os.environ["SOTTO_TEST_SECRET"] = "nobody may read this"
    try:
        with pytest.raises(Cancelled):
            decode(endless(tmp_path), tmp_path / "out.pcm", max_seconds=50_000, start=start, progress=watch.progress, check=check)
    finally:
        del os.environ["SOTTO_TEST_SECRET"]

    assert int(seen["Max address space"]) == 2**30
    assert int(seen["Max file size"]) == 50_000 * 32_000
    assert int(seen["Max open files"]) == 0
    assert int(seen["Max core file size"]) == 0
    assert int(seen["Max cpu time"]) == 60 + 5_000
    assert "SECRET" not in seen["environment"]
    assert seen["folder"].endswith(" (deleted)")
    assert seen["files"] <= 6
    if can_leave_network():
        assert seen["network"] == 1  # lo, which is down


def test_limits_of_one_job_do_not_stay_for_the_next(tmp_path: Path, warm: WarmStarter) -> None:
    for _ in range(2):
        with pytest.raises(RecordingTooLong):
            decode(clip(tmp_path, 3.0), tmp_path / "out.pcm", max_seconds=1, start=warm)
        done = decode(clip(tmp_path, 3.0), tmp_path / "out.pcm", max_seconds=5, start=warm)
        assert done.report.seconds == pytest.approx(3.0)


def test_child_over_its_memory_is_refused_in_a_sentence(tmp_path: Path, start: Starter) -> None:
    """A table of 2,147,483,647 entries is reserved at once."""
    path = tmp_path / "table.m4a"
    path.write_bytes(box_patched(media.make("m4a", 1.0), b"stts", 8, b"\x7f\xff\xff\xff"))

    with pytest.raises(UnreadableSound, match=r"more memory than a recording may use here \(1 GB\)"):
        decode(path, tmp_path / "out.pcm", max_seconds=60, start=start)


def test_sound_that_cannot_be_written_is_the_store_s_fault(tmp_path: Path, start: Starter) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no full device here")

    def full(job: Job, source: object, sink: object) -> Running:
        with open("/dev/full", "wb") as nowhere:
            return start(job, source, nowhere)  # type: ignore[arg-type]

    with pytest.raises(StoreUnavailable, match="disk is full"):
        decode(clip(tmp_path, 30.0), tmp_path / "out.pcm", max_seconds=60, start=full)


def test_warm_process_killed_between_jobs_is_replaced(tmp_path: Path, warm: WarmStarter) -> None:
    inspect(clip(tmp_path), start=warm)
    first = warm.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    assert decode(clip(tmp_path), tmp_path / "out.pcm", max_seconds=60, start=warm).report.seconds == pytest.approx(1.0)
    inspect(clip(tmp_path), start=warm)
    assert warm.pid not in (None, first)


def test_warm_process_killed_during_a_job_costs_only_time(tmp_path: Path, warm: WarmStarter) -> None:
    watch, seen = Watch(warm), []

    def check() -> None:
        if watch.done_s > 60 and not seen:
            seen.append(watch.child(warm))
            assert warm.pid is not None
            os.kill(warm.pid, signal.SIGKILL)

    path = tmp_path / "hours.flac"
    path.write_bytes(flac(4))
    done = decode(path, tmp_path / "out.pcm", max_seconds=15_000, start=warm, progress=watch.progress, check=check)

    assert done.report.seconds == pytest.approx(4 * 3600, abs=5)
    assert done.pcm.path.stat().st_size == round(done.report.seconds * 16_000) * 2
    until(lambda: not seen[0].is_running())


def test_warm_process_serves_several_threads(tmp_path: Path, warm: WarmStarter) -> None:
    """Some of them stop at once: their children are killed while others begin and end."""
    for number in range(4):
        (tmp_path / f"{number}.wav").write_bytes(media.make("wav", 1.0 + number))
    inspect(tmp_path / "0.wav", start=warm)
    first = warm.pid

    def check() -> None:
        raise Cancelled("Stopped.")

    def one(number: int) -> float:
        name, out = number % 4, tmp_path / f"{number}.pcm"
        if number % 3 == 0:
            with pytest.raises(Cancelled):
                decode(tmp_path / f"{name}.wav", out, max_seconds=60, start=warm, check=check)
            return 1.0
        return decode(tmp_path / f"{name}.wav", out, max_seconds=60, start=warm).report.seconds - name

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(one, range(40))) == pytest.approx([1.0] * 40)
    assert warm.pid == first is not None
    until(lambda: not psutil.Process(first).children())


def test_warm_process_keeps_no_file_open(tmp_path: Path, warm: WarmStarter) -> None:
    decode(clip(tmp_path), tmp_path / "out.pcm", max_seconds=60, start=warm)
    open_before = len(os.listdir(f"/proc/{warm.pid}/fd"))
    for _ in range(5):
        decode(clip(tmp_path), tmp_path / "out.pcm", max_seconds=60, start=warm)

    until(lambda: len(os.listdir(f"/proc/{warm.pid}/fd")) <= open_before)
    targets = [os.readlink(f"/proc/{warm.pid}/fd/{name}") for name in os.listdir(f"/proc/{warm.pid}/fd")]
    assert not any(str(tmp_path) in target for target in targets)


OWNER = """
import sys, time
from pathlib import Path
from utils.audio.decode_warm import starter
from utils.audio.recording import decode
decode(Path(sys.argv[1]), Path(sys.argv[2]), max_seconds=60)
print(starter().pid, flush=True)
if sys.argv[3] == "wait":
    time.sleep(60)
"""


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_warm_process_ends_with_its_owner(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-W", "error", "-c", OWNER, str(clip(tmp_path)), str(tmp_path / "out.pcm")]
    with subprocess.Popen(
        [*command, "wait" if how == "killed" else "end"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None and owner.stderr is not None
        warm = int(owner.stdout.readline())
        if how == "killed":
            owner.kill()
        assert owner.stderr.read() == b""

    until(lambda: not psutil.pid_exists(warm) or psutil.Process(warm).status() == psutil.STATUS_ZOMBIE)


def test_importing_the_room_loads_no_media_library() -> None:
    program = "import sys; from utils.audio import recording; sys.exit('av' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
