"""Weights of a CTranslate2 Whisper folder as a checkpoint for the package `openai-whisper`, to compare both on the same weights.

The file's form is CTranslate2's own (model_spec.py, binary version 6): names and arrays, int8 rows with one scale each.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Weights = dict[str, NDArray[Any]]
_TYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
_PARTS = {  # a layer's parts: CTranslate2's name -> openai-whisper's, and how many matrices lie in one
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}
_NORMS = {"self_attention": "attn_ln", "attention": "cross_attn_ln", "ffn": "mlp_ln"}


def _string(file: BinaryIO) -> str:
    (size,) = struct.unpack("H", file.read(2))
    return file.read(size)[:-1].decode()


def read(path: Path) -> Weights:
    """The arrays of a `model.bin`, int8 ones multiplied out to float32."""
    found: Weights = {}
    with path.open("rb") as file:
        (version,) = struct.unpack("I", file.read(4))
        spec, _, count = _string(file), file.read(4), struct.unpack("I", file.read(4))[0]
        if (version, spec) != (6, "WhisperSpec"):
            raise ValueError(f"not a Whisper model of version 6: {spec} {version}")
        for _ in range(count):
            name, rank = _string(file), file.read(1)[0]
            shape = struct.unpack("I" * rank, file.read(4 * rank))
            kind = _TYPES[file.read(1)[0]]
            (size,) = struct.unpack("I", file.read(4))
            found[name] = np.frombuffer(file.read(size), kind).reshape(shape)
    for name in [name for name in found if name.endswith("/weight_scale")]:
        scale = found.pop(name)
        rows = found[name.removesuffix("_scale")]
        found[name.removesuffix("_scale")] = rows.astype(np.float32) / scale.reshape(-1, *[1] * (rows.ndim - 1))
    return found


def state(weights: Weights) -> Weights:
    """The same under the names of openai-whisper's modules."""
    made = {
        "encoder.positional_embedding": weights["encoder/position_encodings/encodings"],
        "decoder.positional_embedding": weights["decoder/position_encodings/encodings"],
        "decoder.token_embedding.weight": weights["decoder/embeddings/weight"],
    }
    for side, norm in (("encoder", "encoder.ln_post"), ("decoder", "decoder.ln")):
        made |= _norm(weights, f"{side}/layer_norm", norm)
        for layer in range(_layers(weights, side)):
            made |= _layer(weights, f"{side}/layer_{layer}", f"{side}.blocks.{layer}")
    for conv in ("conv1", "conv2"):
        made |= {f"encoder.{conv}.{part}": weights[f"encoder/{conv}/{part}"] for part in ("weight", "bias")}
    return made


def dimensions(weights: Weights) -> dict[str, int]:
    """What openai-whisper calls `dims`."""
    width, mels, _ = weights["encoder/conv1/weight"].shape
    context, (vocabulary, _) = weights["encoder/position_encodings/encodings"].shape[0], weights["decoder/embeddings/weight"].shape
    sizes = {"n_mels": mels, "n_vocab": vocabulary, "n_audio_ctx": context}
    sizes["n_text_ctx"] = weights["decoder/position_encodings/encodings"].shape[0]
    for side, short in (("encoder", "audio"), ("decoder", "text")):
        heads = int(weights[f"{side}/num_heads"])
        sizes |= {f"n_{short}_state": width, f"n_{short}_head": heads, f"n_{short}_layer": _layers(weights, side)}
    return sizes


def _layers(weights: Weights, side: str) -> int:
    return len({name.split("/")[1] for name in weights if name.startswith(f"{side}/layer_") and "/layer_norm" not in name[:18]})


def _norm(weights: Weights, name: str, new: str) -> Weights:
    return {f"{new}.weight": weights[f"{name}/gamma"], f"{new}.bias": weights[f"{name}/beta"]}


def _layer(weights: Weights, name: str, new: str) -> Weights:
    made: Weights = {}
    for part, norm in _NORMS.items():
        if f"{name}/{part}/layer_norm/gamma" in weights:
            made |= _norm(weights, f"{name}/{part}/layer_norm", f"{new}.{norm}")
    for part, targets in _PARTS.items():
        if f"{name}/{part}/weight" not in weights:
            continue
        matrices = np.split(weights[f"{name}/{part}/weight"], len(targets))
        biases = np.split(weights[f"{name}/{part}/bias"], len(targets))
        for target, matrix, bias in zip(targets, matrices, biases, strict=True):
            made[f"{new}.{target}.weight"] = matrix
            if not target.endswith(".key"):  # Whisper's keys have none; CTranslate2 keeps zeros there
                made[f"{new}.{target}.bias"] = bias
    return made
