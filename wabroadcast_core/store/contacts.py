"""The contact book: people and their variables. Many come in by one call."""

import heapq
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, TypeAlias

from sqlalchemy import JSON, Connection, RowMapping, Select, cast, delete, func, or_, select, text

from wabroadcast_core.models.recipient import AudienceRow, Scalar
from wabroadcast_core.store import tags as tag_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.sql import POST_ROWS, as_json, clean_text, dialects, json_columns
from wabroadcast_core.store.tables import contact_tags, contacts, tags

PAGE = 2_000

_NUMBER_QUERY = re.compile(r"[+(]*\d[\d\s().-]*")
_TRUNK_PREFIX = re.compile(r"^0(?=[1-9])")  # of a number without its country
_NO_DIGIT = re.compile(r"\D+")


# --- lists -----------------------------------------------------------------------------------------------------


def list_contacts(
    conn: Connection, *, tag: str | None = None, query: str | None = None, offset: int = 0, limit: int = 50
) -> tuple[Sequence[RowMapping], int]:
    """In the order in which they came in. :returns: the rows of the page, and how many there are in all.

    Counting and paging walk an index of ids only; the contacts themselves are read for the one page.
    """
    chosen, key = _chosen_ids(tag, query)
    if query:
        keys, total = _search_page(conn, chosen, key, offset=offset, limit=limit)
    else:
        total = _count_chosen(conn, chosen, tag)
        page = _page_of(chosen, key, total=total, offset=offset, limit=limit)
        keys = conn.execute(page).scalars().all()
    return _rows_of(conn, keys), total


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


def _search_page(
    conn: Connection, chosen: Select[Any], key: Any, *, offset: int, limit: int
) -> tuple[Sequence[int], int]:
    """A search reads everything, so it counts on the way. :returns: the ids of the page, and how many there are."""
    page = chosen.add_columns(func.count().over()).order_by(key).offset(offset).limit(limit)
    found = conn.execute(page).all()
    if found or not offset:
        return [row[0] for row in found], found[0][1] if found else 0
    return [], _count_chosen(conn, chosen, None)


def _count_chosen(conn: Connection, chosen: Select[Any], tag: str | None) -> int:
    """:param tag: given where it alone chooses: its own count tells."""
    if tag is None:
        return conn.execute(select(func.count()).select_from(chosen.subquery())).scalar_one()
    return tag_store.count_tag(conn, tag) or 0


def _page_of(chosen: Select[Any], key: Any, *, total: int, offset: int, limit: int) -> Select[Any]:
    if 2 * offset <= total:
        return chosen.order_by(key).offset(offset).limit(limit)
    amount = max(0, min(limit, total - offset))  # nearer to the end: passed over from there
    return chosen.order_by(key.desc()).offset(max(0, total - offset - limit)).limit(amount)


def _rows_of(conn: Connection, keys: Sequence[int]) -> Sequence[RowMapping]:
    statement = select(contacts).where(contacts.c.id.in_(keys)).order_by(contacts.c.id)
    return conn.execute(statement).mappings().all()


def find_contact(conn: Connection, number: str, *, lock: bool = False) -> RowMapping | None:
    statement = select(contacts).where(contacts.c.number == number)
    return conn.execute(statement.with_for_update() if lock else statement).mappings().one_or_none()


_IDS = dialects(
    "SELECT number, id FROM contacts WHERE number IN (SELECT each.value FROM {rows})",
    sqlite={"rows": "json_each(:numbers) AS each"},
    postgresql={"rows": "json_array_elements_text(CAST(:numbers AS json)) AS each(value)"},
)


def ids_of(conn: Connection, numbers: Sequence[str]) -> dict[str, int]:
    """The ids of those among ``numbers`` that are in the book."""
    return dict(conn.execute(_IDS.of(conn), {"numbers": as_json(numbers)}).all())


# --- everyone of a kind, page by page --------------------------------------------------------------------------


def contact_pages(
    database: Database, *, tag: str | None = None, query: str | None = None
) -> Iterator[Sequence[RowMapping]]:
    """Everyone that :func:`list_contacts` lists, a page in memory at a time, each in a transaction of its own."""
    chosen, key = _chosen_ids(tag, query)
    return _pages(database, _walk(database, chosen, key))


def variable_names(conn: Connection, *, tag: str | None = None, query: str | None = None, limit: int) -> set[str]:
    """The names of the variables that these contacts have, at most ``limit`` of them."""
    if conn.dialect.name == "sqlite":
        each = func.json_each(contacts.c.variables).table_valued("key", name="each")
    else:
        each = func.json_object_keys(cast(contacts.c.variables, JSON)).table_valued("key", name="each")
        each = each.render_derived()
    names = select(each.c.key).select_from(contacts.join(each, text("true"))).distinct().limit(limit)
    if tag is not None or query:
        names = names.where(contacts.c.id.in_(_chosen_ids(tag, query)[0]))
    return set(conn.execute(names).scalars())


def read_contacts(
    database: Database, names: Sequence[str], match: str, without: Sequence[str] = ()
) -> Iterator[AudienceRow]:
    """Everyone with any (or all) of these tags and none of the others, by id; without tags everyone but the others."""
    keys = _tagged_keys(database, names, match) if names else _walk(database, select(contacts.c.id), contacts.c.id)
    if without:
        keys = _left_out(keys, _tagged_keys(database, without, "any"))
    for page in _pages(database, keys):
        for row in page:
            yield AudienceRow(row["number"], row["name"], json.loads(row["variables"]))


def _tagged_keys(database: Database, names: Sequence[str], match: str) -> Iterator[int]:
    """The ids of each tag come in order, so that they can be merged without holding them."""
    asked = set(names)
    with database.read() as conn:
        tag_ids = conn.execute(select(tags.c.id).where(tags.c.name.in_(asked))).scalars().all()
    wanted = len(asked) if match == "all" else 1
    column = contact_tags.c.contact_id
    streams = [_walk(database, select(column).where(contact_tags.c.tag_id == tag_id), column) for tag_id in tag_ids]
    for key, found in groupby(heapq.merge(*streams)):
        if sum(1 for _ in found) >= wanted:
            yield key


def _left_out(keys: Iterator[int], unwanted: Iterator[int]) -> Iterator[int]:
    """``keys`` but for the unwanted ones; both come in order."""
    barred = next(unwanted, None)
    for key in keys:
        while barred is not None and barred < key:
            barred = next(unwanted, None)
        if key != barred:
            yield key


def _pages(database: Database, keys: Iterator[int]) -> Iterator[Sequence[RowMapping]]:
    while page := list(islice(keys, PAGE)):
        with database.read() as conn:
            rows = _rows_of(conn, page)
        yield rows


def _walk(database: Database, chosen: Select[Any], column: Any) -> Iterator[int]:
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
    """A contact on its way into the book; the number is in E.164."""

    number: str
    name: str | None = None
    variables: dict[str, Scalar] = field(default_factory=dict)
    tags: tuple[str, ...] = ()


_SELECTED = "SELECT {columns}, :source, CAST(:now AS DOUBLE PRECISION), CAST(:now AS DOUBLE PRECISION) FROM {rows}"
_COLUMNS = json_columns(number="TEXT", name="TEXT", variables="TEXT")
_TAKE = dialects(
    """
    {begin} INSERT INTO contacts ({id} number, name, variables, source, created_at, updated_at)
    {values}
    ON CONFLICT (number) DO UPDATE SET name = coalesce(excluded.name, contacts.name), variables = {merged},
      updated_at = excluded.updated_at
    {end}
    """,
    sqlite={
        "begin": "",
        "id": "id,",
        "values": "VALUES (?, ?, ?, ?, ?, ?, ?)",
        "merged": "json_patch(contacts.variables, excluded.variables)",
        "end": "",
    },
    postgresql={
        "begin": "WITH taken AS (",
        "id": "",
        "values": _SELECTED.format(columns=_COLUMNS[1], rows=POST_ROWS),
        "merged": "CAST(CAST(contacts.variables AS jsonb) || CAST(excluded.variables AS jsonb) AS TEXT)",
        "end": "RETURNING number, id, xmax = 0 AS is_new) SELECT * FROM taken",  # new: it has no former version
    },
)
_COUNT_NEWER = text("SELECT count(*) FROM contacts WHERE id > :last")


def upsert_contacts(conn: Connection, people: Sequence[NewContact], *, source: str, now: float) -> int:
    """Take people into the book, each number once.

    Whoever is there already keeps what the newcomer does not say: name and variables given win, tags are added.

    :returns: how many were not in the book.
    """
    if not people:
        return 0
    take = _take_lite if conn.dialect.name == "sqlite" else _take_post
    ids, created = take(conn, people, source=source, now=now)
    wanted: dict[tuple[str, ...], list[int]] = {}  # many have the same
    for person in people:
        wanted.setdefault(person.tags, []).append(ids[person.number])
    tag_store.add_tags(conn, wanted)
    return created


_Taken: TypeAlias = tuple[dict[str, int], int]
"""The ids of people by their numbers, and how many of them are new."""


def _take_lite(conn: Connection, people: Sequence[NewContact], *, source: str, now: float) -> _Taken:
    """Row by row: a statement that changes many keeps a copy of every page that it touches, and numbers touch many.

    Numbers in their order touch each page of their index once; ids keep the order in which people came in. They count
    up, as a transaction that writes is alone.
    """
    last = conn.execute(select(func.coalesce(func.max(contacts.c.id), 0))).scalar_one()
    rows = sorted(
        (
            (place, person.number, person.name and clean_text(person.name), as_json(person.variables), source, now, now)
            for place, person in enumerate(people, last + 1)
        ),
        key=itemgetter(1),
    )
    conn.exec_driver_sql(_TAKE.sqlite.text, rows)
    created = int(conn.execute(_COUNT_NEWER, {"last": last}).scalar_one())
    if created == len(people):
        return {number: key for key, number, *_ in rows}, created
    return ids_of(conn, [person.number for person in people]), created


def _take_post(conn: Connection, people: Sequence[NewContact], *, source: str, now: float) -> _Taken:
    rows = as_json([(person.number, person.name, person.variables) for person in people])
    asked = {"rows": rows, "source": source, "now": now}
    taken = conn.execute(_TAKE.of(conn), asked).all()
    return {number: key for number, key, _ in taken}, sum(is_new for _, _, is_new in taken)


def replace_contact(conn: Connection, number: str, *, now: float, **values: Any) -> None:
    """Set ``name`` or ``variables`` (a dict) of a contact as they are given."""
    if values.get("name") is not None:
        values["name"] = clean_text(values["name"])
    if "variables" in values:
        values["variables"] = as_json(values["variables"])
    conn.execute(contacts.update().where(contacts.c.number == number).values(**values, updated_at=now))


def replace_tags(conn: Connection, row: RowMapping, names: Iterable[str]) -> None:
    """Let a contact, whose row the caller holds, have these tags and no others."""
    tag_store.remove_all_tags(conn, row["id"])
    tag_store.add_tags(conn, {tuple(names): [row["id"]]})


def delete_contact(conn: Connection, number: str) -> bool:
    """:returns: whether there was one."""
    row = find_contact(conn, number, lock=True)  # whoever is just tagging it is done then
    if row is None:
        return False
    tag_store.remove_all_tags(conn, row["id"])
    conn.execute(delete(contacts).where(contacts.c.id == row["id"]))
    return True
