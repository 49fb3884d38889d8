"""Many hostile files through one limited child, for the tests: what a fuzzer needs, and the product never does.

As a program (`python -I -B hostile_batch.py <job as JSON>`) it limits itself as `decode_worker` does, and decodes one file after
the other: each comes on standard input as 4 bytes size and the bytes, and is answered by the last report as one line.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SLOWEST_S = 60.0  # of any one file; far beyond what a busy machine needs
MOST_BYTES = 32 << 20  # of a file


def verdicts(files: Iterable[bytes], *, max_s: float = 60.0, wrap: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    """The last report of each; `{"refused": "crashed"}` or `"hung"` where the child died of it or did not answer.

    Args:
        files: Taken one at a time.
        max_s: The cap on sound of each.
        wrap: A program to run the child under, with its arguments.
    """
    # The file limit holds for the input as well, which the child puts into a file of its own.
    job = {"mode": "decode", "max_s": max_s, "track": None, "memory": 2**30, "cpu_s": 36_000}
    child: subprocess.Popen[bytes] | None = None
    try:
        for data in files:
            child = child or _started(job, wrap)
            answer = _asked(child, data)
            if answer["refused"] in ("crashed", "hung") if "refused" in answer else False:
                _ended(child)
                child = None
            yield answer
    finally:
        if child is not None:
            _ended(child)


def _started(job: dict[str, Any], wrap: tuple[str, ...]) -> subprocess.Popen[bytes]:
    command = [*wrap, sys.executable, "-I", "-B", __file__, json.dumps(job)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={}, bufsize=0)


def _asked(child: subprocess.Popen[bytes], data: bytes) -> dict[str, Any]:
    assert child.stdin is not None and child.stdout is not None
    line = b""
    try:
        view = memoryview(len(data).to_bytes(4, "little") + data)
        while view:
            view = view[child.stdin.write(view) or 0 :]
        while not line.endswith(b"\n"):
            if not select.select([child.stdout], [], [], SLOWEST_S)[0]:
                return {"refused": "hung"}
            piece = os.read(child.stdout.fileno(), 65_536)
            if not piece:
                return {"refused": "crashed", "status": child.wait()}
            line += piece
    except BrokenPipeError:
        return {"refused": "crashed", "status": child.wait()}
    report: dict[str, Any] = json.loads(line)
    return report


def _ended(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()


def main(argument: str) -> None:
    """Decode what comes."""
    sys.path.append(str(ROOT))
    from utils.audio import decode_worker

    job = json.loads(argument)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as sink:
        decode_worker.leave_network()
        decode_worker.limit({**job, "max_s": job["max_s"] + MOST_BYTES / 32_000})
        while len(size := sys.stdin.buffer.read(4)) == 4:
            for file in (source, sink):
                file.seek(0)
                file.truncate()
            source.write(sys.stdin.buffer.read(int.from_bytes(size, "little")))
            source.seek(0)
            last: list[dict[str, Any]] = []
            decode_worker.work(job, source.fileno(), sink.fileno(), last.append)
            sys.stdout.write(json.dumps(last[-1]) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
