"""The table of drafts."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, Table, Text


def add_drafts(metadata: MetaData) -> Table:
    """Return the table, added to those of ``metadata``."""
    table = Table(
        "drafts",
        metadata,
        Column("id", Text, primary_key=True),
        Column("name", Text, nullable=False),  # empty while it has none
        Column("fields", Text, nullable=False),  # JSON of DraftFields
        Column("version", Integer, nullable=False),
        Column("owner", Text, nullable=False),
        Column("created_at", Double, nullable=False),
        Column("changed_at", Double, nullable=False),
        Column("changed_by", Text, nullable=False),
        Column("broadcast_id", BigInteger),  # the broadcast that it was submitted as
        Column("submitted_version", Integer),  # the version that was submitted
    )
    Index("ix_drafts_changed_at", table.c.changed_at, table.c.id)
    return table
