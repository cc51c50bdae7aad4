"""Contact files on the command line: which file, and how it is read where it would be understood otherwise."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from host_litestar.cli.client import given

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

CHOICES = ("mapping", "sheet", "delimiter", "encoding")


class ColumnType(click.ParamType[tuple[str, str]]):
    """``HP Ibu=number``: what a column is."""

    name = "column=meaning"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        column, separator, meaning = str(value).rpartition("=")
        if not (separator and column.strip() and meaning.strip()):
            self.fail(f"{value!r}: write COLUMN=MEANING", param, ctx)
        return column.strip(), meaning.strip()


class DelimiterType(click.ParamType[str]):
    """One character, or the word ``tab``, which no shell likes to be given."""

    name = "character"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        character = "\t" if value in {"tab", r"\t"} else str(value)
        if len(character) != 1:
            self.fail(f"{value!r}: write one character, or tab", param, ctx)
        return character


contact_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))


def reading_options(command: AnyFunction) -> AnyFunction:
    """Options that the command gets under the names in :data:`CHOICES`; None where one is not given."""
    for option in (
        click.option("--encoding", help="Of a text file, as cp1252. [found out]"),
        click.option("--delimiter", type=DelimiterType(), help="Of a text file: a character, or tab. [found out]"),
        click.option("--sheet", help="Of a workbook: name or place. [the first with numbers]"),
        click.option(
            "--column",
            "mapping",
            type=ColumnType(),
            multiple=True,
            callback=lambda _context, _option, columns: dict(columns) or None,
            help='What a column is, as "HP Ibu=number"; may be repeated.',
        ),
    ):
        command = option(command)
    return command


def as_form(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given as the fields of a form."""
    fields = given(options)
    return fields | ({"mapping": json.dumps(fields["mapping"])} if "mapping" in fields else {})
