"""A folder with a model: is it complete, and what can the model do? Read from small files, no library is loaded."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

MULTILINGUAL_TOKENS = 51_865  # so many and more words in the vocabulary: multilingual (CTranslate2 decides by the same number)
LARGE_V3_MELS = 128  # only large-v3 and its descendants; others have 80
LARGE_DECODER_LAYERS = 32  # of an undistilled large model


def lacking(folder: Path) -> str:
    """What a model folder does not have, for people ("model.bin"), or "" if it is complete."""
    for name in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            return name
    if not _vocabulary(folder):
        return "vocabulary.json or vocabulary.txt"
    if not (folder / "preprocessor_config.json").is_file() and _vocabulary_size(folder) > MULTILINGUAL_TOKENS:
        return "preprocessor_config.json"  # without it 80 mels are made, and a model of 128 fails at its first window
    return ""


def is_multilingual(name: str, folder: Path) -> bool:
    """It knows more than English."""
    return not name.endswith(".en") and _vocabulary_size(folder) >= MULTILINGUAL_TOKENS


def can_translate(name: str, folder: Path) -> bool:
    """A multilingual model that was trained to translate: not turbo and not a distilled one.

    Folders may have any name, so the shape counts too: of all models with 128 mels only large-v3 itself translates, and the heads
    that its times are read from reach beyond the few layers of a cut-down decoder.
    """
    if never_translates(name):
        return False
    try:
        mels = json.loads((folder / "preprocessor_config.json").read_bytes()).get("feature_size", 80)
        heads = json.loads((folder / "config.json").read_bytes()).get("alignment_heads") or []
        layers = max((int(layer) for layer, _ in heads), default=LARGE_DECODER_LAYERS)
    except (OSError, ValueError, TypeError, AttributeError):
        return True
    return bool(mels < LARGE_V3_MELS or layers > LARGE_DECODER_LAYERS // 8)


def never_translates(name: str) -> bool:
    """Its name says that it is a turbo or distilled model."""
    return any(piece in name.lower() for piece in ("turbo", "distil"))


def _vocabulary(folder: Path) -> Path | None:
    return next((folder / name for name in ("vocabulary.json", "vocabulary.txt") if (folder / name).is_file()), None)


def _vocabulary_size(folder: Path) -> int:
    path = _vocabulary(folder)
    if path is None:
        return 0
    try:
        stat = path.stat()
        return _entries(path, stat.st_size, stat.st_mtime_ns)
    except (OSError, ValueError):
        return 0


@lru_cache(maxsize=64)
def _entries(path: Path, _size: int, _stamp: int) -> int:
    """How many words a vocabulary file holds; read once for each version of the file (1 MB, 20 ms)."""
    data = path.read_bytes()
    return len(json.loads(data)) if path.suffix == ".json" else len(data.splitlines())
