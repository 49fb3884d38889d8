"""Recordings that somebody made to break in, and ones that life has damaged: by name, made from numbers.

`cases()` answers them with what has to come of them; `mutants()` makes any number of further ones from good files. Playlists name
files and a listener of the test, so that it can see whether anybody went there.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from tests.audio import media, sounds
from tests.audio.hostile_boxes import box_patched, drefs_outside
from tests.audio.hostile_flac import flac

RATE_HZ = 16_000
GOOD_S = 20.0
DAMAGED = ("wav", "flac", "mp3", "m4a", "aac", "ogg", "opus", "webm")  # the eight that damage is tried on
REFUSE, ACCEPT, LOSS, EITHER = "refuse", "accept", "loss", "accept or loss"  # EITHER: with the sound, told or not
ANY = "any"  # damage beyond telling: whatever comes of it, in one sentence and within the limits


@dataclass(frozen=True)
class Case:
    """A file and what has to come of it.

    Attributes:
        name: With the suffix it would be uploaded with.
        group: Class of the attack or damage.
        make: Its bytes.
        verdict: One of those above.
        low_s: At least so much sound, silence in place of holes not counted.
        high_s: At most.
    """

    name: str
    group: str
    make: Callable[[], bytes]
    verdict: str
    low_s: float = 0.0
    high_s: float = 0.0


def cases(url: str, victim: str) -> list[Case]:
    """All of them.

    Args:
        url: Of a listener that nobody may ever call.
        victim: Path, without suffix, of a stranger's `.wav` and `.ts` that nobody may ever open.
    """
    return [
        *_playlists(url, victim),
        *_good(),
        *_damage(),
        *_headers(),
        *_boxes(victim),
        *_bombs(),
        *_others(),
        *_joined(),
        *_tags(),
    ]


def good(key: str, seconds: float = GOOD_S) -> bytes:
    """The whole file that a case is made from."""
    return media.make(key, seconds)


# ---- playlists ------------------------------------------------------------------------------------------------------------------


def _playlists(url: str, victim: str) -> Iterator[Case]:
    for name, text in _playlist_texts(url, victim).items():
        yield Case(name, "playlist", partial(str.encode, text), REFUSE)


def _playlist_texts(url: str, victim: str) -> dict[str, str]:
    cat, master = "ffconcat version 1.0\n", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"
    loop = "#EXT-X-TARGETDURATION:2\n#EXTINF:1.5,\nx.ts\n#EXT-X-STREAM-INF:BANDWIDTH=2\nself.m3u8\n#EXT-X-ENDLIST\n"
    return {
        "hls_http.m3u8": _hls(url),
        "hls_http.mp3": _hls(url),
        "hls_master_http.m3u8": f"{master}{url}\n",
        "hls_file_url.m3u8": _hls(f"file://{victim}.ts"),
        "hls_absolute.m3u8": _hls(f"{victim}.ts"),
        "hls_passwd.m3u8": _hls("file:///etc/passwd"),
        "hls_child_hostname.m3u8": f"{master}/etc/hostname\n",
        "hls_self.m3u8": f"{master}self.m3u8\n{loop}",
        "hls_key.m3u8": _hls(f"{victim}.ts").replace("#EXTINF", f'#EXT-X-KEY:METHOD=AES-128,URI="{url}"\n#EXTINF', 1),
        "hls_subfile.m3u8": _hls(f"subfile,,start,0,end,1000,,:{victim}.ts"),
        "hls_crypto.m3u8": _hls(f"crypto:{victim}.ts"),
        "hls_data.m3u8": _hls("data:audio/wav;base64,UklGRg=="),
        "hls_concat.m3u8": _hls(f"concat:{victim}.ts|{victim}.ts"),
        "m3u_plain.m3u": f"#EXTM3U\n{url}\n",
        "pls.mp3": f"[playlist]\nNumberOfEntries=1\nFile1={url}\n",
        "ffconcat_sibling.mp3": f"{cat}file mine.wav\n",
        "ffconcat_absolute.mp3": f"{cat}file '{victim}.wav'\n",
        "ffconcat_dotdot.mp3": f"{cat}file '../victim/secret.wav'\n",
        "ffconcat_http.mp3": f"{cat}file '{url}'\n",
        "ffconcat_from_cwd.mp3": f"{cat}file outputs/secret.wav\n",
        "ffconcat_many.mp3": cat + "file mine.wav\n" * 100_000,
        "ffconcat_self.mp3": f"{cat}file ffconcat_self.mp3\n",
        "concat_script.wav": f"ffconcat version 1.0\nstream\nfile '{victim}.wav'\ninpoint 0\n",
        "sdp.mp3": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 45678 RTP/AVP 0\na=rtpmap:0 PCMU/8000\n",
        "dash.mp4": (
            '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT2S" '
            'minBufferTime="PT1S"><Period><AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1">'
            f"<BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>"
        ),
        "smil.mp4": f'<smil><body><audio src="{url}"/></body></smil>',
        "asx.mp3": f'<asx version="3.0"><entry><ref href="{url}"/></entry></asx>',
        "rtsp.mp3": f"[Reference]\nRef1={url.replace('http', 'rtsp')}\n",
        "svg.mp4": f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{url}"/></svg>',
    }


def _hls(target: str) -> str:
    head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n"
    return f"{head}#EXTINF:1.5,\n{target}\n#EXT-X-ENDLIST\n"


# ---- whole, damaged, cut, joined ------------------------------------------------------------------------------------------------


def _good() -> Iterator[Case]:
    for key in DAMAGED:
        yield Case(f"good.{key}", "good", partial(good, key), ACCEPT, 19.8, 20.3)


# What the best decoder saves of 20 s when 2,000 bytes at a quarter are noise; pages and clusters cost more than packets.
LEAST_S = {"wav": 19.9, "flac": 19.5, "mp3": 19.2, "m4a": 19.4, "aac": 19.6, "ogg": 18.5, "opus": 18.5, "webm": 14.5}


def damaged(key: str) -> bytes:
    """2,000 bytes of noise a quarter into the file."""
    data = bytearray(good(key))
    quarter = len(data) // 4
    data[quarter : quarter + 2_000] = np.random.default_rng(5).integers(0, 256, 2_000, dtype=np.uint8).tobytes()
    return bytes(data)


def halved(key: str) -> bytes:
    """The first half."""
    return good(key)[: len(good(key)) // 2]


def _damage() -> Iterator[Case]:
    for key in DAMAGED:
        # PCM takes any bytes: nobody can see that they are noise.
        yield Case(f"damaged.{key}", "damage", partial(damaged, key), ACCEPT if key == "wav" else LOSS, LEAST_S[key], 20.3)
        verdict, low_s, high_s = (REFUSE, 0, 0) if key == "m4a" else (LOSS, 8.0, 10.6)  # its index is at the end
        yield Case(f"halved.{key}", "damage", partial(halved, key), verdict, low_s, high_s)


def _joined() -> Iterator[Case]:
    def pair(first: bytes, second: bytes) -> bytes:
        return first + second

    short_aac = partial(media.make, "aac", 3.0)
    yield Case("aac_stereo_mono.aac", "joined", lambda: short_aac(layout="stereo") + short_aac(), ACCEPT, 5.8, 6.4)
    yield Case("aac_rates.aac", "joined", lambda: short_aac(rate_hz=44_100) + short_aac(), ACCEPT, 5.8, 6.4)
    yield Case("mp3_twice.mp3", "joined", lambda: good("mp3") * 2, EITHER, 39.5, 40.5)
    yield Case("mp3_rates.mp3", "joined", lambda: pair(good("mp3"), media.make("mp3", 5.0, rate_hz=22_050)), EITHER, 24.5, 25.5)
    yield Case("mp3_channels.mp3", "joined", lambda: pair(good("mp3"), media.make("mp3", 5.0, layout="stereo")), EITHER, 24.5, 25.5)
    yield Case("ogg_twice.ogg", "joined", lambda: good("ogg") * 2, EITHER, 39.5, 40.5)
    yield Case("flac_rates.flac", "joined", lambda: good("flac") + media.make("flac", 5.0, rate_hz=22_050), EITHER, 19.9, 25.5)
    yield Case("wav_twice.wav", "joined", lambda: good("wav") * 2, ACCEPT, 19.9, 20.1)  # the second is no sound to any decoder
    yield Case("mp3_then_wav.mp3", "joined", lambda: pair(good("mp3"), good("wav")), EITHER, 19.5, 21.5)


# ---- headers that lie -----------------------------------------------------------------------------------------------------------


def wav(
    data: bytes, *, rate_hz: int = RATE_HZ, channels: int = 1, bits: int = 16, tag: int = 1, declared: int | None = None
) -> bytes:
    """A WAV with any header one likes; `declared` lies about the size of the data."""
    align = channels * bits // 8
    size = len(data) if declared is None else declared
    form = struct.pack("<IHHIIHH", 16, tag, channels, rate_hz, rate_hz * align & 0xFFFFFFFF, align & 0xFFFF, bits)
    return b"RIFF" + struct.pack("<I", 36 + size & 0xFFFFFFFF) + b"WAVEfmt " + form + b"data" + struct.pack("<I", size) + data


def _pcm(seconds: float = 1.0) -> bytes:
    return sounds.tone(440, seconds, rate_hz=RATE_HZ).tobytes()


def _headers() -> Iterator[Case]:
    def case(name: str, make: Callable[[], bytes], verdict: str = REFUSE, low_s: float = 0.0, high_s: float = 0.0) -> Case:
        return Case(name, "header", make, verdict, low_s, high_s)

    silence = b"\x80"
    yield case("rate_0.wav", lambda: wav(_pcm(), rate_hz=0))
    yield case("rate_4e9.wav", lambda: wav(_pcm(), rate_hz=4_000_000_000))
    yield case("rate_1_hz.wav", lambda: wav(silence * 1_000, rate_hz=1, bits=8))
    yield case("rate_1_hz_100k.wav", lambda: wav(silence * 100_000, rate_hz=1, bits=8))
    yield case("rate_100_hz.wav", lambda: wav(silence * 100_000, rate_hz=100, bits=8))
    yield case("channels_0.wav", lambda: wav(_pcm(), channels=0))
    yield case("channels_255.wav", lambda: wav(_pcm(), channels=255))
    yield case("channels_17.wav", lambda: wav(_pcm() * 17, channels=17))
    yield case("channels_65535.wav", lambda: wav(_pcm(), channels=65_535))
    yield case("bits_0.wav", lambda: wav(_pcm(), bits=0))
    yield case("bits_3.wav", lambda: wav(_pcm(), bits=3), ANY, 0, 6)
    yield case("codec_unknown.wav", lambda: wav(_pcm(), tag=0x7777))
    yield case("says_4_gb.wav", lambda: wav(_pcm(), declared=0xFFFF_FFFF), ACCEPT, 0.99, 1.01)
    yield case("says_1_gb.wav", lambda: wav(_pcm(), declared=1 << 30), LOSS, 0.99, 1.01)
    yield case("says_nothing.wav", lambda: wav(_pcm(), declared=0), ANY, 0, 1.01)
    yield case("no_samples.wav", lambda: wav(b""))
    yield case("half_a_sample.wav", lambda: wav(b"\1"))
    yield case("nan.wav", lambda: wav(np.full(16_000, np.nan, "<f4").tobytes(), bits=32, tag=3), EITHER, 0.99, 1.01)
    yield case("flac_rate_0.flac", lambda: flac(1, rate_hz=0), ANY, 0, 3_600)
    yield case("flac_says_1_s.flac", lambda: flac(0.1, claimed=RATE_HZ), ACCEPT, 355, 361)
    yield case("flac_says_years.flac", lambda: flac(0.1, claimed=(1 << 36) - 1), LOSS, 355, 361)
    yield case("streams_17.mkv", lambda: media.make("mkv", 0.3, parts=(media.Part(),) * 17, codec="pcm_s16le"))
    yield case("streams_100.mkv", lambda: media.make("mkv", 0.1, parts=(media.Part(),) * 100, codec="pcm_s16le"))
    yield case("streams_60.ts", lambda: media.make("ts", 0.2, parts=(media.Part(),) * 60))
    yield case("aiff_rate_nan.aiff", lambda: _patched(media.make("aiff", 1.0), b"COMM", 16, b"\x7f\xff" + b"\xff" * 8))
    yield case("aiff_says_4_gb.aiff", lambda: _patched(media.make("aiff", 1.0), b"SSND", 4, b"\xff" * 4), ANY, 0, 1.1)
    yield case("caf_says_minus.caf", lambda: _patched(media.make("caf", 1.0), b"data", 4, b"\xff" * 8), ANY, 0, 1.1)
    yield case("caf_rate_inf.caf", lambda: _patched(media.make("caf", 1.0), b"desc", 12, struct.pack(">d", float("inf"))))
    yield case("avi_rate_0.avi", lambda: _patched(media.make("avi", 1.0), b"auds", 24, bytes(4)), ANY, 0, 3)
    yield case("avi_no_index.avi", lambda: media.make("avi", 2.0).replace(b"idx1", b"JUNK"), ANY, 0, 2.2)
    yield case("flv_only_head.flv", lambda: media.make("flv", 1.0)[:13])
    yield case("amr_only_head.amr", lambda: b"#!AMR\n")
    yield case("ts_only_tables.ts", lambda: media.make("ts", 1.0)[: 3 * 188])
    yield case("ogg_only_head.ogg", lambda: media.make("ogg", 1.0)[:58])
    yield case("mkv_only_head.mkv", lambda: media.make("mkv", 1.0)[:200])


def _patched(data: bytes, mark: bytes, offset: int, value: bytes) -> bytes:
    """The file with `value` so many bytes behind the end of the first `mark`, less its own four."""
    place = data.index(mark) + offset
    return data[:place] + value + data[place + len(value) :]


def _boxes(victim: str) -> Iterator[Case]:
    m4a = partial(good, "m4a", 2.0)
    many = b"\x7f\xff\xff\xff"
    for name, box, offset in (
        ("stts_many", b"stts", 8), ("stsz_many", b"stsz", 12), ("stco_many", b"stco", 8), ("stsc_many", b"stsc", 8),
        ("elst_many", b"elst", 8), ("stsd_many", b"stsd", 8),
    ):  # fmt: skip
        yield Case(f"{name}.m4a", "boxes", partial(lambda box, at: box_patched(m4a(), box, at, many), box, offset), ANY, 0, 2.2)
    yield Case("timescale_0.m4a", "boxes", lambda: box_patched(m4a(), b"mdhd", 16, bytes(4)), ANY, 0, 2.2)
    yield Case("duration_huge.m4a", "boxes", lambda: box_patched(m4a(), b"mvhd", 20, b"\xff" * 4), ANY, 0, 2.2)
    yield Case("stts_long.m4a", "boxes", lambda: box_patched(m4a(), b"stts", 16, many), ANY, 0, 2.2)
    yield Case("dref_file.m4a", "boxes", lambda: drefs_outside(m4a(), f"file://{victim}.wav".encode()), ANY, 0, 2.2)
    yield Case("dref_alias.mov", "boxes", lambda: drefs_outside(media.make("mov", 2.0), b"/etc/passwd", kind=b"alis"), ANY, 0, 2.2)
    yield Case("no_moov.mp4", "boxes", lambda: media.make("mp4", 2.0).replace(b"moov", b"abcd"), REFUSE)
    yield Case(
        "boxes_nested.mp4", "boxes", lambda: b"".join(struct.pack(">I4s", 80_000 - 8 * n, b"moov") for n in range(9_999)), REFUSE
    )


# ---- bombs ----------------------------------------------------------------------------------------------------------------------


def _bombs() -> Iterator[Case]:
    yield Case("flac_1_h.flac", "bomb", partial(flac, 1), ACCEPT, 3_595, 3_601)
    yield Case("flac_24_h.flac", "bomb", partial(flac, 24), REFUSE)
    yield Case("flac_24_h_says_1_s.flac", "bomb", partial(flac, 24, claimed=RATE_HZ), REFUSE)
    yield Case("zeros_20_mb.mp3", "bomb", lambda: bytes(20 << 20), REFUSE)
    yield Case("ff_20_mb.mp3", "bomb", lambda: b"\xff" * (20 << 20), REFUSE)
    yield Case("mp3_headers.mp3", "bomb", lambda: b"\xff\xfb\x90\x64" * 500_000, ANY, 0, 3_600)
    yield Case("adts_headers.aac", "bomb", lambda: b"\xff\xf1\x50\x80\x01\x1f\xfc" * 200_000, ANY, 0, 43_200)
    yield Case("gzip_of_zeros.flac", "bomb", lambda: zlib.compress(bytes(10 << 20), wbits=31), REFUSE)


# ---- what is no recording -------------------------------------------------------------------------------------------------------


def _others() -> Iterator[Case]:
    for name, data in {
        "empty.mp3": b"",
        "one_byte.wav": b"R",
        "random.mp3": np.random.default_rng(1).bytes(50_000),
        "text.mp3": b"hello world\n" * 500,
        "page.wav": b"<html><script>alert(1)</script></html>",
        "picture.mp3": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89" + bytes(100),
        "program.wav": b"\x7fELF\2\1\1" + bytes(500),
        "zip.m4a": b"PK\3\4" + bytes(500),
        "pdf.mp3": b"%PDF-1.7\n" + bytes(500),
        "script.ogg": b"#!/bin/sh\necho owned\n",
        "midi.mp3": b"MThd\0\0\0\6\0\1\0\1\0\x60MTrk\0\0\0\4\0\xff\x2f\0",
        "subtitles.mkv": b"1\n00:00:01,000 --> 00:00:02,000\nhello\n",
    }.items():
        yield Case(name, "no recording", partial(bytes, data), REFUSE)
    yield Case("silent_film.mp4", "no recording", partial(media.make, "mp4", 1.0, parts=(), video=True), REFUSE)


# ---- tags -----------------------------------------------------------------------------------------------------------------------


def id3(title: bytes, *, encoding: bytes = b"\3", size: int | None = None) -> bytes:
    """An ID3v2.3 tag with a title; encoding 3 is UTF-8; `size` lies about the tag's."""
    frame = b"TIT2" + struct.pack(">I", len(title) + 1) + b"\0\0" + encoding + title
    length = len(frame) if size is None else size
    return b"ID3\3\0\0" + bytes(length >> shift & 127 for shift in (21, 14, 7, 0)) + frame


TITLES = {
    "script": b"<img src=x onerror=alert(1)>",
    "bad_utf8": b"\xff\xfe\xfa\xc3\x28",
    "bidi": "\u202egpj.exe".encode(),
    "4_mb": b"A" * (4 << 20),
    "control": b"a\0b\nc\x1b[31md",
}


def _tags() -> Iterator[Case]:
    for name, title in TITLES.items():
        yield Case(f"id3_{name}.mp3", "tags", partial(lambda title: id3(title) + good("mp3"), title), ACCEPT, 19.8, 20.3)
    yield Case("id3_bad_utf16.mp3", "tags", lambda: id3(b"\xff\xfe\x00\xd8x", encoding=b"\1") + good("mp3"), ACCEPT, 19.8, 20.3)
    yield Case("id3_says_200_mb.mp3", "tags", lambda: id3(b"x", size=200 << 20) + good("mp3"), ANY, 0, 20.3)
    yield Case("id3_thousand.mp3", "tags", lambda: id3(b"x") * 1_000 + good("mp3"), EITHER, 19.8, 20.3)


# ---- mutants --------------------------------------------------------------------------------------------------------------------


def mutants(count: int, seed: int) -> Iterator[bytes]:
    """Good short files of every kind with 1 to 32 edits, half of them near the beginning."""
    dice = random.Random(seed)
    seeds = [media.make(key, 1.0) for key in media.KINDS] + [
        media.make(key, 0.5, video=True) for key in ("mp4", "webm", "avi", "ts")
    ]
    for _ in range(count):
        yield _mutated(dice.choice(seeds), dice)


def _mutated(data: bytes, dice: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(dice.choice((1, 2, 4, 8, 32))):
        at = dice.randrange(len(made)) if dice.random() < 0.5 else dice.randrange(min(600, len(made)))
        match dice.choices(("byte", "bit", "extreme", "drop", "repeat", "cut"), (40, 15, 15, 10, 10, 10))[0]:
            case "byte":
                made[at] = dice.randrange(256)
            case "bit":
                made[at] ^= 1 << dice.randrange(8)
            case "extreme":
                made[at : at + 4] = dice.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
            case "drop":
                del made[at : at + dice.randrange(1, 200)]
            case "repeat":
                other = dice.randrange(len(made))
                made[at:at] = made[other : other + dice.randrange(1, 200)]
            case "cut":
                del made[max(1, at) :]
        if not made:
            made = bytearray(1)
    return bytes(made)


# ---- a hole with something behind it --------------------------------------------------------------------------------------------

BEEP_S = 15.0


@cache
def marked(key: str) -> bytes:
    """20 s of a low tone with a loud high one at 15 s."""
    return media.encode(key, _marked_sound(media.KINDS[key].rate_hz))


def _marked_sound(rate_hz: int) -> np.ndarray:
    sound = sounds.tone(300, GOOD_S, rate_hz=rate_hz, level=0.1)
    beep = sounds.tone(2_000, 0.5, rate_hz=rate_hz, level=0.6)
    sound[int(BEEP_S * rate_hz) : int(BEEP_S * rate_hz) + len(beep)] += beep
    return sound


def holed(key: str) -> bytes:
    """The same with 2,000 bytes of noise a quarter into it."""
    data = bytearray(marked(key))
    quarter = len(data) // 4
    data[quarter : quarter + 2_000] = np.random.default_rng(5).integers(0, 256, 2_000, dtype=np.uint8).tobytes()
    return bytes(data)


def beep_s(sound: np.ndarray) -> float:
    """Where the loud tone begins, in seconds of 16 kHz sound, the second around the hole left out."""
    late = int(12 * RATE_HZ)
    return float((late + np.argmax(np.abs(sound[late:]) > 0.35)) / RATE_HZ)
