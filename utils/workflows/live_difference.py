"""What the better model heard otherwise than the captions did, word by word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from utils.services import Services
from utils.storage.item import Item
from utils.storage.recordings import CAPTIONS
from utils.workflows import live

if TYPE_CHECKING:
    from utils.transcription.compare import Comparison

MOST_CHARS = 60_000  # of either text, about an hour of speech: what a comparison needs grows with the square


def difference(services: Services, session_id: str, item: Item) -> Comparison | None:
    """The captions of a recording against its final text; None where one is missing or too long.

    Raises:
        NotFound: The item is gone.
    """
    from utils.transcription import captions_file
    from utils.transcription.compare import compare

    final = live.text_of(services, session_id, item)
    path = services.sessions.item_path(session_id, item.id) / CAPTIONS
    if not final or not path.is_file():
        return None
    captions = "".join(caption.committed for caption in captions_file.captions_of(path))
    if not captions.strip() or max(len(captions), len(final)) > MOST_CHARS:
        return None
    return compare(captions, final, str(item.result.get("language") or ""))
