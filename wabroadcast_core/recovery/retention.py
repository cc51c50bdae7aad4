"""Deletes what was handed in and callbacks that have ended, and sums up old counts; in small pieces, once an hour."""

import logging
from functools import partial

from wabroadcast_core.store import retention as retention_store
from wabroadcast_core.store.callbacks import forget_events
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork
from wabroadcast_core.store.minute_counts import roll_up

log = logging.getLogger(__name__)

PERIOD_SECONDS = 3_600.0
DAY_SECONDS = 86_400.0
KEEP_MINUTES_SECONDS = 30 * DAY_SECONDS  # after that, counts per minute become counts per hour
UPLOADS_AT_ONCE = 100
ROWS_AT_ONCE = 1_000


class Retention:
    """Deletes uploads that no broadcast and no import needs any more, and the cells of rejected rows.

    It also sums up counts per minute that are older than 30 days.

    :param days: how long they are kept after their last use.
    :param callback_days: how long events of callbacks are kept after their end.
    """

    def __init__(self, group_commit: GroupCommit, *, days: float, callback_days: float) -> None:
        self._group_commit = group_commit
        self._keep_callbacks_seconds = callback_days * DAY_SECONDS
        self._keep_seconds = days * DAY_SECONDS
        self._next_at = 0.0

    async def delete_old(self, *, now: float) -> None:
        """Delete what is older than the retention, unless that was done within the last hour."""
        if now < self._next_at:
            return
        self._next_at = now + PERIOD_SECONDS
        before = now - self._keep_seconds
        deleted = await self._delete_uploads(before)
        forget = partial(_forget_rows, before=before)
        while await self._group_commit.run(forget):
            pass
        forget_callbacks = partial(_forget_callbacks, before=now - self._keep_callbacks_seconds)
        while await self._group_commit.run(forget_callbacks):
            pass
        sum_up = partial(_sum_up_minutes, before=now - KEEP_MINUTES_SECONDS)
        while await self._group_commit.run(sum_up):
            pass
        if deleted:
            log.info("%d uploads were deleted: nothing has needed them for the time that they are kept", deleted)

    async def _delete_uploads(self, before: float) -> int:
        in_use = await self._group_commit.run(
            lambda unit: retention_store.uploads_in_use(unit.conn, ended_after=before)
        )
        deleted, after = 0, ""
        while keys := await self._group_commit.run(partial(_old_uploads, before=before, after=after)):
            for key in keys:
                deleted += key not in in_use and await self._delete(key)
            after = keys[-1]
        return deleted

    async def _delete(self, key: str) -> bool:
        if not await self._group_commit.run(lambda unit: retention_store.hide_upload(unit.conn, key)):
            return False
        while await self._group_commit.run(lambda unit: retention_store.delete_chunks(unit.conn, key)):
            pass
        return True


def _old_uploads(unit: UnitOfWork, *, before: float, after: str) -> list[str]:
    return [*retention_store.old_uploads(unit.conn, created_before=before, after=after, limit=UPLOADS_AT_ONCE)]


def _forget_rows(unit: UnitOfWork, *, before: float) -> int:
    return retention_store.forget_rejections(unit.conn, ended_before=before, limit=ROWS_AT_ONCE)


def _forget_callbacks(unit: UnitOfWork, *, before: float) -> int:
    return forget_events(unit.conn, before=before, limit=ROWS_AT_ONCE)


def _sum_up_minutes(unit: UnitOfWork, *, before: float) -> int:
    return roll_up(unit.conn, before=before, limit=ROWS_AT_ONCE)
