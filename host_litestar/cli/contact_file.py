"""Contact files on the command line: the file, and options for how to read it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click

from host_litestar.cli.client import without_none

AnyFunction = TypeVar("AnyFunction", bound=Callable[..., Any])

CHOICES = ("mapping", "region", "sheet", "delimiter", "encoding")


class ColumnType(click.ParamType[tuple[str, str]]):
    """A column and its meaning, as ``HP Ibu=number``."""

    name = "column=meaning"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        column, separator, meaning = str(value).rpartition("=")
        if not (separator and column.strip() and meaning.strip()):
            self.fail(f"{value!r} is not a column with its meaning: write COLUMN=MEANING", param, ctx)
        return column.strip(), meaning.strip()


class DelimiterType(click.ParamType[str]):
    """One character, or the word ``tab``, because a tab is hard to type in a shell."""

    name = "character"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        character = "\t" if value in {"tab", r"\t"} else str(value)
        if len(character) != 1:
            self.fail(f"{value!r} is not a delimiter: write one character, or tab", param, ctx)
        return character


contact_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))


def reading_options(command: AnyFunction) -> AnyFunction:
    """Add the options for reading a contact file to a command.

    The command gets them under the names in :data:`CHOICES`, as None if they are not given.
    """
    for option in (
        click.option("--encoding", help="Encoding of a text file, as cp1252. [default: detected]"),
        click.option("--delimiter", type=DelimiterType(), help="Delimiter of a text file, or tab. [default: detected]"),
        click.option("--region", help="Country of numbers without a country code, as ID. [default: the server's]"),
        click.option("--sheet", help="Sheet of a workbook, by name or position. [default: first with numbers]"),
        click.option(
            "--column",
            "mapping",
            type=ColumnType(),
            multiple=True,
            callback=lambda _context, _option, columns: dict(columns) or None,
            help='Meaning of a column, as "HP Ibu=number"; may be repeated.',
        ),
    ):
        command = option(command)
    return command


def as_form(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given as the fields of a form."""
    fields = without_none(options)
    return fields | ({"mapping": json.dumps(fields["mapping"])} if "mapping" in fields else {})
