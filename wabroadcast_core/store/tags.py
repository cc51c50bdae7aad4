"""The tags of contacts. How many contacts a tag has is kept beside it, true in every transaction.

Whoever tags or untags holds the tag's row until the end of the transaction, so that nothing is counted twice, and
nothing is put on a tag that is just being merged away. SQLite has one writer at a time anyway.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, func, select, text, update

from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import contact_tags, tags


def list_tags(conn: Connection) -> Sequence[tuple[str, int]]:
    """All tags by name, each with how many contacts it has."""
    return conn.execute(select(tags.c.name, tags.c.contacts).order_by(tags.c.name)).all()


def count_tag(conn: Connection, name: str) -> int | None:
    """How many contacts have a tag; None: there is none."""
    return conn.execute(select(tags.c.contacts).where(tags.c.name == name)).scalar()


def tags_of(conn: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """The tags of contacts by their ids."""
    statement = (
        select(contact_tags.c.contact_id, tags.c.name)
        .join(tags, tags.c.id == contact_tags.c.tag_id)
        .where(contact_tags.c.contact_id.in_(keys))
        .order_by(tags.c.name)
    )
    found: dict[int, list[str]] = {key: [] for key in keys}
    for key, name in conn.execute(statement):
        found[key].append(name)
    return found


def lock_tags(conn: Connection, names: Iterable[str]) -> dict[str, int]:
    """The ids of those tags that exist, by name: held, so that nobody else tags with them meanwhile."""
    statement = select(tags.c.name, tags.c.id).where(tags.c.name.in_(list(names))).order_by(tags.c.id)
    return dict(conn.execute(statement.with_for_update()).all())


# --- tagging ---------------------------------------------------------------------------------------------------

_POST_NAMES = "json_array_elements_text(CAST(:names AS json)) AS each(value)"
_POST_IDS = "ARRAY (SELECT CAST(each.value AS BIGINT) FROM json_array_elements_text(CAST(:ids AS json)) AS each(value))"

# What does nothing to a tag that is there still holds its row.
_MAKE_TAGS = dialects(
    """
    INSERT INTO tags (name) SELECT each.value FROM {names} WHERE true
    ON CONFLICT (name) DO UPDATE SET contacts = tags.contacts RETURNING name, id
    """,
    sqlite={"names": "json_each(:names) AS each"},
    postgresql={"names": _POST_NAMES},
)
_TAG = dialects(
    """
    INSERT INTO contact_tags (tag_id, contact_id)
    SELECT :tag_id, {ids} ON CONFLICT DO NOTHING
    """,
    sqlite={"ids": "each.value FROM json_each(:ids) AS each WHERE true"},
    postgresql={"ids": f"id FROM contacts WHERE id = ANY ({_POST_IDS}) FOR KEY SHARE"},  # some may just be deleted
)
_UNTAG = dialects(
    """
    DELETE FROM contact_tags WHERE tag_id = :tag_id AND contact_id {among}
    """,
    sqlite={"among": "IN (SELECT each.value FROM json_each(:ids) AS each)"},
    postgresql={"among": f"= ANY ({_POST_IDS})"},
)


def add_tags(conn: Connection, wanted: Mapping[tuple[str, ...], Iterable[int]]) -> int:
    """Add tags (which need not exist) to contacts by their ids. :returns: how many contacts got one, tag by tag."""
    by_name: dict[str, set[int]] = {}
    for names, keys in wanted.items():
        for name in names:
            by_name.setdefault(name, set()).update(keys)
    if not by_name:
        return 0
    made = conn.execute(_MAKE_TAGS.of(conn), {"names": as_json(sorted(by_name))}).all()
    added: dict[int, int] = {}
    for name, tag_id in made:
        asked = {"tag_id": tag_id, "ids": as_json(sorted(by_name[name]))}
        added[tag_id] = conn.execute(_TAG.of(conn), asked).rowcount
    _count_tags(conn, added)
    return sum(added.values())


def remove_tags(conn: Connection, names: Iterable[str], keys: Iterable[int]) -> int:
    """Take tags off contacts by their ids. :returns: how many contacts lost one, tag by tag."""
    listed = as_json(sorted(keys))
    removed = {
        tag_id: conn.execute(_UNTAG.of(conn), {"tag_id": tag_id, "ids": listed}).rowcount
        for tag_id in lock_tags(conn, names).values()
    }
    _count_tags(conn, {tag_id: -amount for tag_id, amount in removed.items()})
    return sum(removed.values())


def remove_all_tags(conn: Connection, key: int) -> None:
    """Take all tags off a contact, whose row the caller holds."""
    removed = delete(contact_tags).where(contact_tags.c.contact_id == key).returning(contact_tags.c.tag_id)
    _count_tags(conn, dict.fromkeys(conn.execute(removed).scalars(), -1))


_TAG_COUNTS = json_columns(id="BIGINT", contacts="BIGINT")
_COUNT_TAGS = dialects(
    """
    UPDATE tags SET contacts = tags.contacts + change.contacts
    FROM (SELECT {columns} FROM {rows}) AS change WHERE tags.id = change.id
    """,
    sqlite={"columns": _TAG_COUNTS[0], "rows": LITE_ROWS},
    postgresql={"columns": _TAG_COUNTS[1], "rows": POST_ROWS},
)


def _count_tags(conn: Connection, changes: Mapping[int, int]) -> None:
    """Add to how many contacts each tag has."""
    if any(changes.values()):
        conn.execute(_COUNT_TAGS.of(conn), {"rows": as_json(sorted(changes.items()))})


# --- tags themselves -------------------------------------------------------------------------------------------


def rename_tag(conn: Connection, name: str, *, to: str) -> bool:
    """:returns: whether there is such a tag. :raises IntegrityError: the other name is taken."""
    return conn.execute(update(tags).where(tags.c.name == name).values(name=to)).rowcount == 1


_MOVE = text(
    """
    INSERT INTO contact_tags (tag_id, contact_id)
    SELECT :into, contact_id FROM contact_tags WHERE tag_id = :tag_id AND contact_id <= :last
    ON CONFLICT DO NOTHING
    """
)


def dissolve_tag(conn: Connection, name: str, *, into: str | None = None, limit: int) -> bool:
    """Take a tag off the first ``limit`` of its contacts; one that has none is deleted.

    :param into: a tag that they get instead.
    :returns: whether there is more to do. :raises NotFoundError: the other tag is not there.
    """
    held = lock_tags(conn, [name] if into is None else [name, into])
    if name not in held:
        return False
    if into is not None and into not in held:
        raise NotFoundError("tag", into)
    tag_id = held[name]
    first = select(contact_tags.c.contact_id).where(contact_tags.c.tag_id == tag_id).order_by("contact_id").limit(limit)
    last = conn.execute(select(func.max(first.subquery().c.contact_id))).scalar()
    if last is None:
        conn.execute(delete(tags).where(tags.c.id == tag_id))
        return False
    changes: dict[int, int] = {}
    if into is not None:
        asked = {"tag_id": tag_id, "into": held[into], "last": last}
        changes[held[into]] = conn.execute(_MOVE, asked).rowcount
    gone = delete(contact_tags).where(contact_tags.c.tag_id == tag_id, contact_tags.c.contact_id <= last)
    changes[tag_id] = -conn.execute(gone).rowcount
    _count_tags(conn, changes)
    return True
