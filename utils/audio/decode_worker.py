"""The program of the child process that opens a stranger's recording. Imports the standard library, av,
and two modules beside it that do the same.

    python -I -B decode_worker.py <job as JSON>

The recording is standard input, sound (s16le, mono, 16 kHz) goes to standard output, and reports, one JSON object a line, to
standard error:

    {"facts": {...}}             what the container says of itself, see `decode_look.facts`
    {"at": samples}              so much is decoded
    {"done": {...}}              the end of a decoding, see `decode_packets.Decoding.result`; a look ends without it
    {"refused": code, ...}       the end, for one of the reasons in `recording`

A job is {"mode": "look" or "decode", "max_s": seconds, "track": place among the sound tracks or null, "memory": bytes of address
space, "cpu_s": seconds, "follow": whether the recording still comes, by a pipe}.

FFmpeg gets a stream without a name, a list of formats and no protocol, so that a playlist can lead nowhere. The process limits
itself before it imports av; after that it cannot open anything at all any more.
"""

from __future__ import annotations

import io
import json
import math
import os
import sys
from typing import Any

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))  # `python -I` leaves it out

from utils.audio import decode_look as look
from utils.audio import decode_packets as packets

NEW_USER, NEW_NET = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET


# ---- limits ---------------------------------------------------------------------------------------------------------------------


def leave_network() -> None:
    """Go where there is no network, if the kernel lets ordinary processes do that; nothing depends on it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).unshare(NEW_USER | NEW_NET)


def limit(job: dict[str, Any]) -> None:
    """Take away from this process what the job does not need, where the system knows such limits."""
    try:
        import resource  # not on Windows, where the parent's time limit is the only one
    except ImportError:
        return
    wanted = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_AS, int(job["memory"])),
        (resource.RLIMIT_CPU, int(job["cpu_s"])),
        # The kernel keeps the cap on sound even when the decoder was taken over.
        (resource.RLIMIT_FSIZE, most_samples(job) * packets.BYTES_A_SAMPLE),
    )
    for kind, value in wanted:
        _lower(kind, value)


def _lower(kind: int, value: int) -> None:
    import resource

    hard = resource.getrlimit(kind)[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except (OSError, ValueError):
        return  # macOS refuses RLIMIT_AS; the other limits still hold


def close_doors() -> None:
    """From here on no file, socket or pipe can be opened; what is open stays usable."""
    try:
        import resource
    except ImportError:
        return
    _lower(resource.RLIMIT_NOFILE, 0)


def library() -> Any:
    """PyAV, with all that it would import later, when nothing can be opened any more."""
    import av
    import av.subtitles.codeccontext
    import av.subtitles.stream

    av.logging.set_level(None)
    look.sound_decoders(av)
    return av


def most_samples(job: dict[str, Any]) -> int:
    """The cap on sound; a look writes nothing."""
    return math.ceil(job["max_s"] * packets.RATE_HZ) if job["mode"] == "decode" else 0


def work(job: dict[str, Any], source: int, sink: int, tell: packets.Tell) -> None:
    """Carry out a job in this process, which has its limits already, and report how it went.

    Args:
        job: See the head of this file.
        source: Descriptor of the recording, at its beginning.
        sink: Descriptor for the sound.
        tell: Takes a report.
    """
    try:
        av = library()
        close_doors()
    except (ImportError, MemoryError, OSError):  # our installation or the memory limit, not the recording
        tell({"refused": "no_library"})
        return
    try:
        tell(_carry_out(av, job, io.FileIO(source, "rb", closefd=False), sink, tell))
    except look.Refused as refused:
        tell(refused.report)
    except MemoryError:
        tell({"refused": "too_big"})
    except Exception as exc:  # noqa: BLE001 - many classes were seen, from EOFError to UnicodeDecodeError: all mean the same
        tell({"refused": "unreadable", "class": type(exc).__name__})


def _carry_out(av: Any, job: dict[str, Any], file: io.FileIO, sink: int, tell: packets.Tell) -> dict[str, Any]:
    with look.opened(av, file) as container:
        if len(container.streams) > look.MAX_TRACKS:
            raise look.Refused("too_many_tracks")
        facts = look.facts(container, file)
        if job["mode"] == "look":
            look.choose(facts["tracks"], None)
            return {"facts": facts}
        track = look.choose(facts["tracks"], job["track"])
        tell({"facts": facts, "track": track})
        place = (av, container, track, facts["seconds"], file, sink, most_samples(job), tell)
        return {"done": packets.Decoding(*place, follow=bool(job.get("follow"))).result()}


def main(argument: str) -> None:
    """Do one job on the standard streams."""
    job = json.loads(argument)
    reports = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)  # the library's own words go nowhere
    leave_network()
    limit(job)
    work(job, 0, 1, lambda report: write(reports, report))


def write(descriptor: int, report: dict[str, Any]) -> None:
    """Write a report as a line; a socket or pipe takes it whole, or as soon as somebody reads."""
    os.write(descriptor, json.dumps(report).encode() + b"\n")


if __name__ == "__main__":
    main(sys.argv[1])
