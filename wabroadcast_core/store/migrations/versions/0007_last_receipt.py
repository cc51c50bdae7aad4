"""When the last receipt of a connection was processed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("connections", sa.Column("last_receipt_at", sa.Double()))


def downgrade() -> None:
    op.drop_column("connections", "last_receipt_at")
