"""The dry run: what a table would become, what it costs, and what is wrong with which row. Nothing is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from utils.errors import AppError
from utils.speech import plan as planning
from utils.speech.contract import Part, SpeechRequest
from utils.speech.table.contract import Problem, Row

CountRequests = Callable[[SpeechRequest, Sequence[Part]], int]


@dataclass(frozen=True)
class Check:
    """What a start would do.

    Attributes:
        rows: All rows, with every problem found.
        good: Rows that can be spoken.
        bad: Rows that cannot.
        same: Good rows that say exactly what an earlier one says; they are spoken once.
        characters: Of all good rows.
        requests: To a service, for all good rows that are spoken.
        sound_s: Estimated seconds of sound of all good rows.
    """

    rows: tuple[Row, ...]
    good: int
    bad: int
    same: int
    characters: int
    requests: int
    sound_s: float

    @property
    def problems(self) -> list[tuple[int, Problem]]:
        """(number of the row, problem), in the order of the table."""
        return [(row.number, problem) for row in self.rows for problem in row.problems]


def check(rows: Sequence[Row], *, max_chars: int, count_requests: CountRequests) -> Check:
    """Plan every row as a generation would, without making anything.

    Args:
        rows: As rendered.
        max_chars: MAX_TEXT_CHARS.
        count_requests: How many requests to a service a request's parts would cost; 0 for an engine of our own.
    """
    checked: list[Row] = []
    names: dict[str, int] = {}
    first: dict[SpeechRequest, int] = {}
    characters = requests = same = 0
    sound_s = 0.0
    for row in rows:
        problems = list(row.problems)
        if row.name:
            earlier = names.setdefault(row.name.casefold(), row.number)
            if earlier != row.number:
                why = f"The file name is that of row {earlier} too; the number in front keeps them apart."
                problems.append(Problem("warning", "same_name", why))
        request = row.request
        if request is not None:
            try:
                plan = planning.plan(request, max_chars=max_chars)
                asked = count_requests(request, plan.parts)
            except AppError as exc:
                problems.append(Problem("error", exc.code, exc.sentence))
                request = None
            else:
                characters += plan.characters
                sound_s += plan.seconds
                if first.setdefault(replace(request, title=""), row.number) == row.number:
                    requests += asked
                else:
                    same += 1
        checked.append(replace(row, request=request, problems=tuple(problems)))
    bad = sum(row.request is None for row in checked)
    return Check(tuple(checked), len(checked) - bad, bad, same, characters, requests, sound_s)
