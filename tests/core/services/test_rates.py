"""Counts per minute: what is counted, when, for how long, and how it is read; on both stores."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from tests.core.rows import add_results
from tests.core.store.harness import StoreHarness
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import InvalidInputError, NotFoundError, Rejected
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.models.status import MessageStatus, Purpose
from wabroadcast_core.outcomes.receipts import apply_receipts
from wabroadcast_core.outcomes.recorder import Recorder, Result
from wabroadcast_core.recovery.retention import KEEP_MINUTES_SECONDS, Retention
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.minute_counts import HOUR, MINUTE, Fact
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.store.tables import minute_counts

JOB = "job0"
START = 1_000_020.0  # the beginning of a minute


class FixedClock:
    """A clock that stands still."""

    def __init__(self, now: float) -> None:
        self._now = now

    def now(self) -> float:
        return self._now


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def store(broadcaster: Broadcaster) -> StoreHarness:
    harness = StoreHarness(broadcaster.context.database, now=START + 600)
    harness.clear()
    return harness


def commits_of(store: StoreHarness) -> GroupCommit:
    clock: Any = FixedClock(store.now)
    return GroupCommit(store.database, clock, threads=1, completed=lambda _: None, opted_out=lambda _: None)


def record(store: StoreHarness, *results: Result) -> None:
    """Record results as a worker does."""

    async def run() -> None:
        commits = commits_of(store)
        try:
            recorder = Recorder(commits, recorded=len, written_intents=lambda: 0, to_wall=lambda at: at)  # type: ignore[arg-type]
            add_results(recorder, *results)
            await recorder.flush()
        finally:
            commits.close()

    asyncio.run(run())


def ended(
    claim: Claimed, at: float, *, status: MessageStatus = MessageStatus.SENT, detail: str | None = None
) -> Result:
    sent_at = at if status is MessageStatus.SENT else None
    outcome = Outcome(claim.key, status, used=True, detail=detail, connection_id=claim.connection_id, sent_at=sent_at)
    return Result(claim, outcome, at)


def found(broadcaster: Broadcaster, **options: Any) -> list[tuple[object, ...]]:
    """Return the rates as rows of seconds since the start, connection, sent, failed, delivered and read."""
    items = broadcaster.rates(JOB, **options).items
    return [
        (item.at.timestamp() - START, item.connection, item.sent, item.failed, item.delivered, item.read)
        for item in items
    ]


def add(store: StoreHarness, key: int, at: float, number: int = 1, *, fact: Fact = "sent", connection: int = 0) -> None:
    with store.unit() as unit:
        unit.minutes[key, store.connections[connection], int(at) // MINUTE * MINUTE, fact] += number


def receive(store: StoreHarness, kind: str, place: int, at: float, *, job_id: str = JOB) -> None:
    error = Rejected("undeliverable") if kind == "failed" else None
    receipt = Receipt(kind, at, message_id=f"{job_id}-{place}", error=error)  # type: ignore[arg-type]
    with store.unit() as unit:
        apply_receipts(unit, store.connections[0], [receipt])


def test_outcomes_are_counted_in_the_minute_and_on_the_connection_of_their_attempt(
    broadcaster: Broadcaster, store: StoreHarness
) -> None:
    key = store.add_broadcast(job_id=JOB)
    store.add_messages(key, range(6))
    first, second = store.claim(key, 4), store.claim(key, 2, connection=1)

    record(
        store,
        ended(first[0], START),
        ended(first[1], START + 59.9),
        ended(first[2], START + 60, detail="held back"),
        ended(first[3], START + 60, status=MessageStatus.FAILED),
        ended(second[0], START + 1),
        ended(second[1], START + 1, status=MessageStatus.UNKNOWN),
    )

    assert found(broadcaster) == [(0, "c0", 2, 0, 0, 0), (0, "c1", 1, 0, 0, 0), (60, "c0", 1, 1, 0, 0)]


def test_the_message_of_a_test_is_counted_in_no_minute(broadcaster: Broadcaster, store: StoreHarness) -> None:
    test, key = store.add_broadcast(job_id="test", purpose=Purpose.TEST), store.add_broadcast(job_id=JOB)
    for broadcast_id in (test, key):
        store.add_messages(broadcast_id, [0])

    record(store, ended(store.claim(test, 1)[0], START), ended(store.claim(key, 1)[0], START))
    receive(store, "delivered", 0, START, job_id="test")

    assert found(broadcaster) == [(0, "c0", 1, 0, 0, 0)]
    with store.database.read() as conn:
        assert conn.execute(select(minute_counts.c.broadcast_id)).scalars().all() == [key]


def test_receipts_are_counted_once_in_the_minute_of_the_event(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = store.add_broadcast(job_id=JOB)
    store.add_messages(key, range(4))
    sent = store.claim(key, 4)
    record(store, *(ended(claim, START) for claim in sent[:3]), ended(sent[3], START, status=MessageStatus.UNKNOWN))

    for _ in range(2):  # providers repeat them
        receive(store, "delivered", 0, START + 61)
        receive(store, "read", 0, START + 125)
        receive(store, "read", 1, START - 1e6)  # a clock that is behind: not before the send
        receive(store, "failed", 2, START + 1e6)  # a clock that is ahead: not in the future
        receive(store, "delivered", 3, START + 61)  # settles the outcome too

    assert found(broadcaster) == [
        (0, "c0", 3, 0, 1, 1),
        (60, "c0", 1, 0, 2, 0),
        (120, "c0", 0, 0, 0, 1),
        (600, "c0", 0, 1, 0, 0),
    ]


def test_counts_and_outcomes_are_stored_together_or_not_at_all(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = store.add_broadcast(job_id=JOB)
    store.add_messages(key, [0])
    store.claim(key, 1)
    record(store, ended(Claimed(message_key(key, 0), key, "", None, None, 0, 0, 1, store.connections[0]), START))

    def deliver(unit: UnitOfWork) -> None:
        apply_receipts(unit, store.connections[0], [Receipt("delivered", START + 61, message_id=f"{JOB}-0")])
        unit.minutes[999_999, 1, 0, "sent"] += 1  # cannot be stored: there is no such broadcast

    async def run() -> None:
        commits = commits_of(store)
        try:
            await commits.run(deliver)
        finally:
            commits.close()

    with pytest.raises(IntegrityError):
        asyncio.run(run())

    assert found(broadcaster) == [(0, "c0", 1, 0, 0, 0)]
    assert store.broadcast(key)["delivered"] == 0


def test_old_minutes_become_hours_in_small_pieces_and_their_sum_stays(
    broadcaster: Broadcaster, store: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wabroadcast_core.recovery.retention.ROWS_AT_ONCE", 2)
    hour = START // HOUR * HOUR
    key = store.add_broadcast(job_id=JOB)
    for minute in range(0, 180, 20):
        add(store, key, hour + minute * 60, 10)
    add(store, key, hour, 5, fact="read", connection=1)

    async def run(now: float) -> None:
        commits = commits_of(store)
        try:
            await Retention(commits, days=1, callback_days=1).delete_old(now=now)
        finally:
            commits.close()

    asyncio.run(run(hour + 2 * HOUR + 1_000 + KEEP_MINUTES_SECONDS))
    add(store, key, hour + 60)  # a late receipt
    asyncio.run(run(hour + 2 * HOUR + 1_000 + KEEP_MINUTES_SECONDS))

    counted = [
        (item.at.timestamp() - hour, item.seconds, item.connection, item.sent, item.read)
        for item in broadcaster.rates(JOB, per_seconds=60).items
    ]
    assert counted == [
        (0, HOUR, "c0", 31, 0),
        (0, HOUR, "c1", 0, 5),
        (HOUR, HOUR, "c0", 30, 0),
        *((2 * HOUR + minute * 60, MINUTE, "c0", 10, 0) for minute in (0, 20, 40)),
    ]


def test_periods_are_as_short_as_the_answer_allows(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = store.add_broadcast(job_id=JOB)
    hour = START // HOUR * HOUR
    add(store, key, hour)
    add(store, key, hour + 1_439 * MINUTE, 2)
    short = broadcaster.rates(JOB)
    add(store, key, hour + 1_440 * MINUTE, 4)
    long = broadcaster.rates(JOB)
    part = broadcaster.rates(JOB, since=datetime.fromtimestamp(hour + 1, UTC), per_seconds=86_400)

    assert (short.per_seconds, [item.sent for item in short.items]) == (60, [1, 2])
    assert (long.per_seconds, [item.sent for item in long.items]) == (300, [1, 2, 4])
    assert sum(item.sent for item in part.items) == 6
    with pytest.raises(InvalidInputError, match="periods"):
        broadcaster.rates(JOB, per_seconds=60)
    with pytest.raises(InvalidInputError, match="offset"):
        broadcaster.rates(JOB, until=datetime(2026, 1, 1))  # noqa: DTZ001 - the fault under test
    with pytest.raises(NotFoundError):
        broadcaster.rates("gone")


def test_workers_that_count_in_the_same_minute_lose_nothing(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = store.add_broadcast(job_id=JOB)
    store.add_messages(key, range(40))
    claims = store.claim(key, 40)

    async def run() -> None:
        workers = [commits_of(store) for _ in range(4)]
        try:
            recorders = [
                Recorder(commits, recorded=len, written_intents=lambda: 0, to_wall=lambda at: at)  # type: ignore[arg-type]
                for commits in workers
            ]
            for place, claim in enumerate(claims):
                add_results(recorders[place % 4], ended(claim, START))
                if place % 8 == 7:
                    await asyncio.sleep(0)
            await asyncio.gather(*(recorder.flush() for recorder in recorders))
        finally:
            for commits in workers:
                commits.close()

    asyncio.run(run())

    assert found(broadcaster) == [(0, "c0", 40, 0, 0, 0)]
    assert Counter(sent=store.broadcast(key)["sent"]) == Counter(sent=40)
