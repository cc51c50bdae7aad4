"""Small tools for statements: the two dialects side by side, rows handed over as one JSON parameter."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, TextClause, text


@dataclass(frozen=True, slots=True)
class Dialects:
    """One statement in both dialects, where it must differ."""

    sqlite: TextClause
    postgresql: TextClause

    def of(self, connection: Connection) -> TextClause:
        return self.sqlite if connection.dialect.name == "sqlite" else self.postgresql


def dialects(statement: str, *, sqlite: dict[str, str], postgresql: dict[str, str]) -> Dialects:
    """``statement`` with its ``{placeholders}`` filled in for each dialect."""
    return Dialects(sqlite=text(statement.format(**sqlite)), postgresql=text(statement.format(**postgresql)))


def as_json(rows: Sequence[Any]) -> str:
    """Rows as the one parameter that ``json_each`` or ``json_to_recordset`` unfolds."""
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


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
