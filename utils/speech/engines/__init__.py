"""The speech engines that come with Sotto. A new one is a module here and a line in `build`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from utils.settings import Settings
    from utils.speech.contract import SpeechEngine


def build(settings: Settings) -> dict[str, SpeechEngine]:
    """The engines that the setting TTS_ENGINE allows, by name, in the order in which `auto` tries them; call once a process.

    `espeak` leaves Google's out altogether, so that no text can leave the machine. Their libraries load on first use.
    """
    from utils.speech.engines.espeak import EspeakEngine
    from utils.speech.engines.gtts_engine import GttsEngine

    engines: list[SpeechEngine] = [EspeakEngine()]
    if settings.tts_engine != "espeak":
        engines.insert(0, GttsEngine.from_settings(settings))
    return {engine.name: engine for engine in engines}
