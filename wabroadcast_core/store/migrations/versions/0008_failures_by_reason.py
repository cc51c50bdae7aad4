"""Numbers of failed messages by reason, more facts of attempts, and the messages that were left out by number."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

# Count the failed messages of each broadcast that has some; the keys of its messages are one range.
COUNT_FAILED = """
    INSERT INTO failure_counts (broadcast_id, reason, messages)
    SELECT b.id, substr(coalesce(nullif(m.reason, ''), 'failed'), 1, 100), count(*)
    FROM broadcasts AS b JOIN messages AS m ON m.id >= b.id * 4294967296 AND m.id < (b.id + 1) * 4294967296
    WHERE b.failed > 0 AND m.status = 'failed' GROUP BY 1, 2
    """


def upgrade() -> None:
    op.create_table(
        "failure_counts",
        sa.Column("broadcast_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False, server_default=sa.text("0")),
        sa.ForeignKeyConstraint(
            ["broadcast_id"],
            ["broadcasts.id"],
            name="fk_failure_counts_broadcast_id_broadcasts",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("broadcast_id", "reason", name="pk_failure_counts"),
    )
    op.execute(COUNT_FAILED)
    op.add_column("attempts", sa.Column("outcome", sa.Text(), nullable=True))
    op.add_column("attempts", sa.Column("times", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.add_column("attempts", sa.Column("last_at", sa.Double(), nullable=True))
    where = sa.text("raw IS NOT NULL")
    op.create_index("ix_messages_raw", "messages", ["raw", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index("ix_messages_raw", "messages")
    for column in ("last_at", "times", "outcome"):
        op.drop_column("attempts", column)
    op.drop_table("failure_counts")
