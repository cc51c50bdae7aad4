"""The output of commands: a table on a terminal, tab-separated lines otherwise, JSON with ``--json``."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import rich_click as click
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

FORMATS = ("csv", "xlsx")
_WIDEST = 10_000  # columns: a table is measured as if the terminal were that wide
_PADDED = 30  # cells up to this width are aligned where rows are stacked

json_option = click.option("--json", "as_json", is_flag=True, help="Print the response of the server as JSON.")
page_option = click.option("--page", type=click.IntRange(1), default=1, show_default=True, help="Page of the list.")


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_notes(notes: Iterable[str]) -> None:
    """Print what the server notes about a file or an audience, one line each."""
    for note in notes:
        click.echo(f"note: {note}")


def print_table(titles: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table on a terminal; otherwise the titles and each row as a line with tabs between the cells.

    No cell is cut. Where a terminal is too narrow for the words of a row, the first cell, which other commands take,
    has a line of its own.
    """
    console = Console()
    cells = [[_as_text(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in [list(titles), *cells]:
            click.echo("\t".join(row))
        return
    table = Table(box=None, pad_edge=False)
    for position, title in enumerate(titles):
        table.add_column(title, no_wrap=position == 0)
    for row in cells:
        table.add_row(*map(Text, row))
    if Measurement.get(console, console.options.update(max_width=_WIDEST), table).minimum <= console.width:
        console.print(table)
    else:
        _print_stacked([list(titles), *cells])


def _print_stacked(rows: Sequence[Sequence[str]]) -> None:
    widths = [min(_PADDED, max(map(cell_len, column))) for column in zip(*rows, strict=True)]
    for row in rows:
        click.echo(row[0])
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row[1:], widths[1:], strict=True)]
        click.echo(f"  {'  '.join(cells)}".rstrip())


def _as_text(cell: object) -> str:
    return " ".join(str("" if cell is None else cell).split())


def describe_time(moment: datetime) -> str:
    """Return a time for people: in the time zone of this machine, with its offset, as ``2026-12-01 08:00 +07:00``."""
    local = moment.astimezone()
    return f"{local:%Y-%m-%d %H:%M} {local.isoformat()[-6:]}"


def describe_time_of(text: str | None) -> str:
    """Return a time of the API for people; an empty text if there is none."""
    return "" if text is None else describe_time(datetime.fromisoformat(text))


def describe_exact_time(text: str) -> str:
    """Return a time of the API for people, with its seconds: ``2026-12-01 08:00:05 +07:00``."""
    local = datetime.fromisoformat(text).astimezone()
    return f"{local:%Y-%m-%d %H:%M:%S} {local.isoformat()[-6:]}"


def describe_reason(reason: str | None, detail: str | None) -> str:
    """Return the reason of a message with its detail, as far as there are any."""
    return ": ".join(text for text in (reason, detail) if text)


def file_format(file: Path) -> str:
    """Return the format of a file to be written, by the end of its name.

    :raises click.UsageError: it is none of ours.
    """
    kind = file.suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        raise click.UsageError(f"{file.name} has an unknown file type: choose a name that ends in .csv or .xlsx")
    return kind
