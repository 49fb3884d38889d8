"""Child process: fetch one model with huggingface_hub, tell the parent in lines of JSON on stdout.

    {"files": [[blob, size], ...]}      what will lie in the cache, once the hub has answered
    {"checking": bytes}                 now and then while a checksum is made
    {"path": folder} or {"fault": kind, "detail": text}

Files come one by one, the weights first and the tokenizer last, and each is compared with the checksum that the hub names for it
(and the weights with ours). So a snapshot that looks complete has been checked.
"""

from __future__ import annotations

import errno
import fnmatch
import hashlib
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

WANTED = ("model.bin", "config.json", "preprocessor_config.json", "vocabulary.*", "tokenizer.json")  # in this order
NEEDED = ("model.bin", "config.json", "vocabulary.*", "tokenizer.json")
SPARE_BYTES = 64 * 2**20  # left free on the disk
STEP_BYTES = 2**20  # written to the disk at a time; the library's own 10 MiB are lost when a connection breaks off
CHECK_BYTES = 64 * 2**20  # read between two signs of life while a checksum is made
PIN = "sotto"  # our reference in the cache: the commit that was resolved once, for models that we have not pinned


class Fault(Exception):
    """Why it does not work, in the parent's words."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(kind)
        self.kind, self.detail = kind, detail


def tell(**report: Any) -> None:
    """A line for the parent."""
    print(json.dumps(report), flush=True)


def fetch(repo: str, revision: str, sha256: str, cache: Path) -> Path:
    """Fetch what is not there yet; answer the snapshot's folder."""
    from huggingface_hub import HfApi, constants, hf_hub_download

    constants.DOWNLOAD_CHUNK_SIZE = STEP_BYTES
    folder = cache / ("models--" + repo.replace("/", "--"))
    reference = folder / "refs" / PIN
    asked = revision or (reference.read_text("ascii").strip() if reference.is_file() else "") or None
    info = HfApi().model_info(repo, revision=asked, files_metadata=True, timeout=10)
    commit = str(info.sha)
    if revision and commit != revision:
        raise Fault("revision")
    files = chosen(info.siblings or [])
    tell(files=[(checksum_of(file), file.size or 0) for file in files])
    check_room(folder, [(checksum_of(file), file.size or 0) for file in files], cache)
    path = ""
    for file in files:
        path = hf_hub_download(repo, file.rfilename, revision=commit, cache_dir=cache)
        check_file(Path(path), checksum_of(file), sha256 if file.rfilename == "model.bin" else "")
    if not revision:
        reference.parent.mkdir(parents=True, exist_ok=True)
        beside = reference.with_name(f".{PIN}-{os.getpid()}")
        beside.write_text(commit, "ascii")
        os.replace(beside, reference)
    return Path(path).parent


def chosen(siblings: list[Any]) -> list[Any]:
    """The files that faster-whisper needs, in the order of WANTED."""
    found = [file for pattern in WANTED for file in siblings if fnmatch.fnmatch(file.rfilename, pattern)]
    for pattern in NEEDED:
        if not any(fnmatch.fnmatch(file.rfilename, pattern) for file in found):
            raise Fault("incomplete", f": {pattern} is missing")
    return found


def checksum_of(file: Any) -> str:
    """SHA-256 of a large file, git's SHA-1 of a small one; also its name in the cache."""
    return str(file.lfs.sha256 if file.lfs is not None else file.blob_id)


def check_room(folder: Path, files: list[tuple[str, int]], cache: Path) -> None:
    """The disk takes what is missing."""
    missing = 0
    for blob, size in files:
        if not (folder / "blobs" / blob).exists():
            part = folder / "blobs" / f"{blob}.incomplete"
            missing += size - (part.stat().st_size if part.exists() else 0)
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if missing and missing + SPARE_BYTES > free:
        raise Fault("full", f": {missing / 1e6:.0f} MB are needed and {free / 1e6:.0f} MB are free")


def check_file(path: Path, checksum: str, pinned: str) -> None:
    """Compare with the hub's checksum and with ours; throw away what differs."""
    digest = hashlib.sha256() if len(checksum) == 64 else hashlib.sha1(usedforsecurity=False)
    if len(checksum) != 64:
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        while block := file.read(CHECK_BYTES):
            digest.update(block)
            tell(checking=len(block))
    if digest.hexdigest() != checksum or (pinned and pinned != checksum):
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise Fault("checksum")


def fault_of(exc: BaseException) -> Fault:
    """The library's error in our words."""
    import httpx
    from huggingface_hub import errors

    if isinstance(exc, Fault):
        return exc
    if isinstance(exc, errors.GatedRepoError):
        return Fault("gated")
    if isinstance(exc, errors.RevisionNotFoundError):
        return Fault("revision")
    if isinstance(exc, errors.RepositoryNotFoundError | errors.HFValidationError):
        return Fault("unknown")
    if isinstance(exc, errors.HfHubHTTPError):
        status = exc.response.status_code
        return Fault("unknown") if status in (401, 403, 404) else Fault("busy", f" (HTTP {status})")
    if isinstance(exc, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | errors.OfflineModeIsEnabled):
        return Fault("network")
    if isinstance(exc, httpx.HTTPError):
        return Fault("broken")
    if isinstance(exc, OSError) and exc.errno in (errno.ENOSPC, errno.EDQUOT):
        return Fault("full")
    if isinstance(exc, OSError) and exc.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
        return Fault("denied")
    if isinstance(exc, ImportError):
        return Fault("missing")
    cause = exc.__cause__ or exc.__context__
    return fault_of(cause) if cause is not None else Fault("broken")


def main(repo: str, revision: str, sha256: str, cache: str) -> None:
    """Fetch, and report how it went."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        tell(path=str(fetch(repo, revision, sha256, Path(cache))))
    except Exception as exc:  # noqa: BLE001 - whatever it is, the parent is told its kind
        fault = fault_of(exc)
        tell(fault=fault.kind, detail=fault.detail)


def _end_with_parent() -> None:
    """The parent's end of stdin closes when it is gone."""
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:5])
