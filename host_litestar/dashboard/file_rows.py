"""Rows of a file as a page shows them: their cells, each with its fault."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from host_litestar.dashboard.file_choices import SHOWN_COLUMNS
from host_litestar.dashboard.view import View
from wabroadcast_core.models.contact import FileRow


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row: each cell with the title of its column and its fault, and the fault of the row as a whole."""

    number: int
    cells: Sequence[tuple[str, str, str]]
    fault: str


def shown_rows(
    view: View, rows: Sequence[FileRow], columns: Mapping[str, str], *, with_faults: bool = True
) -> list[ShownRow]:
    """Return rows as a page shows them.

    :param columns: the meaning of each column by its title, in the order of the file.
    :param with_faults: whether the rows have faults; those of a file that is not understood mean nothing.
    """
    titles = list(columns)[:SHOWN_COLUMNS]
    return [_shown(view, row, titles, columns, with_faults=with_faults) for row in rows]


def _shown(
    view: View, row: FileRow, titles: Sequence[str], columns: Mapping[str, str], *, with_faults: bool
) -> ShownRow:
    fault = view.say(row.reason) if row.reason and with_faults else ""
    place = _place_of(row.column, columns)
    cells = [*row.cells[: len(titles)], *[""] * (len(titles) - len(row.cells))]
    shown = [
        (title, cell, fault if index == place else "")
        for index, (title, cell) in enumerate(zip(titles, cells, strict=True))
    ]
    return ShownRow(row.row, shown, "" if place is not None and place < len(titles) else fault)


def _place_of(column: str | None, columns: Mapping[str, str]) -> int | None:
    """Return the index of the column that a fault names by its title or its meaning."""
    if column is None:
        return None
    titles = list(columns)
    if column in columns:
        return titles.index(column)
    return next((index for index, title in enumerate(titles) if column in columns[title].split(", ")), None)
