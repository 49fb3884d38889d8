"""Why a recording cannot be decoded, as sentences for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from utils.errors import AppError, EngineUnreachable, RecordingTooLong, StoreUnavailable, UnreadableSound

# Suffix -> label, for the file dialog and for sentences. What a file really is, is seen in its bytes.
ACCEPTED: Mapping[str, str] = {
    ".wav": "WAV", ".w64": "WAV", ".mp3": "MP3", ".flac": "FLAC", ".ogg": "Ogg", ".oga": "Ogg", ".opus": "Opus", ".m4a": "M4A",
    ".m4b": "M4A", ".aac": "AAC", ".mp4": "MP4", ".m4v": "MP4", ".mov": "MOV", ".3gp": "3GP", ".3g2": "3GP", ".webm": "WebM",
    ".weba": "WebM", ".mkv": "MKV", ".mka": "MKV", ".aiff": "AIFF", ".aif": "AIFF", ".aifc": "AIFF", ".amr": "AMR", ".caf": "CAF",
    ".avi": "AVI", ".ts": "MPEG-TS", ".mts": "MPEG-TS", ".m2ts": "MPEG-TS", ".mpg": "MPEG", ".mpeg": "MPEG", ".flv": "FLV",
}  # fmt: skip
_CONVERT = "Convert it with an audio program to WAV, MP3 or FLAC and try again."
_SENTENCES = {  # code of the child: what and why, what to do
    "unreadable": (
        "The file is not a recording that can be read here: it is damaged from the start, or of another kind.",
        f"Accepted are {', '.join(dict.fromkeys(ACCEPTED.values()))}.",
    ),
    "no_index": (
        "The file ends before its table of contents, without which nothing in it can be found: it was cut off.",
        "Copy it again from where it comes from; perhaps the recorder itself can repair it.",
    ),
    "empty": ("The file is empty.", "Choose the recording again; perhaps its copying had not ended."),
    "no_audio": ("The file holds no sound track.", "Choose a recording, or a video with sound."),
    "no_sound": ("The file's sound track holds no sound that can be decoded.", "Check that the file plays elsewhere."),
    "no_decoder": ("The file's sound is coded in a way that cannot be decoded here.", _CONVERT),
    "no_such_track": ("The file has no sound track of that number.", "Choose one of its tracks, or leave the choice to us."),
    "too_many_tracks": ("The file holds more than 16 tracks.", "Take the one to be transcribed out of it."),
    "odd_sound": (
        "The file's sound has a sample rate outside 4 to 384 kHz or more than 16 channels.",
        _CONVERT,
    ),
    "too_big": ("Decoding the file needs more memory than a recording may use here (1 GB).", _CONVERT),
    "died": ("The decoder broke down on this file: it is damaged in an unusual way.", _CONVERT),
    "too_slow": ("Decoding the file takes far longer than a recording of its length should.", _CONVERT),
}


def refusal(report: Mapping[str, Any], max_seconds: float) -> AppError:
    """The error for a report in which the child refuses.

    Args:
        report: `{"refused": code, ...}`.
        max_seconds: The limit of this decoding.
    """
    code = report.get("refused")
    if code == "too_long":
        return RecordingTooLong(
            f"The recording is longer than the {_hours(max_seconds)} allowed here (MAX_MEDIA_HOURS).",
            "Cut it into shorter pieces, or ask the operator to raise the limit.",
        )
    if code == "no_disk":
        return disk_full()
    if code == "no_library":
        return EngineUnreachable(
            "Recordings cannot be decoded on this server, because its media library does not start.",
            "Ask the operator to install the requirements again.",
        )
    sentence, hint = _SENTENCES.get(str(code), _SENTENCES["died"])
    return UnreadableSound(sentence, hint)


def disk_full() -> StoreUnavailable:
    """The decoded sound cannot be written."""
    return StoreUnavailable(
        "The decoded sound could not be stored, because the disk is full or cannot be written.", "Free some space and try again."
    )


def _hours(seconds: float) -> str:
    for unit, name in ((3600, "hours"), (60, "minutes")):
        if seconds >= unit:
            return f"{round(seconds / unit, 1):g} {name}"
    return f"{seconds:g} seconds"
