"""Files are made and read back: length, content, level, tags, chapters, and every way to fail."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.audio import sounds
from tests.audio.sounds import RATE_HZ
from utils.audio import codec, probe
from utils.audio.codec import FORMATS, BadSound, Chapter
from utils.audio.pcm import Pcm
from utils.errors import Cancelled, StoreUnavailable, UnknownFormat

# Samples that a decoded file may be longer or shorter. MP3: 46 when the sound ends less than 47 samples behind a frame, else 0.
# AAC: what the frame leaves over; ADTS: also the encoder's delay.
# Opus and raw PCM change the rate on the way and back, and each time the last sample is rounded.
SLACK = {"mp3": (0, 0), "wav": (0, 0), "flac": (0, 0), "opus": (-1, 1), "pcm": (-1, 1), "m4a": (0, 1023), "aac": (0, 2047)}
DELAY = {"aac": 1024}  # nothing in an ADTS stream tells the reader to cut it
TAGS = {"title": "Grüße – 你好 🙂", "artist": "eSpeak NG, Anna", "album": "Sotto", "comment": "a; b = c", "language": "en-GB"}
ROOT = Path(__file__).parents[2]
every_format = pytest.mark.parametrize("key", list(FORMATS))


def made(tmp_path: Path, key: str, pcm: Pcm, rate_hz: int = RATE_HZ, **more: object) -> Path:
    path = tmp_path / f"sound{FORMATS[key].suffix}"
    codec.encode(sounds.blocks(pcm), rate_hz, path, key, **more)  # type: ignore[arg-type]
    return path


@every_format
def test_encode_any_format_decodes_to_the_same_length_and_sound(tmp_path: Path, key: str) -> None:
    pcm = sounds.speech(3.337)
    back = codec.decode_trusted(made(tmp_path, key, pcm), RATE_HZ).samples
    least, most = SLACK[key]
    assert least <= len(back) - len(pcm) <= most
    shifted = back[DELAY.get(key, 0) :][: len(pcm)]
    same = np.corrcoef(pcm[: len(shifted)].astype(float), shifted.astype(float))[0, 1]
    assert same > 0.97  # also says that nothing is shifted: one syllable is a few thousand samples, one period about 170
    assert 20 * np.log10(sounds.rms(shifted) / sounds.rms(pcm)) == pytest.approx(0, abs=0.3)


@every_format
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 44_100, 48_000, 11_127])
def test_encode_any_rate_keeps_the_length(tmp_path: Path, key: str, rate_hz: int) -> None:
    pcm = sounds.speech(0.7, rate_hz=rate_hz)
    file_hz = FORMATS[key].rate_hz(rate_hz)
    back = codec.decode_trusted(made(tmp_path, key, pcm, rate_hz))
    assert back.rate_hz == file_hz
    least, most = SLACK[key]
    assert (least - 1) <= len(back.samples) - len(pcm) * file_hz / rate_hz <= (most or 1)


@pytest.mark.parametrize("key", ["mp3", "wav", "flac", "opus", "pcm"])
def test_encode_at_a_rate_of_the_format_is_exact_to_the_sample(tmp_path: Path, key: str) -> None:
    rate_hz = {"opus": 48_000, "pcm": 24_000}.get(key, RATE_HZ)
    for count in (1, 2, 47, 575, 576, 577, 624, 1_151, 1_152, 1_153, 20_001):
        pcm = sounds.speech(2, rate_hz=rate_hz)[5_000 : 5_000 + count]
        found = len(codec.decode_trusted(made(tmp_path, key, pcm, rate_hz)).samples)
        few = key == "mp3" and 0 < count % 576 < 47  # LAME cannot say that more than a frame is to be cut: 2 ms of silence stay
        assert found == count + (47 - count % 576 if few else 0)


@pytest.mark.parametrize("key", ["wav", "flac"])
def test_encode_lossless_gives_back_every_sample(tmp_path: Path, key: str) -> None:
    pcm = np.random.default_rng(1).integers(-32_768, 32_768, 100_000).astype(np.int16)
    assert np.array_equal(codec.decode_trusted(made(tmp_path, key, pcm)).samples, pcm)


def test_encode_raw_pcm_writes_bare_samples_at_24_khz(tmp_path: Path) -> None:
    pcm = sounds.speech(1, rate_hz=24_000)
    assert made(tmp_path, "pcm", pcm, 24_000).read_bytes() == pcm.astype("<i2").tobytes()


@pytest.mark.parametrize("key, most_kbit", [("mp3", 96), ("opus", 56), ("m4a", 88), ("aac", 88)])
def test_encode_lossy_stays_small(tmp_path: Path, key: str, most_kbit: int) -> None:
    path = made(tmp_path, key, sounds.speech(20))
    assert path.stat().st_size * 8 / 20 < most_kbit * 1000


@every_format
def test_encode_tags_are_read_back(tmp_path: Path, key: str) -> None:
    path = made(tmp_path, key, sounds.speech(0.5), tags=TAGS)
    expected = {} if not FORMATS[key].tags else TAGS | ({"language": "eng"} if key in ("mp3", "m4a") else {})
    assert probe.describe(path).tags == expected


def test_encode_tags_of_strange_text_become_one_clean_line(tmp_path: Path) -> None:
    strange = {"title": "a\0b\nc\td\x1b[31m", "artist": "\ud800x" + "y" * 5000, "album": " ", "language": "qqq-unheard-of"}
    for key in ("mp3", "wav", "opus", "flac", "m4a"):
        tags = probe.describe(made(tmp_path, key, sounds.speech(0.3), tags=strange)).tags
        assert tags["title"] == "a b c d [31m"
        assert tags["artist"] == "x" + "y" * 499
        assert "album" not in tags


def test_encode_unknown_tag_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="engine"):
        made(tmp_path, "mp3", sounds.speech(0.1), tags={"engine": "espeak"})


@pytest.mark.parametrize("key", [key for key, form in FORMATS.items() if form.chapters])
def test_encode_chapters_are_read_back(tmp_path: Path, key: str) -> None:
    chapters = [Chapter(0.0, 1.25, "One"), Chapter(1.25, 2.5, "Zwei: ß"), Chapter(2.5, 4.0, "三")]
    found = probe.describe(made(tmp_path, key, sounds.speech(4), chapters=chapters)).chapters
    assert [chapter.title for chapter in found] == ["One", "Zwei: ß", "三"]
    assert [chapter.start for chapter in found] == pytest.approx([0.0, 1.25, 2.5], abs=0.001)


@pytest.mark.parametrize("key", [key for key, form in FORMATS.items() if not form.chapters])
def test_encode_chapters_where_there_are_none_are_left_out(tmp_path: Path, key: str) -> None:
    path = made(tmp_path, key, sounds.speech(1), chapters=[Chapter(0, 1, "One")])
    assert len(codec.decode_trusted(path, RATE_HZ).samples) >= RATE_HZ - 1


@every_format
def test_encode_nothing_is_refused_before_a_file_is_made(tmp_path: Path, key: str) -> None:
    with pytest.raises(BadSound):
        codec.encode([np.zeros(0, np.int16)], RATE_HZ, tmp_path / "sound", key)
    assert not list(tmp_path.iterdir())


def test_encode_unknown_format_is_named_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UnknownFormat) as caught:
        codec.encode([sounds.speech(0.1)], RATE_HZ, tmp_path / "sound", "midi")
    assert "midi" in caught.value.sentence and "mp3" in caught.value.hint


def test_encode_the_error_of_the_blocks_comes_through_as_it_is(tmp_path: Path) -> None:
    def stopping() -> Iterator[Pcm]:
        yield sounds.speech(1)
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        codec.encode(stopping(), RATE_HZ, tmp_path / "sound.mp3", "mp3")


@every_format
def test_encode_folder_that_is_gone_is_a_store_error(tmp_path: Path, key: str) -> None:
    with pytest.raises(StoreUnavailable):
        codec.encode([sounds.speech(0.1)], RATE_HZ, tmp_path / "gone" / "sound", key)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("key", [key for key in FORMATS if key != "m4a"])  # M4A reads what it wrote, which this device cannot give
def test_encode_full_disk_is_a_store_error(key: str) -> None:
    with pytest.raises(StoreUnavailable):
        codec.encode(sounds.blocks(sounds.speech(10)), RATE_HZ, Path("/dev/full"), key)


NO_ROOM = """
import resource, sys
from pathlib import Path
import numpy as np
from utils.audio import codec
from utils.errors import StoreUnavailable
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
noise = np.random.default_rng(0).integers(-9_000, 9_000, 200_000).astype(np.int16)
for key in codec.FORMATS:
    try:
        codec.encode([noise], 22_050, Path(sys.argv[1]) / key, key)
    except StoreUnavailable:
        print(key)
"""


def test_encode_disk_that_fills_up_in_mid_work_is_a_store_error(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk."""
    pytest.importorskip("resource", reason="only POSIX limits the size of files")
    command = [sys.executable, "-W", "error", "-c", NO_ROOM, str(tmp_path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert told.split() == list(FORMATS)


@every_format
def test_decode_bytes_with_the_format_forced_equals_decoding_the_file(tmp_path: Path, key: str) -> None:
    path = made(tmp_path, key, sounds.speech(0.8))
    from_file = codec.decode_trusted(path, 24_000)
    from_bytes = codec.decode_trusted(path.read_bytes(), 24_000, format=key)
    assert np.array_equal(from_file.samples, from_bytes.samples)


@pytest.mark.parametrize("key", [key for key in FORMATS if key != "pcm"])
def test_decode_bytes_without_a_format_are_recognised(tmp_path: Path, key: str) -> None:
    data = made(tmp_path, key, sounds.speech(1.5)).read_bytes()
    assert codec.decode_trusted(data, RATE_HZ).seconds == pytest.approx(1.5, abs=0.1)


HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:9/x.mp3\n#EXT-X-ENDLIST\n"
BROKEN = {
    "empty": b"",
    "text": b"This is not sound. " * 200,
    "zeros": bytes(20_000),
    "playlist": HLS,
    "concat": b"ffconcat version 1.0\nfile /etc/hostname\n",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8,
    "tag only": b"ID3\x03\x00\x00\x00\x00\x0f\x76" + bytes(2_038),
    "wave without samples": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x22\x56\0\0\x44\xac\0\0\x02\0\x10\0data\0\0\0\0",
}


@pytest.mark.parametrize("name", list(BROKEN))
@pytest.mark.parametrize("key", [None, *(key for key in FORMATS if key != "pcm")])  # raw PCM takes any bytes
def test_decode_what_is_no_sound_is_refused(name: str, key: str | None) -> None:
    with pytest.raises(BadSound):
        codec.decode_trusted(BROKEN[name], RATE_HZ, format=key)


def test_decode_playlist_under_the_name_of_a_sound_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "talk.mp3"
    path.write_bytes(HLS)
    with pytest.raises(BadSound):
        codec.decode_trusted(path)


@pytest.mark.parametrize("key", [key for key in FORMATS if key != "pcm"])
def test_decode_damaged_bytes_give_sound_or_bad_sound_and_nothing_else(tmp_path: Path, key: str) -> None:
    whole = made(tmp_path, key, sounds.speech(0.4)).read_bytes()
    choose = random.Random(3)
    outcomes = set()
    for _ in range(60):
        data = bytearray(whole[: choose.randrange(1, len(whole) + 1)] if choose.random() < 0.4 else whole)
        for _ in range(choose.choice((1, 5, 50))):
            data[choose.randrange(len(data))] = choose.randrange(256)
        try:
            outcomes.add(codec.decode_trusted(bytes(data), RATE_HZ, format=key).seconds >= 0)
        except BadSound:
            outcomes.add(False)
    assert False in outcomes  # some could not be read, and none did anything else; Ogg with its check sums lets no damage pass
    assert True in outcomes or key == "opus"


def test_decode_longer_than_allowed_is_refused_not_cut(tmp_path: Path) -> None:
    path = made(tmp_path, "wav", sounds.speech(3))
    assert codec.decode_trusted(path, max_seconds=3).seconds == 3
    with pytest.raises(BadSound, match=r"2\.9 seconds"):
        codec.decode_trusted(path, max_seconds=2.9)


def test_decode_blocks_stop_without_a_trace_when_nobody_wants_more(tmp_path: Path) -> None:
    found = codec.decode_blocks(made(tmp_path, "mp3", sounds.speech(5)), RATE_HZ)
    assert len(next(found))
    found.close()  # type: ignore[attr-defined]


def test_decode_error_of_the_reader_of_the_blocks_is_not_translated(tmp_path: Path) -> None:
    path = made(tmp_path, "wav", sounds.speech(1))
    with pytest.raises(ValueError, match="mine"):
        for _ in codec.decode_blocks(path, RATE_HZ):
            raise ValueError("mine")
