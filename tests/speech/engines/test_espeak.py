"""The eSpeak engine with the real library: sound, marks, speed, pitch, voices, many at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.speech.engines.espeak_kit import RATE_HZ, Teller, assert_no_more_than, belongings, fundamental_hz, say, seconds, voice
from utils.errors import Cancelled, NothingToSay, StoreUnavailable, UnknownVoice
from utils.speech.contract import Part, Prosody
from utils.speech.engines.espeak import EspeakEngine

FOX = "The quick brown fox jumps over the lazy dog. Nobody came to the door, and the rain went on until the morning."
TEXTS = {
    "en-us": "On 3 June 2024, at 10:30 a.m., Dr. Smith (the U.S. expert) paid $1,250.75, about 50%, to the others. Well done!",
    "en": FOX,
    "de": "Am 3. Juni zahlte Dr. Müller 1.250,75 € für z. B. 12 Bücher (und mehr) – etwa 50 %. Straße und Öl!",
    "fr": "L'homme qu'il a vu n'est pas d'ici. Y a-t-il 3,5 % d'eau ? Oui, c'est-à-dire 12 000 € par an.",
    "ru": "Быстрая лиса прыгает через ленивую собаку. Никто не пришёл к двери, и дождь шёл до утра.",
    "ar": "ذهب الولد إلى المدرسة في الصباح، ثم عاد إلى البيت. كان الجو جميلا اليوم.",
    "hi": "तेज़ लोमड़ी आलसी कुत्ते के ऊपर कूदती है। कोई दरवाज़े पर नहीं आया, और बारिश सुबह तक होती रही।",
    "ko": "오늘은 날씨가 좋아서 공원에 산책하러 갑니다. 저녁에는 같이 밥을 먹습니다.",
    "cmn": "今天天气很好，我们去公园散步吧。 晚上一起吃饭，然后看一场电影。",
    "vi": "Hôm nay trời đẹp, chúng ta đi dạo công viên nhé. Buổi tối cùng ăn cơm rồi xem phim.",
    "en-us+f3": "A 🚀 flies; 😂 laughs. Two  spaces,\ttabs\nand lines.",
}

PROSE = {
    "en-us": FOX,
    "de": "Der schnelle braune Fuchs springt über den faulen Hund. Niemand kam an die Tür, und der Regen hielt bis zum Morgen an.",
    "th": "วันนี้อากาศดี เราไปเดินเล่นที่สวนกันเถอะ ตอนเย็นกินข้าวด้วยกัน",
}


@pytest.mark.parametrize("key", TEXTS)
def test_marks_real_text_cover_every_word_in_order(key: str, tmp_path: Path) -> None:
    text = TEXTS[key]

    samples, spoken = say(tmp_path, text, key=key)

    assert [mark.text for mark in spoken.marks] == text.split()
    assert all(mark.start <= mark.end for mark in spoken.marks)
    assert all(left.end <= right.start for left, right in pairwise(spoken.marks))
    assert spoken.marks[-1].end == pytest.approx(len(samples) / RATE_HZ, abs=0.001)
    worded = [mark for mark in spoken.marks if any(map(str.isalnum, mark.text))]
    assert sum(mark.end - mark.start > 0.02 for mark in worded) == len(worded)


def test_marks_several_parts_stand_where_their_part_sounds(tmp_path: Path) -> None:
    parts = [Part("Hello there.", 0.5), Part("", 1.25), Part("General greeting, all of you.", 0.3), Part("Bye.")]

    samples, spoken = say(tmp_path, *parts)

    alone = [len(say(tmp_path, part.text)[0]) / RATE_HZ for part in parts if part.text]
    assert [mark.part for mark in spoken.marks] == [0, 0, 2, 2, 2, 2, 2, 3]
    # a sentence differs by some samples, depending on what the same process spoke before
    assert spoken.marks[1].end == pytest.approx(alone[0], abs=0.005)
    assert spoken.marks[2].start == pytest.approx(spoken.marks[1].end + 1.75, abs=1e-4)
    assert spoken.marks[6].end == pytest.approx(spoken.marks[2].start + alone[1], abs=0.005)
    assert spoken.marks[7].start == pytest.approx(spoken.marks[6].end + 0.3, abs=1e-4)
    assert spoken.marks[7].end == pytest.approx(len(samples) / RATE_HZ, abs=1e-4)


def test_marks_word_sounds_where_its_mark_says(tmp_path: Path) -> None:
    with_pause, spoken = say(tmp_path, Part("One.", 2.0), Part("Two."))

    quiet = np.abs(with_pause) < 100
    gap = spoken.marks[0].end, spoken.marks[1].start

    assert quiet[int(gap[0] * RATE_HZ) : int(gap[1] * RATE_HZ)].all()
    assert not quiet[int(gap[1] * RATE_HZ) : int((gap[1] + 0.3) * RATE_HZ)].all()


def test_speak_file_with_something_in_it_goes_on_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "out.pcm"
    with path.open("w+b") as out:
        out.write(b"head")
        spoken = EspeakEngine().speak([Part("Hello.")], voice("en-us"), Prosody(), out, Teller())
        out.write(b"tail")

    data = path.read_bytes()

    assert data[:4] == b"head"
    assert data[-4:] == b"tail"
    assert len(data) == 8 + 2 * spoken.sample_count
    assert spoken.marks[0].start == 0


@pytest.mark.parametrize("key", ["en-us", "de", "ru", "cmn", "th"])
@pytest.mark.parametrize("speed", [0.5, 0.75, 1.5, 2.0])
def test_speed_factor_divides_the_duration(key: str, speed: float, tmp_path: Path) -> None:
    text = PROSE.get(key, TEXTS.get(key, "")) * 2

    ratio = seconds(tmp_path, text, key) / seconds(tmp_path, text, key, speed)

    assert ratio == pytest.approx(speed, rel=0.1)


@pytest.mark.parametrize("key", ["en-us", "en-us+f3", "de"])
@pytest.mark.parametrize("pitch", [-8.0, -3.5, 4.0, 9.0])
def test_pitch_within_reach_moves_the_fundamental(key: str, pitch: float, tmp_path: Path) -> None:
    normal, _ = say(tmp_path, FOX, key=key)

    moved, spoken = say(tmp_path, FOX, key=key, prosody=Prosody(pitch=pitch))

    assert 12 * np.log2(fundamental_hz(moved) / fundamental_hz(normal)) == pytest.approx(pitch, abs=1.0)
    assert len(moved) == pytest.approx(len(normal), rel=0.02)
    assert spoken.pitch_left == 0


@pytest.mark.parametrize(("pitch", "reached"), [(12.0, 9.0), (-12.0, -8.0), (9.5, 9.0)])
def test_pitch_beyond_reach_says_what_is_left(pitch: float, reached: float, tmp_path: Path) -> None:
    there, _ = say(tmp_path, "Hello.", prosody=Prosody(pitch=reached))

    further, spoken = say(tmp_path, "Hello.", prosody=Prosody(pitch=pitch))

    assert spoken.pitch_left == pytest.approx(pitch - reached)
    assert np.array_equal(there, further)


@pytest.mark.parametrize(
    "key", ["en-us", "EN-US", "en-us+f3", "EN-us+F3", "fr", "en-us+Mr serious", "en-us+alex", "cmn-latn-pinyin"]
)
def test_voice_known_in_any_case_speaks(key: str, tmp_path: Path) -> None:
    samples, _ = say(tmp_path, "Hello world.", key=key)

    assert len(samples) > RATE_HZ / 2


@pytest.mark.parametrize(
    "key",
    [
        "",
        "nope",
        "english",
        "fr-fr",
        "fo",
        "kaa",
        "xex",
        "en-us+",
        "en-us+nope",
        "en-us+../../x",
        "../../etc/passwd",
        "en\0",
        "+f3",
    ],
)
def test_voice_unknown_is_refused_before_anything_is_written(key: str, tmp_path: Path) -> None:
    with pytest.raises(UnknownVoice):
        say(tmp_path, "Hello.", key=key)

    assert [path.stat().st_size for path in tmp_path.iterdir()] == [0]


def test_variant_changes_thevoice(tmp_path: Path) -> None:
    plain, _ = say(tmp_path, FOX)
    female, _ = say(tmp_path, FOX, key="en-us+f3")

    assert fundamental_hz(female) > 1.5 * fundamental_hz(plain)


@pytest.mark.parametrize("texts", [[""], [" \n "], ["\0"], [" ", "--", ""], []])
def test_speak_nothing_to_say_is_refused(texts: list[str], tmp_path: Path) -> None:
    with pytest.raises(NothingToSay):
        say(tmp_path, *texts)


def test_progress_counts_characters_up_to_all_of_them(tmp_path: Path) -> None:
    run = Teller()

    say(tmp_path, FOX, Part("", 1.0), FOX * 5, run=run)

    done = [done for done, _ in run.reports]
    assert done == sorted(done)
    assert {total for _, total in run.reports} == {6 * len(FOX)}
    assert done[-1] == 6 * len(FOX)


def test_progress_many_short_parts_is_still_reported(tmp_path: Path) -> None:
    run = Teller()

    say(tmp_path, *["A short part."] * 150, run=run)

    done = [done for done, _ in run.reports]
    assert done[0] == 0
    assert done[-1] == 150 * len("A short part.")
    assert max(right - left for left, right in pairwise(done)) < done[-1] / 2


def test_cancel_in_the_middle_leaves_nothing_running(tmp_path: Path) -> None:
    before = belongings()
    run = Teller(lambda: run.reports[-1][0] > 2_000)

    with pytest.raises(Cancelled):
        say(tmp_path, FOX * 900, run=run)

    assert_no_more_than(before)
    assert len(run.reports) > 1
    assert run.reports[-1][0] < 20_000  # of 98,000: it was stopped, not waited for


def test_speak_many_threads_each_gets_its_own_sound(tmp_path: Path) -> None:
    before = belongings()
    texts = [f"Number {number} speaks its own words, {'and more ' * number}and stops." for number in range(12)]
    alone = [say(tmp_path, text)[0] for text in texts]
    engine = EspeakEngine()

    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(lambda text: say(tmp_path, text, engine=engine)[0], texts))

    assert all(np.array_equal(left, right) for left, right in zip(alone, together, strict=True))
    assert_no_more_than(before)


def test_speak_disk_full_says_so(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    before = belongings()

    with full.open("wb") as out, pytest.raises(StoreUnavailable):
        EspeakEngine().speak([Part(FOX)], voice("en-us"), Prosody(), out, Teller())

    assert_no_more_than(before)
