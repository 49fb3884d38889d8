"""Text in, files out: plan, let an engine speak to disk, finish the sound. Memory stays flat whatever the length."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from utils.audio.pcm import PcmFile
from utils.errors import EngineError, EngineRefused
from utils.speech.choose import Choice, Chooser, label_of
from utils.speech.contract import PieceCache, Prosody, Run, SpeechRequest, Spoken
from utils.speech.finish import Finish, finish, storing
from utils.speech.plan import Plan, plan

log = logging.getLogger(__name__)

TITLE_WORDS = 8
# How much of the whole time speaking takes: nearly all of it when a service is asked, little when the engine is our own.
_SERVICE_SHARE, _OWN_SHARE = 0.95, 0.2


@dataclass(frozen=True)
class SpeechResult:
    """What came of a request.

    Attributes:
        files: (name, role) of what was written, the sound first.
        seconds: Length of the sound.
        engine: Name of the engine that spoke.
        engine_label: The same for people.
        fallback: Why another engine than the first choice spoke ("Google could not be reached"), or empty.
        voice: Id of the voice.
        voice_name: The same for people.
        language: BCP 47 tag.
        characters: Spoken, after cleaning.
        requests: Sent to a service.
        cached: Pieces that came from the session's cache instead.
        lufs: Loudness of the sound, or None when it was left alone.
        parts_redone: Parts that had to be spoken a second time.
    """

    files: tuple[tuple[str, str], ...]
    seconds: float
    engine: str
    engine_label: str
    fallback: str
    voice: str
    voice_name: str
    language: str
    characters: int
    requests: int
    cached: int
    lufs: float | None
    parts_redone: int

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the item; files are left out, the item lists them itself."""
        return {name: value for name, value in asdict(self).items() if name != "files"}


def synthesize(
    request: SpeechRequest, *, chooser: Chooser, folder: Path, stem: str, run: Run, max_chars: int = 100_000
) -> SpeechResult:
    """Speak a request into files in `folder`: `<stem>.<suffix>`, `<stem>.srt`, `<stem>.vtt`, `player.json`.

    `player.json` holds what a player draws: `{"seconds", "peaks": [0..100, ...], "words": [[start, end, "text"], ...]}`.

    Args:
        request: What to speak.
        chooser: Puts the engines in order.
        folder: An existing folder for the files and for temporary ones, which are removed in any case.
        stem: Of the files' names.
        run: Who it is for; told the progress in characters, and asked at least every two seconds whether to stop.
        max_chars: Longest text.

    Raises:
        BadInput: or a child of it, before anything is spoken.
        EngineError: or a child of it: nobody could speak it.
        StoreUnavailable: The disk is full.
        Cancelled: `run.progress` said so.
    """
    laid_out = plan(request, max_chars)
    spoken_path = folder / f".{stem}.spoken.pcm"
    try:
        with storing():
            choice, spoken = _speak(laid_out, request, chooser, spoken_path, run)
            wanted = finish_of(request, laid_out, choice, spoken.pitch_left)
            report = _Share(run, laid_out.characters, _share(choice, laid_out), 1.0)
            pcm = PcmFile(spoken_path, spoken.rate_hz)
            made = finish(pcm, spoken.marks, wanted, folder, stem, lambda part: report.progress(part, 1.0))
    finally:
        spoken_path.unlink(missing_ok=True)
    return SpeechResult(
        files=made.files,
        seconds=round(made.seconds, 3),
        engine=choice.engine.name,
        engine_label=label_of(choice.engine),
        fallback=choice.reason,
        voice=choice.voice.id,
        voice_name=choice.voice.name,
        language=choice.voice.language,
        characters=laid_out.characters,
        requests=spoken.requests,
        cached=spoken.cached,
        lufs=made.lufs,
        parts_redone=spoken.parts_redone,
    )


def finish_of(request: SpeechRequest, laid_out: Plan, choice: Choice, pitch_left: float) -> Finish:
    """What is still to be done to the sound that an engine spoke for a request; `pitch_left` as in Spoken."""
    native = choice.engine.native
    return Finish(
        speed=1.0 if "speed" in native else request.speed,
        pitch=pitch_left if "pitch" in native else request.pitch,
        trim=request.trim,
        loudness=request.loudness,
        lead_s=laid_out.lead_s,
        tail_s=laid_out.tail_s,
        format=request.format,
        tags=_tags(request, choice),
    )


def title_of(request: SpeechRequest) -> str:
    """The title that was given, else the first words of the text."""
    return " ".join(request.title.split()) or " ".join(request.text.split(maxsplit=TITLE_WORDS)[:TITLE_WORDS])


def _speak(laid_out: Plan, request: SpeechRequest, chooser: Chooser, path: Path, run: Run) -> tuple[Choice, Spoken]:
    """Let the engines try in order; answer the one that spoke into the file at `path`."""
    reason = ""
    choices = chooser.choices(request)
    for number, offered in enumerate(choices, 1):
        choice = replace(offered, reason=reason) if reason else offered
        if choice.reason:
            run.note(f"{choice.reason}; {label_of(choice.engine)} speaks instead.")
        try:
            return choice, _spoken_by(choice, laid_out, request, path, run)
        except EngineError as exc:
            reason = chooser.failed(choice, exc)
            log.warning("speech: %s failed with %s, %d characters", choice.engine.name, exc.code, laid_out.characters)
            if number == len(choices):
                raise
    raise EngineRefused("No engine could speak this text.", "Try again in a while.")


def _spoken_by(choice: Choice, laid_out: Plan, request: SpeechRequest, path: Path, run: Run) -> Spoken:
    prosody = Prosody(request.speed, request.pitch)
    report = _Share(run, laid_out.characters, 0.0, _share(choice, laid_out))
    with path.open("w+b") as out:
        spoken = choice.engine.speak(laid_out.parts, choice.voice, prosody, out, report)
    pcm = PcmFile(path, spoken.rate_hz)
    if pcm.sample_count < spoken.sample_count or not has_sound(pcm):
        raise no_sound(choice)
    return spoken


def has_sound(pcm: PcmFile) -> bool:
    """There is anything but silence in it."""
    return any(block.any() for block in pcm.blocks())


def no_sound(choice: Choice) -> EngineRefused:
    """The error of an engine that wrote nothing to hear."""
    return EngineRefused(
        f"{label_of(choice.engine)} gave no sound for this text.", "Change the text, or choose another voice or engine."
    )


def _share(choice: Choice, laid_out: Plan) -> float:
    return _SERVICE_SHARE if choice.engine.requests(laid_out.parts[:1]) else _OWN_SHARE


def _tags(request: SpeechRequest, choice: Choice) -> dict[str, str]:
    voice = choice.voice
    comment = f"{label_of(choice.engine)}, {voice.id}"
    return {"title": title_of(request), "artist": voice.name, "comment": comment, "language": voice.language}


class _Share:
    """A Run that takes a share of another one's progress; what it reports is in characters of the text."""

    def __init__(self, run: Run, characters: int, low: float, high: float) -> None:
        self._run, self._characters, self._low, self._high = run, characters, low, high

    @property
    def session_id(self) -> str:
        return self._run.session_id

    @property
    def cache(self) -> PieceCache:
        return self._run.cache

    def progress(self, done: float, total: float) -> None:
        part = min(1.0, done / total) if total else 0.0
        self._run.progress(round((self._low + (self._high - self._low) * part) * self._characters), self._characters)

    def note(self, sentence: str) -> None:
        self._run.note(sentence)
