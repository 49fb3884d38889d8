"""Sotto's way of a recording against the package `openai-whisper` with the same weights, in the same run.

The package needs PyTorch and is not installed here: give the interpreter of an environment that has it in OPENAI_WHISPER_PYTHON,
or this benchmark says nothing. Both sides hear the same array; both may use all cores.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figure import Figure
from benchmarks.openai_weights import dimensions, read, state
from benchmarks.rig import ROOT, scratch_folder
from tests.transcription.clips import MICRO, drawn, joined, transcribed, wer
from utils.settings import Settings
from utils.transcription import engines
from utils.transcription.contract import Samples, TranscriptionRequest

SENTENCES = 130  # about five minutes
NEVER = -1_000.0  # a bias below this forbids a token: openai-whisper calls that suppressing
CHILD = """
import json, sys, time
import numpy as np, torch, whisper
from whisper.model import ModelDimensions, Whisper
weights, sound, told = np.load(sys.argv[1]), np.load(sys.argv[2]), json.load(open(sys.argv[3]))
torch.set_num_threads(told["threads"])
model = Whisper(ModelDimensions(**told["dims"]))
missing = model.load_state_dict({name: torch.from_numpy(weights[name].copy()) for name in weights.files}, strict=False)
assert not missing.missing_keys and not missing.unexpected_keys, missing
model.eval()
options = dict(language="en", beam_size=5, temperature=0.0, condition_on_previous_text=False, word_timestamps=True, fp16=False,
               suppress_tokens=told["suppress"])
model.transcribe(sound[: 16_000 * 30], **options)
began = time.perf_counter()
found = model.transcribe(sound, **options)
print(json.dumps({"seconds": time.perf_counter() - began, "text": found["text"]}))
"""


def run() -> list[Figure]:
    """Nothing without OPENAI_WHISPER_PYTHON."""
    python = os.environ.get("OPENAI_WHISPER_PYTHON")
    if not python:
        print("openai: left out, OPENAI_WHISPER_PYTHON is not set", file=sys.stderr)
        return []
    said = joined(drawn(SENTENCES))
    with scratch_folder() as folder:
        their_s, their_text = _theirs(python, folder, said.samples)
        own_s, own_text = _ours(folder, said.samples)
    ours, others = wer(said.text, own_text), wer(said.text, their_text)
    times = f"{own_s:.1f} s (WER {ours:.1f} %) against {their_s:.1f} s (WER {others:.1f} %)"
    detail = f"{said.seconds:.0f} s of sentences: {times}, beam 5, word times, CPU; test model, so nothing is said about others"
    return [Figure("time of a transcript / openai-whisper with the same weights", own_s / their_s, 1.0, detail=detail)]


def _theirs(python: str, folder: Path, samples: Samples) -> tuple[float, str]:
    weights = read(MICRO / "model.bin")
    arrays: Any = state(weights)
    np.savez(folder / "weights.npz", **arrays)
    np.save(folder / "sound.npy", samples)
    suppress = [-1, *np.flatnonzero(weights["decoder/projection/bias"] < NEVER).tolist()]
    told = {"dims": dimensions(weights), "suppress": suppress, "threads": os.cpu_count() or 1}
    (folder / "told.json").write_text(json.dumps(told))
    files = [str(folder / name) for name in ("weights.npz", "sound.npy", "told.json")]
    done = subprocess.run([python, "-c", CHILD, *files], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found = json.loads(done.stdout.splitlines()[-1])
    return float(found["seconds"]), str(found["text"])


def _ours(folder: Path, samples: Samples) -> tuple[float, str]:
    engine = engines.build(Settings(whisper_model=str(MICRO), stt_engine="whisper"))["whisper"]
    for number in range(2):  # the first one loads the model and tests it
        (folder / str(number)).mkdir()
        began = time.perf_counter()
        found = transcribed(samples, engine, TranscriptionRequest(language="en"), folder / str(number))
        took_s = time.perf_counter() - began
    return took_s, found.text
