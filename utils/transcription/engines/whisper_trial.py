"""Child process: load a model onto a device and let it hear the clip; the last line of stdout is JSON with `text` or `fault`."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(folder: str, device: str, compute_type: str) -> None:
    """Try it."""
    from utils.transcription.engines.whisper_library import FasterWhisper
    from utils.transcription.engines.whisper_selftest import heard

    library = FasterWhisper()
    try:
        found = {"text": heard(library, library.load(Path(folder), device, compute_type, threads=1, workers=1))}
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is the answer
        found = {"fault": (" ".join(str(exc).split())[:200].rstrip(" .") or type(exc).__name__) + "."}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4])
