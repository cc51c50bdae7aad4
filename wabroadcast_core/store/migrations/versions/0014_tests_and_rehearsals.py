"""Broadcasts that are tests or rehearsals."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("broadcasts", sa.Column("purpose", sa.Text(), nullable=False, server_default=sa.text("'broadcast'")))


def downgrade() -> None:
    op.drop_column("broadcasts", "purpose")
