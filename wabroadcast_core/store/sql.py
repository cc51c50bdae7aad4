"""Helpers for SQL statements: one statement in both dialects, and many rows in one JSON parameter."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json
from sqlalchemy import Connection, TextClause, text


@dataclass(frozen=True, slots=True)
class Dialects:
    """One statement in the dialects of SQLite and PostgreSQL."""

    sqlite: TextClause
    postgresql: TextClause

    def of(self, conn: Connection) -> TextClause:
        """Return the statement for the database of ``conn``."""
        return self.sqlite if conn.dialect.name == "sqlite" else self.postgresql


def dialects(statement: str, *, sqlite: dict[str, str], postgresql: dict[str, str]) -> Dialects:
    """Return ``statement`` in both dialects, with its ``{placeholders}`` replaced by those of each."""
    return Dialects(sqlite=text(statement.format(**sqlite)), postgresql=text(statement.format(**postgresql)))


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def as_json(value: Sequence[Any] | Mapping[str, Any]) -> str:
    """Return a document as JSON, or rows as the JSON parameter of ``json_each`` or ``json_array_elements``.

    Characters that no database stores as text (NUL, half a surrogate pair) become replacement characters.
    """
    try:
        document = to_json(value).decode()  # takes a third of the time of the standard library
    except PydanticSerializationError:  # half a surrogate pair
        document = clean_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return _NUL.sub("\\1\N{REPLACEMENT CHARACTER}", document) if "\\u0000" in document else document


def parse_json(document: str) -> Any:
    """Return the value of a document that is stored."""
    try:
        return from_json(document)  # takes half of the time of the standard library
    except ValueError:  # half a surrogate pair
        return json.loads(document)


def clean_text(text: str) -> str:
    """Return ``text`` with replacement characters for those that no database stores."""
    if text.isascii() and "\0" not in text:
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def json_columns(**types: str) -> tuple[str, str]:
    """Return select lists for the columns of JSON rows, which are a list of lists.

    :param types: PostgreSQL's type by column name, in the order of the values in a row.
    :returns: the select list over :data:`LITE_ROWS`, and the one over :data:`POST_ROWS`.
    """
    lite = ", ".join(f"each.value ->> {index} AS {name}" for index, name in enumerate(types))
    post = ", ".join(
        f"CAST(each.value ->> {index} AS {kind}) AS {name}" for index, (name, kind) in enumerate(types.items())
    )
    return lite, post


LITE_ROWS = "json_each(:rows) AS each"
POST_ROWS = "json_array_elements(CAST(:rows AS json)) AS each(value)"
"""The rows of the JSON parameter ``:rows`` as a table, in SQLite and in PostgreSQL."""
