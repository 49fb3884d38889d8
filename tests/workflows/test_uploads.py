"""What a received file is called on disk: by what is inside."""

from __future__ import annotations

import pytest

from utils.audio.recording import Facts, Track
from utils.workflows.uploads import clean_name, kind_of_file, title_of


def facts(container: str, codec: str, *, video: bool = False) -> Facts:
    return Facts(container, 10.0, (Track(0, codec, 1, 16_000, "", "", True),), video)


@pytest.mark.parametrize(
    ("found", "kind"),
    [
        (facts("wav", "pcm_s16le"), (".wav", "audio/wav")),
        (facts("mov,mp4,m4a,3gp,3g2,mj2", "aac"), (".m4a", "audio/mp4")),
        (facts("mov,mp4,m4a,3gp,3g2,mj2", "aac", video=True), (".mp4", "audio/mp4")),
        (facts("matroska,webm", "opus", video=True), (".webm", "audio/webm")),
        (facts("matroska,webm", "aac", video=True), (".mkv", "audio/webm")),
        (facts("matroska,webm", "flac"), (".mka", "audio/webm")),
        (facts("ogg", "vorbis"), (".ogg", "audio/ogg")),
        (facts("mpegts", "mp2", video=True), (".ts", "video/mp2t")),
        (facts("brandnew", "brandnew"), (".bin", "application/octet-stream")),
    ],
)
def test_file_is_called_by_what_is_inside(found: Facts, kind: tuple[str, str]) -> None:
    assert kind_of_file(found) == kind


@pytest.mark.parametrize(
    ("name", "clean", "title"),
    [
        ("a/b\\c.wav", "c.wav", "c"),
        ("\u202e\x00x.mp3", "x.mp3", "x"),
        ("", "recording", "recording"),
        ("///", "recording", "recording"),
        ("no suffix", "no suffix", "no suffix"),
        (".hidden", ".hidden", "hidden"),
    ],
)
def test_names_of_senders_become_titles(name: str, clean: str, title: str) -> None:
    assert (clean_name(name), title_of(clean_name(name))) == (clean, title)
