"""Records to a table: find the header, name the columns, square the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain

from utils.errors import BadTable
from utils.speech.table.columns import looks_like_header
from utils.speech.table.contract import Problem, Table, TableRow

Record = tuple[int, list[str]]  # line where it begins, cells


def assemble(
    first: Record,
    rest: Iterator[Record],
    *,
    max_rows: int,
    kind: str,
    encoding: str = "",
    delimiter: str = "",
    notes: tuple[str, ...] = (),
    flaws: Callable[[list[str]], list[Problem]] = lambda cells: [],
) -> Table:
    """Make the table of records that are not blank.

    Raises:
        BadTable: Too many rows, none at all, or a name of a column twice.
    """
    columns, records = _header(first, rest)
    rows: list[TableRow] = []
    for line, cells in records:
        if len(rows) >= max_rows:
            raise too_many(max_rows)
        problems = (*flaws(cells), *_shape(cells, columns))
        padded = (*cells[: len(columns)], *[""] * (len(columns) - len(cells)))
        rows.append(TableRow(len(rows) + 1, line, padded, problems))
    if not rows:
        raise BadTable("The table has a header but no rows.", "Add at least one row.")
    return Table(kind, columns, tuple(rows), encoding, delimiter, notes)


def too_many(max_rows: int) -> BadTable:
    """The error for a table over its limit."""
    return BadTable(f"The table has more than {max_rows:,} rows (MAX_TABLE_ROWS).", "Split it into several tables.")


def _header(first: Record, rest: Iterator[Record]) -> tuple[tuple[str, ...], Iterator[Record]]:
    names = tuple(cell.strip() for cell in first[1])
    if not looks_like_header(names):
        columns = ("text",) if len(names) == 1 else tuple(f"column {n}" for n in range(1, len(names) + 1))
        return columns, chain([first], rest)
    seen: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        folded = name.casefold()
        if name and folded in seen:
            raise BadTable(
                f"The column name {name[:40]!r} stands twice, in columns {seen[folded]} and {position}.", "Rename one of them."
            )
        seen[folded] = position
    return tuple(name or f"column {n}" for n, name in enumerate(names, 1)), rest


def _shape(cells: list[str], columns: tuple[str, ...]) -> list[Problem]:
    extra = [cell for cell in cells[len(columns) :] if cell.strip()]
    missing = len(columns) - len(cells)
    if extra:
        why = f"The row has {len(cells)} cells, the header {len(columns)}; is a text with a comma not quoted?"
        return [Problem("error", "too_many_cells", why)]
    if missing > 0:
        return [Problem("warning", "too_few_cells", f"The last {missing} cells of the row are missing; they count as empty.")]
    if len(columns) > 1 and [cell.strip().casefold() for cell in cells] == [name.casefold() for name in columns]:
        return [Problem("error", "header_again", "The row repeats the header.")]
    return []
