"""Bytes from Google -> samples: decoded, without the padding of MP3, and of a length that fits the piece."""

from __future__ import annotations

import numpy as np

from utils.audio import codec, edit
from utils.audio.edit import as_s16
from utils.audio.pcm import Pcm
from utils.audio.waveform import Waveform
from utils.errors import AppError, EngineRefused
from utils.speech.engines.gtts_check import RATE_HZ, unfitting, window
from utils.speech.engines.gtts_client import SERVICE, USE_ESPEAK, Failed, Kind

MOST_S = 180.0  # what a piece is decoded to at most
PADDING_SAMPLES = 1_152  # an MP3 encoder and decoder put 1,105 samples before the sound, and up to two granules behind it
QUIET = 104  # of 32,768: -50 dBFS; padding is quieter, speech is not
FADE_S = 0.004  # at both ends, so that a step where the padding was cut does not click
SILENT = 33  # -60 dBFS: a sound that never gets louder says nothing


def read_sound(mp3: bytes, piece: str) -> Pcm:
    """Decode one piece, without the padding at its ends.

    Raises:
        Failed: Not MP3, silent, or too short or too long for the piece.
    """
    try:
        waveform = codec.decode_trusted(mp3, RATE_HZ, format="mp3", max_seconds=MOST_S)
    except AppError as exc:
        raise Failed(Kind.NO_SOUND, EngineRefused(f"{SERVICE} sent something that is not MP3 sound.", USE_ESPEAK)) from exc
    samples = without_padding(as_s16(waveform.samples))
    seconds = len(samples) / RATE_HZ
    fits = window([piece])
    if not fits.holds(seconds):
        raise Failed(Kind.NO_SOUND, unfitting(seconds, fits, f"a piece of {len(piece)} characters"))
    if _loudest(samples) <= SILENT:
        raise Failed(Kind.NO_SOUND, EngineRefused(f"{SERVICE} sent {seconds:.1f} s of silence for a piece.", USE_ESPEAK))
    return as_s16(edit.fade(Waveform(samples, RATE_HZ), FADE_S, FADE_S).samples)


def without_padding(samples: Pcm) -> Pcm:
    """Cut what an MP3 encoder added at both ends, so that pieces join without a gap.

    Google's MP3 carries no header that says how much that is, so at most PADDING_SAMPLES go at each end, and only where they
    are quiet: speech is never cut, whatever the encoder.
    """
    loud_start = np.flatnonzero(np.abs(samples[:PADDING_SAMPLES].astype(np.int32)) > QUIET)
    first = int(loud_start[0]) if len(loud_start) else min(PADDING_SAMPLES, len(samples))
    loud_end = np.flatnonzero(np.abs(samples[first:][-PADDING_SAMPLES:].astype(np.int32)) > QUIET)
    tail = len(samples[first:][-PADDING_SAMPLES:])
    last = len(samples) - (tail - 1 - int(loud_end[-1]) if len(loud_end) else tail)
    return samples[first:last]


def _loudest(samples: Pcm) -> int:
    return int(np.abs(samples.astype(np.int32)).max(initial=0))
