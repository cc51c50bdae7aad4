"""Small tools for statements: the two dialects side by side, rows handed over as one JSON parameter."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticSerializationError, to_json
from sqlalchemy import Connection, TextClause, text


@dataclass(frozen=True, slots=True)
class Dialects:
    """One statement in both dialects, where it must differ."""

    sqlite: TextClause
    postgresql: TextClause

    def of(self, conn: Connection) -> TextClause:
        return self.sqlite if conn.dialect.name == "sqlite" else self.postgresql


def dialects(statement: str, *, sqlite: dict[str, str], postgresql: dict[str, str]) -> Dialects:
    """``statement`` with its ``{placeholders}`` filled in for each dialect."""
    return Dialects(sqlite=text(statement.format(**sqlite)), postgresql=text(statement.format(**postgresql)))


_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def as_json(value: Sequence[Any] | Mapping[str, Any]) -> str:
    """A document, or rows as the one parameter that ``json_each`` or ``json_array_elements`` unfolds.

    What no database stores as text (NUL, half a surrogate pair) becomes a replacement character.
    """
    try:
        document = to_json(value).decode()  # in a third of the time that the standard library takes
    except PydanticSerializationError:  # half a surrogate pair
        document = clean_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return _NUL.sub("\\1\N{REPLACEMENT CHARACTER}", document) if "\\u0000" in document else document


def clean_text(text: str) -> str:
    """``text`` with replacement characters for what no database stores."""
    if text.isascii() and "\0" not in text:
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode(errors="replace").decode()
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def json_columns(**types: str) -> tuple[str, str]:
    """What selects the columns of JSON rows (a list of lists), for SQLite and for PostgreSQL.

    :returns: select lists over ``json_each(:rows) AS each`` and ``json_array_elements(:rows) AS each(value)``.
    """
    lite = ", ".join(f"each.value ->> {place} AS {name}" for place, name in enumerate(types))
    post = ", ".join(
        f"CAST(each.value ->> {place} AS {kind}) AS {name}" for place, (name, kind) in enumerate(types.items())
    )
    return lite, post


LITE_ROWS = "json_each(:rows) AS each"
POST_ROWS = "json_array_elements(CAST(:rows AS json)) AS each(value)"
