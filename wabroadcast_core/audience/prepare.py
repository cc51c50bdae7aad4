"""From an audience to messages: read, normalise, dedupe, blacklist, validate, store, chunk by chunk.

Each chunk is one transaction that also moves the mark of how far the audience was read. So a crash costs the chunk
in hand, the next reader goes on at the mark, and two readers at once cannot both move it.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import redis
from pydantic import ValidationError
from pydantic_core import to_json
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.audience.sources import source_context
from wabroadcast_core.audience.submission import INLINE_TYPE
from wabroadcast_core.context import Context
from wabroadcast_core.delivery.briefs import BroadcastBrief
from wabroadcast_core.delivery.render import BadText, MissingVariable
from wabroadcast_core.errors import BroadcastError, InvalidInputError, NumberError, SourceError, UnavailableError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.base import faults_of
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, SkipReason
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.messages import ANY_ROUTE, Changes, NewMessage, message_key
from wabroadcast_core.store.uploads import UploadWriter

log = logging.getLogger(__name__)

LOCK_SECONDS = 120
READABLE = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING)
LONGEST_RAW = 100  # characters kept of what stood in the place of a number


def prepare_broadcast(context: Context, broadcast_id: int) -> None:
    """Read a broadcast's audience into the store, from where it was left; may be called at any time, twice as well."""
    lock = context.redis.lock(context.keys.preparing(broadcast_id), timeout=LOCK_SECONDS, blocking=False)
    if not lock.acquire():
        return
    try:
        _Preparation(context, broadcast_id, lock).run()
    finally:
        _release(lock)


def _release(lock: "redis.lock.Lock") -> None:
    try:
        lock.release()
    except redis.RedisError:
        log.debug("the lock of a preparation ran out by itself")


@dataclass(slots=True)
class _Judged:
    """A chunk on its way into the store: the messages of it that may be sent, by number, and the others."""

    good: dict[str, NewMessage] = field(default_factory=dict)
    bad: list[NewMessage] = field(default_factory=list)
    names: dict[str, str | None] = field(default_factory=dict)


class _Preparation:
    def __init__(self, context: Context, broadcast_id: int, lock: "redis.lock.Lock") -> None:
        self._context = context
        self._id = broadcast_id
        self._lock = lock
        self._woken = False

    def run(self) -> None:
        row = self._begin()
        if row is None:
            return
        try:
            self._read_all(row)
        except (InvalidInputError, SourceError) as error:
            self._fail(str(error))
        except (UnavailableError, redis.RedisError):
            raise  # recover takes it up again
        except BroadcastError as error:
            if error.code == "plugin":
                raise  # a blacklist cannot be asked: nobody is messaged until it can
            self._fail(str(error))
        except Exception as error:
            log.exception("the audience of broadcast %d cannot be read", self._id)
            self._fail(f"the contact source failed: {type(error).__name__}")

    def _begin(self) -> RowMapping | None:
        """The broadcast, now processing, if its audience is to be read now."""
        now = self._context.clock.now()
        with self._context.database.write() as connection:
            row = broadcast_store.get_broadcast(connection, self._id, lock=True)
            if row is None or row["prepared"] or row["status"] not in READABLE or (row["scheduled_at"] or 0) > now:
                return None
            batching = BroadcastDraft.model_validate_json(row["draft"]).batching
            begun = broadcast_store.update_broadcast(
                connection,
                self._id,
                where_status=(BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED),
                status=BroadcastStatus.PROCESSING,
                started_at=now,
                next_release_at=now + batching.interval_seconds if batching else None,
            )
        if begun:
            self._context.changed([self._id])
        return row

    def _read_all(self, row: RowMapping) -> None:
        brief = BroadcastBrief.of(row)
        batching = brief.draft.batching
        with self._context.database.read() as connection:
            pool = list(connection_store.connection_keys(connection, brief.draft.pool).values())
        chunker = _Judge(self._context, brief, pool)
        done = row["prepared_rows"]
        rows = islice(iter(self._source(brief).read()), done, None)
        while chunk := list(islice(rows, self._context.settings.prepare_chunk)):
            judged = chunker.judge(chunk, first=done)
            if not self._store(judged, done=done, size=len(chunk), batch_size=batching.size if batching else None):
                return
            done += len(chunk)
            self._lock.extend(LOCK_SECONDS, replace_ttl=True)
            self._wake(pool, brief)
        self._end(brief)
        self._woken = False
        self._wake(pool, brief)

    def _source(self, brief: BroadcastBrief) -> ContactSource:
        fields = dict(brief.draft.source or {})
        kind = self._context.plugins.contact_source(fields.pop("type", ""))
        try:
            settings = kind.Settings.model_validate(fields)
        except ValidationError as error:
            raise InvalidInputError(faults_of(error, prefix="source")) from error
        source = kind(settings, source_context(self._context))
        return source if kind.repeatable else self._copied(source, brief)

    def _copied(self, source: ContactSource, brief: BroadcastBrief) -> ContactSource:
        """A copy of an audience whose order may change: a second read goes on where the first one stood."""
        upload_id = f"audience-{brief.job_id}"
        database = self._context.database
        with database.read() as connection:
            copied = upload_store.find_upload(connection, upload_id) is not None
        if not copied:
            with database.write() as connection:
                upload_store.delete_upload(connection, upload_id)  # what a crash left of it
            writer = UploadWriter(database, upload_id, now=self._context.clock.now(), content_type=INLINE_TYPE)
            for row in source.read():
                fields = {"number": row.number, "name": row.name, "variables": row.variables}
                writer.write(to_json(fields) + b"\n")
            writer.close()
        inline = self._context.plugins.contact_source("inline")
        return inline(inline.Settings.model_validate({"uploadId": upload_id}), source_context(self._context))

    def _store(self, judged: _Judged, *, done: int, size: int, batch_size: int | None) -> bool:
        """Store a chunk and move the mark. :returns: whether to go on."""

        def transaction(connection: Connection) -> bool:
            if not broadcast_store.move_mark(connection, self._id, present=done, rows=done + size):
                return False
            changes: Changes = Counter()
            good = _in_batches(judged.good.values(), batch_size)
            stored = message_store.insert_messages(connection, good)
            again = [_repeated(message) for message in good if message[0] not in stored]
            bad = [*judged.bad, *again]
            message_store.insert_messages(connection, bad)
            changes[self._id, "queued"] += len(stored)
            changes[self._id, "skipped"] += len(bad)
            changes[self._id, "total"] += size
            broadcast_store.count_skips(connection, self._id, dict(Counter(str(message[9]) for message in bad)))
            broadcast_store.apply_changes(connection, changes, now=self._context.clock.now())
            return True

        return self._context.database.transact(transaction)

    def _wake(self, pool: Sequence[int], brief: BroadcastBrief) -> None:
        if not self._woken:
            for connection_id in pool:
                self._context.wakes.turn(connection_id, rank=brief.draft.priority.rank)
        self._woken = True

    def _end(self, brief: BroadcastBrief) -> None:
        now = self._context.clock.now()
        with self._context.database.write() as connection:
            broadcast_store.update_broadcast(connection, self._id, where_status=_NOT_FAILED, prepared=True)
            completed = broadcast_store.complete_broadcast(connection, self._id, now=now)
        log.info("broadcast %s: its audience is read", brief.job_id)
        if completed:
            self._context.changed([self._id])

    def _fail(self, reason: str) -> None:
        now = self._context.clock.now()

        def transaction(connection: Connection) -> bool:
            return broadcast_store.update_broadcast(
                connection,
                self._id,
                where_status=READABLE,
                status=BroadcastStatus.FAILED,
                status_reason=reason,
                finished_at=now,
            )

        if self._context.database.transact(transaction):
            self._context.wakes.sweep(self._id)
        log.warning("broadcast %d failed: its audience cannot be read", self._id)
        self._context.changed([self._id])


_NOT_FAILED = tuple(status for status in BroadcastStatus if status is not BroadcastStatus.FAILED)


class _Judge:
    """Says of each row of an audience what becomes of it."""

    def __init__(self, context: Context, brief: BroadcastBrief, pool: Sequence[int]) -> None:
        self._context = context
        self._brief = brief
        self._pool = pool
        self._region = context.settings.default_region

    def judge(self, chunk: Sequence[AudienceRow], *, first: int) -> _Judged:
        judged = _Judged()
        for position, row in enumerate(chunk, start=first):
            self._judge_row(judged, row, message_key(self._brief.id, position))
        numbers = list(judged.good)
        self._skip(judged, self._blocked(numbers), SkipReason.BLACKLISTED)
        invalid = self._context.plugins.validate_numbers(numbers, connection=self._brief.draft.pool[0])
        self._skip(judged, invalid, SkipReason.INVALID_NUMBER)
        if self._brief.is_shared:
            self._route(judged)
        return judged

    def _judge_row(self, judged: _Judged, row: AudienceRow, key: int) -> None:
        variables = to_json(row.variables).decode() if row.variables else None
        try:
            number = parse_number(row.number, region=self._region)
        except NumberError as error:
            judged.bad.append(self._bad(key, row.number, row.name, variables, SkipReason.INVALID_NUMBER, error.reason))
            return
        if number in judged.good:
            judged.bad.append(self._bad(key, number, row.name, variables, SkipReason.DUPLICATE, None))
            return
        try:
            self._brief.content.render(number=number, name=row.name, variables=row.variables)
        except MissingVariable as error:
            judged.bad.append(self._bad(key, number, row.name, variables, SkipReason.MISSING_VARIABLE, str(error)))
        except BadText as error:
            judged.bad.append(self._bad(key, number, row.name, variables, SkipReason.BAD_TEXT, str(error)))
        else:
            judged.good[number] = (
                key, self._brief.id, 0, ANY_ROUTE, MessageStatus.QUEUED, number, None, row.name, variables, None, None,
            )  # fmt: skip

    def _bad(
        self, key: int, raw: str, name: str | None, variables: str | None, reason: SkipReason, detail: str | None
    ) -> NewMessage:
        shown = raw[:LONGEST_RAW]
        return (key, self._brief.id, 0, ANY_ROUTE, MessageStatus.SKIPPED, None, shown, name, variables, reason, detail)

    def _blocked(self, numbers: Sequence[str]) -> dict[str, str]:
        only = self._pool[0] if len(self._pool) == 1 else blacklist_store.EVERY_CONNECTION
        with self._context.database.read() as connection:
            listed = blacklist_store.listed_reasons(connection, numbers, connection_id=only)
        return {**listed, **self._context.plugins.blacklisted(numbers)}

    def _skip(self, judged: _Judged, reasons: Mapping[str, str], reason: SkipReason) -> None:
        for number, detail in reasons.items():
            message = judged.good.pop(number, None)
            if message is not None:
                judged.bad.append(self._bad(message[0], number, message[7], message[8], reason, detail))

    def _route(self, judged: _Judged) -> None:
        """Whoever was reached through a connection of the pool before is sent to through the same one."""
        with self._context.database.read() as connection:
            known = message_store.last_connections(connection, list(judged.good), among=self._pool)
        for number, connection_id in known.items():
            message = judged.good[number]
            judged.good[number] = (*message[:3], connection_id, *message[4:])


def _in_batches(messages: Iterable[NewMessage], size: int | None) -> list[NewMessage]:
    return list(_batched(messages, size)) if size else list(messages)


def _batched(messages: Iterable[NewMessage], size: int) -> Iterator[NewMessage]:
    for message in messages:
        yield (*message[:2], message_store.position_of(message[0]) // size, *message[3:])


def _repeated(message: NewMessage) -> NewMessage:
    return (*message[:4], MessageStatus.SKIPPED, None, message[5], *message[7:9], SkipReason.DUPLICATE, None)
