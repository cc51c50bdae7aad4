"""Drafts, the uploads that belong to them, and broadcasts that are held or have become drafts again."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("changed_at", sa.Double(), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("broadcast_id", sa.BigInteger()),
        sa.Column("submitted_version", sa.Integer()),
    )
    op.create_index("ix_drafts_changed_at", "drafts", ["changed_at", "id"])
    op.add_column("uploads", sa.Column("draft_id", sa.Text()))
    owned = sa.text("draft_id IS NOT NULL")
    op.create_index("ix_uploads_draft_id", "uploads", ["draft_id"], sqlite_where=owned, postgresql_where=owned)
    op.add_column("broadcasts", sa.Column("held_until", sa.Double()))
    op.add_column("broadcasts", sa.Column("draft_id", sa.Text()))
    for name in ("undone", "departed"):
        op.add_column("broadcasts", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.execute(
        "UPDATE broadcasts SET departed = true WHERE started_at IS NOT NULL"
    )  # what was tried again is not known


def downgrade() -> None:
    for column in ("departed", "undone", "draft_id", "held_until"):
        op.drop_column("broadcasts", column)
    op.drop_index("ix_uploads_draft_id", "uploads")
    op.drop_column("uploads", "draft_id")
    op.drop_table("drafts")
