"""One measured figure and the table of them."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measurement against its goal.

    Attributes:
        what: What was measured.
        value: The figure.
        goal: The bound it is held against.
        at_most: The value must not be larger than the goal; else not smaller.
        unit: Behind value and goal.
        detail: What it was made from.
    """

    what: str
    value: float
    goal: float
    at_most: bool = True
    unit: str = ""
    detail: str = ""

    @property
    def reached(self) -> bool:
        """The goal was met."""
        return self.value <= self.goal if self.at_most else self.value >= self.goal

    def row(self) -> str:
        """A line of a Markdown table."""
        sign = "<=" if self.at_most else ">="
        mark = "yes" if self.reached else "**no**"
        return f"| {self.what} | {self.value:,.3g}{self.unit} | {sign} {self.goal:,g}{self.unit} | {mark} | {self.detail} |"


def table(figures: Iterable[Figure]) -> str:
    """All figures as a Markdown table, with date and machine."""
    rows = "\n".join(figure.row() for figure in figures)
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    head = "| what | figure | goal | reached | made from |\n|---|---|---|---|---|"
    return f"{time.strftime('%Y-%m-%d')}, {machine}\n\n{head}\n{rows}\n"


def best(action: Callable[[], object], runs: int = 5) -> float:
    """Shortest wall seconds of several runs: the one that the machine disturbed least."""
    times = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        times.append(time.perf_counter() - began)
    return min(times)
