"""The table of drafts, in the form of those in ``tables``."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from wabroadcast_core.store.tables import metadata

drafts = Table(
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
Index("ix_drafts_changed_at", drafts.c.changed_at, drafts.c.id)
