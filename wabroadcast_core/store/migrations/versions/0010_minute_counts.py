"""How many messages were sent, failed, delivered and read in each minute."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

COUNTED = ("sent", "failed", "delivered", "read")


def upgrade() -> None:
    broadcast = sa.ForeignKey("broadcasts.id", ondelete="CASCADE", name="fk_minute_counts_broadcast_id")
    op.create_table(
        "minute_counts",
        sa.Column("broadcast_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), broadcast, primary_key=True),
        sa.Column("connection_id", sa.Integer(), primary_key=True),
        sa.Column("seconds", sa.Integer(), primary_key=True),
        sa.Column("began_at", sa.BigInteger(), primary_key=True),
        *(sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")) for name in COUNTED),
        sa.PrimaryKeyConstraint("broadcast_id", "connection_id", "seconds", "began_at", name="pk_minute_counts"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_minute_counts_began_at",
        "minute_counts",
        ["began_at"],
        sqlite_where=sa.text("seconds = 60"),
        postgresql_where=sa.text("seconds = 60"),
    )


def downgrade() -> None:
    op.drop_table("minute_counts")
