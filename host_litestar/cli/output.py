"""What commands print: tables for people, tab-separated lines where a program reads, JSON on request."""

import json
from collections.abc import Sequence
from typing import Any

import rich_click as click
from rich.console import Console
from rich.table import Table
from rich.text import Text

json_option = click.option("--json", "as_json", is_flag=True, help="Print the server's answer as JSON.")


def print_json(answer: Any) -> None:
    click.echo(json.dumps(answer, indent=2, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """On a terminal a table, elsewhere a line per row with tabs between, the titles first."""
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
