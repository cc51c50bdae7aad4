"""Whether a receipt that came before our own record says to leave its person alone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "parked_receipts", sa.Column("opt_out", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    op.drop_column("parked_receipts", "opt_out")
