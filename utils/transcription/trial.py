"""Child process that tries one engine on the clip that comes with Sotto: `python -m utils.transcription.trial whisper base`.

The server never loads a model itself, so the operator's test runs here. The last line of stdout is JSON: `text` and `note`, or
`sentence` and `hint` of the error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from utils.errors import AppError
from utils.settings import Settings
from utils.transcription import engines
from utils.transcription.contract import RATE_HZ, Span, TranscriptionRequest
from utils.transcription.engines.whisper_selftest import clip


def main(arguments: Sequence[str]) -> None:
    """Try the engine with the model."""
    engine, model = arguments
    request = TranscriptionRequest(language="en", engine=engine, model=model)
    try:
        decoding = engines.build(Settings.load())[engine].open(request, note=lambda sentence: None, check=lambda: None)
        try:
            samples = clip()
            heard = decoding.decode(samples, [Span(0.0, len(samples) / RATE_HZ)], "en")
            found = {"text": " ".join(segment.text for segment in heard), "note": decoding.model.note}
        finally:
            decoding.close()
    except AppError as error:
        found = {"sentence": error.sentence, "hint": error.hint}
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:3])
