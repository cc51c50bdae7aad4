"""The contact book: people, their tags and variables. Many come in by one statement, never a statement a person."""

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, delete, func, or_, select

from wabroadcast_core.models.recipient import AudienceRow, Scalar
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.sql import LITE_ROWS, POST_ROWS, as_json, dialects, json_columns
from wabroadcast_core.store.tables import contact_tags, contacts, tags

PAGE = 2_000

_NUMBER_QUERY = re.compile(r"[+(]*\d[\d\s().-]*")
_TRUNK_PREFIX = re.compile(r"^0(?=[1-9])")  # of a number without its country
_NO_DIGIT = re.compile(r"\D+")


# --- reading ---------------------------------------------------------------------------------------------------


def list_contacts(
    connection: Connection, *, tag: str | None = None, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """In the order in which they came in. :returns: the rows of the page, and how many there are in all.

    Counting and paging walk an index of ids only; the contacts themselves are read for the one page.
    """
    chosen, key = _chosen_ids(tag, query)
    if tag is not None and not query:
        total = connection.execute(select(tags.c.contacts).where(tags.c.name == tag)).scalar() or 0
    else:
        total = connection.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    if 2 * offset > total:  # nearer to the end: passed over from there
        amount = max(0, min(limit, total - offset))
        page = chosen.order_by(key.desc()).offset(max(0, total - offset - limit)).limit(amount)
    else:
        page = chosen.order_by(key).offset(offset).limit(limit)
    rows = connection.execute(select(contacts).where(contacts.c.id.in_(page)).order_by(contacts.c.id))
    return rows.mappings().all(), total


def _chosen_ids(tag: str | None, query: str | None) -> tuple[Select[Any], Any]:
    """What selects the ids of a list, and the column they come from."""
    if tag is None:
        key = contacts.c.id
        chosen = select(key)
    else:
        key = contact_tags.c.contact_id
        tag_id = select(tags.c.id).where(tags.c.name == tag).scalar_subquery()
        chosen = select(key).where(contact_tags.c.tag_id == tag_id)
        if query:
            chosen = chosen.join(contacts, contacts.c.id == key)
    return (chosen.where(_matches(query)) if query else chosen), key


def _matches(query: str) -> Any:
    """Part of a name, or of a number as people write it: ``0812-34`` finds ``+6281234…``."""
    by_name = func.lower(contacts.c.name).contains(query.lower(), autoescape=True)
    if not _NUMBER_QUERY.fullmatch(query.strip()):
        return by_name
    digits = _NO_DIGIT.sub("", query)
    return or_(contacts.c.number.contains(_TRUNK_PREFIX.sub("", digits), autoescape=True), by_name)


def find_contact(connection: Connection, number: str) -> RowMapping | None:
    return connection.execute(select(contacts).where(contacts.c.number == number)).mappings().one_or_none()


_KNOWN = dialects(
    "SELECT number FROM contacts WHERE number IN (SELECT each.value FROM {rows})",
    sqlite={"rows": "json_each(:numbers) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)


def known_numbers(connection: Connection, numbers: Sequence[str]) -> set[str]:
    """Those among ``numbers`` that are in the book."""
    return set(connection.execute(_KNOWN.of(connection), {"numbers": as_json(numbers)}).scalars())


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


def list_tags(connection: Connection) -> Sequence[tuple[str, int]]:
    """All tags by name, each with how many contacts it has."""
    return connection.execute(select(tags.c.name, tags.c.contacts).order_by(tags.c.name)).all()


def read_contacts(database: Database, names: Sequence[str], match: str) -> Iterator[AudienceRow]:
    """Everyone with any (or all) of these tags, by id; everyone at all without tags. A page is in memory at a time."""
    keys = _tagged_keys(database, sorted(set(names)), match) if names else _all_keys(database)
    while page := list(islice(keys, PAGE)):
        with database.read() as connection:
            statement = select(contacts).where(contacts.c.id.in_(page)).order_by(contacts.c.id)
            rows = connection.execute(statement).mappings().all()
        for row in rows:
            yield AudienceRow(row["number"], row["name"], json.loads(row["variables"]))


def _tagged_keys(database: Database, names: Sequence[str], match: str) -> Iterator[int]:
    """The ids of each tag come in order, so that they can be merged without holding them."""
    with database.read() as connection:
        tag_ids = connection.execute(select(tags.c.id).where(tags.c.name.in_(names))).scalars().all()
    wanted = len(names) if match == "all" else 1
    column = contact_tags.c.contact_id
    streams = [_walk(database, select(column).where(contact_tags.c.tag_id == tag_id), column) for tag_id in tag_ids]
    for key, found in groupby(heapq.merge(*streams)):
        if sum(1 for _ in found) >= wanted:
            yield key


def _all_keys(database: Database) -> Iterator[int]:
    return _walk(database, select(contacts.c.id), contacts.c.id)


def _walk(database: Database, chosen: Select[Any], column: Any) -> Iterator[int]:
    after = 0
    while True:
        with database.read() as connection:
            page = connection.execute(chosen.where(column > after).order_by(column).limit(PAGE)).scalars().all()
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]


# --- writing ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class NewContact:
    """A contact on its way into the book; the number is in E.164."""

    number: str
    name: str | None = None
    variables: dict[str, Scalar] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


_NEW_COLUMNS = json_columns(number="TEXT", name="TEXT", variables="TEXT")
_UPSERT = dialects(
    """
    INSERT INTO contacts (number, name, variables, source, created_at, updated_at)
    SELECT {columns}, :source, CAST(:now AS {double}), CAST(:now AS {double}) FROM {rows} WHERE true
    ON CONFLICT (number) DO UPDATE SET name = coalesce(excluded.name, contacts.name), variables = {merged},
      updated_at = excluded.updated_at
    RETURNING number, id, {is_new}
    """,
    sqlite={
        "columns": _NEW_COLUMNS[0],
        "rows": LITE_ROWS,
        "double": "REAL",
        "merged": "json_patch(contacts.variables, excluded.variables)",
        "is_new": "id > :last",  # ids count up, and a transaction that writes is alone
    },
    postgresql={
        "columns": _NEW_COLUMNS[1],
        "rows": POST_ROWS,
        "double": "DOUBLE PRECISION",
        "merged": "CAST(CAST(contacts.variables AS jsonb) || CAST(excluded.variables AS jsonb) AS TEXT)",
        "is_new": "xmax = 0 AND CAST(:last AS BIGINT) >= 0",  # a row that was there has a former version
    },
)


def upsert_contacts(connection: Connection, people: Sequence[NewContact], *, source: str, now: float) -> int:
    """Take people into the book, each number once.

    Whoever is there already keeps what the newcomer does not say: name and variables given win, tags are added.

    :returns: how many were not in the book.
    """
    last = connection.execute(select(func.coalesce(func.max(contacts.c.id), 0))).scalar_one()
    rows = as_json([(person.number, person.name, person.variables) for person in people])
    asked = {"rows": rows, "source": source, "now": now, "last": last}
    found = connection.execute(_UPSERT.of(connection), asked).fetchall()
    keys = {number: key for number, key, _ in found}
    wanted: dict[tuple[str, ...], list[int]] = {}  # many have the same
    for person in people:
        wanted.setdefault(person.tags, []).append(keys[person.number])
    _add_tags(connection, wanted)
    return sum(is_new for _, _, is_new in found)


_INSERT_TAGS = dialects(
    "INSERT INTO tags (name) SELECT each.value FROM {rows} WHERE true ON CONFLICT DO NOTHING",
    sqlite={"rows": "json_each(:names) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:names AS json)) AS each(value)"},
)
_TAG_KEYS = dialects(
    "SELECT name, id FROM tags WHERE name IN (SELECT each.value FROM {rows})",
    sqlite={"rows": "json_each(:names) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:names AS json)) AS each(value)"},
)
_TAG_CONTACTS = dialects(
    """
    INSERT INTO contact_tags (tag_id, contact_id) SELECT :tag_id, CAST(each.value AS BIGINT) FROM {rows} WHERE true
    ON CONFLICT DO NOTHING
    """,
    sqlite={"rows": "json_each(:keys) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:keys AS json)) AS each(value)"},
)


def _add_tags(connection: Connection, wanted: Mapping[tuple[str, ...], Sequence[int]]) -> None:
    """Add tags (which need not exist) to contacts by their ids."""
    by_name: dict[str, set[int]] = {}
    for names, keys in wanted.items():
        for name in names:
            by_name.setdefault(name, set()).update(keys)
    if not by_name:
        return
    listed = as_json(sorted(by_name))
    connection.execute(_INSERT_TAGS.of(connection), {"names": listed})
    added: dict[int, int] = {}
    for name, tag_id in connection.execute(_TAG_KEYS.of(connection), {"names": listed}).all():
        asked = {"tag_id": tag_id, "keys": as_json(sorted(by_name[name]))}
        added[tag_id] = connection.execute(_TAG_CONTACTS.of(connection), asked).rowcount
    _count_tags(connection, added)


_TAG_COUNTS = json_columns(id="BIGINT", contacts="BIGINT")
_COUNT_TAGS = dialects(
    """
    UPDATE tags SET contacts = tags.contacts + change.contacts
    FROM (SELECT {columns} FROM {rows}) AS change WHERE tags.id = change.id
    """,
    sqlite={"columns": _TAG_COUNTS[0], "rows": LITE_ROWS},
    postgresql={"columns": _TAG_COUNTS[1], "rows": POST_ROWS},
)


def _count_tags(connection: Connection, changes: Mapping[int, int]) -> None:
    """Add to how many contacts each tag has."""
    if any(changes.values()):
        connection.execute(_COUNT_TAGS.of(connection), {"rows": as_json(sorted(changes.items()))})


def replace_contact(connection: Connection, number: str, *, now: float, **values: Any) -> None:
    """Set ``name`` or ``variables`` (a dict) of a contact as they are given."""
    if "variables" in values:
        values["variables"] = json.dumps(values["variables"], ensure_ascii=False, separators=(",", ":"))
    connection.execute(contacts.update().where(contacts.c.number == number).values(**values, updated_at=now))


def replace_tags(connection: Connection, key: int, names: Iterable[str]) -> None:
    """Let a contact have these tags and no others."""
    _remove_tags(connection, key)
    _add_tags(connection, {tuple(names): [key]})


def delete_contact(connection: Connection, key: int) -> None:
    _remove_tags(connection, key)
    connection.execute(delete(contacts).where(contacts.c.id == key))


def _remove_tags(connection: Connection, key: int) -> None:
    removed = delete(contact_tags).where(contact_tags.c.contact_id == key).returning(contact_tags.c.tag_id)
    _count_tags(connection, dict.fromkeys(connection.execute(removed).scalars(), -1))
