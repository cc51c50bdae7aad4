"""The table of sessions: people who signed in with an API key."""

from sqlalchemy import Column, Double, MetaData, Table, Text


def add_sessions(metadata: MetaData) -> Table:
    """Return the table, added to those of ``metadata``."""
    return Table(
        "sessions",
        metadata,
        Column("digest", Text, primary_key=True),  # of the session's token
        Column("key_check", Text, nullable=False),  # a digest of the token and of the key's digest
        Column("created_at", Double, nullable=False),
        Column("expires_at", Double, nullable=False),
    )
