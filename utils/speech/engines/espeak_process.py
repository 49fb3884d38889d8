"""The parent's side of the child process that speaks: start it, send parts, hear what it reports, end it.

A crash, a limit and a child that hangs all come out as ChildDied; what to do then is decided in `espeak`.
"""

from __future__ import annotations

import errno
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from utils.errors import AppError, EngineRefused, EngineUnreachable, StoreUnavailable, UnknownVoice
from utils.speech.engines.espeak_library import Library

BYTES_A_SAMPLE = 2
RATE_HZ = 22_050  # of every voice that needs no second synthesizer
TICK_S = 0.2  # how often `tick` is called while the child is silent: cancelling takes no longer than that
_NUMBERS = {b"r": 1, b"w": 2, b"e": 1, b"d": 1, b"v": 0, b"f": 1}  # of each line that the child reports
_PROGRAM = Path(__file__).with_name("espeak_child.py")


class ChildDied(Exception):
    """The child crashed, ran into one of its limits or took too long; never leaves the engine."""


@dataclass(frozen=True)
class Voicing:
    """How to speak, in eSpeak's own terms: `name` as it calls the voice, words a minute, parameters 3 and 4 (0 to 100)."""

    name: str
    wpm: int
    pitch: int
    pitch_range: int


@dataclass(frozen=True)
class Limits:
    """What a child may use.

    Attributes:
        memory_bytes: Address space. 40 MB suffice for 100,000 characters in one part; glibc's locale archive may add 220.
        start_s: Seconds of clock until it is ready, and of CPU for no text at all; 0.03 measured.
        part_s: Seconds of clock for any part.
        byte_s: Seconds added to clock and CPU for each byte of text; 0.00006 measured.
        sound_s: Seconds of sound for each byte of text at normal speed, 60 added. Digits need 0.6, foreign letters and emoji,
            which are spelled by name, 0.5.
    """

    memory_bytes: int = 512 * 2**20
    start_s: float = 30.0
    part_s: float = 30.0
    byte_s: float = 0.005
    sound_s: float = 1.0


@dataclass(frozen=True)
class Program:
    """What is run: a child's program on a library.

    Attributes:
        library: Where eSpeak NG lies.
        path: The program; another one only in tests.
        limits: What each child may use.
    """

    library: Library
    path: Path = _PROGRAM
    limits: Limits = field(default_factory=Limits)

    def command(self, *arguments: str) -> list[str]:
        """The command line: isolated (-I), without site-packages (-S), and without writing bytecode (-B)."""
        return [sys.executable, "-I", "-S", "-B", str(self.path), str(self.library.path), str(self.library.data), *arguments]


@dataclass
class Heard:
    """What the child reported of one part.

    Attributes:
        words: (1-based place of its first character, sample at which it begins) of each word, in the order of the sound.
        ends: Samples at which clauses end.
        sample_count: Samples of speech, without the silence after it.
    """

    words: list[tuple[int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    sample_count: int = 0


def environment() -> dict[str, str]:
    """Nothing; but Windows starts no program without its SYSTEMROOT."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if sys.platform == "win32" and name in os.environ}


class Child:
    """One running child. `close` it in every case; then the process, its pipes and the thread are gone."""

    def __init__(self, program: Program, voicing: Voicing, text_bytes: int, sound_bytes: int, out: BinaryIO) -> None:
        """Start it; its sound goes straight into `out`, from the current position on.

        Args:
            program: What to run.
            voicing: How to speak.
            text_bytes: Size in UTF-8 of all that it will be sent; the CPU limit follows from it.
            sound_bytes: How far it may write `out`, counted from the file's begin.
            out: A real file; nobody else may use its position while the child lives.

        Raises:
            EngineUnreachable: The process cannot be started.
        """
        self._limits = limits = program.limits
        self._reports: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._ready = False
        self._next_tick = 0.0
        cpu_s = int(limits.start_s + limits.byte_s * text_bytes) + 1
        numbers = (voicing.wpm, voicing.pitch, voicing.pitch_range, limits.memory_bytes, cpu_s, sound_bytes)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program; the voice's name comes from eSpeak's own files
                program.command("speak", voicing.name, *map(str, numbers)),
                stdin=subprocess.PIPE,
                stdout=out.fileno(),
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment(),
                cwd=os.path.abspath(os.sep),
                start_new_session=True,  # an interrupt from the terminal is for the server, which ends the child itself
            )
        except OSError as exc:
            raise EngineUnreachable("The process in which eSpeak NG speaks cannot be started.", "Try again in a while.") from exc
        # A thread, because not every system can wait for a pipe with a time limit.
        self._listener = threading.Thread(target=self._listen, name="espeak-reports", daemon=True)
        try:
            self._listener.start()
        except RuntimeError as exc:
            self.close()
            raise EngineUnreachable("No thread can be started to listen to eSpeak NG.", "Try again in a while.") from exc

    def close(self) -> None:
        """Kill the child, which has nothing left to do that matters, and free what belongs to it. May be called again."""
        self._process.kill()
        self._process.wait()
        if self._listener.ident is not None:  # it was started
            self._listener.join()
        for pipe in (self._process.stdin, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def speak(self, text: str, silence_samples: int, tick: Callable[[int], None]) -> Heard:
        """Have one part spoken.

        Args:
            text: Without NUL and lone surrogates.
            silence_samples: To be written after it.
            tick: Called every TICK_S at least and every TICK_S / 4 at most, with the place that speech has reached (1-based, 0 =
                none); may raise to stop.

        Raises:
            ChildDied: see there.
            EngineUnreachable: The child ended before it could read any text.
            UnknownVoice: eSpeak does not know the voice.
            EngineRefused: The sound goes beyond `sound_bytes`.
            StoreUnavailable: The disk takes no more.
        """
        data = text.encode("utf-8")
        heard = Heard()
        try:
            deadline = time.monotonic() + self._limits.start_s
            while not self._ready:
                self._hear(heard, deadline, tick)
        except ChildDied as exc:
            raise EngineUnreachable("The process in which eSpeak NG speaks does not start.", "Try again in a while.") from exc
        self._send(len(data).to_bytes(4, "little") + silence_samples.to_bytes(4, "little") + data)
        deadline = time.monotonic() + self._limits.part_s + self._limits.byte_s * len(data)
        while not self._hear(heard, deadline, tick):
            pass
        return heard

    def _send(self, data: bytes) -> None:
        """Send a part. The child is ready and reads the whole of it before it does anything else: this does not block for long."""
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: it was asked for as a pipe
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._process.stdin.fileno(), view) :]
        except OSError as exc:
            raise ChildDied from exc

    def _hear(self, heard: Heard, deadline: float, tick: Callable[[int], None]) -> bool:
        """Take in what was reported, waiting for a tick at most; answer whether the part is done."""
        chunks = []
        try:
            chunks.append(self._reports.get(timeout=TICK_S))
            while chunks[-1]:  # what came while `tick` was busy
                chunks.append(self._reports.get_nowait())
        except queue.Empty:
            pass
        *lines, self._rest = (self._rest + b"".join(chunks)).split(b"\n")
        done = any([self._understand(line.split(b" "), heard) for line in lines])
        now = time.monotonic()
        if not done and (b"" in chunks or now > deadline):
            raise ChildDied
        if now >= self._next_tick:
            tick(heard.words[-1][0] if heard.words else 0)
            self._next_tick = time.monotonic() + TICK_S / 4
        return done

    def _understand(self, words: list[bytes], heard: Heard) -> bool:
        """Take one line in; answer whether it says that the part is done. What has not our form is the library's own words."""
        kind = words[0]
        if len(words) != _NUMBERS.get(kind, -1) + 1 or not all(word.isdigit() for word in words[1:]):
            return False
        numbers = [int(word) for word in words[1:]]
        if kind == b"w":
            heard.words.append((numbers[0], numbers[1]))
        elif kind == b"e":
            heard.ends.append(numbers[0])
        elif kind == b"r":
            self._ready = numbers[0] == RATE_HZ
        elif kind == b"d":
            heard.sample_count = numbers[0]
        elif kind == b"v":
            raise UnknownVoice("eSpeak NG does not know this voice.", "Choose another voice.")
        else:
            raise _write_failure(numbers[0])
        return kind == b"d"

    def _listen(self) -> None:
        """Hand reports over as they come; empty bytes are the end."""
        assert self._process.stderr is not None  # noqa: S101 - for the type checker: it was asked for as a pipe
        data = b"."
        while data:
            data = os.read(self._process.stderr.fileno(), 65_536)
            self._reports.put(data)


def _write_failure(number: int) -> AppError:
    """What it means that the child could not write its sound."""
    if number == errno.EFBIG:
        return EngineRefused(
            "The sound grows far longer than a text of this length takes.", "Choose a voice of the text's own language."
        )
    return StoreUnavailable(
        f"The sound cannot be written to the disk ({os.strerror(number)}).", "Free some space, or ask the operator to do so."
    )
