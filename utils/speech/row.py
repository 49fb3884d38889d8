"""One row of a batch from its request to its files; and several rows spoken in one go, for engines that cost a process a call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from utils.audio.pcm import PcmFile
from utils.speech.choose import Choice
from utils.speech.contract import Mark, Prosody, Run, SpeechRequest, Spoken
from utils.speech.finish import storing
from utils.speech.finish_row import FinishedRow, FinishTask, RowFiles
from utils.speech.plan import Plan
from utils.speech.synthesize import finish_of, has_sound, no_sound
from utils.subtitles import Cue

LEAST_LETTER_S = 0.02  # less sound a letter than this is looked at again: normal prose takes 0.06


@dataclass(frozen=True)
class RowTask:
    """A row to be spoken.

    Attributes:
        number: As in the table.
        stem: Of its files' names.
        request: What it says and how.
    """

    number: int
    stem: str
    request: SpeechRequest


@dataclass(frozen=True)
class SpokenRow:
    """What came of a row.

    Attributes:
        files: Names in the folder, the sound first.
        engine: Name of the engine that spoke.
        fallback: Why it was another than the first choice, or empty.
        language: BCP 47 tag.
        voice: Id of the voice.
        seconds: Length of the sound.
        characters: Spoken, after cleaning.
        requests: Sent to a service.
        cues: In seconds of the sound; empty unless asked for.
    """

    files: tuple[str, ...]
    engine: str
    fallback: str
    language: str
    voice: str
    seconds: float
    characters: int
    requests: int
    cues: tuple[Cue, ...] = ()


@dataclass(eq=False)
class Ready:
    """A row that was planned, and its way through the engines.

    Attributes:
        task: The row.
        plan: What will be spoken.
        choices: Engines still to try, in order; at least one.
        reason: Why an earlier one did not speak, or empty.
        alone: Not to be spoken together with others any more.
        waits: How often it was put back because a service asked for a pause.
    """

    task: RowTask
    plan: Plan
    choices: list[Choice] = field(default_factory=list)
    reason: str = ""
    alone: bool = False
    waits: int = 0

    @property
    def choice(self) -> Choice:
        """The engine whose turn it is."""
        return replace(self.choices[0], reason=self.reason) if self.reason else self.choices[0]

    @property
    def asks(self) -> bool:
        """That engine asks a service."""
        return self.choices[0].engine.requests(self.plan.parts) > 0

    @property
    def prosody(self) -> Prosody:
        """As the request wants it."""
        return Prosody(self.task.request.speed, self.task.request.pitch)


@dataclass(frozen=True)
class Take:
    """The sound of one row as an engine spoke it.

    Attributes:
        pcm: A stretch of a file, which rows of one group share.
        marks: In seconds of the stretch.
        requests: Sent to a service.
        pitch_left: As in Spoken.
    """

    pcm: PcmFile
    marks: tuple[Mark, ...]
    requests: int
    pitch_left: float


def speak(rows: Sequence[Ready], path: Path, run: Run) -> list[Take | None]:
    """Speak rows with one call of their engine; they have engine, voice and prosody in common.

    Args:
        rows: At least one.
        path: File for the sound of all of them; the caller removes it.
        run: Told the progress, and asked whether to stop.

    Returns:
        The sound of each row, or None where a row of several came out suspiciously short: speak it by itself to find out why.

    Raises:
        AppError: As SpeechEngine.speak; of several rows nobody knows then which one it was.
    """
    choice, prosody = rows[0].choice, rows[0].prosody
    parts = [part for row in rows for part in row.plan.parts]
    with storing():
        with path.open("w+b") as out:
            spoken = choice.engine.speak(parts, choice.voice, prosody, out, run)
        if len(rows) == 1:
            pcm = PcmFile(path, spoken.rate_hz)
            if pcm.sample_count < spoken.sample_count or not has_sound(pcm):
                raise no_sound(choice)
            return [Take(pcm, spoken.marks, spoken.requests, spoken.pitch_left)]
        if len(spoken.part_ends) != len(parts):
            return [None] * len(rows)
        return _takes(rows, spoken, path, prosody.speed)


def _takes(rows: Sequence[Ready], spoken: Spoken, path: Path, speed: float) -> list[Take | None]:
    """Cut what was spoken for several rows."""
    takes: list[Take | None] = []
    begin = first = at = 0
    for row in rows:
        behind = first + len(row.plan.parts)
        end = spoken.part_ends[behind - 1]
        offset_s = begin / spoken.rate_hz
        marks = []
        while at < len(spoken.marks) and spoken.marks[at].part < behind:
            mark = spoken.marks[at]
            marks.append(replace(mark, start=mark.start - offset_s, end=mark.end - offset_s, part=mark.part - first))
            at += 1
        pcm = PcmFile(path, spoken.rate_hz, begin, end)
        take = Take(pcm, tuple(marks), 0, spoken.pitch_left)
        takes.append(None if _is_doubtful(row, take, speed) else take)
        begin, first = end, behind
    return takes


def _is_doubtful(row: Ready, take: Take, speed: float) -> bool:
    letters = sum(sum(map(str.isalnum, part.text)) for part in row.plan.parts)
    spoken_s = take.pcm.seconds - sum(part.pause_after_s for part in row.plan.parts)
    return not take.marks or spoken_s * speed < letters * LEAST_LETTER_S or not has_sound(take.pcm)


def finish_task(row: Ready, take: Take, folder: Path, files: RowFiles) -> FinishTask:
    """What is to be done to a row's sound."""
    wanted = finish_of(row.task.request, row.plan, row.choice, take.pitch_left)
    return FinishTask(take.pcm, take.marks, wanted, folder, row.task.stem, files)


def spoken_row(row: Ready, take: Take, made: FinishedRow) -> SpokenRow:
    """What came of a row."""
    choice = row.choice
    return SpokenRow(
        files=made.files,
        engine=choice.engine.name,
        fallback=choice.reason,
        language=choice.voice.language,
        voice=choice.voice.id,
        seconds=made.seconds,
        characters=row.plan.characters,
        requests=take.requests,
        cues=made.cues,
    )
