"""Speed without a change of pitch, and pitch without a change of speed, as a stream: memory stays flat."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from utils.audio.frames import from_blocks, to_block
from utils.audio.pcm import Pcm

if TYPE_CHECKING:
    from av.filter import Graph

SPEED_RANGE = (0.5, 2.0)
PITCH_RANGE_SEMITONES = (-12.0, 12.0)
_SEMITONES_AN_OCTAVE = 12
_LOWEST_TEMPO = 0.5  # of one `atempo` filter; above 2 it would skip samples instead of blending them
_HIGHEST_TEMPO = 2.0


@dataclass(frozen=True)
class Chain:
    """An effect, ready for `apply`.

    Attributes:
        speed: Factor of the speed; the sound gets shorter by it.
        pitch: Factor of all frequencies.
    """

    speed: float = 1.0
    pitch: float = 1.0


def speed(factor: float) -> Chain:
    """Speak faster or slower at the same pitch.

    Raises:
        ValueError: outside of SPEED_RANGE.
    """
    return Chain(speed=_within(factor, SPEED_RANGE, "speed"))


def speeds(factor: float) -> list[Chain]:
    """Effects that together change the speed by a factor beyond SPEED_RANGE, too; none for 1.

    Raises:
        ValueError: further than two of them reach.
    """
    if factor == 1.0:
        return []
    return [speed(factor)] if SPEED_RANGE[0] <= factor <= SPEED_RANGE[1] else [speed(math.sqrt(factor))] * 2


def pitch(semitones: float, rate_hz: int | None = None) -> Chain:
    """Speak higher or lower at the same speed. `rate_hz` is not needed; `apply` knows it.

    Raises:
        ValueError: outside of PITCH_RANGE_SEMITONES.
    """
    return Chain(pitch=2 ** (_within(semitones, PITCH_RANGE_SEMITONES, "pitch") / _SEMITONES_AN_OCTAVE))


def _within(value: float, allowed: tuple[float, float], name: str) -> float:
    if not allowed[0] <= value <= allowed[1]:
        raise ValueError(f"{name} {value} is not within {allowed[0]:g} to {allowed[1]:g}")
    return value


def apply(blocks: Iterable[Pcm], rate_hz: int, *chains: Chain) -> Iterator[Pcm]:
    """Run mono PCM through all effects at once.

    The result has exactly `round(samples / speed)` samples: what the filters lack at the end is silence, what they have too much
    is cut. So times of words are divided by the speed, and nothing else.

    Args:
        blocks: One-dimensional int16 arrays, taken one at a time.
        rate_hz: Rate of the blocks and of the result.
        chains: Effects; their order does not matter. Without any the blocks come back as they are.
    """
    total = Chain(math.prod(effect.speed for effect in chains), math.prod(effect.pitch for effect in chains))
    if total == Chain():
        yield from blocks
        return
    counted = _Counted(blocks)
    given = 0
    for block in _filtered(counted, rate_hz, total):
        # The filters are behind their input but for a window's length, so only the last blocks can be cut here.
        block = block[: max(0, round(counted.samples / total.speed) - given)] if counted.finished else block
        given += len(block)
        if len(block):
            yield block
    missing = round(counted.samples / total.speed) - given
    if missing > 0:
        yield np.zeros(missing, dtype=np.int16)


class _Counted:
    """Counts samples on their way into the filters."""

    def __init__(self, blocks: Iterable[Pcm]) -> None:
        self._blocks = blocks
        self.samples = 0
        self.finished = False

    def __iter__(self) -> Iterator[Pcm]:
        for block in self._blocks:
            self.samples += len(block)
            yield block
        self.finished = True


def _filtered(blocks: Iterable[Pcm], rate_hz: int, total: Chain) -> Iterator[Pcm]:
    from av.error import BlockingIOError, EOFError

    graph = _graph(rate_hz, total)
    for frame in chain(from_blocks(blocks, rate_hz), [None]):  # None makes the filters give what they hold
        graph.push(frame)
        while True:
            try:
                pulled = graph.pull()
            except (BlockingIOError, EOFError):  # wants more input, or has given everything
                break
            yield to_block(pulled)  # type: ignore[arg-type]  # an audio graph gives audio frames


def _graph(rate_hz: int, total: Chain) -> Graph:
    from av.filter import Graph

    graph = Graph()
    nodes = [graph.add_abuffer(sample_rate=rate_hz, format="s16", layout="mono", time_base=Fraction(1, rate_hz))]
    tempo = total.speed
    if total.pitch != 1.0:
        # Played faster everything is higher and shorter; the tempo filter then gives the length back. (No rubberband in the wheel.)
        played_hz = round(rate_hz * total.pitch)
        nodes += [graph.add("asetrate", str(played_hz)), graph.add("aresample", str(rate_hz))]
        tempo *= rate_hz / played_hz
    nodes += [graph.add("atempo", f"{factor:.9f}") for factor in _tempo_steps(tempo)]
    nodes += [graph.add("aformat", f"sample_fmts=s16:channel_layouts=mono:sample_rates={rate_hz}"), graph.add("abuffersink")]
    graph.link_nodes(*nodes)
    graph.configure()
    return graph


def _tempo_steps(tempo: float) -> list[float]:
    """Equal steps whose product is `tempo`, each within what one tempo filter does well."""
    if abs(tempo - 1) < 1e-9:
        return []
    steps = 1
    while not _LOWEST_TEMPO <= tempo ** (1 / steps) <= _HIGHEST_TEMPO:
        steps += 1
    return [tempo ** (1 / steps)] * steps
