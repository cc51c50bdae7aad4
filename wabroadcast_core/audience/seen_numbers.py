"""The numbers seen so far while an audience is read, kept on disk because there may be many."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class SeenNumbers:
    """A set of numbers that counts each of them once."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn
        conn.execute("PRAGMA journal_mode = OFF")
        conn.execute("CREATE TABLE seen (number TEXT PRIMARY KEY) WITHOUT ROWID")

    def add(self, numbers: Sequence[str]) -> int:
        """Add numbers.

        :returns: how many of them were not in the set before.
        """
        statement = "INSERT OR IGNORE INTO seen VALUES (?)"
        return self._conn.executemany(statement, ((number,) for number in numbers)).rowcount

    def known(self, numbers: Sequence[str]) -> frozenset[str]:
        """Return those of the numbers that are in the set."""
        statement = "SELECT number FROM seen WHERE number = ?"
        return frozenset(number for number in numbers if self._conn.execute(statement, (number,)).fetchone())


@contextmanager
def open_seen_numbers() -> Iterator[SeenNumbers]:
    """Open an empty set for the block; its file is deleted at the end."""
    conn = sqlite3.connect("", isolation_level=None)  # SQLite deletes a file without a name when it is closed
    try:
        yield SeenNumbers(conn)
    finally:
        conn.close()
