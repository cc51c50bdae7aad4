"""The blacklist, as operators see and change it: who opts out is dropped from running turns at once."""

import re
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.numbers import mask_number, parse_number
from wabroadcast_core.context import Context
from wabroadcast_core.delivery import control
from wabroadcast_core.delivery.control import News
from wabroadcast_core.errors import Fault, InvalidInputError, NotFoundError, NumberError
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.blacklist import BlacklistEntry
from wabroadcast_core.models.page import Page
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.blacklist import EVERY_CONNECTION

AT_ONCE = 5_000  # numbers in one statement, and in one announcement
MOST_FAULTS = 100
_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)


class BlacklistBook:
    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, *, query: str | None = None, page: int = 1, page_size: int = 50) -> Page[BlacklistEntry]:
        """Newest first. ``query``: part of a number."""
        with self._context.database.read() as connection:
            rows, total = blacklist_store.list_numbers(
                connection, query=query, offset=(page - 1) * page_size, limit=page_size
            )
            items = _entries(connection, rows)
        return Page(items=items, total=total, page=page, page_size=page_size)

    def block(self, number: str, *, reason: str, connection: str | None, actor: str) -> BlacklistEntry:
        """Let nobody message a number any more, on any connection or on one. Listed already: the first reason stays.

        :raises NumberError: this is no number. :raises NotFoundError: there is no such connection.
        """
        normal = self._normal(number)
        self._add([normal], reason=reason, connection=connection, actor=actor)
        with self._context.database.read() as database:
            row = blacklist_store.find_number(database, normal, connection_id=_connection_id(database, connection))
            if row is None:
                raise NotFoundError("listed number", mask_number(normal))
            return _entries(database, [row])[0]

    def block_numbers(self, numbers: Iterable[str], *, reason: str, connection: str | None, actor: str) -> int:
        """As :meth:`block`, for many. :returns: how many were not listed before.

        :raises InvalidInputError: some are no numbers: nobody is listed. :raises NotFoundError: no such connection.
        """
        normal: dict[str, None] = {}
        faults: list[Fault] = []
        for place, number in enumerate(numbers):
            try:
                normal[self._normal(number)] = None
            except NumberError as error:
                faults.append(Fault(f"numbers.{place}", error.reason))
        if faults:
            raise InvalidInputError(faults[:MOST_FAULTS])
        return self._add(list(normal), reason=reason, connection=connection, actor=actor)

    def unblock(self, number: str, *, connection: str | None, actor: str) -> None:
        """Allow a number again, on one connection or on all; that it opted in again is kept.

        :raises NotFoundError: it is not listed, or there is no such connection.
        """
        normal = self._normal(number)
        with self._context.database.write() as database:
            key = None if connection is None else _connection_id(database, connection)
            now = self._context.clock.now()
            if not blacklist_store.remove_number(database, normal, source=actor, now=now, connection_id=key):
                raise NotFoundError("listed number", mask_number(normal))

    def _add(self, numbers: Sequence[str], *, reason: str, connection: str | None, actor: str) -> int:
        """Written first, announced then: turns that run drop these numbers, others find them listed."""
        parts = [numbers[start : start + AT_ONCE] for start in range(0, len(numbers), AT_ONCE)]

        def transaction(database: Connection) -> int:
            key, now = _connection_id(database, connection), self._context.clock.now()
            return sum(
                blacklist_store.add_numbers(database, part, reason=reason, source=actor, now=now, connection_id=key)
                for part in parts
            )

        added = self._context.database.transact(transaction)
        for part in parts:
            control.announce(self._context.redis, self._context.keys, News(numbers=part))
        return added

    def _normal(self, number: str) -> str:
        """E.164; ids that WhatsApp gives are taken as they are, some are older than their country's numbering plan."""
        try:
            return parse_number(number, region=self._context.settings.default_region)
        except NumberError:
            if _E164.fullmatch(number):
                return number
            raise


def _connection_id(database: Connection, name: str | None) -> int:
    if name is None:
        return EVERY_CONNECTION
    row = connection_store.find_connection(database, name)
    if row is None:
        raise NotFoundError("connection", name)
    key: int = row["id"]
    return key


def _entries(database: Connection, rows: Sequence[RowMapping]) -> list[BlacklistEntry]:
    names = {row["id"]: row["name"] for row in connection_store.list_connections(database)}
    return [
        BlacklistEntry(
            number=row["number"],
            connection=names.get(row["connection_id"]),
            reason=row["reason"],
            source=row["source"],
            created_at=as_utc(row["created_at"]),
        )
        for row in rows
    ]
