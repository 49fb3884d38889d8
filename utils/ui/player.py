"""The player of a finished sound, the same on every page: waveform, place, playback speed, the text with the word that sounds.

The sound comes from our own route with Range, so nothing of it passes through Streamlit's memory, and it is asked for only when
somebody plays it.
"""

from __future__ import annotations

from urllib.parse import quote

from utils.storage.item import Item
from utils.ui.components import component

_player = component("player")


def address(item_id: str, name: str, *, inline: bool = False) -> str:
    """Where our own route serves a file of an item."""
    return f"/api/v1/items/{quote(item_id, safe='')}/files/{quote(name, safe='')}" + ("?inline=1" if inline else "")


def player(
    item: Item, *, key: str, head: str = "", note: str = "", at_once: bool = False, source: str = "", text: bool = True
) -> None:
    """Draw the player of a finished item.

    Args:
        item: With a file of role `audio`; one of role `peaks` brings waveform and words.
        key: Stable for this place and item, so that a rerun does not interrupt the sound.
        head: A quiet line beside the title; without it there is no title either.
        note: What a person should know about this sound, below the title.
        at_once: Play when it appears; only after a click, browsers refuse it otherwise.
        source: Address of the sound where it is not the item's file of role `audio`.
        text: Draw the words below the waveform.
    """
    audio, facts = item.role("audio"), item.role("peaks")
    if audio and not source:
        source = address(item.id, audio.name, inline=True)
    if not source:
        return
    _player(
        key=key,
        data={
            "label": item.title,
            "head": head,
            "note": note,
            "audio": source,
            "facts": address(item.id, facts.name) if facts else "",
            "seconds": float(item.result.get("seconds") or 0),
            "lang": str(item.result.get("language") or ""),
            "play": at_once,
            "text": text,
        },
    )
