"""Which numbers came before: remembered on disk while an audience is read, as there may be many."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SeenNumbers:
    """Numbers, each counted once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("CREATE TABLE newcomers (number TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, numbers: Sequence[str]) -> int:
        """:returns: how many came for the first time."""
        statement = "INSERT OR IGNORE INTO newcomers VALUES (?)"
        return self._connection.executemany(statement, ((number,) for number in numbers)).rowcount


@contextmanager
def open_newcomers() -> Iterator[SeenNumbers]:
    connection = sqlite3.connect("", isolation_level=None)  # a file without a name, gone when it is closed
    try:
        yield SeenNumbers(connection)
    finally:
        connection.close()
