"""From a folder to a tested model: devices that do not work, text that is wrong, and the way back to the CPU."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.transcription.engines.recording import Recording
from tests.transcription.engines.sounds import MICRO
from utils.errors import ModelUnavailable
from utils.settings import Settings
from utils.transcription.contract import Decoding, ModelInfo, TranscriptionRequest
from utils.transcription.engines import whisper_selftest as selftest
from utils.transcription.engines.whisper import WhisperEngine
from utils.transcription.engines.whisper_library import FasterWhisper, Library
from utils.transcription.engines.whisper_loading import load


def loaded(library: Library, device: str, compute_type: str, folder: Path = MICRO) -> ModelInfo:
    settings = Settings(whisper_model=str(folder), whisper_device=device, whisper_compute_type=compute_type)
    return load(library, folder, folder.name, settings, threads=1).info


@dataclass
class Deaf(Recording):
    """Answers the self-test with other words, by device and compute type; the real model in all else."""

    says: dict[str, str] = field(default_factory=dict)

    def transcribe(self, model: Any, samples: Any, **options: Any) -> tuple[Any, Any]:
        @dataclass
        class Said:
            text: str

        return [Said(self.says[str(model.model.compute_type)])], None


def test_model_that_hears_is_loaded_as_the_settings_say() -> None:
    library = Recording()
    info = loaded(library, "cpu", "int8")
    assert (info.device, info.compute_type, info.note) == ("cpu", "int8_float32", "")
    assert info.multilingual and info.can_translate and len(info.languages) > 90 and info.name == "micro-whisper"
    assert len(library.of("load")) == len(library.of("transcribe")) == 1


def test_device_auto_is_the_cpu_where_there_is_no_card() -> None:
    if FasterWhisper().cuda_devices():
        pytest.skip("this machine has a graphics card")
    info = loaded(Recording(), "auto", "default")
    assert (info.device, info.note) == ("cpu", "")


def test_card_that_is_not_there_falls_back_to_the_cpu_and_says_why() -> None:
    if FasterWhisper().cuda_devices():
        pytest.skip("this machine has a graphics card")
    library = Recording()
    info = loaded(library, "cuda", "float16")
    assert (info.device, info.compute_type) == ("cpu", "int8_float32")
    assert info.note.startswith("Whisper runs on the CPU with int8 instead of cuda with float16: ") and info.note.endswith(".")
    assert [call.options["device"] for call in library.of("load")] == ["cpu"]  # the card was tried in a child only


def test_compute_type_that_does_not_exist_falls_back() -> None:
    info = loaded(Recording(), "cpu", "int3")
    assert info.compute_type == "int8_float32"
    assert "instead of cpu with int3" in info.note


def test_text_that_is_wrong_falls_back_to_int8() -> None:
    library = Deaf(says={"float32": "Thank you for watching.", "int8_float32": selftest.SENTENCE})
    info = loaded(library, "cpu", "float32")
    assert info.compute_type == "int8_float32" and "did not hear" in info.note


def test_text_that_is_wrong_everywhere_and_alike_keeps_the_first_choice_and_says_so() -> None:
    library = Deaf(says={"float32": "Goedemorgen allemaal.", "int8_float32": "Goedemorgen allemaal"})
    info = loaded(library, "cpu", "float32")
    assert info.compute_type == "float32" and "did not hear" in info.note


def test_text_that_is_wrong_with_int8_is_kept_and_said() -> None:
    info = loaded(Deaf(says={"int8_float32": ""}), "cpu", "int8")
    assert info.compute_type == "int8_float32" and "did not hear" in info.note


def test_files_that_are_damaged_are_told(tmp_path: Path) -> None:
    folder = shutil.copytree(MICRO, tmp_path / "torn")
    with (folder / "model.bin").open("r+b") as file:
        file.truncate(1_000_000)
    with pytest.raises(ModelUnavailable, match="cannot be loaded") as caught:
        loaded(Recording(), "cpu", "default", folder)
    assert str(tmp_path) not in caught.value.sentence
    engine = WhisperEngine(Settings(whisper_model=str(folder), whisper_device="cpu"))
    with pytest.raises(ModelUnavailable):
        engine.open(TranscriptionRequest(), note=lambda _: None, check=lambda: None)


def test_reasons_of_the_library_hold_no_path(tmp_path: Path) -> None:
    folder = shutil.copytree(MICRO, tmp_path / "mine")
    (folder / "model.bin").unlink()
    with pytest.raises(ModelUnavailable, match="mine") as caught:
        loaded(Recording(), "cpu", "default", folder)
    assert str(tmp_path) not in caught.value.sentence


def test_another_model_takes_the_place_of_one_that_nobody_uses(tmp_path: Path) -> None:
    other = shutil.copytree(MICRO, tmp_path / "other")
    settings = Settings(whisper_model=str(MICRO), live_model=str(other), whisper_device="cpu", whisper_compute_type="int8")
    engine = WhisperEngine(settings, library=Recording())

    def begin(model: str) -> Decoding:
        return engine.open(TranscriptionRequest(model=model), note=lambda _: None, check=lambda: None)

    first = begin("")
    second = begin("other")
    assert [holder.loaded for holder in engine._all()] == [True, True]  # both are in use
    first.close()
    second.close()
    begin("other").close()
    assert [holder.loaded for holder in engine._all()] == [False, True]
    begin("micro-whisper").close()
    assert [holder.loaded for holder in engine._all()] == [True, False]
    engine.unload()
    assert [holder.loaded for holder in engine._all()] == [False, False]


def test_clip_is_short_and_heard_by_the_small_model() -> None:
    clip = selftest.clip()
    assert 1.0 < len(clip) / 16_000 < 5.0 and 0.05 < abs(clip).max() <= 1.0
    library = FasterWhisper()
    model = library.load(MICRO, "cpu", "int8", threads=1, workers=1)
    assert selftest.heard(library, model) == selftest.SENTENCE


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("Turn on the light in the kitchen.", True),
        ("turn on the lights in the kitchen", True),
        (" Turn on the light, in the kitchen!", True),
        ("turn on a light in kitchen", True),
        ("", False),
        ("Thank you for watching.", False),
        ("the the the the the the", False),
    ],
)
def test_selftest_compares_loosely(text: str, passes: bool) -> None:
    assert selftest.passed(text) is passes
