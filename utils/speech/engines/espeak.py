"""eSpeak NG: the engine that needs no network. It speaks in a child process, see `espeak_child`.

The library is not safe in threads, and some texts abort the process that hosts it. So each call of `speak` has a child of its own,
which speaks all parts. When it dies, the part that it died of is spoken once more in a fresh child, sentence by sentence, and that
child goes on with the rest.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from contextlib import closing
from functools import cached_property
from typing import BinaryIO

from utils.errors import EngineCrashed, EngineRefused, EngineUnreachable, NothingToSay, UnknownVoice
from utils.speech.contract import Mark, Part, Prosody, Run, Settled, Spoken, Voice
from utils.speech.engines import espeak_library
from utils.speech.engines.espeak_marks import marks_of
from utils.speech.engines.espeak_process import BYTES_A_SAMPLE, RATE_HZ, Child, ChildDied, Heard, Program, Voicing
from utils.speech.engines.espeak_prosody import voicing_of
from utils.speech.engines.espeak_text import pieces, prepare, scripts_of, sentences

log = logging.getLogger(__name__)

MIN_LETTER_S = 0.015  # a third of what a letter takes in the densest text measured, 0.047 s
_HINT = "Choose a voice of the text's own language, or another engine."


class EspeakEngine:
    """A SpeechEngine, see `contract`."""

    name = "espeak"
    label = "eSpeak NG"
    native = frozenset({"speed", "pitch"})

    def __init__(self, program: Program | None = None) -> None:
        """Cheap: the library is looked up on first use.

        Args:
            program: What to run in the child; only tests give another one.
        """
        self._given = program

    @cached_property
    def _program(self) -> Program | None:
        if self._given is not None:
            return self._given
        library = espeak_library.find()
        return None if library is None else Program(library)

    def requests(self, parts: Sequence[Part]) -> int:
        """None: there is no service."""
        return 0

    def available(self) -> str:
        """Empty, or why eSpeak NG cannot work here."""
        return "" if self._program is not None else espeak_library.why_missing()

    def speak(
        self, parts: Sequence[Part], voice: Voice, prosody: Prosody, out: BinaryIO, run: Run, settled: Settled | None = None
    ) -> Spoken:
        """Speak all parts in order into `out`, a real file, from its current position on.

        Raises:
            UnknownVoice: eSpeak NG has no such voice or variant.
            NothingToSay: No letter, no digit and nothing with a name in any part.
            EngineUnreachable: The library is missing, or no process can be started.
            EngineCrashed: The child died again on a sentence that it had died of.
            EngineRefused: The sound is far too long or too short for the text.
            StoreUnavailable: The disk takes no more.
            Cancelled: `run.progress` said so.
        """
        program = self._program
        if program is None:
            raise EngineUnreachable(self.available(), "Choose another engine.")
        name = program.library.name_of(voice.key) if voice.engine == self.name else None
        if name is None:
            raise UnknownVoice(f"eSpeak NG has no voice “{voice.key[:40]}”.", "Choose another voice.")
        voicing, pitch_left = voicing_of(name, prosody)
        with closing(_Talk(program, voicing, prosody.speed, parts, out, run)) as talk:
            talk.report()
            for index in range(len(parts)):
                talk.say(index)
                if settled is not None:
                    settled(talk.samples, RATE_HZ)
            talk.report()
            return talk.finish(pitch_left)


class _Talk:
    """One call of `speak`: the child of the moment, and what is spoken so far."""

    def __init__(self, program: Program, voicing: Voicing, speed: float, parts: Sequence[Part], out: BinaryIO, run: Run) -> None:
        out.flush()
        self._begin = self._end = out.tell()  # bytes; at _end the last finished stretch ends
        os.lseek(out.fileno(), self._begin, os.SEEK_SET)  # the child shares this position
        self._program = program
        self._voicing = voicing
        self._scripts = scripts_of(voicing.name)
        self._speed = speed
        self._parts = parts
        self._out = out
        self._run = run
        self._child: Child | None = None
        self._marks: list[Mark] = []
        self._part_ends: list[int] = []
        self._redone = 0
        self._words = 0  # events heard
        self._characters = sum(len(part.text) for part in parts)
        self._passed = 0  # characters of finished stretches
        self._text_bytes = sum(len(part.text.encode("utf-8", "replace")) for part in parts)
        silence = sum(_silence(part) for part in parts)
        limit_s = self._text_bytes * program.limits.sound_s / speed + 60
        self._sound_bytes = self._begin + (int(limit_s * RATE_HZ) + silence) * BYTES_A_SAMPLE

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def report(self, reached: int = 0) -> None:
        """Say how far it is: all finished stretches, and so many characters of the present one. May raise Cancelled."""
        self._run.progress(self._passed + reached, self._characters)

    def say(self, index: int) -> None:
        """Speak one part and the silence after it; when the child dies of it, once more sentence by sentence."""
        part = self._parts[index]
        offset = self.samples
        passed = self._passed
        try:
            heard = self._stretch(part.text, _silence(part))
        except ChildDied:
            log.warning("espeak: the child died of part %d (%d characters), which is spoken again", index, len(part.text))
            self._redone += 1
            self._passed = passed
            heard = self._by_sentences(index, part)
        self._marks += marks_of(part.text, index, heard.words, heard.ends, offset, RATE_HZ)
        self._part_ends.append(self.samples)

    def finish(self, pitch_left: float) -> Spoken:
        """Check the sound against the text, and sum up."""
        self._out.seek(self._end)
        letters = sum(sum(map(str.isalnum, part.text)) for part in self._parts)
        if not letters and not self._words:
            raise NothingToSay("There is no letter and no digit in this text.", "Write something that can be spoken.")
        spoken_s = (self.samples - sum(_silence(part) for part in self._parts)) / RATE_HZ
        if letters and (not self._words or spoken_s * self._speed < letters * MIN_LETTER_S):
            raise EngineRefused("eSpeak NG gave no sound, or far too little, for this text.", _HINT)
        if os.fstat(self._out.fileno()).st_size < self._end:
            raise EngineRefused("Sound that eSpeak NG spoke did not reach the disk.", "Try again.")
        marks, ends = tuple(self._marks), tuple(self._part_ends)
        return Spoken(RATE_HZ, self.samples, marks, parts_redone=self._redone, pitch_left=pitch_left, part_ends=ends)

    @property
    def samples(self) -> int:
        """Spoken so far, silences included; only whole parts count, for the last one may have to be spoken again."""
        return (self._end - self._begin) // BYTES_A_SAMPLE

    def _stretch(self, text: str, silence_samples: int) -> Heard:
        """Have some text spoken; the words answered stand at indices of it. After ChildDied nothing of it is in the file."""
        prepared = prepare(text, self._scripts)

        def tick(place: int) -> None:
            self.report(min(max(prepared.index(place), 0), len(text)))

        try:
            if self._child is None:
                self._child = Child(self._program, self._voicing, self._text_bytes, self._sound_bytes, self._out)
            heard = self._child.speak(prepared.text if text.strip() else "", silence_samples, tick)
        except ChildDied:
            self.close()
            os.ftruncate(self._out.fileno(), self._end)
            os.lseek(self._out.fileno(), self._end, os.SEEK_SET)
            raise
        self._end += (heard.sample_count + silence_samples) * BYTES_A_SAMPLE
        self._passed += len(text)
        self._words += len(heard.words)
        heard.words = [(prepared.index(place), sample) for place, sample in heard.words]
        return heard

    def _by_sentences(self, index: int, part: Part) -> Heard:
        """Speak a part in pieces; as if it had been one stretch."""
        begin = self.samples
        spoken = Heard()
        at = 0
        for number, sentence in enumerate(sentences(part.text) or [""]):
            for piece in pieces(sentence):
                last = at + len(piece) == len(part.text)
                before = self.samples - begin
                try:
                    heard = self._stretch(piece, _silence(part) if last else 0)
                except ChildDied as exc:
                    nth = sum(len(sentences(earlier.text)) for earlier in self._parts[:index]) + number + 1
                    raise EngineCrashed(
                        f"eSpeak NG broke off twice in sentence {nth} of the text.",
                        "Change or leave out that sentence, or choose another voice.",
                    ) from exc
                spoken.words += [(at + place, before + sample) for place, sample in heard.words]
                spoken.ends += [before + sample for sample in heard.ends]
                spoken.sample_count = before + heard.sample_count
                at += len(piece)
        return spoken


def _silence(part: Part) -> int:
    """Samples of silence after a part."""
    return round(part.pause_after_s * RATE_HZ)
