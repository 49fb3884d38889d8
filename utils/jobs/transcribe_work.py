"""One attempt at a transcript: find the recording, decode it, have it transcribed, store the text, then what players need."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from utils.errors import AppError, BadInput, ModelUnavailable, NotFound
from utils.jobs.context import Context
from utils.jobs.transcribe_files import (
    HEADER,
    LISTEN,
    OLDER_ROLE,
    PLAYER,
    SOURCE_ROLE,
    TRANSCRIPT_ROLE,
    current,
    edits_name,
    footage,
    listed,
    part_name,
    partial_name,
    read_header,
    result_of,
    run_of,
    so_far,
    transcript_data,
    transcript_name,
)
from utils.storage.item import ItemFile
from utils.transcription.contract import RATE_HZ, Transcript, TranscriptionEngine, TranscriptionRequest
from utils.transcription.partial import Partial, WindowResult

if TYPE_CHECKING:
    from utils.audio.recording import Decoded

PCM = "sound.pcm"
NOTE_EVERY_S = 0.5
# What browsers play as it is: container (its first name) and codec.
PLAYABLE = {
    "wav": {"pcm_s16le", "pcm_u8", "pcm_s24le", "pcm_f32le"},
    "mp3": {"mp3", "mp3float"},
    "flac": {"flac"},
    "ogg": {"opus", "libopus", "vorbis", "flac"},
    "mov": {"aac", "mp3", "mp3float"},
    "matroska": {"opus", "vorbis", "libopus"},
    "aac": {"aac"},
}
T = TypeVar("T")


class KeptPartial(Partial):
    """The text so far, written only while the job is ours; after each stretch there may be room for others."""

    def __init__(self, path: Path, context: Context) -> None:
        super().__init__(path)
        self._context = context

    def append(self, result: WindowResult) -> None:
        """As Partial; then report it, which raises what ends the attempt."""
        self._context.check_ours()
        super().append(result)
        self._context.progress(result.next / RATE_HZ, result.total / RATE_HZ)


class TranscribeWork:
    """What an attempt works with."""

    def __init__(self, context: Context) -> None:
        """Take the job over: nobody who had it before can write into it from now on."""
        self.context = context
        context.check()
        context.sessions.clear_scratch(context.session_id, context.item.id)
        self.folder = context.sessions.item_path(context.session_id, context.item.id)
        self.asked = context.item.request
        self.request = TranscriptionRequest.from_dict(self.asked)
        self.run_number = run_of(self.asked)

    @property
    def is_stored(self) -> bool:
        """The text of this run counts already, and all that may be missing comes after it."""
        text = current(self.context.item)
        return text is not None and text.name == transcript_name(self.run_number)

    def run(self) -> None:
        """From the recording to the stored text and what comes after it. What stops the job passes through."""
        source = self._source()
        with self.context.scratch() as scratch:
            sound = self._decoded(source, scratch / PCM)
            transcript, why = self._heard(sound)
            self._store(transcript, sound, scratch, why)
            self._make_listenable(sound, scratch)
        self.wind_up()

    def keep_what_is_done(self) -> None:
        """After a cancel: the text so far becomes the item's, unless that has a better one. Never raises but LeaseLost."""
        text, name = current(self.context.item), part_name(self.run_number)
        better = text is not None and (text.name != name or self._is_corrected(text))
        found = None if better else so_far(self.folder, self.asked)
        if found is None:
            return
        transcript, facts = found
        with suppress(AppError):  # a disk that refuses: the text stays where it grew, and whoever looks finds it there
            self.context.check_ours()
            data = transcript_data(transcript)
            self.context.sessions.write_file(self.context.session_id, self.context.item.id, name, data)
            files = listed(self.context.item, name, len(data))
            self.context.finish(result_of(transcript, facts), files, stopping=True)

    def wind_up(self) -> None:
        """Remove what is of no more use: the text as it grew, older texts that nobody corrected, a recording to be forgotten."""
        item, sessions = self.context.item, self.context.sessions
        kept = tuple(file for file in item.files if not (file.role == SOURCE_ROLE and not self.request.keep_source))
        if not self.request.keep_source:
            kept = tuple(file for file in kept if file.name != LISTEN)
        gone = {file.name for file in item.files} - {file.name for file in kept}
        if gone:
            self.context.check()
            self.context.finish(item.result, kept)
        runs = range(1, self.run_number + 1)
        gone |= {HEADER, *(partial_name(run) for run in runs)}
        now = {file.name for file in kept}
        older = {name for run in runs for name in (transcript_name(run), part_name(run))} - now
        gone |= {name for name in older if not (self.folder / edits_name(name)).exists()}  # somebody may just have corrected it
        sessions.remove_files(self.context.session_id, item.id, gone)

    # ---- the way

    def _source(self) -> Path:
        """Where the recording lies: in the item, or in another one of the session."""
        told = dict(self.asked.get("source") or {})
        item_id = str(told.get("item") or self.context.item.id)
        try:
            return self.context.sessions.file_path(self.context.session_id, item_id, str(told.get("file", "")))
        except NotFound as exc:
            raise BadInput("The recording is not here any more, so it cannot be transcribed.", "Upload it again.") from exc

    def _decoded(self, source: Path, pcm: Path) -> Decoded:
        from utils.audio import recording

        shown_at = time.monotonic()

        def progress(seconds: float, expected_s: float | None) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= NOTE_EVERY_S:
                shown_at = time.monotonic()
                of = "" if expected_s is None else f" of {footage(expected_s)}"
                self.context.note(f"Reading the recording: {footage(seconds)}{of}.")

        most_s = self.context.settings.max_media_hours * 3600
        sound = recording.decode(
            source, pcm, max_seconds=most_s, track=self.request.track, progress=progress, check=self.context.stay
        )
        self.context.note("")
        return sound

    def _engine(self) -> tuple[TranscriptionEngine, str]:
        from utils.transcription import engines

        settings = self.context.settings
        known = self.context.shared.once("transcription_engines", lambda: engines.build(settings))
        return engines.choose(known, settings, self.request)

    def _heard(self, sound: Decoded) -> tuple[Transcript, str]:
        """The text, and why it is not by the first choice: a model that cannot be fetched after all makes room for the next."""
        engine, why = self._engine()
        try:
            return self._transcribed(sound, engine, why), why
        except ModelUnavailable:
            second, why = self._engine()  # the first one knows now that it cannot
            if second is engine:
                raise
            return self._transcribed(sound, second, why), why

    def _transcribed(self, sound: Decoded, engine: TranscriptionEngine, why: str) -> Transcript:
        from utils.transcription.transcribe import transcribe

        partial = KeptPartial(self.folder / partial_name(self.run_number), self.context)
        if read_header(self.folder).get("engine", engine.name) != engine.name:
            partial.clear()  # an earlier attempt had another engine: one text is never by two
        self._write_header(sound, engine, why)
        self.context.note(why)
        noted = ""

        def note(sentence: str) -> None:
            nonlocal noted
            noted = sentence
            self.context.note(sentence or why)

        def progress(done_s: float, total_s: float) -> None:
            if noted:
                note("")
            self.context.show(done_s, total_s)

        return transcribe(sound, engine, self.request, partial=partial, progress=progress, note=note, check=self.context.stay)

    # ---- the end

    def _write_header(self, sound: Decoded, engine: TranscriptionEngine, why: str) -> None:
        """So that text which is read before the end, or kept by a cancel, is known by its engine and its losses."""
        from utils.transcription.models import label_of

        report = sound.report
        facts = {"fallback": why, "losses": report.losses()}
        model = label_of(self.request.model or self.context.settings.whisper_model) if engine.name == "whisper" else ""
        header = {"engine": engine.name, "model": model, "sound": report.as_dict(), "facts": facts}
        self.context.check()
        data = json.dumps(header, ensure_ascii=False).encode()
        self.context.sessions.write_file(self.context.session_id, self.context.item.id, HEADER, data, durable=False)

    def _store(self, transcript: Transcript, sound: Decoded, scratch: Path, why: str) -> None:
        """Publish the text and what the player draws; from then on it is the item's text."""
        name = transcript_name(self.run_number)
        data = transcript_data(transcript)
        (scratch / name).write_bytes(data)
        player = self._player(transcript, sound)
        (scratch / PLAYER).write_bytes(player)
        self.context.publish_all({name: scratch / name, PLAYER: scratch / PLAYER})
        facts: dict[str, Any] = {"fallback": why, "losses": sound.report.losses(), **self._compared(transcript)}
        files = listed(self.context.item, name, len(data), more=(ItemFile(PLAYER, "application/json", len(player), "peaks"),))
        self.context.finish(result_of(transcript, facts), (*files, *self._older()))

    def _older(self) -> tuple[ItemFile, ...]:
        """The text before this one, if somebody corrected it: kept aside with its corrections."""
        text = current(self.context.item)
        if text is None or text.name == transcript_name(self.run_number) or not self._is_corrected(text):
            return ()
        return (ItemFile(text.name, text.media_type, text.size_bytes, OLDER_ROLE),)

    def _is_corrected(self, text: ItemFile) -> bool:
        return (self.folder / edits_name(text.name)).exists()

    def _compared(self, transcript: Transcript) -> dict[str, Any]:
        """For a check by transcribing: how far the text is from what should have been said."""
        if not self.request.reference:
            return {}
        from utils.transcription.compare import compare

        found = compare(self.request.reference, transcript.text, transcript.language or self.request.language)
        return {"wer": round(found.wer, 4), "reference_words": found.words}

    def _player(self, transcript: Transcript, sound: Decoded) -> bytes:
        from utils.audio.peaks import Peaks

        peaks = Peaks()
        for block in self._watched(sound.pcm.blocks()):
            peaks.add(block)
        words = [
            [round(word.start, 3), round(word.end, 3), word.text.strip()]
            for segment in transcript.segments
            for word in segment.words
        ]
        player = {"seconds": round(transcript.seconds, 3), "peaks": peaks.values(), "words": words}
        return json.dumps(player, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")

    def _make_listenable(self, sound: Decoded, scratch: Path) -> None:
        """A copy of the decoded sound, where browsers cannot play the recording or would play something else."""
        if not (self.request.keep_source and self._needs_copy(sound)):
            return
        from utils.audio.codec import FORMATS, encode

        form = FORMATS["mp3"]
        self.context.note("The text is ready. A copy for listening is being made.")
        encode(self._watched(sound.pcm.blocks()), sound.pcm.rate_hz, scratch / LISTEN, form.key)
        path = self.context.publish(scratch / LISTEN, LISTEN)
        file = ItemFile(LISTEN, form.media_type, path.stat().st_size, "audio")
        others = [known for known in self.context.item.files if known.name != LISTEN]
        text = [known for known in others if known.role == TRANSCRIPT_ROLE]
        rest = [known for known in others if known.role != TRANSCRIPT_ROLE]
        self.context.finish(self.context.item.result, (*text, file, *rest))

    def _needs_copy(self, sound: Decoded) -> bool:
        report = sound.report
        if not sound.pcm.sample_count:
            return False
        whole = not (report.losses() or report.bad_packets or report.gaps or report.layout_changes)
        first_track = report.tracks <= 1 or report.track == 0  # browsers play the first one
        playable = report.codec in PLAYABLE.get(report.container.partition(",")[0], ())
        return not (whole and playable and first_track)

    def _watched(self, blocks: Iterable[T]) -> Iterator[T]:
        for block in blocks:
            self.context.stay()
            yield block
