"""Tables by which PostgreSQL finds messages, and no index there that the claim or the record of a message changes.

On PostgreSQL the table of messages is written anew, which takes minutes for ten million of them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

INDEX_STATUS = "CASE WHEN status IN ('retry', 'unknown') THEN status END"
RETRY = ["broadcast_id", "route", "due_at"]
FORMER = {  # columns and condition
    "queued": (["broadcast_id", "route", "batch", "id"], "status = 'queued'"),
    "processing": (["worker_id"], "status = 'processing'"),
    "provider_id": (["provider_id"], "provider_id IS NOT NULL"),
    "retry": (RETRY, "status = 'retry'"),
    "unknown": (["due_at"], "status = 'unknown' AND due_at IS NOT NULL"),
    "unsettled": (["connection_id", "id"], "status = 'unknown'"),
}
PRESENT = {
    "retry": (RETRY, "index_status = 'retry'"),
    "unknown": (["due_at"], "index_status = 'unknown' AND due_at IS NOT NULL"),
    "unsettled": (["id"], "index_status = 'unknown'"),
}
FILL = (
    """
    INSERT INTO queued_messages (broadcast_id, route, batch, id)
    SELECT broadcast_id, route, batch, id FROM messages WHERE status = 'queued'
    """,
    """
    INSERT INTO claimed_blocks (worker_id, block)
    SELECT DISTINCT worker_id, id >> 8 FROM messages WHERE status = 'processing' AND worker_id IS NOT NULL
    """,
    "INSERT INTO provider_ids (provider_id, id) SELECT provider_id, id FROM messages WHERE provider_id IS NOT NULL",
)
STORAGE = (
    # New pages keep room for the next versions of their messages: an update is heap-only only inside a page.
    "ALTER TABLE messages SET (fillfactor = 35)",
    # The first messages of a queue are found behind the deleted ones.
    "ALTER TABLE queued_messages SET (autovacuum_vacuum_scale_factor = 0.02)",
)


def upgrade() -> None:
    _create_tables()
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        _drop_indexes(FORMER)  # before the table is written anew, which would build them again
    status = sa.Computed(INDEX_STATUS, persisted=is_postgresql)  # SQLite adds no stored column to a table
    op.add_column("messages", sa.Column("index_status", sa.Text(), status))
    if is_postgresql:
        _create_indexes(PRESENT)
        for statement in (*FILL, *STORAGE):
            op.execute(statement)


def _create_tables() -> None:
    op.create_table(
        "queued_messages",
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("route", sa.Integer(), nullable=False),
        sa.Column("batch", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("broadcast_id", "route", "batch", "id", name="pk_queued_messages"),
    )
    op.create_table(
        "claimed_blocks",
        sa.Column("worker_id", sa.BigInteger(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "provider_ids",
        sa.Column("provider_id", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_provider_ids_provider_id", "provider_ids", ["provider_id"])


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    if is_postgresql:
        _drop_indexes(PRESENT)
        op.execute("ALTER TABLE messages RESET (fillfactor)")
    op.drop_column("messages", "index_status")
    if is_postgresql:
        _create_indexes(FORMER)
    for name in ("provider_ids", "claimed_blocks", "queued_messages"):
        op.drop_table(name)


def _drop_indexes(indexes: dict[str, tuple[list[str], str]]) -> None:
    for name in indexes:
        op.drop_index(f"ix_messages_{name}", "messages")


def _create_indexes(indexes: dict[str, tuple[list[str], str]]) -> None:
    for name, (columns, where) in indexes.items():
        op.create_index(f"ix_messages_{name}", "messages", columns, postgresql_where=sa.text(where))
