"""Callbacks: which broadcasts make them, and their events."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    for name in ("reports_changes", "reports_results"):
        op.add_column("broadcasts", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.create_table(
        "callback_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
        sa.Column("broadcast_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("results", sa.Text()),
        sa.Column("amount", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("state", sa.Text(), nullable=False, server_default=sa.text("'pending'")),
        sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("queued_at", sa.Double()),
        sa.Column("ends_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double()),
        sa.Column("problem", sa.Text()),
        sqlite_autoincrement=True,
    )
    _create_index("ix_callback_events_pending", ["broadcast_id", "id"], where="state = 'pending'")
    _create_index("ix_callback_events_ended_at", ["ended_at"], where="ended_at IS NOT NULL")


def _create_index(name: str, columns: list[str], *, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "callback_events", columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    op.drop_table("callback_events")
    op.drop_column("broadcasts", "reports_results")
    op.drop_column("broadcasts", "reports_changes")
