"""One tag for all spellings of its name. Tags that differ only in spelling become one, named as the first of them."""

import sqlalchemy as sa
from alembic import op

from wabroadcast_core.models.contact import fold_tag

revision = "0009"
down_revision = "0008"

tags = sa.table("tags", sa.column("id"), sa.column("name"), sa.column("folded_name"), sa.column("contacts"))
contact_tags = sa.table("contact_tags", sa.column("tag_id"), sa.column("contact_id"))


def upgrade() -> None:
    op.add_column("tags", sa.Column("folded_name", sa.Text(), nullable=True))
    conn = op.get_bind()
    first_ids: dict[str, int] = {}
    for tag_id, name in conn.execute(sa.select(tags.c.id, tags.c.name).order_by(tags.c.id)).all():
        first = first_ids.setdefault(fold_tag(name), tag_id)
        if first != tag_id:
            _merge(conn, tag_id, into=first)
        else:
            conn.execute(sa.update(tags).where(tags.c.id == tag_id).values(folded_name=fold_tag(name)))
    op.create_index("ix_tags_folded_name", "tags", ["folded_name"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_tags_folded_name", "tags")
    op.drop_column("tags", "folded_name")


def _merge(conn: sa.Connection, tag_id: int, *, into: int) -> None:
    has_first = sa.select(contact_tags.c.contact_id).where(contact_tags.c.tag_id == into)
    of_both = contact_tags.c.contact_id.in_(has_first)
    conn.execute(sa.delete(contact_tags).where(contact_tags.c.tag_id == tag_id, of_both))
    conn.execute(sa.update(contact_tags).where(contact_tags.c.tag_id == tag_id).values(tag_id=into))
    conn.execute(sa.delete(tags).where(tags.c.id == tag_id))
    amount = sa.select(sa.func.count()).where(contact_tags.c.tag_id == into).scalar_subquery()
    conn.execute(sa.update(tags).where(tags.c.id == into).values(contacts=amount))
