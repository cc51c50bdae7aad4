"""The contact book: people, their tags and variables."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, or_, select

from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.tables import contact_tags, contacts, tags

PAGE = 2_000


def list_contacts(
    connection: Connection, *, tag: str | None = None, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """In the order in which they came in. :returns: the rows of the page, and how many there are in all."""
    chosen = _tagged([tag] if tag else [], "any")
    if query:
        text = query.lower()
        chosen = chosen.where(
            or_(
                contacts.c.number.contains(query, autoescape=True),
                func.lower(contacts.c.name).contains(text, autoescape=True),
            )
        )
    total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    return connection.execute(chosen.order_by(contacts.c.id).offset(offset).limit(limit)).mappings().all(), total


def tags_of(connection: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """The tags of contacts by their ids."""
    statement = (
        select(contact_tags.c.contact_id, tags.c.name)
        .join(tags, tags.c.id == contact_tags.c.tag_id)
        .where(contact_tags.c.contact_id.in_(keys))
        .order_by(tags.c.name)
    )
    found: dict[int, list[str]] = {key: [] for key in keys}
    for key, name in connection.execute(statement):
        found[key].append(name)
    return found


def read_contacts(database: Database, names: Sequence[str], match: str) -> Iterator[AudienceRow]:
    """Everyone with any (or all) of these tags, by id; everyone at all without tags. A page is in memory at a time."""
    after = 0
    chosen = _tagged(names, match)
    while True:
        with database.read() as connection:
            page = connection.execute(
                chosen.where(contacts.c.id > after).order_by(contacts.c.id).limit(PAGE)
            ).mappings()
            rows = page.all()
        for row in rows:
            yield AudienceRow(row["number"], row["name"], json.loads(row["variables"]))
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def _tagged(names: Sequence[str], match: str) -> Select[Any]:
    chosen = select(contacts)
    if not names:
        return chosen
    matching = (
        select(contact_tags.c.contact_id)
        .join(tags, tags.c.id == contact_tags.c.tag_id)
        .where(tags.c.name.in_(names))
        .group_by(contact_tags.c.contact_id)
    )
    if match == "all":
        matching = matching.having(func.count() == len(set(names)))
    return chosen.where(contacts.c.id.in_(matching))
