"""The speech engines that come with Sotto. A new one is a module here and a line in `build`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.settings import Settings
    from utils.speech.contract import SpeechEngine


def build(settings: Settings) -> dict[str, SpeechEngine]:
    """All engines by name, in the order in which `auto` tries them; call once a process. Their libraries load on first use."""
    from utils.speech.engines.espeak import EspeakEngine
    from utils.speech.engines.gtts_engine import GttsEngine

    engines: tuple[SpeechEngine, ...] = (GttsEngine.from_settings(settings), EspeakEngine())
    return {engine.name: engine for engine in engines}
