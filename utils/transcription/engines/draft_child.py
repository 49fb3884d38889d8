"""Child process: PocketSphinx with the model of its wheel. In a process of its own, as it holds Python's lock for seconds.

On stdin come utterances: four bytes with the length, then so many bytes of s16le mono 16 kHz. For each one line of JSON goes to
stdout: [[word, first frame, last frame], ...] with frames of 10 ms. It ends with stdin.
"""

from __future__ import annotations

import json
import struct
import sys

RATE_HZ = 16_000


def main() -> None:
    """Serve until stdin ends."""
    from pocketsphinx import Decoder

    decoder = Decoder(samprate=RATE_HZ, loglevel="FATAL")
    print(json.dumps("ready"), flush=True)
    while len(head := sys.stdin.buffer.read(4)) == 4:
        (size,) = struct.unpack("<I", head)
        pcm = sys.stdin.buffer.read(size)
        if len(pcm) < size:
            return
        decoder.reinit_feat()  # forgets the noise of the utterance before: each is heard the same wherever it stands
        decoder.start_utt()
        decoder.process_raw(pcm, full_utt=True)  # as a whole: its loudness is evened out over all of it
        decoder.end_utt()
        found = [] if decoder.hyp() is None else [(seg.word, seg.start_frame, seg.end_frame) for seg in decoder.seg()]
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
