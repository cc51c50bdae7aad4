"""Preparation of a broadcast: read, normalise, dedupe, blacklist, validate and store its audience, chunk by chunk.

Each chunk is one transaction that also stores how many rows of the audience were read. So a crash loses only the chunk
in progress, the next reader continues at the stored position, and of two readers at once only one can advance it.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import redis
from sqlalchemy import Connection, RowMapping

from wabroadcast_core.audience.consent import OTHER_ROW_SAYS_NO
from wabroadcast_core.audience.inline_recipients import INLINE_TYPE, row_line
from wabroadcast_core.audience.locks import exclusive_lock
from wabroadcast_core.audience.row_classifier import ClassifiedRows, RowClassifier
from wabroadcast_core.audience.source_reader import SourceReader
from wabroadcast_core.audience.sources import ReadingEnd, empty_reason, open_source, read_source, region_of
from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, PluginError, UnavailableError, UncheckedError
from wabroadcast_core.hookspecs import ContactSource
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.status import ENDED_BROADCASTS, BroadcastStatus, MessageStatus, SkipReason
from wabroadcast_core.plugin_faults import PLUGIN_FAULTS, describe_fault
from wabroadcast_core.redis_access.preparation_notes import PutOff, forget_put_off, write_put_off
from wabroadcast_core.rendering.placeholders import check_placeholders
from wabroadcast_core.sentences import Sentence, pack_sentence, sentence_of
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import reason_counts
from wabroadcast_core.store import retention as retention_store
from wabroadcast_core.store import uploads as upload_store
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.new_messages import NewMessage, insert_messages
from wabroadcast_core.store.uploads import store_upload

log = logging.getLogger(__name__)

_COPIED_ROWS = 1_000  # rows that are copied at once
_ASK_SECONDS = 1.0  # between two checks whether the broadcast was cancelled
PREPARABLE = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING)


def prepare_broadcast(context: Context, broadcast_id: int) -> None:
    """Read the audience of a broadcast into the store, from its stored position on.

    May be called at any time, also twice: does nothing while another process prepares the broadcast. If a blacklist
    plugin fails, the preparation is put off until recover starts it again.

    :raises redis.RedisError: Redis cannot be reached.
    :raises UnavailableError: the store cannot be reached.
    """
    key, seconds = context.keys.preparing(broadcast_id), context.settings.lease_seconds
    with exclusive_lock(context.redis, key, seconds=seconds) as locked:
        if locked:
            _Preparation(context, broadcast_id).run()


class _Preparation:
    """One run of the preparation of one broadcast."""

    def __init__(self, context: Context, broadcast_id: int) -> None:
        self._context = context
        self._id = broadcast_id
        self._woken = False
        self._may_be_put_off = True
        self._asked_at = time.monotonic()

    def run(self) -> None:
        row = self._begin()
        if row is None:
            return
        try:
            self._read_all(row)
        except UncheckedError as error:
            self._put_off(row, error)  # no recipient is messaged until the plugin works
        except (UnavailableError, PluginError, redis.RedisError):
            raise  # recover starts the preparation again
        except BroadcastError as error:
            self._fail(row, sentence_of(error))
        except PLUGIN_FAULTS as error:
            log.error("broadcast %s: its contact source failed: %s", row["job_id"], describe_fault(error))  # noqa: TRY400 - its text may hold anything
            text = "the contact source failed with {error}: see the log of the worker"
            self._fail(row, Sentence("source_failed", text, error=type(error).__name__))

    def _begin(self) -> RowMapping | None:
        """Set the broadcast to processing.

        :returns: its row; None if its audience must not be read now, or was read already.
        """
        now = self._context.clock.now()
        with self._context.database.write() as conn:
            row = broadcast_store.get_broadcast(conn, self._id, lock=True)
            if row is None or row["prepared"] or row["status"] not in PREPARABLE or (row["scheduled_at"] or 0) > now:
                return None
            batching = BroadcastDraft.model_validate_json(row["draft"]).batching
            begun = broadcast_store.set_status(
                conn,
                self._id,
                BroadcastStatus.PROCESSING,
                now=now,
                where_status=(BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED),
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
        end = ReadingEnd(self._is_ended)
        opened = open_source(self._context, snapshot.draft.source or {}, is_over=end)
        region = region_of(opened, default=self._context.settings.default_region)
        source = opened if opened.repeatable else self._copy_of(opened, snapshot, end)
        classifier = RowClassifier(self._context, snapshot, pool, region=region)
        done = row["prepared_rows"]
        with self._reader(source, end) as reader:
            reader.skip(done)
            while chunk := reader.take(self._context.settings.prepare_chunk):
                if not done:
                    check_placeholders(snapshot.draft.message, {name for row in chunk for name in row.all_variables})
                classified = classifier.classify(chunk, first=done)
                self._forget_put_off()
                size = batching.size if batching else None
                if not self._store(classified, done=done, size=len(chunk), batch_size=size):
                    return
                done += len(chunk)
                self._wake(pool, snapshot)
        if end.reached:
            return
        self._end(snapshot, reason=None if done else empty_reason(opened))
        self._woken = False
        self._wake(pool, snapshot)

    def _is_ended(self) -> bool:
        """Return whether the broadcast was cancelled or has failed; the store is asked once a second at most."""
        now = time.monotonic()
        if now < self._asked_at + _ASK_SECONDS:
            return False
        self._asked_at = now
        with self._context.database.read() as conn:
            row = broadcast_store.get_broadcast(conn, self._id)
        return row is None or row["status"] in ENDED_BROADCASTS

    def _reader(self, source: ContactSource, end: ReadingEnd) -> SourceReader:
        seconds = self._context.settings.source_seconds
        return read_source(self._context, source, seconds=seconds, end=end)

    def _copy_of(self, source: ContactSource, snapshot: BroadcastSnapshot, end: ReadingEnd) -> ContactSource:
        """Return a copy of an audience whose order may change, so that a second read can continue after the first.

        The audience is copied into an upload when it is read for the first time.
        """
        upload_id = upload_store.audience_copy(snapshot.job_id)
        database = self._context.database
        with database.read() as conn:
            copied = upload_store.find_upload(conn, upload_id) is not None
        if not copied:
            self._copy(source, upload_id, end)
        return open_source(self._context, {"type": "inline", "uploadId": upload_id})

    def _copy(self, source: ContactSource, upload_id: str, end: ReadingEnd) -> None:
        database = self._context.database
        with database.write() as conn:
            upload_store.delete_upload(conn, upload_id)  # an incomplete copy that a crash left behind
        now = self._context.clock.now()
        with (
            store_upload(database, upload_id, now=now, content_type=INLINE_TYPE) as writer,
            self._reader(source, end) as reader,
        ):
            while rows := reader.take(_COPIED_ROWS):
                writer.write(b"".join(map(row_line, rows)))

    def _store(self, classified: ClassifiedRows, *, done: int, size: int, batch_size: int | None) -> bool:
        """Store a chunk and the new position.

        :param done: the position before the chunk, in rows.
        :param size: rows of the chunk.
        :param batch_size: messages of a batch, if the broadcast is sent in batches.
        :returns: whether to continue; false if another reader has advanced the position.
        """

        def transaction(conn: Connection) -> bool:
            if not broadcast_store.move_mark(conn, self._id, present=done, rows=done + size):
                return False
            changes = Changes()
            sendable = _in_batches(classified.sendable.values(), batch_size)
            stored = insert_messages(conn, sendable)
            duplicates = [_as_duplicate(message) for message in sendable if message.id not in stored]
            skipped = [*classified.skipped, *duplicates]
            insert_messages(conn, skipped)
            refused = message_store.skip_refused(
                conn, self._id, classified.refused, detail=pack_sentence(OTHER_ROW_SAYS_NO), changes=changes
            )
            changes[self._id, "queued"] += len(stored)
            changes[self._id, "skipped"] += len(skipped)
            changes[self._id, "total"] += size
            changes.results += [message.id for message in skipped]
            reasons = Counter(str(message.reason) for message in skipped)
            reasons[SkipReason.NO_CONSENT] += refused
            reason_counts.count_skips(conn, self._id, dict(reasons))
            broadcast_store.apply_changes(conn, changes, now=self._context.clock.now())
            return True

        return self._context.database.transact(transaction)

    def _wake(self, pool: Sequence[int], snapshot: BroadcastSnapshot) -> None:
        if not self._woken:
            for connection_id in pool:
                self._context.work_queue.turn(connection_id, rank=snapshot.draft.priority.rank)
        self._woken = True

    def _end(self, snapshot: BroadcastSnapshot, *, reason: str | None) -> None:
        """Set the broadcast to prepared.

        :param reason: why it has no recipients; None if it has some.
        """
        now = self._context.clock.now()
        with self._context.database.write() as conn:
            values = {"status_reason": reason} if reason else {}
            broadcast_store.update_broadcast(conn, self._id, where_status=_NOT_FAILED, prepared=True, **values)
            completed = broadcast_store.complete_broadcast(conn, self._id, now=now)
        self._delete_copy(snapshot)
        log.info("broadcast %s: its audience was read to the end", snapshot.job_id)
        if completed:
            self._context.changed([self._id])

    def _delete_copy(self, snapshot: BroadcastSnapshot) -> None:
        """Delete the copy of an audience that was read; after a crash it is deleted as an old upload."""
        copy, database = upload_store.audience_copy(snapshot.job_id), self._context.database
        with database.read() as conn:
            is_copied = upload_store.find_upload(conn, copy) is not None
        if is_copied:
            retention_store.delete_in_steps(database, copy)

    def _put_off(self, row: RowMapping, error: UncheckedError) -> None:
        """Leave the preparation to recover, and note why, as the cause for which the broadcast waits."""
        seconds = self._context.settings.recover_seconds
        log.error("broadcast %s: %s: its audience is not read, the next try is in %g s", row["job_id"], error, seconds)
        note = PutOff(code=error.code, detail=str(error), retry_at=self._context.clock.now() + seconds)
        write_put_off(self._context.redis, self._context.keys, self._id, note)
        self._context.changed([self._id])

    def _forget_put_off(self) -> None:
        """Forget, once in a run, why the run before was put off."""
        if self._may_be_put_off:
            forget_put_off(self._context.redis, self._context.keys, self._id)
        self._may_be_put_off = False

    def _fail(self, row: RowMapping, reason: str) -> None:
        now = self._context.clock.now()

        def transaction(conn: Connection) -> bool:
            return broadcast_store.set_status(
                conn,
                self._id,
                BroadcastStatus.FAILED,
                now=now,
                where_status=PREPARABLE,
                status_reason=reason,
                finished_at=now,
            )

        if self._context.database.transact(transaction):
            self._context.work_queue.sweep(self._id)
        log.warning("broadcast %s failed: its audience cannot be read", row["job_id"])
        self._context.changed([self._id])


_NOT_FAILED = tuple(status for status in BroadcastStatus if status is not BroadcastStatus.FAILED)


def _in_batches(messages: Iterable[NewMessage], size: int | None) -> list[NewMessage]:
    """Return messages with the numbers of their batches, if the broadcast is sent in batches."""
    return list(_batched(messages, size)) if size else list(messages)


def _batched(messages: Iterable[NewMessage], size: int) -> Iterator[NewMessage]:
    for message in messages:
        yield message._replace(batch=message_store.position_of(message.id) // size)


def _as_duplicate(message: NewMessage) -> NewMessage:
    return message._replace(status=MessageStatus.SKIPPED, number=None, raw=message.number, reason=SkipReason.DUPLICATE)
