"""Replies: what was answered to requests with an Idempotency-Key, for a day.

    <session>/.replies/<hash of the key>/asked    what was asked, as a digest; its time of change is when
    <session>/.replies/<hash of the key>/made     one line for each thing made, written before it can be seen
    <session>/.replies/<hash of the key>/answer   status, headers and body, once there is one

Whoever works on a key holds its folder alone (`locks`), in whatever process; the kernel lets go when that one is killed. What lies
here goes with the session, counts to its quota and is no item.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from utils.storage import locks, sessions
from utils.storage.atomic import Folder
from utils.storage.faults import no_session, told
from utils.storage.made import Made

FOLDER = ".replies"
ASKED, MADE, ANSWER = "asked", "made", "answer"
LIVES_S = 24 * 3600.0
MOST = 256  # keys of a session; the oldest answers go
_TRIES = 100
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True)
class Answer:
    """An answer as it was given."""

    status: int
    headers: dict[str, str]
    body: bytes

    def to_bytes(self) -> bytes:
        """For the disk; items repeat long texts, so the body is compressed."""
        head = json.dumps({"status": self.status, "headers": self.headers}).encode()
        return head + b"\n" + zlib.compress(self.body, 1)

    @classmethod
    def from_bytes(cls, data: bytes) -> Answer:
        """The inverse of `to_bytes`. Raises ValueError."""
        head, _, body = data.partition(b"\n")
        try:
            said = json.loads(head)
            return cls(int(said["status"]), dict(said["headers"]), zlib.decompress(body))
        except (KeyError, TypeError, zlib.error) as exc:
            raise ValueError("not an answer") from exc


class Reply:
    """What is known about one key; only while its folder is held.

    Attributes:
        asked: Digest of the request, None while it is not known.
        made: What the request made before it was cut off, in order.
        answer: What it was answered.
    """

    def __init__(self, session_id: str, folder: Folder, clock: Callable[[], float]) -> None:
        self._session_id = session_id
        self._folder = folder
        self._clock = clock
        self.asked = _asked(folder)
        self.made = _made(folder)
        self.answer = _answer(folder)

    def ask(self, digest: str | None) -> None:
        """A request begins, or its digest is known now; what it makes from here on is noted for it."""
        self._folder.write(ASKED, json.dumps({"digest": digest}).encode(), when=self._clock())
        self.asked = digest

    def note(self, session_id: str, made: Made) -> None:
        """Something is about to be made (a `made.Listener`). Raises OSError, and then nothing is made."""
        if session_id != self._session_id:
            return
        path = MADE if self._folder.descriptor is not None else os.fspath(self._folder.path / MADE)
        descriptor = os.open(path, _APPEND, 0o600, dir_fd=self._folder.descriptor)
        with open(descriptor, "ab") as file:
            file.write(_line(made))
            file.flush()
            os.fsync(file.fileno())
        if not self.made:
            self._folder.flush()
        self.made = _settled([*self.made, made])

    def begin_anew(self, made: Sequence[Made] = ()) -> None:
        """Only these count as made from here on."""
        if made or self.made:
            self._folder.write(MADE, b"".join(_line(one) for one in made))
        self.made = list(made)

    def keep(self, answer: Answer) -> None:
        """Remember the answer. A power cut may lose it: then it is made again from what was made."""
        self._folder.write(ANSWER, answer.to_bytes(), durable=False, when=self._clock())
        self.answer = answer

    def forget(self) -> None:
        """The key was never used."""
        shutil.rmtree(self._folder.path, ignore_errors=True)


class Replies:
    """All replies of an outputs folder. Holds no truth of its own.

    Args:
        outputs: Where sessions live.
        clock: Seconds since the epoch.
    """

    def __init__(self, outputs: Path, clock: Callable[[], float]) -> None:
        self._outputs = outputs
        self._clock = clock

    @contextmanager
    def held(self, session_id: str, key: str) -> Iterator[Reply]:
        """What is known about a key, while nobody else works on it.

        Raises:
            NotFound: There is no such session.
            StoreUnavailable: The disk is full or refuses.
            locks.Busy: Somebody else works on it.
        """
        with ExitStack() as stack:
            with told(no_session()), sessions.opened(self._outputs, session_id) as session:
                parent = stack.enter_context(sessions.place(session, FOLDER))
                clear(parent, self._clock(), most=MOST - 1)
                reply = Reply(session_id, self._hold(stack, parent, _name(key)), self._clock)
            yield reply

    def _hold(self, stack: ExitStack, parent: Folder, name: str) -> Folder:
        for _ in range(_TRIES):
            with suppress(FileExistsError):
                parent.make(name)
            try:
                with ExitStack() as inner:
                    folder = inner.enter_context(parent.sub(name))
                    inner.enter_context(locks.alone(folder, wait_s=0))
                    stack.enter_context(inner.pop_all())
                    return folder
            except FileNotFoundError:  # cleared away in this moment
                continue
        raise locks.Busy


def _name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def clear_session(session: Folder, now: float) -> None:
    """For a sweep: remove what is too old; a session that only holds such does not become younger by it."""
    if not session.is_folder(FOLDER):
        return
    with session.sub(FOLDER) as parent:
        before = session.stat(FOLDER).st_mtime
        if clear(parent, now):
            session.date(FOLDER, before)


def clear(parent: Folder, now: float, most: int | None = None) -> int:
    """Remove what is older than LIVES_S, and beyond `most` the oldest, unless somebody works on it; how many went."""
    found = sorted((_when(parent, name), name) for name in parent.names())
    old = [name for when, name in found if now - when > LIVES_S]
    too_many = [] if most is None else [name for _, name in found[len(old) :]][: max(0, len(found) - len(old) - most)]
    count = 0
    for name in [*old, *too_many]:
        with suppress(locks.Busy, FileNotFoundError, NotADirectoryError):
            with parent.sub(name) as folder, locks.alone(folder, wait_s=0):
                shutil.rmtree(folder.path, ignore_errors=True)
            count += 1
    return count


def _when(parent: Folder, name: str) -> float:
    for path in (os.path.join(name, ASKED), name):  # a kill may have left the folder empty
        with suppress(FileNotFoundError, NotADirectoryError):
            return parent.stat(path).st_mtime
    return 0.0


def _asked(folder: Folder) -> str | None:
    try:
        digest = json.loads(folder.read(ASKED))["digest"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return digest if isinstance(digest, str) else None


def _line(made: Made) -> bytes:
    return json.dumps(asdict(made)).encode() + b"\n"


def _made(folder: Folder) -> list[Made]:
    try:
        lines = folder.read(MADE).splitlines()
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError, TypeError):  # cut off by a kill: what it would have told of was not made
            found.append(Made(**json.loads(line)))
    return _settled(found)


def _settled(made: list[Made]) -> list[Made]:
    instead = {one.instead_of for one in made}
    return [one for one in made if one.item_id not in instead]


def _answer(folder: Folder) -> Answer | None:
    try:
        return Answer.from_bytes(folder.read(ANSWER))
    except (FileNotFoundError, ValueError):
        return None
