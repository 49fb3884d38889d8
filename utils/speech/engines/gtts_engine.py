"""The gTTS engine: text in pieces of at most 100 characters, spoken by Google's speech service, put together in order.

Pieces are fetched by a few threads at a time with a bounded look-ahead, so that memory stays flat whatever the length. The
service knows neither speed nor pitch: both are done to the sound afterwards.
"""

from __future__ import annotations

import importlib.util
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, BinaryIO

from utils.errors import NothingToSay
from utils.speech.contract import Mark, Part, Prosody, Run, Settled, Spoken, Voice
from utils.speech.engines.gtts_check import RATE_HZ, sayable, unfitting, window
from utils.speech.engines.gtts_client import TIMEOUTS_S, GoogleClient, missing
from utils.speech.engines.gtts_fetcher import Fetcher, Means
from utils.speech.engines.gtts_governor import Governor
from utils.speech.engines.gtts_voices import Speaker, speaker_of
from utils.speech.pack import pack

if TYPE_CHECKING:
    from utils.audio.pcm import Pcm
    from utils.settings import Settings

MAX_CHARS = 100  # what the service takes in one request
PATIENCE_S = 120.0  # longest pause asked by Google that a speech waits for; a longer one is an error that says how long
REPORT_S = 0.2  # progress is reported, and a wish to stop is heard, this often
_ZEROS = bytes(2 * RATE_HZ)  # a second of silence, s16
AHEAD = 3  # pieces fetched ahead for each thread


class GttsEngine:
    """Speaks with Google's voices. Thread-safe; one for a process, because it holds the process's governor."""

    name = "gtts"
    label = "Google (gTTS)"
    native: frozenset[str] = frozenset()

    def __init__(
        self,
        governor: Governor,
        *,
        workers: int,
        endpoint: str = "",
        timeouts_s: tuple[float, float] = TIMEOUTS_S,
        patience_s: float = PATIENCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Cheap: no library is imported and nothing is sent.

        Args:
            governor: Of the whole process.
            workers: Threads that fetch for one speech.
            endpoint: Base URL instead of Google's.
            timeouts_s: To connect, and between two pieces of an answer.
            patience_s: Longest pause asked by Google that is waited for.
            sleep: Rests between two tries of one piece.
        """
        self._workers = workers
        client = GoogleClient(endpoint=endpoint, connections=workers, timeouts_s=timeouts_s)
        self._means = Means(client, governor, sleep, endpoint, patience_s)

    @classmethod
    def from_settings(cls, settings: Settings) -> GttsEngine:
        """The engine with its governor; call once a process."""
        governor = Governor(settings.gtts_requests_per_second, settings.gtts_workers)
        return cls(governor, workers=settings.gtts_workers, endpoint=settings.gtts_endpoint)

    def requests(self, parts: Sequence[Part]) -> int:
        """One for each different piece; what is already in the session's cache is spared as well."""
        return len({piece for pieces in _pieces_of(parts) for piece in pieces})

    def available(self) -> str:
        """Whether the packages are there; whether Google answers is known only when it is asked."""
        for package in ("gtts", "requests", "av"):
            if importlib.util.find_spec(package) is None:
                return missing(package).sentence
        return ""

    def close(self) -> None:
        """Close the kept-open connections."""
        self._means.client.close()

    def speak(
        self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run, settled: Settled | None = None
    ) -> Spoken:
        """See SpeechEngine; marks are pieces, with the exact length of their sound.

        Raises:
            UnknownVoice: Not a voice or accent of gTTS.
            NothingToSay: No letter and no digit in any part.
            EngineUnreachable: No connection, a time-out, a bad certificate, or a service out of order, after retries.
            EngineBusy: Google asked for a longer pause than a speech waits for.
            EngineRefused: An answer without sound that fits the text.
            Cancelled: `run.progress` said so.
        """
        speaker = self._speaker(voice)
        pieces = _pieces_of(parts, voice.language)
        flat = [piece for of_part in pieces for piece in of_part]
        if not flat:
            raise NothingToSay("There is no letter and no digit in this text.", "Write something that can be spoken.")
        fetcher = Fetcher(self._means, speaker, run.session_id, run.cache)
        reporter = _Reporter(run, fetcher, sum(map(len, flat)))
        reporter.report()
        writer = _Writer(out, settled)
        sounds = _in_order(flat, fetcher, min(self._workers, len(flat)), reporter)
        try:
            for index, part in enumerate(parts):
                for piece in pieces[index]:
                    writer.piece(next(sounds), piece, index)
                writer.silence(part.pause_after_s)
                writer.part_ends.append(writer.sample_count)
        finally:
            sounds.close()
            reporter.clear()
        spoken_s, fits = writer.spoken_samples / RATE_HZ, window(flat)
        if not fits.holds(spoken_s):
            raise unfitting(spoken_s, fits, "the whole text")
        marks, ends = tuple(writer.marks), tuple(writer.part_ends)
        return Spoken(RATE_HZ, writer.sample_count, marks, fetcher.requests, fetcher.cached, part_ends=ends)

    def _speaker(self, voice: Voice) -> Speaker:
        try:
            from gtts.lang import tts_langs
        except ImportError as exc:
            raise missing(exc.name or "gtts") from exc
        return speaker_of(voice, tts_langs())


def _pieces_of(parts: Sequence[Part], language: str = "") -> list[list[str]]:
    """The pieces of each part; what is punctuation alone is silent and makes no request."""
    return [[piece for piece in pack(part.text, MAX_CHARS, language) if sayable(piece)] for part in parts]


def _in_order(pieces: Sequence[str], fetcher: Fetcher, workers: int, reporter: _Reporter) -> Generator[Pcm, None, None]:
    """Yield the sounds in the order of the pieces, while threads fetch a bounded number ahead.

    Closing the generator stops the threads without waiting for what is on the wire.
    """
    pool = ThreadPoolExecutor(workers, thread_name_prefix="gtts")
    left = iter(pieces)
    ahead: deque[tuple[str, Future[Pcm]]] = deque()
    try:
        while True:
            while len(ahead) < workers * AHEAD and (piece := next(left, None)) is not None:
                same = next((future for text, future in ahead if text == piece), None)
                if same is not None:
                    fetcher.count_cached()
                ahead.append((piece, same or pool.submit(fetcher.sound, piece)))
            if not ahead:
                return
            piece, future = ahead.popleft()
            while not future.done():
                wait([future], REPORT_S)
                reporter.report()
            sound = future.result()
            reporter.report(len(piece))
            yield sound
    finally:
        fetcher.stop()
        pool.shutdown(wait=False, cancel_futures=True)


class _Reporter:
    """Tells a run how far its speech is, in characters, and why it is slow; in the run's own thread only."""

    def __init__(self, run: Run, fetcher: Fetcher, total: int) -> None:
        self._run = run
        self._fetcher = fetcher
        self._done = 0
        self._total = total
        self._noted = ""

    def report(self, more: int = 0) -> None:
        """Say what is new. Raises Cancelled when the run was cancelled."""
        self._done += more
        self._run.progress(self._done, self._total)
        self._note(self._fetcher.trouble())

    def clear(self) -> None:
        """Take the last note back."""
        self._note("")

    def _note(self, sentence: str) -> None:
        if sentence != self._noted:
            self._noted = sentence
            self._run.note(sentence)


class _Writer:
    """Writes sounds and silences and keeps the marks."""

    def __init__(self, out: BinaryIO, settled: Settled | None) -> None:
        self._out = out
        self._settled = settled
        self.sample_count = 0
        self.spoken_samples = 0
        self.part_ends: list[int] = []
        self.marks: list[Mark] = []

    def piece(self, samples: Pcm, text: str, part: int) -> None:
        start = self.sample_count
        self._out.write(samples.astype("<i2", copy=False).tobytes())
        self.sample_count += len(samples)
        self.spoken_samples += len(samples)
        self.marks.append(Mark(start / RATE_HZ, self.sample_count / RATE_HZ, text, part))
        if self._settled is not None:
            self._out.flush()
            self._settled(self.sample_count, RATE_HZ)

    def silence(self, seconds: float) -> None:
        left = round(seconds * RATE_HZ)
        self.sample_count += left
        while left > 0:
            self._out.write(_ZEROS[: 2 * left])
            left -= RATE_HZ
