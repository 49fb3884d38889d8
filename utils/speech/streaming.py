"""Speech that is heard while it is spoken: what an engine has settled is levelled and encoded at once, into a file that grows.

Nothing can be taken back here. Short speech, which the engine ends before FIRST_S of sound, is made whole instead, exactly as
`synthesize` makes it. Of longer speech the first seconds decide where the sound begins and how loud it is: one gain for all of it,
held lower in a stretch whose peaks would go over the limit, and changed in the silence between stretches.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

from utils.audio import edges, effects, loudness
from utils.audio.codec import FORMATS, encode_stream
from utils.audio.pcm import Pcm, PcmFile
from utils.errors import Cancelled, EngineError, EngineRefused
from utils.speech import voices
from utils.speech.choose import Choice, Chooser
from utils.speech.contract import Part, Prosody, Run, SpeechRequest, Spoken
from utils.speech.finish import Finish, chains_of, finish_sound, silence, storing
from utils.speech.plan import Plan, plan
from utils.speech.sentences import split
from utils.speech.synthesize import has_sound, no_sound

FIRST_S = 8.0  # of sound: enough to measure its loudness to a decibel or so
FIRST_CHARS = 400  # spoken in one go at first, some 25 s of sound
LONG_SENTENCE_CHARS = 1_200  # is not cut for that
PIECE_SAMPLES = 8_192  # that the encoder gets at a time: what it makes of them is sent before it gets more
PATIENCE_S = 0.05  # how often somebody who waits looks whether the work must stop
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Saying:
    """What is wanted beyond a SpeechRequest.

    Attributes:
        variant: Of eSpeak's voice, such as `f3`; empty = the voice itself. Other engines have none.
        tempo: Factor of the speed beyond what the request may ask for.
    """

    variant: str = ""
    tempo: float = 1.0


@dataclass(frozen=True)
class Said:
    """What came of it.

    Attributes:
        seconds: Length of the sound.
        characters: Spoken, after cleaning.
        engine: Name of the engine that spoke.
        voice: Id of its voice.
        language: Tag of the voice.
        fallback: Why another engine than the first choice spoke, or empty.
        streamed: It was heard while it was spoken.
    """

    seconds: float
    characters: int
    engine: str
    voice: str
    language: str
    fallback: str
    streamed: bool


class Outlet(Protocol):
    """Where the sound goes; exactly one of the two is called, once."""

    def begin(self, choice: Choice) -> BinaryIO:
        """Sound of this voice begins: where it is written to, a little at a time. It is closed in the end."""
        ...

    def take(self, choice: Choice, built: Path) -> None:
        """The sound is finished and lies here, in the folder that was given."""
        ...


def say(
    request: SpeechRequest, saying: Saying, *, chooser: Chooser, folder: Path, outlet: Outlet, run: Run, max_chars: int
) -> Said:
    """Speak a request into an outlet.

    Args:
        request: What to speak; its format is one that is streamable.
        saying: What is wanted beyond it.
        chooser: Puts the engines in order; the next one speaks only as long as nothing was heard of the one before.
        folder: For temporary files, which are removed in any case.
        outlet: Where the sound goes.
        run: Who it is for.
        max_chars: Longest text.

    Raises:
        BadInput: or a child of it, before anything is spoken.
        EngineError: or a child of it: nobody could speak it, or not to its end.
        StoreUnavailable: The disk is full.
        Cancelled: `run.progress` said so.
    """
    laid_out = plan(request, max_chars)
    parts = quick_to_begin(laid_out.parts, laid_out.language)
    choices = chooser.choices(request)
    reason = ""
    path = folder / ".spoken.pcm"
    for number, offered in enumerate(choices, 1):
        choice = _with_variant(replace(offered, reason=reason) if reason else offered, saying.variant)
        stream = _Stream(path, choice, outlet, run)
        try:
            with storing():
                return _said(request, saying, laid_out, parts, choice, stream, folder, run)
        except EngineError as exc:
            reason = chooser.failed(choice, exc)
            log.warning("say: %s failed with %s, %d characters", choice.engine.name, exc.code, laid_out.characters)
            if number == len(choices) or stream.has_begun:
                raise
        finally:
            stream.close()
            path.unlink(missing_ok=True)
    raise EngineRefused("No engine could speak this text.", "Try again in a while.")


def quick_to_begin(parts: tuple[Part, ...], language: str) -> tuple[Part, ...]:
    """The same parts, the first one cut at a sentence end where it is long, so that its begin is settled early."""
    if not parts or len(parts[0].text) <= LONG_SENTENCE_CHARS:
        return parts
    first, *sentences = split(parts[0].text, language)
    while sentences and len(first) + 1 + len(sentences[0]) <= FIRST_CHARS:
        first += " " + sentences.pop(0)
    if not sentences or len(first) > LONG_SENTENCE_CHARS:
        return parts
    return (Part(first), replace(parts[0], text=" ".join(sentences)), *parts[1:])


def _with_variant(choice: Choice, variant: str) -> Choice:
    if not variant or choice.engine.name != "espeak" or "+" in choice.voice.id:
        return choice
    return replace(choice, voice=voices.find(f"{choice.voice.id}+{variant}"))


def _said(
    request: SpeechRequest,
    saying: Saying,
    laid_out: Plan,
    parts: tuple[Part, ...],
    choice: Choice,
    stream: _Stream,
    folder: Path,
    run: Run,
) -> Said:
    native = choice.engine.native
    wanted = Finish(
        speed=saying.tempo * (1.0 if "speed" in native else request.speed),
        pitch=0.0 if "pitch" in native else request.pitch,
        trim=request.trim,
        loudness=request.loudness,
        lead_s=laid_out.lead_s,
        tail_s=laid_out.tail_s,
        format=request.format,
        tags={},
    )
    stream.wanted = wanted
    prosody = Prosody(request.speed, request.pitch)
    with stream.path.open("w+b") as out:
        spoken = choice.engine.speak(parts, choice.voice, prosody, out, run, stream.settled)
    pcm = PcmFile(stream.path, spoken.rate_hz)
    if pcm.sample_count < spoken.sample_count or not has_sound(pcm):
        raise no_sound(choice)
    if stream.has_begun:
        seconds = stream.end(spoken)
    else:
        made = finish_sound(pcm, (), wanted, folder, "sound", lambda part: run.progress(part, 1.0))
        stream.outlet.take(choice, folder / made.files[0][0])
        seconds = made.seconds
    return Said(
        seconds=round(seconds, 3),
        characters=laid_out.characters,
        engine=choice.engine.name,
        voice=choice.voice.id,
        language=choice.voice.language,
        fallback=choice.reason,
        streamed=stream.has_begun,
    )


class _Unwanted(Exception):
    """Nobody wants the sound any more."""


class _Stream:
    """Takes what an engine has settled, and in a thread of its own levels it, changes it and encodes it.

    Attributes:
        path: Of the engine's sound.
        outlet: Where ours goes.
        wanted: What is to be done to it; set before the engine speaks.
    """

    wanted: Finish

    def __init__(self, path: Path, choice: Choice, outlet: Outlet, run: Run) -> None:
        self.path = path
        self.outlet = outlet
        self._choice = choice
        self._run = run
        self._changed = threading.Condition()
        self._ready: deque[int] = deque()  # ends of stretches that are settled and not yet looked at
        self._rate_hz = 0
        self._over = self._unwanted = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._samples = 0  # that went out, before effects

    @property
    def has_begun(self) -> bool:
        """Something may have been heard: nobody else can speak now."""
        return self._thread is not None

    def settled(self, samples: int, rate_hz: int) -> None:
        """So many samples of the engine's file stay as they are. Raises what went wrong on this side meanwhile."""
        with self._changed:
            self._rate_hz = rate_hz
            if self._thread is None:
                self._ready.clear()  # what the first look is for
            self._ready.append(samples)
            self._changed.notify()
        if self._failure is not None:
            raise self._failure
        if self._thread is None and samples >= FIRST_S * rate_hz and edges.peak(self._sound(0, samples)) > edges.LEAST:
            self._thread = threading.Thread(target=self._encode, name="say", daemon=True)
            self._thread.start()

    def end(self, spoken: Spoken) -> float:
        """The engine has spoken all; wait until all is encoded. The length of the sound in seconds."""
        with self._changed:
            self._ready.append(spoken.sample_count)
            self._over = True
            self._changed.notify()
        thread = self._thread
        while thread is not None and thread.is_alive():
            thread.join(PATIENCE_S)
            self._run.progress(1.0, 1.0)
        if self._failure is not None:
            raise self._failure
        return self._samples / self._rate_hz / self.wanted.speed + self.wanted.lead_s + self.wanted.tail_s

    def close(self) -> None:
        """End the thread, whatever it does."""
        with self._changed:
            self._unwanted = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _encode(self) -> None:
        try:
            with storing(), closing(self.outlet.begin(self._choice)) as out:
                rate_hz = self._rate_hz
                lead, tail = round(self.wanted.lead_s * rate_hz), round(self.wanted.tail_s * rate_hz)
                spoken = effects.apply(self._levelled(), rate_hz, *chains_of(self.wanted))
                encode_stream(chain(silence(lead), spoken, silence(tail)), rate_hz, out, self.wanted.format)
        except _Unwanted:
            self._failure = Cancelled("Nobody listens any more.")
        except BaseException as exc:  # noqa: BLE001 - raised in the engine's thread
            self._failure = exc

    def _sound(self, start: int, stop: int) -> PcmFile:
        return PcmFile(self.path, self._rate_hz, start, stop)

    def _levelled(self) -> Iterator[Pcm]:
        """The sound without silence at its ends, at its level, as it is settled."""
        first = self._sound(0, self._ready[0])
        highest = edges.peak(first)
        level = max(edges.LEAST, round(highest * edges.THRESHOLD))
        at = edges.find(first)[0] if self.wanted.trim else 0
        measured = loudness.measure(first.blocks(), self._rate_hz)
        limit = loudness.PEAK_LIMIT * loudness.FULL_SCALE
        gain = 1.0 if self.wanted.loudness is None else loudness.gain(measured, self.wanted.loudness)
        over = False
        while not over:
            stop, over = self._next()
            stop = self._until(at, stop, level, over=over)
            stretch = self._sound(at, stop)
            at = stop
            loudest = edges.peak(stretch)
            held = min(gain, limit / loudest) if loudest and self.wanted.loudness is not None else gain
            yield from self._told(loudness.amplify(stretch.blocks(), held))

    def _until(self, at: int, stop: int, level: int, *, over: bool) -> int:
        """Up to where the sound may go out: what is silent at its end waits, for nobody knows whether more follows."""
        if not self.wanted.trim:
            return stop
        behind = edges.behind(self._sound(at, stop), level)
        if over:
            behind += round(edges.MARGIN_S * self._rate_hz) if behind else 0
        return min(stop, at + behind)

    def _next(self) -> tuple[int, bool]:
        """Wait for the end of the next settled stretch; whether it is the last one."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._ready) or self._unwanted)
            if self._unwanted:
                raise _Unwanted
            return self._ready.popleft(), self._over and not self._ready

    def _told(self, blocks: Iterable[Pcm]) -> Iterator[Pcm]:
        for block in blocks:
            for start in range(0, len(block), PIECE_SAMPLES):
                if self._unwanted:
                    raise _Unwanted
                piece = block[start : start + PIECE_SAMPLES]
                self._samples += len(piece)
                yield piece


def formats() -> tuple[str, ...]:
    """Keys of the formats in which speech can be heard while it is spoken."""
    return tuple(key for key, form in FORMATS.items() if form.streamable)
