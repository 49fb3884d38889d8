"""Speech that is heard while it is spoken: what an engine has settled is levelled and encoded at once, into a file that grows.

Nothing can be taken back here. Short speech, which the engine ends before the first seconds are full, is made whole instead,
exactly as `synthesize` makes it; longer speech is a `Stream`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path

from utils.audio.codec import FORMATS
from utils.audio.pcm import PcmFile
from utils.errors import EngineError, EngineRefused
from utils.speech import voices
from utils.speech.choose import Choice, Chooser
from utils.speech.contract import Part, Prosody, Run, SpeechRequest
from utils.speech.finish import Finish, finish_sound, storing
from utils.speech.plan import Plan, plan
from utils.speech.sentences import split
from utils.speech.stream import Outlet, Stream
from utils.speech.synthesize import has_sound, no_sound

FIRST_CHARS = 400  # spoken in one go at first, some 25 s of sound
LONG_SENTENCE_CHARS = 1_200  # is not cut for that
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
        stream = Stream(path, choice, outlet, run)
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
    stream: Stream,
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


def formats() -> tuple[str, ...]:
    """Keys of the formats in which speech can be heard while it is spoken."""
    return tuple(key for key, form in FORMATS.items() if form.streamable)
