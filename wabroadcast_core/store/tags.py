"""The tags of contacts. Each tag has a count of its contacts, which is right in every transaction.

All spellings of a tag (see :func:`fold_tag`) are one tag. It keeps the first of them until it is renamed.

A transaction that adds or removes a tag locks the tag's row. So nothing is counted twice, and no contact gets a tag
that is being merged into another one. SQLite allows one writer at a time in any case.
"""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, delete, func, select, text, update

from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.models.contact import fold_tag
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import contact_tags, tags


def list_tags(conn: Connection) -> Sequence[tuple[str, int]]:
    """Return all tags in the order of their names, each with its number of contacts."""
    return conn.execute(select(tags.c.name, tags.c.contacts).order_by(tags.c.name)).all()


def find_tag(conn: Connection, name: str) -> tuple[str, int] | None:
    """Return a tag as it is spelled, and its number of contacts; None if the tag does not exist."""
    found = conn.execute(select(tags.c.name, tags.c.contacts).where(tags.c.folded_name == fold_tag(name)))
    return found.one_or_none()


def tags_of(conn: Connection, keys: Sequence[int]) -> dict[int, list[str]]:
    """Return the tags of contacts, by the ids of the contacts."""
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
    """Lock those tags that exist until the end of the transaction, and return their ids by folded name."""
    folded = {fold_tag(name) for name in names}
    statement = select(tags.c.folded_name, tags.c.id).where(tags.c.folded_name.in_(folded)).order_by(tags.c.id)
    return dict(conn.execute(statement.with_for_update()).all())


# --- tags of contacts ------------------------------------------------------------------------------------------

_POST_IDS = "ARRAY (SELECT CAST(each.value AS BIGINT) FROM json_array_elements_text(CAST(:ids AS json)) AS each(value))"

_TAG_NAMES = json_columns(name="TEXT", folded_name="TEXT")
# Create the tags that do not exist. Input: :rows, JSON rows of name and folded name.
_CREATE_TAGS = dialects(
    """
    INSERT INTO tags (name, folded_name) SELECT {columns} FROM {rows} WHERE true ON CONFLICT DO NOTHING
    """,
    sqlite={"columns": _TAG_NAMES[0], "rows": LITE_ROWS},
    postgresql={"columns": _TAG_NAMES[1], "rows": POST_ROWS},
)
# Add a tag to contacts. Input: :tag_id, :ids (JSON array of contact ids).
_TAG = dialects(
    """
    INSERT INTO contact_tags (tag_id, contact_id)
    SELECT :tag_id, {ids} ON CONFLICT DO NOTHING
    """,
    sqlite={"ids": "each.value FROM json_each(:ids) AS each WHERE true"},
    postgresql={"ids": f"id FROM contacts WHERE id = ANY ({_POST_IDS}) FOR KEY SHARE"},  # some may have been deleted
)
# Remove a tag from contacts. Input: :tag_id, :ids (JSON array of contact ids).
_UNTAG = dialects(
    """
    DELETE FROM contact_tags WHERE tag_id = :tag_id AND contact_id {among}
    """,
    sqlite={"among": "IN (SELECT each.value FROM json_each(:ids) AS each)"},
    postgresql={"among": f"= ANY ({_POST_IDS})"},
)


def add_tags(conn: Connection, additions: Mapping[tuple[str, ...], Iterable[int]]) -> int:
    """Add tags to contacts. Tags that do not exist are created.

    :param additions: ids of contacts, by the names of the tags that they get.
    :returns: how many pairs of tag and contact are new.
    """
    spellings: dict[str, str] = {}
    contacts: dict[str, set[int]] = {}
    for names, keys in additions.items():
        for name in names:
            contacts.setdefault(fold_tag(name), set()).update(keys)
            spellings.setdefault(fold_tag(name), name)
    added: dict[int, int] = {}
    for folded, tag_id in _create_tags(conn, spellings).items():
        parameters = {"tag_id": tag_id, "ids": as_json(sorted(contacts[folded]))}
        added[tag_id] = conn.execute(_TAG.of(conn), parameters).rowcount
    _count_tags(conn, added)
    return sum(added.values())


def _create_tags(conn: Connection, spellings: Mapping[str, str]) -> dict[str, int]:
    """Create the tags that do not exist, lock all of them, and return their ids by folded name.

    :param spellings: the name of each tag, by its folded name.
    """
    rows = as_json([(spellings[folded], folded) for folded in sorted(spellings)])
    tag_ids: dict[str, int] = {}
    while len(tag_ids) < len(spellings):  # a tag may be deleted between the two statements
        conn.execute(_CREATE_TAGS.of(conn), {"rows": rows})
        tag_ids = lock_tags(conn, spellings)
    return tag_ids


def remove_tags(conn: Connection, names: Iterable[str], keys: Iterable[int]) -> int:
    """Remove tags from contacts.

    :param keys: the ids of the contacts.
    :returns: how many pairs of tag and contact were removed.
    """
    ids = as_json(sorted(keys))
    removed = {
        tag_id: conn.execute(_UNTAG.of(conn), {"tag_id": tag_id, "ids": ids}).rowcount
        for tag_id in lock_tags(conn, names).values()
    }
    _count_tags(conn, {tag_id: -amount for tag_id, amount in removed.items()})
    return sum(removed.values())


def remove_all_tags(conn: Connection, key: int) -> None:
    """Remove all tags from a contact. The caller has locked its row."""
    removed = delete(contact_tags).where(contact_tags.c.contact_id == key).returning(contact_tags.c.tag_id)
    _count_tags(conn, dict.fromkeys(conn.execute(removed).scalars(), -1))


_TAG_COUNTS = json_columns(id="BIGINT", contacts="BIGINT")
# Add changes to the counts of tags. Input: :rows, JSON rows of tag id and change.
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
    """Rename a tag.

    :returns: whether the tag exists.
    :raises IntegrityError: another tag has the new name.
    """
    renamed = update(tags).where(tags.c.folded_name == fold_tag(name)).values(name=to, folded_name=fold_tag(to))
    return conn.execute(renamed).rowcount == 1


# Add the tag :into to the contacts of the tag :tag_id with ids up to :last.
_MOVE = text(
    """
    INSERT INTO contact_tags (tag_id, contact_id)
    SELECT :into, contact_id FROM contact_tags WHERE tag_id = :tag_id AND contact_id <= :last
    ON CONFLICT DO NOTHING
    """
)


def dissolve_tag(conn: Connection, name: str, *, into: str | None = None, limit: int) -> bool:
    """Remove a tag from the first ``limit`` of its contacts. A tag without contacts is deleted.

    :param into: another tag, which these contacts get instead.
    :returns: whether there is more to do.
    :raises NotFoundError: the tag ``into`` does not exist.
    """
    tag_ids = lock_tags(conn, [name] if into is None else [name, into])
    tag_id = tag_ids.get(fold_tag(name))
    if tag_id is None:
        return False
    if into is not None and fold_tag(into) not in tag_ids:
        raise NotFoundError("tag", into)
    first = select(contact_tags.c.contact_id).where(contact_tags.c.tag_id == tag_id).order_by("contact_id").limit(limit)
    last = conn.execute(select(func.max(first.subquery().c.contact_id))).scalar()
    if last is None:
        conn.execute(delete(tags).where(tags.c.id == tag_id))
        return False
    changes: dict[int, int] = {}
    if into is not None:
        into_id = tag_ids[fold_tag(into)]
        parameters = {"tag_id": tag_id, "into": into_id, "last": last}
        changes[into_id] = conn.execute(_MOVE, parameters).rowcount
    removed = delete(contact_tags).where(contact_tags.c.tag_id == tag_id, contact_tags.c.contact_id <= last)
    changes[tag_id] = -conn.execute(removed).rowcount
    _count_tags(conn, changes)
    return True
