"""The outlook of a broadcast: at what rate it is sent now, and when it will start and end as its pool is now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.models.waiting import WaitingFor
from wabroadcast_core.pacing.forecast import Capacity, Forecast, Release, forecast
from wabroadcast_core.waiting.causes import AT_WORK, WaitingCauses
from wabroadcast_core.waiting.limits import ConnectionFacts

Row = Mapping[Any, Any]

STALE_SECONDS = 30.0  # after this time without a sent message the present rate is 0
SOON_SECONDS = 10.0  # a cause that ends within this time does not set the present rate to 0
TIMED = frozenset({"retry", "recipient_gap", "new_contacts", "number_check"})  # causes that the forecast does not have


@dataclass(frozen=True, slots=True)
class Outlook:
    """The cause for which a broadcast waits, its rate (messages per second) and its end (UNIX seconds)."""

    waiting_for: WaitingFor | None
    rate: float
    ends_at: float | None


def outlook_of(causes: WaitingCauses, broadcast: Row, *, now: float) -> Outlook:
    """Return the outlook of a broadcast.

    :param broadcast: its row of the table ``broadcasts``.
    :param now: the present time (UNIX seconds, UTC).
    """
    cause = causes.of_broadcast(broadcast)
    rate = _present_rate(broadcast, cause, now=now)
    return Outlook(cause, rate, _end_of(causes, broadcast, cause, rate=rate, now=now))


def start_and_end(causes: WaitingCauses, draft: BroadcastDraft, amount: int, *, start: float) -> Forecast:
    """Return when a broadcast that is submitted now would start and end.

    :param amount: how many messages it would send.
    :param start: its scheduled start (UNIX seconds).
    """
    pool = [_capacity(one) for one in causes.facts.pool_of(draft) if one.is_active]
    return forecast(amount, pool, draft, start=start, default_zone=causes.default_zone)


def _end_of(
    causes: WaitingCauses, broadcast: Row, cause: WaitingFor | None, *, rate: float, now: float
) -> float | None:
    """Return when a broadcast ends; None if that is not known, or if it waits without a known end."""
    if broadcast["status"] != BroadcastStatus.PROCESSING or not broadcast["prepared"] or cause is None:
        return None
    if broadcast["paused"] or (cause.code not in AT_WORK and cause.until is None):
        return None
    draft = causes.facts.draft(broadcast)
    # Claimed messages that have slots are counted as used too: for a moment the end is too late rather than too early.
    left = broadcast["queued"] + broadcast["retry"] + broadcast["processing"]
    start = cause.until.timestamp() if cause.code in TIMED and cause.until is not None else now
    found = forecast(
        left,
        [_capacity(one) for one in causes.facts.pool(broadcast) if one.is_active],
        draft,
        start=start,
        default_zone=causes.default_zone,
        release=_release(broadcast, draft, left=left),
        speed=rate if cause.code in AT_WORK else None,
    )
    return found.ends_at


def _present_rate(broadcast: Row, cause: WaitingFor | None, *, now: float) -> float:
    """Return the messages sent per second since the earlier of the two rate marks; 0 while none may leave."""
    if broadcast["status"] != BroadcastStatus.PROCESSING or broadcast["mark_at"] is None:
        return 0.0
    if now - broadcast["mark_at"] > STALE_SECONDS or _is_stopped(cause, now=now):
        return 0.0
    earlier = broadcast["earlier_mark_at"] is not None
    since = broadcast["earlier_mark_at"] if earlier else broadcast["mark_at"]
    sent = broadcast["sent"] - (broadcast["earlier_mark_sent"] if earlier else 0)
    return float(max(0, sent) / max(now - since, 1.0))


def _is_stopped(cause: WaitingFor | None, *, now: float) -> bool:
    if cause is None or cause.code in AT_WORK or cause.code == "higher_priority":
        return False
    return cause.until is None or cause.until.timestamp() > now + SOON_SECONDS


def _capacity(connection: ConnectionFacts) -> Capacity:
    pace = connection.pace
    ready_at = max(pace.cool_until, pace.next_at or 0.0)
    return Capacity(connection.limits, pace.uses, ready_at=ready_at, factor=pace.factor)


def _release(broadcast: Row, draft: BroadcastDraft, *, left: int) -> Release | None:
    """Return the released part of a broadcast in batches, if its messages are sent in the order of its audience."""
    batching = draft.batching
    if batching is None or broadcast["next_release_at"] is None:
        return None
    released = batching.size * (broadcast["released_batch"] + 1) - (broadcast["total"] - left)
    return Release(max(0, released), broadcast["next_release_at"])
