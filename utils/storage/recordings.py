"""Recordings: items whose sound grows on disk while it is spoken.

    live.json        how its sound comes, marks, when and why it ended; see `live_facts`
    sound.pcm        the bytes as they came (WebM: sound.webm), and
    chunks.idx       which of them count; see `chunks`
    captions.jsonl   what was heard while it was spoken, a line a step
    writer           who writes: whoever takes the recording over leaves another word here, and waits for the lock

`outputs/.live/<session>~<item>` is there for as long as a recording is not seen to its end: retention and deletion leave it alone,
and any server finds there what a killed one has left.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

from utils.errors import Conflict, NotFound
from utils.storage import chunks, items, locks
from utils.storage.atomic import Folder
from utils.storage.chunks import INDEX, ChunkFile
from utils.storage.faults import no_item, told
from utils.storage.item import Item
from utils.storage.live_facts import LIVE, LiveFacts
from utils.storage.passing import PassingStore

WRITER, CAPTIONS = "writer", "captions.jsonl"
ABOUT = "captions.json"  # who made the captions
_APPEND = os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
HAND_OVER_S = 5.0  # a writer looks every second whether it still is the one


class Growing:
    """A recording that this process writes. Closed by its owner; not thread-safe but for `sync`.

    Attributes:
        file: Takes the chunks.
        facts: As they were at the opening.
    """

    def __init__(self, home: Path, file: ChunkFile, facts: LiveFacts, word: str, hold: ExitStack) -> None:
        self.file = file
        self.facts = facts
        self._home = home
        self._word = word
        self._hold = hold

    @property
    def is_ours(self) -> bool:
        """Nobody has taken it over."""
        try:
            return (self._home / WRITER).read_text("ascii") == self._word
        except (OSError, ValueError):
            return False

    @property
    def is_there(self) -> bool:
        """Nobody has deleted it."""
        return self.file.is_there

    @property
    def has_ended(self) -> bool:
        """Somebody has ended it."""
        try:
            return not LiveFacts.from_bytes((self._home / LIVE).read_bytes()).is_open
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        """Let go of files, lock and lease; once more does no harm."""
        self._hold.close()


class RecordingStore(PassingStore):
    """The part of SessionManager that is about recordings."""

    def create_recording(self, session_id: str, *, title: str, request: dict[str, Any], facts: LiveFacts) -> Item:
        """Make the item of a recording, open from its first moment. Raises as `create_item`."""
        first = first_files(facts)
        made: list[str] = []

        def before(item_id: str) -> None:
            self.open_recordings.add(session_id, item_id)
            made.append(item_id)

        self.check_quota(session_id, sum(map(len, first.values())))
        with self._session(session_id) as session:
            try:
                return items.create(
                    session,
                    folder="single",
                    kind="recording",
                    title=title,
                    request=request,
                    files=first,
                    now=self.clock(),
                    before=before,
                )
            except BaseException:
                for item_id in made:
                    self.open_recordings.drop(session_id, item_id)
                raise

    def recording(self, session_id: str, item_id: str) -> LiveFacts:
        """How a recording stands. Raises NotFound for what is none."""
        with self._item(session_id, item_id) as folder:
            return _facts(folder)

    def grow_recording(self, session_id: str, item_id: str) -> Growing:
        """Become the writer of an open recording; who wrote it before is told by a word in a file and lets go within seconds.

        Holds a lease of the session until it is closed.

        Raises:
            NotFound: There is no such recording.
            Conflict: It has ended, or its writer does not let go.
            StoreUnavailable: The disk refuses.
        """
        with ExitStack() as stack, told(no_item()):
            session = self._lease(stack, session_id)
            folder = stack.enter_context(items.opened(session, item_id))
            facts = _facts(folder)
            if facts.is_open:
                word = secrets.token_hex(8)
                folder.write(WRITER, word.encode(), durable=False, when=self.clock())
                try:
                    file = ChunkFile(folder, facts.sound, wait_s=HAND_OVER_S)
                except locks.Busy as exc:
                    sentence = "This recording is being written by another page, which does not let go."
                    raise Conflict(sentence, "Try again in a moment.") from exc
                stack.callback(file.close)
                facts = _facts(folder)  # it may have ended while we waited
            if not facts.is_open:
                raise Conflict("This recording has ended.", "Begin a new one.")
            return Growing(folder.path, file, facts, word, stack.pop_all())

    def settle_recording(self, session_id: str, item_id: str) -> int:
        """Bytes of sound that count, once nobody writes any more; for work on one that has ended. Raises as `grow_recording`."""
        with told(no_item()), self._item(session_id, item_id) as folder:
            try:
                file = ChunkFile(folder, _facts(folder).sound, wait_s=HAND_OVER_S)
            except locks.Busy as exc:
                raise Conflict("This recording is still being written.", "Try again in a moment.") from exc
            file.close()
            return file.size_bytes

    def change_recording(self, session_id: str, item_id: str, change: Callable[[LiveFacts], LiveFacts]) -> LiveFacts:
        """Change `live.json`, one after the other. Raises NotFound, StoreUnavailable."""
        with ExitStack() as stack, told(no_item()):
            folder = stack.enter_context(items.opened(self._hold(stack, session_id), item_id))
            stack.enter_context(locks.alone(folder))
            before = _facts(folder)
            after = change(before)
            if after != before:
                folder.write(LIVE, after.to_bytes(), when=self.clock())
            return after

    def captions_file(self, session_id: str, item_id: str) -> BinaryIO:
        """Where captions are appended, behind the last whole line.

        It is a copy that takes the place of the old file: whoever was overtaken still writes into that one, which nobody reads.

        Raises:
            NotFound: There is no such item.
            StoreUnavailable: The disk refuses.
        """
        with self._item(session_id, item_id) as folder:
            try:
                before = folder.read(CAPTIONS)
            except FileNotFoundError:
                before = b""
            folder.write(CAPTIONS, before[: before.rfind(b"\n") + 1], durable=False)
            by_descriptor = folder.descriptor is not None
            opened = os.open(CAPTIONS if by_descriptor else folder.path / CAPTIONS, _APPEND, dir_fd=folder.descriptor)
            return open(opened, "ab", buffering=0)

    def restore_item(self, session_id: str, item_id: str) -> Item:
        """As everywhere; a recording that was open is seen to its end again."""
        item = super().restore_item(session_id, item_id)
        self._see_to_end(session_id, item_id)
        return item

    def restore_items(self, session_id: str, item_ids: Iterable[str]) -> list[str]:
        """As `restore_item`, for many."""
        back = super().restore_items(session_id, item_ids)
        for item_id in back:
            self._see_to_end(session_id, item_id)
        return back

    def _see_to_end(self, session_id: str, item_id: str) -> None:
        with suppress(NotFound):  # no recording, like most items
            if self.recording(session_id, item_id).is_open:
                self.open_recordings.add(session_id, item_id)

    def become_transcript(self, session_id: str, item_id: str) -> Item:
        """Make a recording that has its sound file an item of the kind "transcript"; its text follows. Raises NotFound."""
        with self._item(session_id, item_id) as folder:
            return items.change(folder, self.clock(), kind="transcript")

    def recording_fed_at(self, session_id: str, item_id: str) -> float:
        """When sound last came, or its writer last said that somebody is here. Raises NotFound."""
        when = chunks.fed_at(self.item_path(session_id, item_id))
        if when is None:
            raise no_item()
        return when


def first_files(facts: LiveFacts) -> dict[str, bytes]:
    """What lies in a recording's item from its first moment."""
    return {LIVE: facts.to_bytes(), INDEX: b"", facts.sound: b""}


def _facts(folder: Folder) -> LiveFacts:
    try:
        return LiveFacts.from_bytes(folder.read(LIVE))
    except (ValueError, FileNotFoundError) as exc:
        raise no_item() from exc
