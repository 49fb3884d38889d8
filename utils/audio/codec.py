"""Sound to files and back: `encode` for every format on offer, `decode_trusted` and `decode_blocks` for what we made ourselves.

Strangers' files never come here: they are decoded in a limited child process.
"""

from __future__ import annotations

from utils.audio.decoder import decode_blocks, decode_trusted
from utils.audio.encoder import encode, encode_stream
from utils.audio.faults import BadSound
from utils.audio.formats import FORMATS, Chapter, Format

__all__ = ["FORMATS", "BadSound", "Chapter", "Format", "decode_blocks", "decode_trusted", "encode", "encode_stream"]
