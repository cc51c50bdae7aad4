"""From an audience to messages: read, normalise, dedupe, blacklist, validate, store, chunk by chunk.

Each chunk is one transaction that also moves the mark of how far the audience was read. So a crash costs the chunk
in hand, the next reader goes on at the mark, and two readers at once cannot both move it.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import redis
from pydantic_core import to_json
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.locks import held_alone
from wabroadcast_core.audience.row_classifier import ClassifiedRow, RowClassifier
from wabroadcast_core.audience.sources import open_source
from wabroadcast_core.audience.submission import INLINE_TYPE
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, InvalidInputError, SourceError, UnavailableError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, SkipReason
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.messages import Changes, NewMessage
from wabroadcast_core.store.uploads import UploadWriter

log = logging.getLogger(__name__)

LOCK_SECONDS = 120
READABLE = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING)


def prepare_broadcast(context: Context, broadcast_id: int) -> None:
    """Read a broadcast's audience into the store, from where it was left; may be called at any time, twice as well."""
    with held_alone(context.redis, context.keys.preparing(broadcast_id), seconds=LOCK_SECONDS) as mine:
        if mine:
            _Preparation(context, broadcast_id).run()


class _Preparation:
    def __init__(self, context: Context, broadcast_id: int) -> None:
        self._context = context
        self._id = broadcast_id
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
        with self._context.database.write() as conn:
            row = broadcast_store.get_broadcast(conn, self._id, lock=True)
            if row is None or row["prepared"] or row["status"] not in READABLE or (row["scheduled_at"] or 0) > now:
                return None
            batching = BroadcastDraft.model_validate_json(row["draft"]).batching
            begun = broadcast_store.update_broadcast(
                conn,
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
        snapshot = BroadcastSnapshot.of(row)
        batching = snapshot.draft.batching
        with self._context.database.read() as conn:
            pool = list(connection_store.connection_keys(conn, snapshot.draft.pool).values())
        judge = RowClassifier(self._context, snapshot, pool)
        done = row["prepared_rows"]
        rows = islice(iter(self._source(snapshot).read()), done, None)
        while chunk := list(islice(rows, self._context.settings.prepare_chunk)):
            judged = judge.judge(chunk, first=done)
            if not self._store(judged, done=done, size=len(chunk), batch_size=batching.size if batching else None):
                return
            done += len(chunk)
            self._wake(pool, snapshot)
        self._end(snapshot)
        self._woken = False
        self._wake(pool, snapshot)

    def _source(self, snapshot: BroadcastSnapshot) -> ContactSource:
        source = open_source(self._context, snapshot.draft.source or {})
        return source if source.repeatable else self._copied(source, snapshot)

    def _copied(self, source: ContactSource, snapshot: BroadcastSnapshot) -> ContactSource:
        """A copy of an audience whose order may change: a second read goes on where the first one stood."""
        upload_id = f"audience-{snapshot.job_id}"
        database = self._context.database
        with database.read() as conn:
            copied = upload_store.find_upload(conn, upload_id) is not None
        if not copied:
            self._copy(source, upload_id)
        return open_source(self._context, {"type": "inline", "uploadId": upload_id})

    def _copy(self, source: ContactSource, upload_id: str) -> None:
        database = self._context.database
        with database.write() as conn:
            upload_store.delete_upload(conn, upload_id)  # what a crash left of it
        writer = UploadWriter(database, upload_id, now=self._context.clock.now(), content_type=INLINE_TYPE)
        try:
            for row in source.read():
                fields = {"number": row.number, "name": row.name, "variables": row.variables}
                writer.write(to_json(fields) + b"\n")
            writer.close()
        except BaseException:
            writer.discard()
            raise

    def _store(self, judged: ClassifiedRow, *, done: int, size: int, batch_size: int | None) -> bool:
        """Store a chunk and move the mark. :returns: whether to go on."""

        def transaction(conn: Connection) -> bool:
            if not broadcast_store.move_mark(conn, self._id, present=done, rows=done + size):
                return False
            changes: Changes = Counter()
            good = _in_batches(judged.good.values(), batch_size)
            stored = message_store.insert_messages(conn, good)
            again = [_repeated(message) for message in good if message.id not in stored]
            bad = [*judged.bad, *again]
            message_store.insert_messages(conn, bad)
            changes[self._id, "queued"] += len(stored)
            changes[self._id, "skipped"] += len(bad)
            changes[self._id, "total"] += size
            broadcast_store.count_skips(conn, self._id, dict(Counter(str(message.reason) for message in bad)))
            broadcast_store.apply_changes(conn, changes, now=self._context.clock.now())
            return True

        return self._context.database.transact(transaction)

    def _wake(self, pool: Sequence[int], snapshot: BroadcastSnapshot) -> None:
        if not self._woken:
            for connection_id in pool:
                self._context.work_queue.turn(connection_id, rank=snapshot.draft.priority.rank)
        self._woken = True

    def _end(self, snapshot: BroadcastSnapshot) -> None:
        now = self._context.clock.now()
        with self._context.database.write() as conn:
            broadcast_store.update_broadcast(conn, self._id, where_status=_NOT_FAILED, prepared=True)
            completed = broadcast_store.complete_broadcast(conn, self._id, now=now)
        log.info("broadcast %s: its audience is read", snapshot.job_id)
        if completed:
            self._context.changed([self._id])

    def _fail(self, reason: str) -> None:
        now = self._context.clock.now()

        def transaction(conn: Connection) -> bool:
            return broadcast_store.update_broadcast(
                conn,
                self._id,
                where_status=READABLE,
                status=BroadcastStatus.FAILED,
                status_reason=reason,
                finished_at=now,
            )

        if self._context.database.transact(transaction):
            self._context.work_queue.sweep(self._id)
        log.warning("broadcast %d failed: its audience cannot be read", self._id)
        self._context.changed([self._id])


_NOT_FAILED = tuple(status for status in BroadcastStatus if status is not BroadcastStatus.FAILED)


def _in_batches(messages: Iterable[NewMessage], size: int | None) -> list[NewMessage]:
    return list(_batched(messages, size)) if size else list(messages)


def _batched(messages: Iterable[NewMessage], size: int) -> Iterator[NewMessage]:
    for message in messages:
        yield message._replace(batch=message_store.position_of(message.id) // size)


def _repeated(message: NewMessage) -> NewMessage:
    return message._replace(status=MessageStatus.SKIPPED, number=None, raw=message.number, reason=SkipReason.DUPLICATE)
