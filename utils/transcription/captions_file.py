"""Lines of captions.jsonl: read by whoever shows captions, by a job that goes on, and by what makes files of them at the end."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.transcription.captions_agree import SEAM_WORDS, SENTENCE_ENDS
from utils.transcription.captions_rules import Caption, Past
from utils.transcription.contract import Segment, Transcript, Word

PAUSE_S = 0.8  # between two words: another segment begins
LONGEST_S = 20.0  # of a segment


def line(caption: Caption) -> bytes:
    """One line, with its end; appended in one write it is there as a whole or cut off."""
    return json.dumps(caption.as_dict(), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def captions_of(path: Path) -> Iterator[Caption]:
    """The captions in a file, in order, until its end or the first line that is cut off or damaged; none if there is no file."""
    try:
        with path.open("rb") as file:
            for data in file:
                if not data.endswith(b"\n"):
                    return
                try:
                    yield Caption.from_dict(json.loads(data))
                except (ValueError, KeyError, TypeError):
                    return
    except FileNotFoundError:
        return


def past_of(captions: Iterable[Caption]) -> Past:
    """Where to go on behind these."""
    past = Past()
    words: list[Word] = []
    for caption in captions:
        needed = [word for word in words if word.end > caption.settled]
        words = [*words[: len(words) - len(needed)][-SEAM_WORDS:], *needed, *caption.words]
        past = Past(caption.n, caption.settled, tuple(words), caption.end, caption.language or past.language)
    return past


def segments(words: Iterable[Word], language: str = "") -> tuple[Segment, ...]:
    """Committed words as segments: a sentence each, or what lies between two pauses."""
    made: list[Segment] = []
    group: list[Word] = []
    for word in words:
        if group and (
            word.start - group[-1].end >= PAUSE_S
            or group[-1].text.rstrip().endswith(SENTENCE_ENDS)
            or word.end - group[0].start > LONGEST_S
        ):
            made.append(_segment(group, language))
            group = []
        group.append(word)
    return (*made, _segment(group, language)) if group else tuple(made)


def transcript_of(captions: Iterable[Caption], *, engine: str, model: str, seconds: float) -> Transcript:
    """The captions as a transcript, from which text and subtitles are rendered as from any other.

    Args:
        captions: All of them.
        engine: `whisper` or `draft`.
        model: Its name for people.
        seconds: Length of the recording.
    """
    words: list[Word] = []
    language = ""
    for caption in captions:
        words += caption.words
        language = caption.language or language
    return Transcript(segments(words, language), language, None, engine, model, seconds)


def _segment(words: list[Word], language: str) -> Segment:
    return Segment(words[0].start, words[-1].end, "".join(word.text for word in words).strip(), tuple(words), language)
