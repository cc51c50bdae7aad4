"""The output of commands: a table on a terminal, tab-separated lines otherwise, JSON with ``--json``."""

import json
from collections.abc import Sequence
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

json_option = click.option("--json", "as_json", is_flag=True, help="Print the response of the server as JSON.")


def print_json(value: Any) -> None:
    """Print a value as indented JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table on a terminal; otherwise the titles and each row as a line with tabs between the cells."""
    console = Console()
    cells = [[_as_text(cell) for cell in row] for row in rows]
    if not console.is_terminal:
        for row in [list(titles), *cells]:
            click.echo("\t".join(row))
        return
    table = Table(*titles, box=None, pad_edge=False)
    for row in cells:
        table.add_row(*map(Text, row))
    console.print(table)


def _as_text(cell: object) -> str:
    return " ".join(str("" if cell is None else cell).split())
