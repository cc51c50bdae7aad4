"""Use cases of the blacklist. A number that is added is dropped from running turns at once."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Unpack

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.consent import ConsentColumn, blacklist_note, find_deciding
from wabroadcast_core.audience.imports import ReadingChoices, import_options, open_import_source, understood
from wabroadcast_core.audience.number_file import SHOWN_REJECTIONS, NumberChunk, number_chunks
from wabroadcast_core.audience.numbers import mask_number, normal_number
from wabroadcast_core.audience.seen_numbers import SeenNumbers, open_seen_numbers
from wabroadcast_core.audience.sources import ReadingEnd
from wabroadcast_core.context import Context
from wabroadcast_core.control.announcements import Announcement, announce
from wabroadcast_core.errors import Fault, InputError, InvalidInputError, NotFoundError, NumberError, SourceError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.base import DEFAULT_ACTOR, as_utc
from wabroadcast_core.models.blacklist import DEFAULT_REASON, BlacklistAct, BlacklistEntry, BlacklistReport, LastMessage
from wabroadcast_core.models.page import Page
from wabroadcast_core.sentences import sentence_of
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.blacklist import EVERY_CONNECTION, REMARK
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.store.uploads import find_upload

MOST_AT_ONCE = 5_000  # numbers in one statement, and in one announcement
MOST_FAULTS = 100


class Blacklist:
    """``broadcaster.blacklist``: numbers that must not be messaged."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def list(self, *, query: str | None = None, page: int = 1, page_size: int = 50) -> Page[BlacklistEntry]:
        """Return a page of entries, newest first.

        :param query: part of a number or of a reason.
        """
        with self._context.database.read() as conn:
            rows, total = blacklist_store.list_numbers(
                conn, query=query, offset=(page - 1) * page_size, limit=page_size
            )
            items = _entries(conn, rows)
        return Page(items=items, total=total, page=page, page_size=page_size)

    def add(
        self, number: str, *, reason: str = DEFAULT_REASON, connection: str | None = None, actor: str = DEFAULT_ACTOR
    ) -> BlacklistEntry:
        """Block a number on all connections, or on one. A number that is listed already keeps its first reason.

        :param number: in E.164 or as written in the default region.
        :param connection: the name of the only connection to block it on.
        :param actor: the user or component that blocks it.
        :raises NumberError: the number is not valid.
        :raises NotFoundError: no connection has this name.
        """
        normal = self._normal(number)
        self._add([normal], reason=reason, connection=connection, actor=actor)
        with self._context.database.read() as conn:
            row = blacklist_store.find_number(conn, normal, connection_id=_connection_id(conn, connection))
            if row is None:
                raise NotFoundError("blacklist entry", mask_number(normal))
            return _entries(conn, [row])[0]

    def add_many(
        self,
        numbers: Iterable[str],
        *,
        reason: str = DEFAULT_REASON,
        connection: str | None = None,
        actor: str = DEFAULT_ACTOR,
    ) -> int:
        """Block many numbers, as :meth:`add` does.

        :returns: how many were not listed before.
        :raises InvalidInputError: some numbers are not valid; none is added.
        :raises NotFoundError: no connection has this name.
        """
        normal: dict[str, None] = {}
        faults: list[Fault] = []
        for index, number in enumerate(numbers):
            try:
                normal[self._normal(number)] = None
            except NumberError as error:
                faults.append(Fault(f"numbers.{index}", error.reason))
        if faults:
            raise InvalidInputError(faults[:MOST_FAULTS])
        return self._add(list(normal), reason=reason, connection=connection, actor=actor)

    def add_file(
        self,
        upload_id: str,
        *,
        reason: str = DEFAULT_REASON,
        connection: str | None = None,
        dry_run: bool = False,
        seconds: float = 10.0,
        actor: str = DEFAULT_ACTOR,
        **choices: Unpack[ReadingChoices],
    ) -> BlacklistReport:
        """Block the numbers of an uploaded CSV file or workbook, as :meth:`add` does. The file is streamed.

        If the file turns out to be damaged, the numbers before the damage stay listed. Importing the same file again
        changes nothing. In a file with a column in which people said whether they want messages, only the rows that
        say no are accepted; the others are rejected.

        :param dry_run: store nothing, and report what would happen.
        :param seconds: the longest time of a dry run; the rows after it are not read.
        :param choices: how to read the file, where automatic detection would be wrong.
        :returns: the report; its ``reason`` says why the file could not be read to its end.
        :raises NotFoundError: no upload has this id, or no connection this name.
        :raises InvalidInputError: an option is not valid.
        :raises FileError: nothing of the file can be read.
        """
        options = import_options(self._context, **choices)
        with self._context.database.read() as conn:
            _connection_id(conn, connection)
            upload = find_upload(conn, upload_id)
        deadline = time.monotonic() + seconds
        end = ReadingEnd(lambda: dry_run and time.monotonic() > deadline)
        source = open_import_source(self._context, upload_id, options, is_over=end)
        report = BlacklistReport(filename=None if upload is None else upload["filename"])
        with open_seen_numbers() as seen:
            look = partial(self._count_new, seen=seen, connection=connection)
            add = partial(self._add, reason=reason, connection=connection, actor=actor)
            chunks = number_chunks(
                source.read(),
                region=options.region,
                size=MOST_AT_ONCE,
                find_consent=partial(_deciding_columns, source),
            )
            _read_chunks(report, chunks, store=look if dry_run else add, end=end)
        report.whole = not end.reached
        if (found := understood(source)) is not None:
            report.columns, report.reading = found.columns, found.reading
            report.notes = list(map(blacklist_note, found.notes))
        return report

    def entries(self, number: str) -> Sequence[BlacklistEntry]:
        """Return the entries of a number: for all connections first, then for single ones.

        :raises NumberError: the number is not valid.
        """
        with self._context.database.read() as conn:
            return _entries(conn, blacklist_store.entries_of(conn, self._normal(number)))

    def last_messages(self, numbers: Sequence[str]) -> Mapping[str, LastMessage]:
        """Return the last message that left to each of some listed numbers before it was listed.

        :param numbers: in E.164, at most a page of them.
        """
        with self._context.database.read() as conn:
            rows = blacklist_store.last_messages(conn, numbers)
        return {
            row["number"]: LastMessage(
                message_id=f"{row['job_id']}-{position_of(row['id'])}", job_id=row["job_id"], broadcast=row["name"]
            )
            for row in rows
        }

    def history(self, number: str) -> Sequence[BlacklistAct]:
        """Return the opt-outs and opt-ins of a number, oldest first.

        :raises NumberError: the number is not valid.
        """
        with self._context.database.read() as conn:
            rows = blacklist_store.history_of(conn, self._normal(number))
            names = connection_store.connection_names(conn)
        return [
            BlacklistAct(
                at=as_utc(row["at"]),
                act=row["act"],
                actor=row["actor"],
                connection=names.get(row["connection_id"]),
                reason=row["detail"].partition(REMARK)[2] or None,
            )
            for row in rows
        ]

    def remove(
        self, number: str, *, connection: str | None = None, reason: str | None = None, actor: str = DEFAULT_ACTOR
    ) -> None:
        """Allow a number again, on one connection or on all. This is recorded in its history.

        :param reason: why it may be messaged again; kept in the history.
        :param connection: the name of the only connection to allow it on.
        :param actor: the user or component that allows it.
        :raises NumberError: the number is not valid.
        :raises NotFoundError: the number is not listed, or no connection has this name.
        """
        normal = self._normal(number)
        with self._context.database.write() as conn:
            key = None if connection is None else _connection_id(conn, connection)
            now = self._context.clock.now()
            if not blacklist_store.remove_number(conn, normal, source=actor, now=now, reason=reason, connection_id=key):
                raise NotFoundError("blacklist entry", mask_number(normal))

    def _add(self, numbers: Sequence[str], *, reason: str, connection: str | None, actor: str) -> int:
        """Store numbers, then announce them: running turns drop them, and later claims find them in the store."""
        parts = [numbers[start : start + MOST_AT_ONCE] for start in range(0, len(numbers), MOST_AT_ONCE)]

        def transaction(conn: Connection) -> int:
            key, now = _connection_id(conn, connection), self._context.clock.now()
            return sum(
                blacklist_store.add_numbers(conn, part, reason=reason, source=actor, now=now, connection_id=key)
                for part in parts
            )

        added = self._context.database.transact(transaction)
        for part in parts:
            announce(self._context.redis, self._context.keys, Announcement(numbers=part))
        return added

    def _count_new(self, numbers: Sequence[str], *, seen: SeenNumbers, connection: str | None) -> int:
        """Return how many numbers are neither listed nor counted before."""
        with self._context.database.read() as conn:
            key = _connection_id(conn, connection)
            listed = blacklist_store.listed_on(conn, numbers, connection_id=key)
        return seen.add([number for number in numbers if number not in listed])

    def _normal(self, number: str) -> str:
        return normal_number(number, region=self._context.settings.default_region)


def _connection_id(conn: Connection, name: str | None) -> int:
    if name is None:
        return EVERY_CONNECTION
    row = connection_store.find_connection(conn, name)
    if row is None:
        raise NotFoundError("connection", name)
    key: int = row["id"]
    return key


def _deciding_columns(source: ContactSource) -> Sequence[ConsentColumn]:
    """Return the columns in which a row must say no; none if the source has no such columns."""
    columns: Columns | None = getattr(source, "columns", None)
    return () if columns is None else find_deciding(columns.consent, columns.consent_notes)


def _read_chunks(
    report: BlacklistReport, chunks: Iterable[NumberChunk], *, store: Callable[[list[str]], int], end: ReadingEnd
) -> None:
    """Store the numbers of a file and count them, until its end or that of the reading.

    :param store: returns how many numbers are new.
    :raises BroadcastError: nothing of the file can be read.
    """
    try:
        for chunk in chunks:
            _count(report, chunk, added=store(list(chunk.numbers)))
            if end():
                return
    except (InputError, SourceError) as error:
        if not report.rows:
            raise
        report.reason = sentence_of(error)


def _count(report: BlacklistReport, chunk: NumberChunk, *, added: int) -> None:
    rejected = chunk.reasons.total()
    report.rows += chunk.rows
    report.added += added
    report.known += chunk.rows - rejected - added
    report.rejected += rejected
    report.reasons = dict(Counter(report.reasons) + chunk.reasons)
    report.rejections += chunk.rejections[: SHOWN_REJECTIONS - len(report.rejections)]


def _entries(conn: Connection, rows: Sequence[RowMapping]) -> list[BlacklistEntry]:
    is_of_one = any(row["connection_id"] != EVERY_CONNECTION for row in rows)
    names = connection_store.connection_names(conn) if is_of_one else {}
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
