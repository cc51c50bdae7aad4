"""The scheduler: slots for ready messages only, by priority, decided late, and nothing left behind."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
import redis

from tests.core.fakes import FakePace, Parts, live, slots
from tests.core.rows import START, WORKER, broadcast, connection, pending
from tests.core.simulated import simulated
from tests.core.stock import SlotRow
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.scheduler import LONGEST_HOLD, PURGE_SECONDS, Scheduler
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.pacing.pace import Slots
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot

FIFTY = connection(limits=Limits(rate=Rate(messages=50)))
PLAIN, OTHER = broadcast(1), broadcast(2)
URGENT = broadcast(3, priority="high")
RATED = broadcast(4, rate={"messages": 5})


_positions = itertools.count()


def messages_of(of: BroadcastSnapshot, count: int, *, ready_at: float = START) -> list[PendingSend]:
    return [pending(next(_positions), of=of, slot=0.0, ready_at=ready_at) for _ in range(count)]


def keys_of(messages: Sequence[PendingSend]) -> list[int]:
    return [one.claimed.key for one in messages]


class Work:
    """A scheduler at work. What gets a slot starts on it, as from a dispatcher that is never late."""

    def __init__(self, parts: Parts, queue: SlotQueue) -> None:
        self.queue = queue
        self.started: list[PendingSend] = []
        self._parts = parts

    @property
    def given_back(self) -> list[int]:
        return [result.claimed.key for result in self._parts.recorder.results]

    async def start_all(self) -> None:
        """Start each message on its slot, until no more get slots."""
        while (slot := await self.queue.first_slot()) is not None:
            await asyncio.sleep(max(0.0, slot - self._parts.clock.now()))
            for message in self.queue.pop_until(slot, most=1):
                self.queue.remove(message)
                if message.dropped:
                    self.queue.release_slot(message.slot)
                    self._parts.recorder.give_back(message.claimed, now=slot)
                else:
                    self.started.append(message)


@contextlib.asynccontextmanager
async def at_work(parts: Parts, *, through: ConnectionSnapshot = FIFTY) -> AsyncIterator[Work]:
    """At the end, all messages that are ready by then get slots or go back."""
    queue = SlotQueue(1)
    queue.live = live(of=through)
    work = Work(parts, queue)
    scheduling = asyncio.create_task(Scheduler(parts.resources(), queue, PaceForecast(through.limits)).schedule())
    starting = asyncio.create_task(work.start_all())
    yield work
    queue.end_claims()
    await asyncio.gather(scheduling, starting)
    assert queue.load == 0


def with_row() -> tuple[Parts, SlotRow]:
    parts = Parts()
    row = SlotRow(parts.clock)
    parts.pace = row  # type: ignore[assignment]  # the limiter as far as it matters here
    return parts, row


# --- slots -------------------------------------------------------------------------------------------------------


@simulated
async def test_slots_are_reserved_for_ready_messages_only() -> None:
    parts, row = with_row()
    async with at_work(parts) as work:
        work.queue.begin_claim(100)
        await asyncio.sleep(2)
        assert row.calls == []

        work.queue.add_ready(messages_of(PLAIN, 7, ready_at=parts.clock.now()))
        await asyncio.sleep(1)
        work.queue._requested = 0

    assert len(row.given) == 7
    assert row.unused == []
    assert len(work.started) == 7


@simulated
async def test_each_message_starts_once_and_in_the_order_of_its_broadcast() -> None:
    parts, _ = with_row()
    messages = messages_of(PLAIN, 100, ready_at=START + 2)  # so that none goes stale
    async with at_work(parts) as work:
        work.queue.add_ready(messages)

    assert keys_of(work.started) == keys_of(messages)
    assert [one.slot for one in work.started] == sorted({one.slot for one in work.started})


@simulated
async def test_a_higher_priority_that_becomes_ready_later_gets_the_next_slots() -> None:
    parts, _ = with_row()
    async with at_work(parts) as work:
        work.queue.add_ready(messages_of(PLAIN, 25))
        await asyncio.sleep(0.1)
        ready_at = parts.clock.now()
        work.queue.add_ready(messages_of(URGENT, 10))

    urgent = [one.slot for one in work.started if one.broadcast is URGENT]
    assert len(urgent) == 10
    assert urgent[0] - ready_at < 0.45  # the slots that were given already are kept
    assert urgent[-1] - urgent[0] < 0.2  # and no other message between them
    assert len(work.started) == 35


@simulated
async def test_equal_priorities_share_the_slots_evenly() -> None:
    parts, _ = with_row()
    async with at_work(parts) as work:
        work.queue.add_ready(messages_of(PLAIN, 30))
        work.queue.add_ready(messages_of(OTHER, 30))
        await asyncio.sleep(0.5)
        counts = [sum(one.broadcast is of for one in work.started) for of in (PLAIN, OTHER)]

    assert abs(counts[0] - counts[1]) <= 1


@simulated
async def test_a_broadcast_with_a_rate_of_its_own_keeps_to_it_beside_one_without() -> None:
    parts, row = with_row()
    async with at_work(parts) as work:
        for _ in range(6):
            now = parts.clock.now()
            work.queue.add_ready(messages_of(PLAIN, 25, ready_at=now) + messages_of(RATED, 3, ready_at=now))
            await asyncio.sleep(0.5)

    rated = [one.slot for one in work.started if one.broadcast is RATED]
    assert min(after - before for before, after in itertools.pairwise(rated)) > 0.19
    assert len(rated) >= 13
    assert sum(one.broadcast is PLAIN for one in work.started) >= 6 * 20
    assert row.unused == []
    assert len(work.started) + len(work.given_back) == 6 * 28


@simulated
async def test_a_broadcast_that_joins_during_a_reservation_gets_no_slot_that_its_own_rate_does_not_know() -> None:
    parts, row = with_row()
    joining = messages_of(RATED, 4)
    reserve = row.reserve

    async with at_work(parts) as work:

        async def reserve_while_it_joins(*arguments: Any, **options: Any) -> Slots:
            reserved = await reserve(*arguments, **options)
            work.queue.add_ready(joining)
            joining.clear()
            return reserved

        row.reserve = reserve_while_it_joins  # type: ignore[method-assign]
        work.queue.add_ready(messages_of(PLAIN, 10))
        await asyncio.sleep(2)

    rated = [one.slot for one in work.started if one.broadcast is RATED]
    assert len(rated) == 4
    assert min(after - before for before, after in itertools.pairwise(rated)) > 0.19
    assert sum(one.broadcast is PLAIN for one in work.started) == 10


# --- what goes back ----------------------------------------------------------------------------------------------


@simulated
async def test_dropped_messages_go_back_and_take_no_slots() -> None:
    parts, row = with_row()
    messages = messages_of(PLAIN, 10)
    for message in messages[:4]:
        message.dropped = True
    async with at_work(parts) as work:
        work.queue.add_ready(messages)

    assert sorted(work.given_back) == sorted(keys_of(messages[:4]))
    assert keys_of(work.started) == keys_of(messages[4:])
    assert len(row.given) == 6


@pytest.mark.parametrize(
    "stale",
    [
        pytest.param(pending(0, ready_at=START - LONGEST_HOLD - 0.01), id="ready-for-too-long"),
        pytest.param(pending(0, worker_id=WORKER - 1), id="of-a-worker-id-that-was-settled"),
    ],
)
@simulated
async def test_stale_messages_go_back(stale: PendingSend) -> None:
    parts, row = with_row()
    async with at_work(parts) as work:
        work.queue.add_ready([stale])

    assert work.given_back == [stale.claimed.key]
    assert row.given == []


@simulated
async def test_messages_go_back_at_once_where_the_next_slot_is_far() -> None:
    parts, row = with_row()
    row.next_at = START + 60
    async with at_work(parts) as work:
        work.queue.add_ready(messages_of(PLAIN, 10))
        await asyncio.sleep(0.1)
        assert len(work.given_back) == 10

    assert work.queue.next_slot == START + 60
    assert len(row.calls) == 1


@simulated
async def test_messages_whose_own_rate_says_later_go_back_and_the_others_stay() -> None:
    parts, _ = with_row()
    slow = broadcast(5, rate={"messages": 1, "perSeconds": 60})
    async with at_work(parts) as work:
        work.queue.add_ready(messages_of(slow, 3) + messages_of(PLAIN, 10))

    assert sum(one.broadcast is slow for one in work.started) == 1
    assert sum(one.broadcast is PLAIN for one in work.started) == 10
    assert len(work.given_back) == 2


@simulated
async def test_a_stopping_process_gives_all_ready_messages_back() -> None:
    parts, row = with_row()
    parts.stopping.set()
    async with at_work(parts) as work:
        work.queue.add_ready(messages_of(PLAIN, 10))

    assert len(work.given_back) == 10
    assert row.calls == []


@simulated
async def test_slots_whose_messages_were_dropped_meanwhile_are_reported_unused() -> None:
    parts, row = with_row()
    row.seconds = 0.1
    messages = messages_of(PLAIN, 5)
    async with at_work(parts) as work:
        work.queue.add_ready(messages)
        await asyncio.sleep(0.05)  # they are being asked for
        for message in work.queue.ready:
            message.dropped = True

    assert sorted(work.given_back) == sorted(keys_of(messages))
    assert sorted(work.queue.take_report().unused) == sorted(row.given)


# --- calls -------------------------------------------------------------------------------------------------------


@simulated
async def test_the_limiter_is_asked_a_few_times_a_second() -> None:
    parts, row = with_row()
    async with at_work(parts) as work:
        for _ in range(50):
            work.queue.add_ready(messages_of(PLAIN, 10, ready_at=parts.clock.now()))
            await asyncio.sleep(0.2)
        assert len(work.started) >= 480
        assert len(row.calls) <= 10 * 8


@simulated
async def test_messages_that_wait_for_their_own_rate_do_not_have_the_limiter_asked_over_and_over() -> None:
    parts, row = with_row()
    async with at_work(parts) as work:
        for _ in range(10):
            work.queue.add_ready(messages_of(RATED, 5, ready_at=parts.clock.now()))
            await asyncio.sleep(0.5)

    assert len(row.calls) <= 5 * 10


@simulated
async def test_messages_go_back_while_redis_stays_away() -> None:
    parts, row = with_row()
    row.errors = [redis.ConnectionError() for _ in range(100)]
    async with at_work(parts) as work:
        work.queue.add_ready(messages_of(PLAIN, 3))

    assert len(work.given_back) == 3
    assert len(row.calls) <= 1 + (LONGEST_HOLD + PURGE_SECONDS) / RETRY_SECONDS + 1


@simulated
async def test_a_failed_reservation_is_not_repeated_at_once_although_messages_become_ready() -> None:
    parts, row = with_row()
    row.errors = [redis.ConnectionError()]
    async with at_work(parts) as work:
        for _ in range(4):
            work.queue.add_ready(messages_of(PLAIN, 1))
            await asyncio.sleep(RETRY_SECONDS / 5)
        assert len(row.calls) == 1
        await asyncio.sleep(RETRY_SECONDS)

    assert len(work.queue.ready) == 0
    assert work.given_back == []


# --- its end -----------------------------------------------------------------------------------------------------


@simulated
async def test_it_ends_at_once_where_nothing_comes() -> None:
    parts, row = with_row()
    async with at_work(parts):
        await asyncio.sleep(0.1)

    assert row.calls == []
    assert parts.clock.now() < START + 0.11


@simulated
async def test_a_message_that_gives_up_its_slot_at_the_very_end_gets_another() -> None:
    parts, row = with_row()
    queue = SlotQueue(1)
    queue.live = live(of=FIFTY)
    queue.add_ready([pending()])
    queue.end_claims()
    scheduling = asyncio.create_task(Scheduler(parts.resources(), queue, PaceForecast(FIFTY.limits)).schedule())
    slot = await queue.first_slot()
    assert slot is not None
    await asyncio.sleep(slot - parts.clock.now())
    assert not scheduling.done()

    queue.give_up_slot(next(queue.pop_until(slot, most=1)))
    other = await queue.first_slot()
    assert other is not None
    assert other > slot
    queue.remove(next(queue.pop_until(other, most=1)))
    await scheduling

    assert await queue.first_slot() is None
    assert row.unused == [slot]


@simulated
async def test_more_slots_than_messages_are_not_lost() -> None:
    parts = Parts()
    parts.pace = FakePace(parts.clock, slots(START + 0.1, START + 0.2, START + 0.3))
    async with at_work(parts) as work:
        work.queue.add_ready([pending()])

    assert len(work.started) == 1
    assert work.queue.take_report().unused == [START + 0.2, START + 0.3]
