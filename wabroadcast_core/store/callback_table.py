"""The table of the callbacks' events."""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, MetaData, Table, Text, text

from wabroadcast_core.store.text_columns import SentenceText

PENDING = text("state = 'pending'")
ENDED = text("ended_at IS NOT NULL")


def add_callback_events(metadata: MetaData) -> Table:
    """Return the table, added to those of ``metadata``."""
    table = Table(
        "callback_events",
        metadata,
        # events of one broadcast are in the order of their ids
        Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
        Column("broadcast_id", BigInteger, nullable=False),
        Column("at", Double, nullable=False),
        Column("status", Text),  # the new status of the broadcast; NULL: message results
        Column("reason", SentenceText),
        Column("results", Text),  # JSON: the positions of messages with a new result
        Column("amount", Integer, nullable=False, server_default=text("0")),  # of these
        Column("state", Text, nullable=False, server_default=text("'pending'")),
        Column("tries", Integer, nullable=False, server_default=text("0")),  # that were begun
        Column("due_at", Double, nullable=False),  # no try before: the next one, or the longest end of the present one
        Column("queued_at", Double),  # when a task was queued for it last
        Column("ends_at", Double, nullable=False),  # after a failure at this time or later it is given up
        Column("ended_at", Double),
        Column("problem", SentenceText),  # why the last try failed
        sqlite_autoincrement=True,  # an id that is used again would look like an event that was received before
    )
    pending = (table.c.broadcast_id, table.c.id)
    Index("ix_callback_events_pending", *pending, sqlite_where=PENDING, postgresql_where=PENDING)
    Index("ix_callback_events_ended_at", table.c.ended_at, sqlite_where=ENDED, postgresql_where=ENDED)
    return table
