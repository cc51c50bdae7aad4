"""Broadcasts that are tests or rehearsals; sessions of people who signed in."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("broadcasts", sa.Column("purpose", sa.Text(), nullable=False, server_default=sa.text("'broadcast'")))
    op.create_table(
        "sessions",
        sa.Column("digest", sa.Text(), primary_key=True),
        sa.Column("key_check", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("sessions")
    op.drop_column("broadcasts", "purpose")
