"""Opus in WebM, as browsers record it."""

from __future__ import annotations

import io

import av
import numpy as np


def webm(samples: bytes) -> bytes:
    """As a browser's recorder makes it: Opus in WebM, its length unknown."""

    class Out:
        """Written to, never gone back in."""

        def __init__(self) -> None:
            self.data = io.BytesIO()

        def write(self, data: bytes) -> int:
            return self.data.write(data)

    out = Out()
    with av.open(out, "w", format="webm", options={"live": "1", "cluster_time_limit": "500"}) as container:
        stream = container.add_stream("libopus", rate=48_000, layout="mono")
        pcm = np.frombuffer(samples, "<i2")
        for at in range(0, len(pcm), 960):
            frame = av.AudioFrame.from_ndarray(pcm[at : at + 960].reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 48_000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.data.getvalue()
