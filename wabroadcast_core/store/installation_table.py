"""The table about the installation, which has one row."""

from sqlalchemy import Column, Double, Integer, LargeBinary, MetaData, Table, Text


def add_installation(metadata: MetaData) -> Table:
    """Return the table, added to those of ``metadata``."""
    return Table(
        "installation",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
        Column("token", Text),  # also in the Redis that the store is used with
        Column("redis", Text),  # the name of that Redis, for people
        Column("seen_at", Double),  # when a process with that Redis was alive, by the clock of the store
        Column("key_check", LargeBinary),  # a text that was encrypted with the secret key
        Column("probed_at", Double),
    )
