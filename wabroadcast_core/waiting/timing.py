"""Causes that end at a known time: the schedule, send windows, batches, and the next attempts of messages."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from sqlalchemy import Connection

from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.status import WaitReason
from wabroadcast_core.models.waiting import (
    BatchInterval,
    Held,
    NewContacts,
    NumberCheck,
    RecipientGap,
    RetryLater,
    Scheduled,
    SendWindowClosed,
)
from wabroadcast_core.pacing.send_windows import next_opening_of_all, windows_of
from wabroadcast_core.store import claims as claim_store

Row = Mapping[Any, Any]
AwaitedAttempt: TypeAlias = RetryLater | RecipientGap | NewContacts | NumberCheck

LAST_BATCH = 2**31 - 1


def schedule(broadcast: Row, *, now: float) -> Scheduled | Held | None:
    """Return the schedule or the hold of a broadcast that has not started, if its time has not come."""
    at = broadcast["scheduled_at"]
    if at is None or at <= now:
        return None
    return Held(until=as_utc(at)) if broadcast["held_until"] is not None else Scheduled(until=as_utc(at))


def closed_window(
    draft: BroadcastDraft, limits: Limits, *, connection: str, now: float, default_zone: str
) -> SendWindowClosed | None:
    """Return the send windows of a broadcast and a connection, if they are not both open."""
    windows = windows_of(draft, limits)
    opens_at = next_opening_of_all(windows, now, default_zone) if windows else now
    return None if opens_at == now else SendWindowClosed(connection=connection, until=as_utc(opens_at))


def awaited_attempt(due_at: float, reason: str | None) -> AwaitedAttempt:
    """Return why a message in retry waits.

    :param due_at: when it may be claimed again (UNIX seconds, UTC).
    """
    until = as_utc(due_at)
    match reason:
        case WaitReason.RECIPIENT_GAP:
            return RecipientGap(until=until)
        case WaitReason.NEW_CONTACTS:
            return NewContacts(until=until)
        case WaitReason.NUMBER_CHECK:
            return NumberCheck(until=until)
    return RetryLater(reason=reason, until=until)


def awaited_batch(broadcast: Row, draft: BroadcastDraft, batch: int) -> BatchInterval | None:
    """Return the release of a batch, if it is still to come. The first batch is released at the start."""
    before = batch - broadcast["released_batch"] - 1
    if draft.batching is None or broadcast["next_release_at"] is None or before < 0:
        return None
    release_at = broadcast["next_release_at"] + before * draft.batching.interval_seconds
    return BatchInterval(batch=batch, until=as_utc(release_at))


class NothingLeft(Exception):  # noqa: N818 - no error: the connection has no waiting message
    """A connection may send no waiting message of a broadcast."""


def next_due(
    conn: Connection, broadcast: Row, draft: BroadcastDraft, *, routes: Sequence[int], now: float
) -> BatchInterval | AwaitedAttempt | None:
    """Return why no message of a broadcast is due; None if one is.

    :param routes: the routes whose messages the connection may claim.
    :raises NothingLeft: no message waits.
    """
    dues: list[tuple[float, BatchInterval | AwaitedAttempt]] = []
    if broadcast["queued"]:
        if _has_queued(conn, broadcast, draft, routes):
            return None
        batch = awaited_batch(broadcast, draft, broadcast["released_batch"] + 1)
        if batch is not None and _has_unreleased(conn, broadcast, routes):
            dues.append((broadcast["next_release_at"], batch))
    if broadcast["retry"] and (first := claim_store.first_retry(conn, broadcast["id"], routes=routes)) is not None:
        dues.append((first[0], awaited_attempt(*first)))
    if not dues:
        raise NothingLeft
    due_at, cause = min(dues, key=lambda one: one[0])
    return cause if due_at > now else None


def _has_queued(conn: Connection, broadcast: Row, draft: BroadcastDraft, routes: Sequence[int]) -> bool:
    if draft.batching is None and len(draft.pool) == 1:
        return True
    released = broadcast["released_batch"]
    return claim_store.has_queued(conn, broadcast_id=broadcast["id"], routes=routes, released_batch=released)


def _has_unreleased(conn: Connection, broadcast: Row, routes: Sequence[int]) -> bool:
    return claim_store.has_queued(conn, broadcast_id=broadcast["id"], routes=routes, released_batch=LAST_BATCH)
