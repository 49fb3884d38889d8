"""Every option of a request changes the call that is really made. The library is the real one; what it is asked is kept."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.transcription.engines.conftest import Said
from tests.transcription.engines.recording import Recording
from tests.transcription.engines.sounds import MICRO, silence, tremolo
from utils.errors import BadInput, EngineRefused
from utils.settings import Settings
from utils.transcription.contract import RATE_HZ, Segment, Span, TranscriptionRequest
from utils.transcription.engines.whisper import WhisperEngine, live_lanes, threads
from utils.transcription.engines.whisper_decoding import TEMPERATURES, WhisperDecoding

TEXT = "Turn on the light.\nClose the window.\nCall my mother."


class Rig:
    """An engine over a recording library."""

    def __init__(self, **settings: object) -> None:
        self.library = Recording()
        self.settings = Settings(whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="int8", **settings)  # type: ignore[arg-type]
        self.engine = WhisperEngine(self.settings, library=self.library)

    def open(self, **options: object) -> WhisperDecoding:
        request = TranscriptionRequest(**{"language": "en", **options})  # type: ignore[arg-type]
        decoding = self.engine.open(request, note=lambda _: None, check=lambda: None)
        self.library.calls.clear()
        self.library.given = 0
        assert isinstance(decoding, WhisperDecoding)
        return decoding

    def heard(self, sound: object, spoken: str = "en", /, **options: object) -> list[Segment]:
        decoding = self.open(**options)
        spans = decoding.speech(sound)  # type: ignore[arg-type]
        found = list(decoding.decode(sound, spans, spoken))  # type: ignore[arg-type]
        decoding.close()
        return found


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig(transcribe_workers=2)
    yield made
    assert made.library.open == 0
    made.engine.unload()


def test_batched_is_one_call_with_own_clips_and_timestamps(rig: Rig, speak: Said) -> None:
    sound = np.concatenate([silence(5.0), speak(TEXT)])
    found = rig.heard(sound)
    (call,) = rig.library.of("transcribe_batched")
    clips = call.options.pop("clip_timestamps")
    assert call.options == {
        "language": "en",
        "task": "transcribe",
        "beam_size": 5,
        "initial_prompt": None,
        "hotwords": None,
        "word_timestamps": True,
        "without_timestamps": False,
        "condition_on_previous_text": False,
        "batch_size": 8,
        "temperature": 0.0,
    }
    assert len(clips) == 3 and clips[0]["start"] == 0.0 and all(clip["end"] <= call.length / RATE_HZ + 0.001 for clip in clips)
    assert [segment.text for segment in found] == ["Turn on the light.", "Close the window.", "Call my mother."]
    assert found[0].start > 4.5
    assert rig.library.of("transcribe") == []


def test_sequential_is_a_call_a_span_with_temperatures_and_no_vad(rig: Rig, speak: Said) -> None:
    found = rig.heard(speak(TEXT), batch=False)
    calls = rig.library.of("transcribe")
    assert len(calls) == 3 and rig.library.of("transcribe_batched") == []
    for call in calls:
        assert call.options == {
            "language": "en",
            "task": "transcribe",
            "beam_size": 5,
            "initial_prompt": None,
            "hotwords": None,
            "word_timestamps": True,
            "without_timestamps": False,
            "condition_on_previous_text": False,
            "temperature": TEMPERATURES,
            "vad_filter": False,
        }
    assert [segment.text for segment in found] == ["Turn on the light.", "Close the window.", "Call my mother."]


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize(
    ("option", "value", "argument", "expected"),
    [
        ("task", "translate", "task", "translate"),
        ("beam_size", 2, "beam_size", 2),
        ("prompt", "Smart home.", "initial_prompt", "Smart home."),
        ("hotwords", "kitchen, window", "hotwords", "kitchen, window"),
        ("word_timestamps", False, "word_timestamps", False),
    ],
)
def test_option_reaches_the_call(
    rig: Rig, speak: Said, batch: bool, option: str, value: object, argument: str, expected: object
) -> None:
    rig.heard(speak("Close the window."), batch=batch, **{option: value})
    (call,) = rig.library.of("transcribe_batched" if batch else "transcribe")
    assert call.options[argument] == expected


@pytest.mark.parametrize(("batch", "expected"), [(True, 0.5), (False, (0.5, 0.6, 0.8, 1.0))])
def test_temperature_is_where_decoding_begins(rig: Rig, speak: Said, batch: bool, expected: object) -> None:
    rig.heard(speak("Close the window."), batch=batch, temperature=0.5)
    (call,) = rig.library.of("transcribe_batched" if batch else "transcribe")
    assert call.options["temperature"] == expected


@pytest.mark.parametrize("batch", [True, False])
def test_language_of_the_job_reaches_the_call(rig: Rig, speak: Said, batch: bool) -> None:
    sound = speak("Schließe die Tür.", "de")
    found = rig.heard(sound, "de", language="de", batch=batch)
    (call,) = rig.library.of("transcribe_batched" if batch else "transcribe")
    assert call.options["language"] == "de"
    assert [(segment.text, segment.language) for segment in found] == [("Schließe die Tür.", "de")]


def test_task_translate_gives_english(rig: Rig, speak: Said) -> None:
    found = rig.heard(speak("Schließe die Tür.", "de"), "de", language="de", task="translate")
    assert [segment.text for segment in found] == ["Close the door."]


@pytest.mark.parametrize("batch", [True, False])
def test_multilingual_looks_at_each_span_and_tells_its_language(rig: Rig, speak: Said, batch: bool) -> None:
    sound = np.concatenate(
        [
            speak("The weather is good today."),
            speak("Das Wetter ist heute kalt.", "de"),
            speak("La reunión es el lunes a las diez.", "es"),
            speak("Turn off the light in the bedroom."),
        ]
    )
    found = rig.heard(sound, "", language="", multilingual=True, batch=batch)
    assert [segment.language for segment in found] == ["en", "de", "es", "en"]
    assert [segment.text for segment in found][1] == "Das Wetter ist heute kalt."
    calls = rig.library.of("transcribe_batched" if batch else "transcribe")
    assert [call.options["language"] for call in calls] == ["en", "de", "es", "en"]
    assert len(rig.library.of("detect")) == 4


def test_without_multilingual_no_span_is_looked_at(rig: Rig, speak: Said) -> None:
    rig.heard(np.concatenate([speak("The weather is good today."), speak("Das Wetter ist heute kalt.", "de")]))
    assert rig.library.of("detect") == []


@pytest.mark.parametrize(
    ("language", "voice", "text"), [("de", "de", "Das Wetter ist heute kalt."), ("fr", "fr", "Merci beaucoup.")]
)
def test_detect_asks_the_model(rig: Rig, speak: Said, language: str, voice: str, text: str) -> None:
    guess = rig.open().detect(speak(text, voice))
    assert guess.language == language and 0.5 < guess.probability <= 1.0
    assert len(rig.library.of("detect")) == 1


def test_detect_looks_at_thirty_seconds(rig: Rig) -> None:
    rig.open().detect(silence(50.0))
    assert rig.library.of("detect")[0].length == 30 * RATE_HZ


def test_batch_size_of_the_setting_cuts_the_calls(speak: Said) -> None:
    rig = Rig(whisper_batch_size=2)
    found = rig.heard(np.concatenate([speak(TEXT)] * 2))
    calls = rig.library.of("transcribe_batched")
    assert [len(call.options["clip_timestamps"]) for call in calls] == [2, 2, 2]
    assert {call.options["batch_size"] for call in calls} == {2}
    assert [segment.text for segment in found] == ["Turn on the light.", "Close the window.", "Call my mother."] * 2


def test_decoding_is_lazy_and_leaving_closes_the_librarys_generator(rig: Rig, speak: Said) -> None:
    decoding = rig.open(batch=False)
    sound = speak(TEXT)
    segments = decoding.decode(sound, decoding.speech(sound), "en")
    assert rig.library.calls == []
    next(segments)
    assert len(rig.library.calls) == 1 and rig.library.open == 1
    segments.close()  # type: ignore[attr-defined]
    assert len(rig.library.calls) == 1 and rig.library.open == 0
    decoding.close()


def test_pipeline_serves_a_job_and_is_not_used_again_after_it_was_left(rig: Rig, speak: Said) -> None:
    sound = speak(TEXT)
    before = rig.library.pipelines
    decoding = rig.open()
    spans = decoding.speech(sound)
    assert len(list(decoding.decode(sound, spans, "en"))) == len(list(decoding.decode(sound, spans, "en"))) == 3
    assert rig.library.pipelines == before + 1
    left = decoding.decode(sound, spans, "en")
    next(left)
    left.close()  # type: ignore[attr-defined]
    assert len(list(decoding.decode(sound, spans, "en"))) == 3
    assert rig.library.pipelines == before + 2
    decoding.close()
    rig.heard(sound)
    assert rig.library.pipelines == before + 3


def test_again_is_alone_with_temperatures_and_without_hints(rig: Rig, speak: Said) -> None:
    decoding = rig.open(prompt="Smart home.", hotwords="window", word_timestamps=False, beam_size=3)
    (segment,) = decoding.again(speak("Close the window."), "en")
    (call,) = rig.library.calls
    assert call.name == "transcribe"
    assert call.options["temperature"] == TEMPERATURES and call.options["word_timestamps"] is True
    assert call.options["initial_prompt"] is None and call.options["hotwords"] is None
    assert call.options["beam_size"] == 3 and call.options["condition_on_previous_text"] is False
    assert not {"log_prob_threshold", "compression_ratio_threshold", "no_speech_threshold"} & set(call.options)  # the library's own
    assert segment.text == "Close the window." and segment.temperature == 0.0
    decoding.close()


def test_again_climbs_the_temperatures_where_the_text_repeats(rig: Rig) -> None:
    decoding = rig.open()
    found = decoding.again(tremolo(28.0), "en")
    assert any((segment.temperature or 0.0) > 0.0 for segment in found)
    decoding.close()


def test_no_call_changes_the_models_own_window(rig: Rig, speak: Said) -> None:
    rig.heard(speak(TEXT), batch=False)
    rig.heard(speak(TEXT))
    decoding = rig.open()
    extractor = decoding._loaded.model.feature_extractor
    assert (extractor.n_samples, extractor.nb_max_frames) == (30 * RATE_HZ, 3_000)
    assert all("chunk_length" not in call.options for call in rig.library.calls)
    decoding.close()


def test_span_longer_than_whisper_takes_is_refused(rig: Rig) -> None:
    decoding = rig.open()
    with pytest.raises(EngineRefused, match="30"):
        list(decoding.decode(silence(60.0), [Span(0.0, 31.0)], "en"))
    decoding.close()


def test_hints_are_counted_exactly_by_the_engine(rig: Rig) -> None:
    with pytest.raises(BadInput, match="100 tokens"):
        rig.open(prompt="zqxjkv" * 50)  # nonsense: the cheap count takes it for less
    rig.open(prompt="word " * 99).close()  # and this for more


def test_language_that_the_model_does_not_know_is_refused(rig: Rig) -> None:
    with pytest.raises(BadInput, match="does not know the language"):
        rig.open(language="tlh")


def test_refused_job_keeps_no_model_in_use(rig: Rig) -> None:
    (holder,) = rig.engine._all()
    users = holder.users
    with pytest.raises(BadInput):
        rig.open(language="tlh")
    assert holder.users == users


def test_model_is_loaded_with_the_settings(speak: Said) -> None:
    library = Recording()
    settings = Settings(whisper_model=str(MICRO), whisper_device="cpu", whisper_compute_type="float32", transcribe_workers=3)
    WhisperEngine(settings, library=library).open(TranscriptionRequest(), note=lambda _: None, check=lambda: None).close()
    load = library.of("load")[0].options
    assert load == {"device": "cpu", "compute_type": "float32", "threads": threads(settings), "workers": 3}


@pytest.mark.parametrize(("workers", "most"), [(1, 16), (2, 8), (16, 1)])
def test_threads_are_shared_by_the_workers(workers: int, most: int) -> None:
    found = threads(Settings(transcribe_workers=workers), {})
    assert 1 <= found <= max(1, most)
    assert threads(Settings(transcribe_workers=workers), {"OMP_NUM_THREADS": "3"}) == 0


@pytest.mark.parametrize(("cores", "lanes"), [(1, (1, 1)), (2, (2, 2)), (4, (4, 2)), (16, (4, 8)), (64, (4, 16))])
def test_captions_have_several_calls_at_once_with_twice_as_many_threads_as_cores(cores: int, lanes: tuple[int, int]) -> None:
    assert live_lanes(cores, {}) == lanes
    assert live_lanes(cores, {"OMP_NUM_THREADS": "3"}) == (lanes[0], 0)
