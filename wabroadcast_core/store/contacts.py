"""The contact book: contacts and their variables. Many contacts are stored by one call."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import Connection, RowMapping, Select, delete, func, select, text

from wabroadcast_core.models.contact import fold_tag
from wabroadcast_core.models.recipient import AudienceRow, Scalar
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.search import fold, matches
from wabroadcast_core.store.sql import POST_ROWS, as_json, clean_text, dialects, json_columns, parse_json
from wabroadcast_core.store.tables import contact_tags, contacts, tags

PAGE = 2_000
MOST_NAMES = 100_000  # of variables that are counted; where there are more, the rarest are dropped


# --- lists -----------------------------------------------------------------------------------------------------


def list_contacts(
    conn: Connection, *, tag: str | None = None, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """Return a page of contacts, in the order in which they were created.

    Counting and paging use an index of ids only; the contacts themselves are read for this page alone.

    :param tag: only contacts with this tag.
    :param query: part of a name or a number.
    :returns: the rows of the page, and the total number of rows.
    """
    chosen, key = _select_ids(tag, query)
    if query:
        keys, total = _search_page(conn, chosen, key, offset=offset, limit=limit)
    else:
        total = _count_chosen(conn, chosen, tag)
        page = _page_of(chosen, key, total=total, offset=offset, limit=limit)
        keys = conn.execute(page).scalars().all()
    return _rows_of(conn, keys), total


def _select_ids(tag: str | None, query: str | None) -> tuple[Select[Any], Any]:
    """Return the statement that selects the ids of a list of contacts, and its column of ids."""
    if tag is None:
        key = contacts.c.id
        chosen = select(key)
    else:
        key = contact_tags.c.contact_id
        tag_id = select(tags.c.id).where(tags.c.folded_name == fold_tag(tag)).scalar_subquery()
        chosen = select(key).where(contact_tags.c.tag_id == tag_id)
        if query:
            chosen = chosen.join(contacts, contacts.c.id == key)
    if query:
        chosen = chosen.where(matches(query, name=contacts.c.folded_name, number=contacts.c.number))
    return chosen, key


def _search_page(
    conn: Connection, chosen: Select[Any], key: Any, *, offset: int, limit: int
) -> tuple[Sequence[int], int]:
    """Find a page and the total in one statement: a search reads all contacts in any case.

    :returns: the ids of the page, and the total number of contacts.
    """
    page = chosen.add_columns(func.count().over()).order_by(key).offset(offset).limit(limit)
    found = conn.execute(page).all()
    if found or not offset:
        return [row[0] for row in found], found[0][1] if found else 0
    return [], _count_chosen(conn, chosen, None)


def _count_chosen(conn: Connection, chosen: Select[Any], tag: str | None) -> int:
    """Count the contacts of a list.

    :param tag: the tag, if the list has no other condition: then the stored count of the tag is used.
    """
    if tag is None:
        return conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    found = tag_store.find_tag(conn, tag)
    return found[1] if found else 0


def _page_of(chosen: Select[Any], key: Any, *, total: int, offset: int, limit: int) -> Select[Any]:
    if 2 * offset <= total:
        return chosen.order_by(key).offset(offset).limit(limit)
    amount = max(0, min(limit, total - offset))  # in the second half: count the rows from the end
    return chosen.order_by(key.desc()).offset(max(0, total - offset - limit)).limit(amount)


def _rows_of(conn: Connection, keys: Sequence[int]) -> Sequence[RowMapping]:
    statement = select(contacts).where(contacts.c.id.in_(keys)).order_by(contacts.c.id)
    return conn.execute(statement).mappings().all()


def find_contact(conn: Connection, number: str, *, lock: bool = False) -> RowMapping | None:
    """Return the row of a contact by its number (E.164), or None. ``lock``: keep it locked in this transaction."""
    statement = select(contacts).where(contacts.c.number == number)
    return conn.execute(statement.with_for_update() if lock else statement).mappings().one_or_none()


_IDS = dialects(
    "SELECT number, id FROM contacts WHERE number IN (SELECT each.value FROM {rows})",
    sqlite={"rows": "json_each(:numbers) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)


def ids_of(conn: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """Return the ids of those of ``numbers`` that are in the contact book."""
    return dict(conn.execute(_IDS.of(conn), {"numbers": as_json(numbers)}).all())


# --- streams, page by page -------------------------------------------------------------------------------------


def contact_pages(
    database: Database, *, tag: str | None = None, query: str | None = None
) -> Iterator[Sequence[RowMapping]]:
    """Yield the contacts that :func:`list_contacts` returns, page by page. Each page is a transaction of its own."""
    chosen, key = _select_ids(tag, query)
    return _pages(database, _stream_ids(database, chosen, key))


# Count the contacts that have each variable. Input: :ids (JSON array). Output: the name of the variable, amount.
_VARIABLES = dialects(
    "SELECT {name}, count(*) FROM contacts, {names} WHERE contacts.id IN (SELECT {ids}) GROUP BY {name}",
    sqlite={
        "name": "found.key",
        "names": "json_each(variables) AS found",
        "ids": "each.value FROM json_each(:ids) AS each",
    },
    postgresql={
        "name": "found.name",
        "names": "json_object_keys(CAST(variables AS json)) AS found(name)",
        "ids": "CAST(each.value AS BIGINT) FROM json_array_elements_text(CAST(:ids AS json)) AS each(value)",
    },
)


def variable_names(database: Database, *, tag: str | None = None, query: str | None = None) -> list[str]:
    """Return the names of the variables of these contacts, those that most contacts have first.

    They are counted page by page: SQLite sorts what it groups, in memory.
    """
    amounts = Counter[str]()
    chosen, key = _select_ids(tag, query)
    keys = _stream_ids(database, chosen, key)
    while page := list(islice(keys, PAGE)):
        with database.read() as conn:
            amounts.update(dict(conn.execute(_VARIABLES.of(conn), {"ids": as_json(page)}).all()))
        if len(amounts) > MOST_NAMES:
            amounts = Counter(dict(amounts.most_common(MOST_NAMES // 2)))
    return sorted(amounts, key=lambda name: (-amounts[name], name))


# The recipients of contacts, in the order of ids. Input: :ids (JSON array). Output: number, name, variables.
_RECIPIENTS = dialects(
    "SELECT number, name, variables FROM contacts WHERE id IN (SELECT {ids}) ORDER BY id",
    sqlite={"ids": "each.value FROM json_each(:ids) AS each"},
    postgresql={"ids": "CAST(each.value AS BIGINT) FROM json_array_elements_text(CAST(:ids AS json)) AS each(value)"},
)


def read_contacts(
    database: Database, names: Sequence[str], match: str, without: Sequence[str] = ()
) -> Iterator[AudienceRow]:
    """Yield the contacts with any (or all) of the tags ``names`` and none of the tags ``without``, in the order of ids.

    :param names: tags; an empty sequence selects all contacts.
    :param match: ``any`` or ``all``.
    :param without: tags that exclude a contact.
    """
    keys = (
        _tagged_keys(database, names, match) if names else _stream_ids(database, select(contacts.c.id), contacts.c.id)
    )
    if without:
        keys = _exclude(keys, _tagged_keys(database, without, "any"))
    while page := list(islice(keys, PAGE)):
        with database.read() as conn:
            rows = conn.execute(_RECIPIENTS.of(conn), {"ids": as_json(page)}).all()
        for number, name, variables in rows:
            yield AudienceRow(number, name, parse_json(variables))


def _tagged_keys(database: Database, names: Sequence[str], match: str) -> Iterator[int]:
    """Yield the ids of contacts with these tags. The ids of each tag are ordered, so they are merged as streams."""
    distinct = set(map(fold_tag, names))
    with database.read() as conn:
        tag_ids = conn.execute(select(tags.c.id).where(tags.c.folded_name.in_(distinct))).scalars().all()
    least = len(distinct) if match == "all" else 1
    column = contact_tags.c.contact_id
    streams = [
        _stream_ids(database, select(column).where(contact_tags.c.tag_id == tag_id), column) for tag_id in tag_ids
    ]
    if least == len(streams) == 1:
        yield from streams[0]
        return
    for key, found in groupby(heapq.merge(*streams)):
        if sum(1 for _ in found) >= least:
            yield key


def _exclude(keys: Iterator[int], excluded: Iterator[int]) -> Iterator[int]:
    """Yield ``keys`` without the excluded ones. Both must be in order."""
    next_excluded = next(excluded, None)
    for key in keys:
        while next_excluded is not None and next_excluded < key:
            next_excluded = next(excluded, None)
        if key != next_excluded:
            yield key


def _pages(database: Database, keys: Iterator[int]) -> Iterator[Sequence[RowMapping]]:
    while page := list(islice(keys, PAGE)):
        with database.read() as conn:
            rows = _rows_of(conn, page)
        yield rows


def _stream_ids(database: Database, chosen: Select[Any], column: Any) -> Iterator[int]:
    after = 0
    while True:
        with database.read() as conn:
            page = conn.execute(chosen.where(column > after).order_by(column).limit(PAGE)).scalars().all()
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]


# --- writing ---------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class NewContact:
    """A contact to store. Its number is in E.164."""

    number: str
    name: str | None = None
    variables: dict[str, Scalar] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


_SELECTED = "SELECT {columns}, :source, CAST(:now AS DOUBLE PRECISION), CAST(:now AS DOUBLE PRECISION) FROM {rows}"
_COLUMNS = json_columns(number="TEXT", name="TEXT", folded_name="TEXT", variables="TEXT")
# Add contacts, or merge them into those with the same number: a name and variables that are given replace the old ones.
# Input: in SQLite one row for each contact (id, number, name, folded_name, variables, source, created_at, updated_at);
# in PostgreSQL :rows (JSON rows of _COLUMNS), :source and :now.
# Output in PostgreSQL: number, id and whether the contact is new.
_UPSERT = dialects(
    """
    {begin} INSERT INTO contacts ({id} number, name, folded_name, variables, source, created_at, updated_at)
    {values}
    ON CONFLICT (number) DO UPDATE SET name = coalesce(excluded.name, contacts.name),
      folded_name = coalesce(excluded.folded_name, contacts.folded_name), variables = {merged},
      updated_at = excluded.updated_at
    {end}
    """,
    sqlite={
        "begin": "",
        "id": "id,",
        "values": "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        "merged": "json_patch(contacts.variables, excluded.variables)",
        "end": "",
    },
    postgresql={
        "begin": "WITH taken AS (",
        "id": "",
        "values": _SELECTED.format(columns=_COLUMNS[1], rows=POST_ROWS),
        "merged": "CAST(CAST(contacts.variables AS jsonb) || CAST(excluded.variables AS jsonb) AS TEXT)",
        "end": "RETURNING number, id, xmax = 0 AS is_new) SELECT * FROM taken",  # xmax is 0 in a new row
    },
)
_COUNT_NEWER = text("SELECT count(*) FROM contacts WHERE id > :last")


def upsert_contacts(conn: Connection, people: Sequence[NewContact], *, source: str, now: float) -> int:
    """Store contacts, each number once.

    A contact that exists keeps its name and variables where the new one gives none; tags are added to its tags.

    :param source: where the new contacts come from: a file's name, ``api``, ``inbound``.
    :returns: how many were not in the contact book.
    """
    if not people:
        return 0
    upsert = _upsert_sqlite if conn.dialect.name == "sqlite" else _upsert_postgresql
    ids, created = upsert(conn, people, source=source, now=now)
    keys_by_tags: dict[tuple[str, ...], list[int]] = {}  # few combinations, because many contacts have the same tags
    for person in people:
        keys_by_tags.setdefault(person.tags, []).append(ids[person.number])
    tag_store.add_tags(conn, keys_by_tags)
    return created


_Upserted: TypeAlias = tuple[dict[str, int], int]
"""The ids of contacts by their numbers, and how many of them are new."""


def _upsert_sqlite(conn: Connection, people: Sequence[NewContact], *, source: str, now: float) -> _Upserted:
    """Store contacts row by row.

    A single statement for many rows would keep a copy of every page that it changes, and numbers are spread over many
    pages. In the order of their numbers, the rows touch each page of that index once. Ids are assigned in the order of
    ``people``; they are free, because only one transaction writes at a time.
    """
    last = conn.execute(select(func.coalesce(func.max(contacts.c.id), 0))).scalar_one()
    rows = sorted(
        (
            (key, person.number, *_names_of(person), as_json(person.variables), source, now, now)
            for key, person in enumerate(people, last + 1)
        ),
        key=itemgetter(1),
    )
    conn.exec_driver_sql(_UPSERT.sqlite.text, rows)
    created = int(conn.execute(_COUNT_NEWER, {"last": last}).scalar_one())
    if created == len(people):
        return {number: key for key, number, *_ in rows}, created
    return ids_of(conn, [person.number for person in people]), created


def _upsert_postgresql(conn: Connection, people: Sequence[NewContact], *, source: str, now: float) -> _Upserted:
    rows = as_json([(person.number, *_names_of(person), person.variables) for person in people])
    stored = conn.execute(_UPSERT.of(conn), {"rows": rows, "source": source, "now": now}).all()
    return {number: key for number, key, _ in stored}, sum(is_new for _, _, is_new in stored)


def _names_of(person: NewContact) -> tuple[str | None, str | None]:
    """Return the name of a contact as it is stored, and folded for the search."""
    name = person.name and clean_text(person.name)
    return name, name and fold(name)


def replace_contact(conn: Connection, number: str, *, now: float, **values: Any) -> None:
    """Replace the ``name`` or the ``variables`` (a dict) of a contact."""
    if values.get("name") is not None:
        values["name"] = clean_text(values["name"])
    if "name" in values:
        values["folded_name"] = values["name"] and fold(values["name"])
    if "variables" in values:
        values["variables"] = as_json(values["variables"])
    conn.execute(contacts.update().where(contacts.c.number == number).values(**values, updated_at=now))


def replace_tags(conn: Connection, row: RowMapping, names: Iterable[str]) -> None:
    """Replace the tags of a contact. The caller has locked its row."""
    tag_store.remove_all_tags(conn, row["id"])
    tag_store.add_tags(conn, {tuple(names): [row["id"]]})


def delete_contact(conn: Connection, number: str) -> bool:
    """Delete a contact with its tags.

    :returns: whether it existed.
    """
    row = find_contact(conn, number, lock=True)  # waits for a transaction that is adding tags to it
    if row is None:
        return False
    tag_store.remove_all_tags(conn, row["id"])
    conn.execute(delete(contacts).where(contacts.c.id == row["id"]))
    return True
