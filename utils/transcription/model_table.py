"""The models on the hub that have a short name, and which version of each is fetched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A model on the hub that has a short name.

    Attributes:
        repo: Its name on the hub.
        revision: The commit that we fetch, 40 hex digits; "" = not pinned by us, see `fetch`.
        sha256: Of `model.bin` at that revision, or "".
        size_bytes: Of `model.bin`, about.
    """

    repo: str
    revision: str = ""
    sha256: str = ""
    size_bytes: int | None = None


# Names as in faster-whisper 1.2.1. Revisions and checksums only where several public projects pin the same ones.
KNOWN: Mapping[str, Known] = {
    "tiny": Known(
        "Systran/faster-whisper-tiny",
        "d90ca5fe260221311c53c58e660288d3deb8d356",
        "dcb76c6586fc06cbdac6dd21f14cfd129cc4cdd9dce19bf4ffa62e59cbe6e6d1",
        75_538_270,
    ),
    "tiny.en": Known(
        "Systran/faster-whisper-tiny.en",
        "0d3d19a32d3338f10357c0889762bd8d64bbdeba",
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
        75_500_000,
    ),
    "base": Known(
        "Systran/faster-whisper-base",
        "ebe41f70d5b6dfa9166e2c581c45c9c0cfc57b66",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
        145_217_532,
    ),
    "base.en": Known("Systran/faster-whisper-base.en", "3d3d5dee26484f91867d81cb899cfcf72b96be6c", size_bytes=145_000_000),
    "small": Known(
        "Systran/faster-whisper-small",
        "536b0662742c02347bc0e980a01041f333bce120",
        "3e305921506d8872816023e4c273e75d2419fb89b24da97b4fe7bce14170d671",
        483_546_902,
    ),
    "small.en": Known("Systran/faster-whisper-small.en", "d1d751a5f8271d482d14ca55d9e2deeebbae577f", size_bytes=483_500_000),
    "medium": Known(
        "Systran/faster-whisper-medium",
        "08e178d48790749d25932bbc082711ddcfdfbc4f",
        "9b45e1009dcc4ab601eff815b61d80e60ce3fd8c74c1a14f4a282258286b51ae",
        1_527_906_378,
    ),
    "medium.en": Known("Systran/faster-whisper-medium.en", "a29b04bd15381511a9af671baec01072039215e3", size_bytes=1_528_000_000),
    "large-v1": Known("Systran/faster-whisper-large-v1", size_bytes=3_087_000_000),
    "large-v2": Known("Systran/faster-whisper-large-v2", "f0fe81560cb8b68660e564f55dd99207059c092e", size_bytes=3_087_000_000),
    "large-v3": Known(
        "Systran/faster-whisper-large-v3",
        "edaa852ec7e145841d8ffdb056a99866b5f0a478",
        "69f74147e3334731bc3a76048724833325d2ec74642fb52620eda87352e3d4f1",
        3_087_284_237,
    ),
    "distil-small.en": Known("Systran/faster-distil-whisper-small.en"),
    "distil-medium.en": Known("Systran/faster-distil-whisper-medium.en"),
    "distil-large-v2": Known("Systran/faster-distil-whisper-large-v2"),
    "distil-large-v3": Known(
        "Systran/faster-distil-whisper-large-v3", "c3058b475261292e64a0412df1d2681c06260fab", size_bytes=1_513_000_000
    ),
    "distil-large-v3.5": Known("distil-whisper/distil-large-v3.5-ct2"),
    "large-v3-turbo": Known(
        "mobiuslabsgmbh/faster-whisper-large-v3-turbo",
        "0c94664816ec82be77b20e824c8e8675995b0029",
        "e76620f83d5f5b69efd3d87e3dc180c1bd21df9fbebacfd4335e5e1efcc018da",
        1_617_884_929,
    ),
}
ALIASES = {"large": "large-v3", "turbo": "large-v3-turbo"}


def repo_of(said: str) -> str:
    """Its name on the hub, or "" where it can have none."""
    if (known := KNOWN.get(ALIASES.get(said, said))) is not None:
        return known.repo
    return said if said.count("/") == 1 and all(part and not part.startswith(".") for part in said.split("/")) else ""


def pin_of(said: str) -> Known | None:
    """What we have pinned for it, by size or by hub name."""
    if (known := KNOWN.get(ALIASES.get(said, said))) is not None:
        return known
    return next((known for known in KNOWN.values() if known.repo == said), None)
