"""Makes `utils/transcription/engines/data/selftest.wav`: `python -m tests.transcription.engines.make_selftest_clip`.

Our own eSpeak NG engine says the sentence of the self-test; 16 kHz, mono, s16, with 0.3 s of silence on both sides.
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

from tests.transcription.engines.sounds import said
from utils.transcription.contract import RATE_HZ
from utils.transcription.engines.whisper_selftest import CLIP, SENTENCE


def main() -> None:
    """Write the clip."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        speech = said(SENTENCE, Path(folder))
    quiet = np.zeros(round(0.3 * RATE_HZ), dtype=np.float32)
    pcm = (np.concatenate([quiet, speech, quiet]) * 32_767).round().astype("<i2")
    with wave.open(str(CLIP), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm.tobytes())


if __name__ == "__main__":
    main()
