"""API keys, and acts on objects other than broadcasts and connections."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, unique=True),
        sa.Column("start", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("last_used_at", sa.Double()),
        sa.Column("revoked_at", sa.Double()),
    )
    valid = sa.text("revoked_at IS NULL")
    op.create_index("ix_api_keys_name", "api_keys", ["name"], unique=True, sqlite_where=valid, postgresql_where=valid)
    op.add_column("acts", sa.Column("object", sa.Text()))
    op.add_column("acts", sa.Column("object_id", sa.Text()))
    op.create_index("ix_acts_at", "acts", ["at", "id"])


def downgrade() -> None:
    op.drop_index("ix_acts_at", "acts")
    op.drop_column("acts", "object_id")
    op.drop_column("acts", "object")
    op.drop_table("api_keys")
