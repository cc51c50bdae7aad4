"""Tables by which PostgreSQL finds messages in the place of indexes (``message_indexes.py``); SQLite has them empty."""

from typing import NamedTuple

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text


class LookupTables(NamedTuple):
    """The tables."""

    queued_messages: Table
    claimed_blocks: Table
    provider_ids: Table


def add_lookups(metadata: MetaData) -> LookupTables:
    """Return the tables, added to those of ``metadata``."""
    queued_messages = Table(  # exactly the queued messages
        "queued_messages",
        metadata,
        Column("broadcast_id", BigInteger, primary_key=True, autoincrement=False),
        Column("route", Integer, primary_key=True, autoincrement=False),
        Column("batch", Integer, primary_key=True, autoincrement=False),
        Column("id", BigInteger, primary_key=True, autoincrement=False),
    )
    claimed_blocks = Table(  # so few rows that it needs no index
        "claimed_blocks",
        metadata,
        Column("worker_id", BigInteger, nullable=False),
        Column("block", BigInteger, nullable=False),  # keys of messages without their last bits
    )
    provider_ids = Table(
        "provider_ids",
        metadata,
        Column("provider_id", Text().with_variant(Text(collation="C"), "postgresql"), nullable=False, index=True),
        Column("id", BigInteger, nullable=False),  # of the message
    )
    return LookupTables(queued_messages, claimed_blocks, provider_ids)
