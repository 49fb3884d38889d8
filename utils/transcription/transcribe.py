"""From decoded sound to a transcript, in flat memory however long it is.

    window    about ten minutes of samples: read, voice detector, cut in a silence, while the one before is decoded
    chunk     at most 30 s of it, cut in pauses
    stretch   the chunks of one call of the engine; through the gate, then on the disk before the next one begins

A job that was killed goes on behind the last stretch on the disk; one that is cancelled leaves there what is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import replace

from utils.audio.recording import Decoded, samples
from utils.errors import StoreUnavailable
from utils.transcription import gate, language, seams, windows, word_times
from utils.transcription.aside import Aside
from utils.transcription.contract import (
    RATE_HZ,
    Decoding,
    Dropped,
    GateReport,
    LanguageGuess,
    Progress,
    Samples,
    Segment,
    Span,
    Transcript,
    TranscriptionEngine,
    TranscriptionRequest,
)
from utils.transcription.heard import Plan, Window, chunk_of, later
from utils.transcription.levels import is_quiet, levels
from utils.transcription.partial import Partial, WindowResult, sum_of
from utils.transcription.windows import Chunk

log = logging.getLogger(__name__)

FIRST_SIZES = {True: (1, 3, 8), False: (1, 2, 4)}  # chunks a call, by `batch`; the first call is short: text soon
SIZES = {True: (8,), False: (4,)}  # batches of more than 8 gain nothing; one after the other is slower, so it is kept oftener

Check = Callable[[], None]


def transcribe(
    sound: Decoded,
    engine: TranscriptionEngine,
    request: TranscriptionRequest,
    *,
    partial: Partial,
    progress: Progress,
    note: Callable[[str], None],
    check: Check,
    lengths: windows.Lengths = windows.LENGTHS,
) -> Transcript:
    """Turn a recording into text.

    Args:
        sound: Decoded, RATE_HZ, mono, on disk.
        engine: Chosen for this request.
        request: What somebody asked for.
        partial: Where finished stretches are kept; those that are there already are not made again.
        progress: Told in seconds of sound; raises when the work must stop.
        note: Told in a sentence what takes long.
        check: Called between chunks and more often; raises when the work must stop.
        lengths: Of windows.

    Raises:
        EngineError: The engine cannot be had or failed.
        BadInput: An option cannot work with the model.
        StoreUnavailable: The text so far cannot be kept.
    """
    decoding = engine.open(request, note=note, check=check)
    aside = Aside(check)
    try:
        job = _Job(sound, decoding, aside, request, partial, progress, check, lengths, strict=engine.name == "draft")
        job.run()
        return job.transcript(engine.name)
    finally:
        aside.end(decoding.close)


class _Job:
    """One recording on its way."""

    def __init__(
        self,
        sound: Decoded,
        decoding: Decoding,
        aside: Aside,
        request: TranscriptionRequest,
        partial: Partial,
        progress: Progress,
        check: Check,
        lengths: windows.Lengths,
        *,
        strict: bool,
    ) -> None:
        self._sound = sound
        self._decoding = decoding
        self._aside = aside
        self._request = request
        self._partial = partial
        self._progress = progress
        self._check = check
        self._lengths = lengths
        self._strict = strict  # no scores: the voice detector must agree with every word
        self._total = sound.pcm.sample_count
        self._results = [result for result in partial.windows() if result.total == self._total]
        self._told = 0.0
        self._ahead: tuple[int, Future[Plan]] | None = None  # the window behind this one, and its first sample
        self._language = request.language
        self._probability: float | None = None
        for result in self._results[-1:]:
            self._language = result.language or self._language
            self._probability = result.language_probability

    @property
    def _next(self) -> int:
        return self._results[-1].next if self._results else 0

    def run(self) -> None:
        """All windows that are not there yet."""
        if self._results:
            log.info("transcribe: goes on at %.0f s of %.0f s", self._next / RATE_HZ, self._total / RATE_HZ)
        while self._next < self._total:
            self._tell(self._next)
            self._window()
        self._tell(self._total)

    def transcript(self, engine: str) -> Transcript:
        """Everything together."""
        segments = tuple(segment for result in self._results for segment in result.segments)
        found = language.usual(segments) if self._request.multilingual else self._language
        return Transcript(
            segments=segments,
            language=found if segments else "",
            language_probability=self._probability if segments else None,
            engine=engine,
            model=self._decoding.model.name,
            seconds=self._total / RATE_HZ,
            task=self._request.task,
            options=self._request.as_dict(),
            gate=sum_of([result.gate for result in self._results]),
            sound=self._sound.report.as_dict(),
        )

    def _read(self, start: int, stop: int) -> Samples:
        return samples(self._sound.pcm, start, min(stop, self._total))

    def _speech(self, heard: Samples) -> list[Span]:
        return self._aside.run(lambda: self._decoding.speech(heard))

    def _detect(self, heard: Samples) -> LanguageGuess:
        return self._aside.run(lambda: self._decoding.detect(heard))

    def _tell(self, sample: float) -> None:
        self._check()
        self._told = max(self._told, sample)  # stretches that overlap go back a little
        self._progress(self._told / RATE_HZ, self._total / RATE_HZ)

    def _window(self) -> None:
        """Have the chunks of the next window decoded; meanwhile the window behind it is read and cut."""
        plan = self._planned(self._next)
        window, cut = plan.window, plan.cut
        sizes = SIZES if window.begin else FIRST_SIZES
        stretches = windows.groups(plan.chunks, sizes[self._request.batch])
        for index, stretch in enumerate(stretches):
            if index == min(1, len(stretches) - 1) and not window.is_last:  # the very first text has the processors for itself
                self._ahead = self._look_at(window.begin + round(cut.next * RATE_HZ))
            following = stretches[index + 1][0] if index + 1 < len(stretches) else None
            self._stretch(window, stretch, following, cut, plan.dropped if following is None else [])
        if not stretches:
            self._keep(window, [], GateReport(dropped=later(plan.dropped, window.begin / RATE_HZ)), cut.next, cut.hard)

    def _look_at(self, begin: int) -> tuple[int, Future[Plan]]:
        """Begin to read the window that begins at a sample."""
        return begin, self._aside.begin(lambda: self._plan(begin))

    def _planned(self, begin: int) -> Plan:
        """The window that begins at a sample; most often it was looked at while the one before was decoded."""
        ahead, self._ahead = self._ahead, None
        _, answer = ahead if ahead is not None and ahead[0] == begin else self._look_at(begin)
        return self._aside.wait(answer)

    def _plan(self, begin: int) -> Plan:
        """Read a window and cut it. Runs beside everything else, so it changes nothing."""
        length_s = self._lengths.window_s if begin else self._lengths.first_s
        stop = begin + int(length_s * RATE_HZ)
        if self._total - stop < self._lengths.last_s * RATE_HZ:
            stop = self._total
        heard = self._read(begin, stop)
        speech, dropped = gate.voiced(heard, self._decoding.speech(heard))
        found = levels(heard)
        whole_s = len(heard) / RATE_HZ
        cut = windows.Cut(whole_s, whole_s) if stop >= self._total else windows.cut(whole_s, speech, found)
        speech = [replace(span, end=min(span.end, cut.end)) for span in speech if span.start < cut.end]
        if not self._request.vad:
            everything = [] if is_quiet(heard) else [Span(0.0, cut.end)]
            chunks, dropped = windows.chunks(cut.end, everything, found), []
        else:
            chunks = windows.chunks(cut.end, speech, found)
        return Plan(Window(begin, heard, speech, stop >= self._total), cut, chunks, dropped)

    def _stretch(
        self, window: Window, stretch: list[Chunk], following: Chunk | None, cut: windows.Cut, dropped: list[Dropped]
    ) -> None:
        """Decode, judge and keep the chunks of one call; when it is broken off, the chunks that are done."""
        tongue = self._tongue(window, stretch[0])
        heard: list[list[Segment]] = []
        try:
            for found in self._decoded(window, stretch, tongue):
                heard.append(found)
        except BaseException:
            if heard:
                rest = stretch[len(heard)]
                with suppress(StoreUnavailable):  # what broke it off is what people must know
                    self._judged(window, stretch[: len(heard)], heard, None, rest.start, rest.hard, [])
            raise
        place, hard = (following.start, following.hard) if following else (cut.next, cut.hard)
        self._judged(window, stretch, heard, tongue, place, hard, dropped)
        self._tell(self._next)

    def _tongue(self, window: Window, chunk: Chunk) -> str:
        """The language to decode in; decided at the first speech."""
        models = self._decoding.model.languages
        if not self._language and len(models) == 1:
            self._language = models[0]
        elif not self._language and not self._request.multilingual:
            first = window.part(Span(chunk.start, min(chunk.end, chunk.start + language.LISTEN_S)))
            behind = window.begin + round(chunk.end * RATE_HZ)
            guess = language.decide(first, self._read, behind, self._total, speech=self._speech, detect=self._detect)
            self._language, self._probability = guess.language, guess.probability
        return self._language

    def _decoded(self, window: Window, stretch: list[Chunk], tongue: str) -> Iterator[list[Segment]]:
        """The text of each chunk, in seconds of the window, as soon as the engine is through with it."""
        base = stretch[0].start
        spans = [Span(chunk.start - base, chunk.end - base) for chunk in stretch]
        found: list[list[Segment]] = [[] for _ in stretch]
        place = 0
        sound = window.part(Span(base, stretch[-1].end))
        with closing(self._aside.iterate(lambda: self._decoding.decode(sound, spans, tongue))) as generator:
            for segment in generator:
                self._check()
                reached = max(place, chunk_of(segment, spans))
                while place < reached:
                    yield found[place]
                    place += 1
                found[place].append(word_times.moved(segment, base))
                self._tell(min(window.begin + (base + segment.end) * RATE_HZ, self._total))
        yield from found[place:]

    def _judged(
        self,
        window: Window,
        stretch: list[Chunk],
        heard: list[list[Segment]],
        tongue: str | None,
        place_s: float,
        hard: bool,
        dropped: list[Dropped],
    ) -> None:
        """Send chunks through the gate, put their times right, and keep them. `tongue` None: nothing is decoded again."""
        made: list[Segment] = []
        report = list(dropped)
        redone = 0
        for chunk, segments in zip(stretch, heard, strict=True):
            again = None if tongue is None else self._again(window, chunk, tongue or (segments[0].language if segments else ""))
            verdict = gate.judge(window.part(chunk.span), window.voice_s(chunk), segments, again)
            tidy = word_times.tidy(verdict.segments, chunk.span, window.speech)
            bounded = gate.bounded(tidy, window.heard, window.speech, strict=self._strict)
            made += bounded.segments
            report += [*verdict.dropped, *bounded.dropped]
            redone += verdict.again
            if tongue is not None:
                self._check()
        counts = GateReport(
            checked=len(stretch),
            again=redone,
            doubtful=sum(bool(segment.doubt) for segment in made),
            dropped=later(report, window.begin / RATE_HZ),
            speech_s=round(sum(window.voice_s(chunk) for chunk in stretch), 3),
        )
        self._keep(window, seams.trimmed(made, stretch[-1].end) if hard else made, counts, place_s, hard)

    def _again(self, window: Window, chunk: Chunk, tongue: str) -> Callable[[], Sequence[Segment]]:
        def decode() -> Sequence[Segment]:
            self._check()
            found = self._aside.run(lambda: self._decoding.again(window.part(chunk.span), tongue))
            return [word_times.moved(segment, chunk.start) for segment in found]

        return decode

    def _keep(self, window: Window, made: Sequence[Segment], report: GateReport, place_s: float, hard: bool) -> None:
        begin_s = window.begin / RATE_HZ
        segments = [word_times.rounded(word_times.moved(segment, begin_s)) for segment in made]
        last = self._results[-1] if self._results else None
        if last and last.hard:
            segments = seams.join(last.segments, segments, Span(last.next / RATE_HZ, last.next / RATE_HZ + windows.OVERLAP_S))
        if not self._request.multilingual:
            segments = [replace(segment, language=segment.language or self._language) for segment in segments]
        if not self._request.word_timestamps:  # suspects are decoded again with them
            segments = [replace(segment, words=()) for segment in segments]
        behind = (
            self._total if window.is_last and place_s * RATE_HZ >= len(window.heard) else window.begin + round(place_s * RATE_HZ)
        )
        result = WindowResult(
            start=self._next,
            next=behind,
            total=self._total,
            segments=tuple(segments),
            gate=report,
            language=self._language,
            language_probability=self._probability,
            hard=hard,
        )
        self._partial.append(result)
        self._results.append(result)
