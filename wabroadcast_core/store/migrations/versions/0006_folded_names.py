"""The names of contacts without case and accents, for the search."""

import sqlalchemy as sa
from alembic import op

from wabroadcast_core.store.search import fold

revision = "0006"
down_revision = "0005"

ROWS = 5_000
contacts = sa.table("contacts", sa.column("id"), sa.column("name"), sa.column("folded_name"))


def upgrade() -> None:
    op.add_column("contacts", sa.Column("folded_name", sa.Text(), nullable=True))
    conn = op.get_bind()
    conn.execute(sa.update(contacts).values(folded_name=sa.func.lower(contacts.c.name)))
    after = 0
    while rows := conn.execute(_other_letters(conn.dialect.name, after)).all():
        conn.execute(
            sa.update(contacts).where(contacts.c.id == sa.bindparam("key")).values(folded_name=sa.bindparam("folded")),
            [{"key": row.id, "folded": fold(row.name)} for row in rows],
        )
        after = rows[-1].id


def downgrade() -> None:
    op.drop_column("contacts", "folded_name")


def _other_letters(dialect: str, after: int) -> sa.Select[tuple[int, str]]:
    """Select the next contacts whose names have characters outside ASCII."""
    name = contacts.c.name
    size = sa.func.length(sa.cast(name, sa.LargeBinary)) if dialect == "sqlite" else sa.func.octet_length(name)
    chosen = sa.select(contacts.c.id, name).where(contacts.c.id > after, size != sa.func.length(name))
    return chosen.order_by(contacts.c.id).limit(ROWS)
