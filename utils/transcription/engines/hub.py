"""The model hub: can it be asked for a model, and fetching one; its library runs in a child process only, see `hub_child`.

The child may be killed at any moment: what it has so far lies in the hub's own cache and is gone on with later. How much that is,
is read from the disk, because the library shows no progress for a snapshot.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from utils.errors import ModelUnavailable
from utils.settings import Settings
from utils.sizes import size
from utils.transcription.model_table import Known, pin_of, repo_of
from utils.transcription.models import (
    INSTALL_HINT,
    cache_dir,
    is_folder,
    label_of,
    missing_reason,
    offline_reason,
    repo_dir,
    source,
)

REMEMBER_S = 60.0  # how long an answer of the hub, or its silence, is believed
ANSWER_S = 3.0  # how long it may take to answer
STALL_S = 60.0  # without a byte and without a word from the child
TICK_S = 0.1
TRIES = 3  # when the connection breaks off; each goes on where the one before was
HOME = "https://huggingface.co"
ROOT = Path(__file__).parents[3]

Ask = Callable[[str, str], str]  # hub name, revision -> why not, or ""


class Hub:
    """Remembers for a minute whether the hub can be asked for a model. Thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, ask: Ask | None = None) -> None:
        self._clock = clock
        self._ask = ask or ask_hub
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, str]] = {}

    def problem(self, said: str) -> str:
        """Why a model cannot be fetched now, one sentence, or ""; takes at most ANSWER_S, and that once a minute."""
        with self._lock:
            until, reason = self._known.get(said, (float("-inf"), ""))
            if self._clock() < until:
                return reason
            pin = pin_of(said)
            reason = self._ask(repo_of(said), pin.revision if pin is not None else "")
            self._known[said] = (self._clock() + REMEMBER_S, reason)
            return reason

    def failed(self, said: str, reason: str) -> None:
        """Fetching it failed: believe that for a minute."""
        with self._lock:
            self._known[said] = (self._clock() + REMEMBER_S, reason)


def ask_hub(repo: str, revision: str) -> str:
    """Ask the hub itself whether it has the model, in at most ANSWER_S; see `Hub.problem`."""
    answer: queue.SimpleQueue[str] = queue.SimpleQueue()

    def work() -> None:
        answer.put(_asked(repo, revision))

    # A thread, because looking up a host's name cannot be given a time limit.
    threading.Thread(target=work, name="ask-hub", daemon=True).start()
    try:
        return answer.get(timeout=ANSWER_S + 0.5)
    except queue.Empty:
        return _sentence("network", label_of(repo))


def _asked(repo: str, revision: str) -> str:
    import http.client
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    endpoint = (os.environ.get("HF_ENDPOINT") or HOME).rstrip("/")
    address = f"{endpoint}/api/models/{quote(repo)}" + (f"/revision/{quote(revision)}" if revision else "")
    if not address.startswith(("http://", "https://")):
        return _sentence("network", label_of(repo))
    try:
        with urlopen(Request(address, headers={"User-Agent": "sotto"}), timeout=ANSWER_S):  # noqa: S310 - scheme checked above
            return ""
    except HTTPError as exc:
        exc.close()
        if exc.code in (401, 403, 404):
            return "" if _has_token() else _sentence("unknown", label_of(repo))  # with a token the child finds out
        return _sentence("busy", label_of(repo))
    except (OSError, http.client.HTTPException, ValueError):
        return _sentence("network", label_of(repo))


def _has_token() -> bool:
    """Somebody has logged in to the hub here, so "unknown" may only mean "not without the token"."""
    return bool(os.environ.get("HF_TOKEN")) or (cache_dir().parent / "token").is_file()


def _sentence(fault: str, label: str, detail: str = "") -> str:
    """Why a model cannot be had."""
    return {
        "network": f"The model {label} is not on this machine, and the model hub cannot be reached.",
        "unknown": f"The model hub does not know {label}, or does not give it to everybody.",
        "gated": f"The model hub gives {label} only to people who have agreed to its terms.",
        "revision": f"The model hub no longer has the version of {label} that Sotto was made for.",
        "busy": f"The model hub could not answer for {label}{detail}.",
        "broken": f"The model {label} could not be fetched to the end, the connection broke off.",
        "stalled": f"The model {label} could not be fetched to the end, the model hub stopped sending.",
        "full": f"The disk has no room for the model {label}{detail}.",
        "denied": f"The folder for models cannot be written, so {label} cannot be kept.",
        "checksum": f"The model {label} came with a wrong checksum and was thrown away.",
        "incomplete": f"What the model hub has under {label} is no complete Whisper model for CTranslate2{detail}.",
        "missing": "The library huggingface_hub is not installed, so no model can be fetched.",
    }.get(fault, f"The model {label} could not be fetched.")


# ---- fetching -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _End:
    """How a child ended: the folder, or what was wrong."""

    path: str = ""
    fault: str = ""
    detail: str = ""


def fetch(
    name: str,
    settings: Settings,
    *,
    note: Callable[[str], None],
    check: Callable[[], None],
    cache: Path | None = None,
) -> Path:
    """Get a model from the hub; a child process does it.

    Args:
        name: As in an offer; "" = WHISPER_MODEL.
        settings: What the server is set to.
        note: Told the bytes on disk now and then.
        check: Called several times a second; what it raises ends the child and passes.
        cache: The hub's cache.

    Returns:
        Its folder.

    Raises:
        ModelUnavailable: It cannot be had; the sentence says why.
    """
    said = source(name, settings)
    if is_folder(said) or not repo_of(said):
        raise ModelUnavailable(missing_reason(said), INSTALL_HINT)
    if settings.hf_hub_offline:
        raise ModelUnavailable(offline_reason(said), INSTALL_HINT)
    return download(label_of(said), repo_of(said), pin_of(said), cache or cache_dir(), note=note, check=check)


def download(
    label: str,
    repo: str,
    pin: Known | None,
    cache: Path,
    *,
    note: Callable[[str], None],
    check: Callable[[], None],
    stall_s: float = STALL_S,
) -> Path:
    """Fetch a model into the hub's cache; see `fetch`."""
    for _ in range(TRIES):
        child = _Child(repo, pin, cache)
        try:
            end = child.wait(label, note, check, stall_s)
        finally:
            child.close()
        if end.path:
            note("")
            return Path(end.path)
        if end.fault != "broken":
            break
    raise ModelUnavailable(_sentence(end.fault, label, end.detail), INSTALL_HINT)


class _Child:
    """One run of `hub_child`."""

    def __init__(self, repo: str, pin: Known | None, cache: Path) -> None:
        self._blobs = repo_dir(repo, cache) / "blobs"
        self._files: list[tuple[str, int]] = []  # blob, size
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        revision, sha256 = (pin.revision, pin.sha256) if pin is not None else ("", "")
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "utils.transcription.engines.hub_child", repo, revision, sha256, str(cache)],
                stdin=subprocess.PIPE,  # its end tells the child that we are gone
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=ROOT,
                env=os.environ | {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"},
                start_new_session=True,
            )
        except OSError as exc:
            raise ModelUnavailable("The process that fetches models cannot be started.", "Try again in a while.") from exc
        self._listener = threading.Thread(target=self._listen, name="hub-child", daemon=True)
        self._listener.start()

    def wait(self, label: str, note: Callable[[str], None], check: Callable[[], None], stall_s: float) -> _End:
        """Follow it to its end."""
        told, seen, since = "", -1, time.monotonic()
        while True:
            check()
            report = self._heard()
            if report is not None:
                since = time.monotonic()
                if "files" in report:
                    self._files = [(str(blob), int(size)) for blob, size in report["files"]]
                elif "checking" not in report:
                    return _End(str(report.get("path", "")), str(report.get("fault", "")), str(report.get("detail", "")))
            here, whole = self.bytes_here(), sum(size for _, size in self._files)
            if here != seen:
                seen, since = here, time.monotonic()
            sentence = f"Fetching the model {label}: {size(here)} of {size(whole)}." if whole else ""
            if sentence != told:
                told = sentence
                note(sentence)
            if time.monotonic() - since > stall_s:
                return _End(fault="stalled")

    def bytes_here(self) -> int:
        """Bytes on disk of the files that are wanted."""
        found = 0
        for blob, _ in self._files:
            for name in (blob, f"{blob}.incomplete"):
                try:
                    found += (self._blobs / name).stat().st_size
                    break
                except OSError:
                    continue
        return found

    def close(self) -> None:
        """Kill it; what it has fetched stays."""
        self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _heard(self) -> dict[str, Any] | None:
        """The child's next report, after at most TICK_S; its death without one is a broken connection."""
        try:
            line = self._lines.get(timeout=TICK_S)
        except queue.Empty:
            return None
        try:
            found = json.loads(line)
        except ValueError:
            return {"fault": "broken"}
        return found if isinstance(found, dict) else {"fault": "broken"}

    def _listen(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._lines.put(line)
        self._lines.put(b"")
