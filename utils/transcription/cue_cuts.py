"""Which atoms share a cue: the cheapest way through each stretch between two rests."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from utils.transcription.cue_atoms import Atom
from utils.transcription.cue_joints import PAUSE, SENTENCE, WORD
from utils.transcription.cue_times import Limits

_REST_MS = 1000  # a rest that ends a cue whatever stands there
_WHOLE_SENTENCE_MS = 1500  # a sentence this long gets a cue of its own
_FEW_COLUMNS = 14  # a part of a sentence narrower than this is not left alone

# In the units of cue_joints: 20 is a cut between any two words.
_CUE = 9.0  # each cue costs something: short sentences share one
_FILL = 22.0  # times the square of how full it is: evenly filled ones cost least
_SHORT = 40.0  # too short to be seen, and as much again by how far
_FAST = 15.0  # too fast to be read, and one for each column too much
_CRUMB = 25.0
_FEW_TRIES = 4  # where all places are equally poor
_TWO_SENTENCES = 3.0
_AFTER_WHOLE = 12.0  # another sentence behind one that could stand alone


def groups(atoms: Sequence[Atom], costs: Sequence[float], limits: Limits) -> list[tuple[int, int]]:
    """The atoms of each cue: first, and behind the last.

    Args:
        atoms: In order.
        costs: What a cut behind each costs, from `cue_joints`.
        limits: The rules.
    """
    search = _Search(atoms, costs, limits)
    found: list[tuple[int, int]] = []
    for start, stop in _stretches(atoms):
        found += search.cheapest(start, stop)
    return found


def _stretches(atoms: Sequence[Atom]) -> Iterator[tuple[int, int]]:
    """Cut where there is a rest."""
    start = 0
    for number in range(1, len(atoms)):
        if atoms[number].start_ms - atoms[number - 1].end_ms >= _REST_MS:
            yield start, number
            start = number
    if atoms:
        yield start, len(atoms)


class _Search:
    """Shortest way over cuts. Lists of plain numbers: this is the part that takes the time."""

    def __init__(self, atoms: Sequence[Atom], costs: Sequence[float], limits: Limits) -> None:
        self._limits = limits
        self._costs = costs
        self._starts = [atom.start_ms for atom in atoms]
        self._ends = [atom.end_ms for atom in atoms]
        self._spaces = [int(atom.space) for atom in atoms]
        self._columns = [0]  # of all atoms before, with their spaces
        for atom in atoms:
            self._columns.append(self._columns[-1] + atom.width + atom.space)
        self._line_stops = self._lines()
        self._good = [end for end, cost in enumerate(costs, start=1) if cost <= WORD]
        # A cue that ends before atom n may stay until here.
        end_ms = max(limits.end_ms or 0, self._ends[-1]) if atoms and limits.end_ms is not None else 10**12
        self._rooms = [start - limits.gap_ms for start in self._starts] + [end_ms]

    def _lines(self) -> list[int]:
        """For each atom where a line that begins with it is full; at least one atom stands in a line."""
        count, columns = len(self._starts), self._columns
        stops, stop = [], 0
        for start in range(count):
            stop = max(stop, start + 1)
            most = self._limits.columns + columns[start] + self._spaces[start]
            while stop < count and columns[stop + 1] <= most:
                stop += 1
            stops.append(stop)
        return stops

    def cheapest(self, first: int, stop: int) -> list[tuple[int, int]]:
        """The best cuts between two rests."""
        best = [float("inf")] * (stop - first + 1)
        origin = [0] * (stop - first + 1)
        best[0] = 0.0
        for start in range(first, stop):
            here = best[start - first]
            if here == float("inf"):
                continue
            for end, cost in self._ways(start, first, self._most(start, stop)):
                if here + cost < best[end - first]:
                    best[end - first] = here + cost
                    origin[end - first] = start
        found: list[tuple[int, int]] = []
        at = stop
        while at > first:
            found.append((origin[at - first], at))
            at = origin[at - first]
        return found[::-1]

    def _most(self, start: int, stop: int) -> int:
        """Behind the last atom that a cue has room and time for; at least one."""
        most = start
        for _ in range(self._limits.lines):
            if most < stop:
                most = self._line_stops[most]
        most = min(most, stop)
        latest_ms = self._starts[start] + self._limits.max_ms
        while most > start + 1 and self._ends[most - 1] > latest_ms:
            most -= 1
        return most

    def _ends_of(self, start: int, most: int) -> Sequence[int]:
        """Where a cue that begins here may end: behind whole words and phrases; inside them only where there is no other place.

        In the first half of what there is room for only good places are tried.
        """
        good = self._good[bisect_right(self._good, start) : bisect_right(self._good, most)]
        half = start + (most - start) // 2
        if good and good[-1] > half:
            return good
        tried = range(max(half, start + 1), most + 1)
        least = min(self._costs[end - 1] for end in tried)
        fair = [end for end in tried if self._costs[end - 1] == least]
        return sorted({*good, *fair[:: -(-len(fair) // _FEW_TRIES)], fair[-1]})

    def _ways(self, start: int, first: int, most: int) -> list[tuple[int, float]]:
        """Each end of a cue that begins here, and what the cue costs."""
        limits, costs, ends, columns = self._limits, self._costs, self._ends, self._columns
        room = float(limits.columns * limits.lines)
        fill, crumb = _FILL / room**2, min(_FEW_COLUMNS, room / 4)
        began_ms = self._starts[start]
        offset = columns[start] + self._spaces[start]
        whole = start == first or costs[start - 1] == SENTENCE
        latest_ms, least_ms = began_ms + limits.max_ms, max(1, limits.min_ms)
        linger_ms, max_cps = limits.linger_ms, limits.max_cps / 1000
        half = start + (most - start) // 2
        more, complete = 0.0, False
        found = []
        for end in self._ends_of(start, most):
            place = costs[end - 1]
            if place and (complete or (place > PAUSE and end < half)):
                continue
            width = columns[end] - offset
            until_ms = ends[end - 1]
            shown_ms = min(self._rooms[end], until_ms + linger_ms, latest_ms) - began_ms
            cost = _CUE + place + fill * width * width + more
            kept = True
            if shown_ms < least_ms:
                kept = False
                cost += _SHORT * (2 - max(0, shown_ms) / least_ms)
            if max_cps and width > max_cps * shown_ms:
                kept = False
                cost += _FAST + width - max_cps * max(0, shown_ms)
            if place == SENTENCE:
                complete = complete or (kept and whole and until_ms - began_ms >= _WHOLE_SENTENCE_MS)
                more += _AFTER_WHOLE if complete else _TWO_SENTENCES
            elif width < crumb:
                cost += _CRUMB
            found.append((end, cost))
        return found
