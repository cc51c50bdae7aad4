"""The tables. Times are UNIX seconds in UTC. JSON that only Python reads is stored as text.

A message's id is ``broadcast_id << 32 | position``. So the messages of a broadcast are next to each other, and a chunk
that is prepared twice conflicts with its own rows. Indexes of due work are partial, so they stay as small as that work.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

from wabroadcast_core.store.callback_table import add_callback_events
from wabroadcast_core.store.draft_table import add_drafts
from wabroadcast_core.store.installation_table import add_installation
from wabroadcast_core.store.lookup_tables import add_lookups
from wabroadcast_core.store.message_indexes import add_indexes, index_status
from wabroadcast_core.store.session_table import add_sessions
from wabroadcast_core.store.text_columns import SentenceText

VERSION_TABLE = "wabroadcast_version"  # of Alembic: the version of our tables
FORMER_VERSION_TABLE = "alembic_version"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite assigns only INTEGER keys
ZERO = text("0")


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=ZERO)


connections = Table(
    "connections",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("sender", Text, nullable=False),
    Column("settings", LargeBinary, nullable=False),  # encrypted JSON
    Column("limits", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", SentenceText),
    Column("state_since", Double, nullable=False),
    Column("revision", Integer, nullable=False, server_default=text("1")),  # grows each time the connection is saved
    Column("created_at", Double, nullable=False),
    Column("last_receipt_at", Double),  # noted every few seconds at most
)

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("job_id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("status_reason", SentenceText),
    Column("rank", SmallInteger, nullable=False),
    Column("draft", Text, nullable=False),  # the submitted BroadcastDraft, with its pool
    Column("scheduled_at", Double),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("paused_at", Double),
    Column("prepared", Boolean, nullable=False, server_default=text("false")),
    Column("prepared_rows", BigInteger, nullable=False, server_default=ZERO),  # rows of the audience that are stored
    Column("released_batch", Integer, nullable=False, server_default=ZERO),  # the last released batch; the first is 0
    Column("next_release_at", Double),
    Column("served_at", Double, nullable=False, server_default=ZERO),  # the broadcast that has waited longest is first
    Column("idempotency_key", Text, unique=True),
    Column("fingerprint", Text),  # of the body that was submitted with the key
    Column("purpose", Text, nullable=False, server_default=text("'broadcast'")),  # of Purpose
    Column("reports_changes", Boolean, nullable=False, server_default=text("false")),  # by callbacks
    Column("reports_results", Boolean, nullable=False, server_default=text("false")),
    Column("held_until", Double),  # the start, if it was delayed only so that it can be undone
    Column("draft_id", Text),  # the draft that it was submitted from, or that it became when it was undone
    Column("undone", Boolean, nullable=False, server_default=text("false")),
    Column("departed", Boolean, nullable=False, server_default=text("false")),  # a message was sent, failed or unknown
    # counters: by status, then facts beside the status
    _count("total"),
    _count("queued"),
    _count("processing"),
    _count("retry"),
    _count("paused"),
    _count("sent"),
    _count("failed"),
    _count("unknown"),
    _count("cancelled"),
    _count("skipped"),
    _count("delivered"),
    _count("read"),
    # two marks (time, sent) some seconds apart, from which the present rate is computed
    Column("mark_at", Double),
    _count("mark_sent"),
    Column("earlier_mark_at", Double),
    _count("earlier_mark_sent"),
)
Index("ix_broadcasts_status", broadcasts.c.status)
Index("ix_broadcasts_created_at", broadcasts.c.created_at)

broadcast_connections = Table(
    "broadcast_connections",
    metadata,
    Column("broadcast_id", ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True),
    Column("connection_id", ForeignKey("connections.id"), primary_key=True),
)

skip_counts = Table(
    "skip_counts",
    metadata,
    Column("broadcast_id", ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", Text, primary_key=True),
    _count("messages"),
)

failure_counts = Table(
    "failure_counts",
    metadata,
    Column("broadcast_id", ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True),
    Column("reason", Text, primary_key=True),
    _count("messages"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("broadcast_id", BigInteger, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("route", Integer, nullable=False),  # the connection that must send it; 0: any of the pool
    Column("status", Text, nullable=False),
    Column("number", Text),  # E.164; NULL if the preparation skipped the message, and after an erasure
    Column("raw", Text),  # what the audience has instead, if it was skipped; of a test: whom it is rendered for
    Column("name", Text),
    Column("variables", Text),
    Column("attempts", Integer, nullable=False, server_default=ZERO),
    Column("due_at", Double),  # of a retry; of an unknown message: when it is sent again, if at all
    Column("wanted", Text),  # paused or cancelled: of a claimed message that comes back unsent, or an unknown one
    Column("worker_id", BigInteger),  # the worker that claimed it last
    Column("connection_id", Integer),
    Column("provider_id", Text),
    Column("reason", Text),
    Column("detail", SentenceText),
    Column("sent_at", Double),
    Column("delivered_at", Double),
    Column("read_at", Double),
    index_status(),
)


def _partial_index(name: str, *columns: Column[Any], where: str, unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))


add_indexes(messages)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("message_id", BigInteger, nullable=False, index=True),
    Column("attempt", Integer, nullable=False),
    Column("at", Double, nullable=False),
    Column("connection_id", Integer),
    Column("reason", Text, nullable=False),
    Column("detail", SentenceText),
    Column("outcome", Text),  # of AttemptOutcome; NULL for attempts that older versions stored
    Column("times", Integer, nullable=False, server_default=text("1")),  # how often it was made, one after the other
    Column("last_at", Double),  # the last of these times, where there are several
)

connection_starts = Table(
    "connection_starts",
    metadata,
    Column("connection_id", Integer, primary_key=True),
    Column("ended_at", BigInteger, primary_key=True),  # the end of a span of START_SPAN seconds
    _count("messages"),
)

minute_counts = Table(
    "minute_counts",
    metadata,
    Column("broadcast_id", ForeignKey("broadcasts.id", ondelete="CASCADE"), primary_key=True),
    Column("connection_id", Integer, primary_key=True),
    Column("seconds", Integer, primary_key=True),  # the length of the period: 60, or 3,600 after some weeks
    Column("began_at", BigInteger, primary_key=True),
    _count("sent"),
    _count("failed"),
    _count("delivered"),
    _count("read"),
    sqlite_with_rowid=False,  # one tree, because each record of outcomes writes to it
)
_partial_index("ix_minute_counts_began_at", minute_counts.c.began_at, where="seconds = 60")

acts = Table(
    "acts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("broadcast_id", BigInteger, index=True),
    Column("connection_id", Integer, index=True),
    Column("at", Double, nullable=False),
    Column("actor", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("detail", SentenceText),
    Column("object", Text),  # the kind of an object that neither is a broadcast nor a connection with a row
    Column("object_id", Text),
)
Index("ix_acts_at", acts.c.at, acts.c.id)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("start", Text, nullable=False),
    Column("scopes", Text, nullable=False),  # JSON
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
)
_partial_index("ix_api_keys_name", api_keys.c.name, where="revoked_at IS NULL", unique=True)

parked_receipts = Table(
    "parked_receipts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("connection_id", Integer, nullable=False),
    Column("message_id", BigInteger, index=True),
    Column("provider_id", Text, index=True),
    Column("kind", Text, nullable=False),
    Column("at", Double, nullable=False),
    Column("reason", Text),
    Column("detail", SentenceText),
    Column("parked_at", Double, nullable=False, index=True),
    Column("opt_out", Boolean, nullable=False, server_default=text("false")),
)

webhook_calls = Table(
    "webhook_calls",
    metadata,
    Column("id", Id, primary_key=True),
    Column("connection_id", Integer, nullable=False, index=True),
    Column("received_at", Double, nullable=False),
    Column("facts", Text, nullable=False),  # JSON of method, query, headers, form
    Column("body", LargeBinary, nullable=False),
)

identities = Table(
    "identities",
    metadata,
    Column("wa_id", Text, primary_key=True),  # WhatsApp's id of a person, if it differs from the number
    Column("number", Text, nullable=False, index=True),
    sqlite_with_rowid=False,
)

workers = Table(
    "workers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double),  # when it stopped, or was found dead and its claims were settled
    Column("latest_intents", BigInteger, nullable=False, server_default=ZERO),  # number of the latest group in Redis
    sqlite_autoincrement=True,  # an id that is used again would take over a dead worker's claims
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("filename", Text),
    Column("content_type", Text),
    Column("size", BigInteger, nullable=False, server_default=ZERO),
    Column("chunk_size", Integer, nullable=False),
    Column("complete", Boolean, nullable=False, server_default=text("false")),
    Column("created_at", Double, nullable=False),
    Column("draft_id", Text),  # the draft to which it belongs
)
_partial_index("ix_uploads_draft_id", uploads.c.draft_id, where="draft_id IS NOT NULL")

upload_chunks = Table(
    "upload_chunks",
    metadata,
    Column("upload_id", ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

contacts = Table(
    "contacts",
    metadata,
    Column("id", Id, primary_key=True),
    Column("number", Text, nullable=False, unique=True),
    Column("name", Text),
    Column("variables", Text, nullable=False, server_default=text("'{}'")),
    Column("source", Text),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("folded_name", Text),  # for the search: without case and accents
)

tags = Table(
    "tags",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    _count("contacts"),
    Column("folded_name", Text),  # the same for all spellings of a tag
)
Index("ix_tags_folded_name", tags.c.folded_name, unique=True)

contact_tags = Table(
    "contact_tags",
    metadata,
    Column("tag_id", ForeignKey("tags.id", ondelete="CASCADE"), primary_key=True),
    Column("contact_id", ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True),
    sqlite_with_rowid=False,  # the table has no columns beside its key
)
Index("ix_contact_tags_contact_id", contact_tags.c.contact_id)

imports = Table(
    "imports",
    metadata,
    Column("id", Text, primary_key=True),
    Column("upload_id", Text, nullable=False),
    Column("filename", Text),
    Column("options", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", SentenceText),
    _count("rows"),
    _count("created"),
    _count("updated"),
    _count("rejected"),
    Column("created_at", Double, nullable=False),
    Column("finished_at", Double),
)

import_rejections = Table(
    "import_rejections",
    metadata,
    Column("import_id", ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True),
    Column("row", BigInteger, primary_key=True),
    Column("column", SentenceText),
    Column("reason", SentenceText, nullable=False),
    Column("cells", Text),
)

blacklist = Table(
    "blacklist",
    metadata,
    Column("number", Text, primary_key=True),
    Column("connection_id", Integer, primary_key=True, server_default=ZERO),  # 0: all connections
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("created_at", Double, nullable=False),
)

callback_events = add_callback_events(metadata)
drafts = add_drafts(metadata)
sessions = add_sessions(metadata)
installation = add_installation(metadata)
queued_messages, claimed_blocks, provider_ids = add_lookups(metadata)

TABLE_NAMES: Final = frozenset({*metadata.tables, VERSION_TABLE})
"""The names of all our tables: a host's own Alembic leaves them out with its ``include_object``."""
