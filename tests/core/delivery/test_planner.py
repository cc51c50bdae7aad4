"""How a planner claims ahead: enough at any time, never much, in few claims."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from tests.core.fakes import FakeClaimer, FakeLiveSenders, Parts
from tests.core.rows import START, broadcast, connection, pending
from tests.core.simulated import simulated
from tests.core.stock import SlotRow, Stock, stocked
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.dispatcher import Dispatcher
from wabroadcast_core.delivery.pace_forecast import PaceForecast
from wabroadcast_core.delivery.planner import Planner
from wabroadcast_core.delivery.ready_messages import PendingSend
from wabroadcast_core.delivery.scheduler import Scheduler
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import ConnectionDown, UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.settings import Settings
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.transport.live_senders import LiveConnection

DUE = DueWork(connection(), [Candidate(1, 1)])
FIFTY = connection(limits=Limits(rate=Rate(messages=50)))
ONE = connection(limits=Limits(rate=Rate(messages=1)))
WARM = 4.0  # seconds until everything is learned


async def plan(parts: Parts, due_work: DueWork, queue: SlotQueue | None = None) -> DueWork:
    """Plan without a scheduler: no slots are given."""
    pace = PaceForecast(due_work.connection.limits if due_work.connection else Limits())
    planner = Planner(parts.resources(), queue or SlotQueue(1), pace)
    try:
        return await planner.plan(due_work)
    finally:
        await planner.finish()


@dataclass
class Work:
    """A planner, a scheduler and a dispatcher at work on a stock."""

    parts: Parts
    stock: Stock
    row: SlotRow
    queue: SlotQueue
    planning: asyncio.Task[DueWork]
    stocks: list[tuple[float, int]] = field(default_factory=list)  # ready or with a slot, at each moment

    @property
    def starts(self) -> list[float]:
        return [at for _, at in self.parts.sends.started]

    async def watch(self, seconds: float) -> None:
        """Let the work go on and note how many messages are ready or have a slot."""
        ends_at = self.parts.clock.now() + seconds
        while self.parts.clock.now() < ends_at:
            held = len(self.queue.ready) + len(self.queue._waiting)
            self.stocks.append((self.parts.clock.now(), held))
            await asyncio.sleep(0.005)

    def claims_within(self, seconds: float) -> int:
        """The most claims in any stretch of time of this length, once everything is learned."""
        return most_in_window([at for at, _ in self.stock.claims if at > START + WARM], seconds)


@contextlib.asynccontextmanager
async def at_work(through: ConnectionSnapshot, *, seconds: float, count: int = 100_000) -> AsyncIterator[Work]:
    """:param seconds: that a claim takes."""
    parts = Parts(settings=Settings(turn_seconds=120))
    stock, row = stocked(parts, through, seconds=seconds)
    stock.add(broadcast(), count)
    queue, pace = SlotQueue(1), PaceForecast(through.limits)
    planner = Planner(parts.resources(), queue, pace)
    scheduling = asyncio.create_task(Scheduler(parts.resources(), queue, pace).schedule())
    dispatching = asyncio.create_task(Dispatcher(parts.resources(), queue).dispatch())
    planning = asyncio.create_task(planner.plan(parts.ledger.due_work))
    yield Work(parts, stock, row, queue, planning)
    parts.stopping.set()
    queue.wake()
    await planning
    await planner.finish()
    queue.end_claims()
    await asyncio.gather(scheduling, dispatching)


# --- ahead -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0])
@simulated
async def test_at_fifty_a_second_messages_never_run_out_and_none_goes_stale(seconds: float) -> None:
    async with at_work(FIFTY, seconds=seconds) as work:
        await work.watch(20)
        given_back = list(work.parts.recorder.results)

    assert min(held for at, held in work.stocks if at > START + WARM) > 0
    assert given_back == []
    steady = [at for at in work.starts if START + WARM < at < START + 20]
    assert len(steady) >= 0.97 * 50 * (20 - WARM)
    assert most_in_window(work.starts, 1.0) <= 50


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0])
@simulated
async def test_at_one_a_second_each_slot_has_its_message(seconds: float) -> None:
    async with at_work(ONE, seconds=seconds) as work:
        await work.watch(30)

    steady = [at for at in work.starts if at > START + WARM]
    assert max(after - before for before, after in pairwise(steady)) < 1.1
    assert most_in_window(work.starts, 1.0) <= 1


@pytest.mark.parametrize(("through", "pace"), [pytest.param(FIFTY, 50, id="50/s"), pytest.param(ONE, 1, id="1/s")])
@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0])
@simulated
async def test_no_message_is_ready_for_longer_than_a_second(
    through: ConnectionSnapshot, pace: int, seconds: float
) -> None:
    waited: list[float] = []
    async with at_work(through, seconds=seconds) as work:
        start = work.parts.sends.start

        def note(through: LiveConnection, message: PendingSend) -> None:
            waited.append(work.parts.clock.now() - message.ready_at)
            start(through, message)

        work.parts.sends.start = note  # type: ignore[method-assign]  # to see it
        await work.watch(20)

    assert len(waited) > 0.8 * 20 * pace - 2
    assert max(waited) <= 1.0


@pytest.mark.parametrize("seconds", [0.01, 0.3, 1.0])
@simulated
async def test_claims_are_few(seconds: float) -> None:
    async with at_work(FIFTY, seconds=seconds) as work:
        await work.watch(20)

    assert work.claims_within(1.0) <= 6
    assert sum(amount for _, amount in work.stock.claims) <= 50 * 21 + 50 * (2 + seconds)


@simulated
async def test_claims_of_few_messages_are_not_made_in_a_busy_loop() -> None:
    """A broadcast of few messages beside a pace that wants more of them."""
    async with at_work(FIFTY, seconds=0.001, count=0) as work:
        work.stock.next_due = START + 4.9  # the turn goes on
        for place in range(1, 40):
            work.stock.add(broadcast(place), 1)
            work.queue.has_news = True
            work.queue.wake()
            await work.watch(0.1)
        await work.watch(0.5)

    assert len(work.starts) == 39
    assert most_in_window([at for at, _ in work.stock.claims], 1.0) <= 12


@simulated
async def test_due_work_that_cannot_be_claimed_is_not_asked_for_in_a_busy_loop() -> None:
    parts = Parts()

    class Empty(FakeClaimer):
        async def claim(self, *asked: object) -> tuple[list[PendingSend], int, DueWork]:
            self.amounts.append(len(asked))
            return [], 0, DueWork(FIFTY, [Candidate(1, 1)])

    parts.claimer = Empty()

    await plan(parts, DueWork(FIFTY, [Candidate(1, 1)]))

    assert 1 < len(parts.claimer.amounts) <= 3 / 0.2 + 4


@pytest.mark.parametrize("seconds", [0.01, 0.3])
@simulated
async def test_a_new_higher_priority_is_claimed_within_half_a_second_of_a_wake(seconds: float) -> None:
    async with at_work(FIFTY, seconds=seconds) as work:
        await work.watch(5)
        urgent = broadcast(2, priority="high")
        work.stock.add(urgent, 10)
        work.queue.has_news = True
        work.queue.wake()
        woken_at = work.parts.clock.now()
        await work.watch(0.5)
        assert 2 not in work.stock.waiting_of
        await work.watch(1)

    first = min(at for key, at in work.parts.sends.started if key >> 32 == 2)
    assert first - woken_at < 1.0 + seconds


@simulated
async def test_without_a_pace_no_more_is_claimed_than_may_be_in_flight() -> None:
    parts = Parts(settings=Settings(turn_seconds=1, in_flight=100, claim_size=60))
    stock, _ = stocked(parts, connection())
    stock.add(broadcast(), 1_000)
    queue = SlotQueue(1)

    await plan(parts, parts.ledger.due_work, queue)

    assert [amount for _, amount in stock.claims] == [60, 40]
    assert queue.load == 100


# --- a far slot --------------------------------------------------------------------------------------------------


@simulated
async def test_a_far_next_slot_ends_the_turn() -> None:
    parts, queue = Parts(), SlotQueue(1)
    queue.next_slot = START + 60

    await plan(parts, DueWork(ONE, [Candidate(1, 1)]), queue)

    assert (parts.claimer.amounts, parts.clock.now()) == ([], START)


@simulated
async def test_nothing_is_claimed_long_before_the_next_slot() -> None:
    parts, queue = Parts(), SlotQueue(1)
    stock, _ = stocked(parts, ONE)
    stock.add(broadcast(), 10)
    queue.next_slot = START + 2.5

    await plan(parts, parts.ledger.due_work, queue)

    assert START + 1.5 < stock.claims[0][0] < START + 2.4


# --- claims that fail --------------------------------------------------------------------------------------------


@simulated
async def test_no_message_is_claimed_after_a_reservation_failed() -> None:
    parts, queue = Parts(), SlotQueue(1)
    stock, _ = stocked(parts, FIFTY)
    stock.add(broadcast(), 100)
    queue.retry_at = START + RETRY_SECONDS

    await plan(parts, parts.ledger.due_work, queue)

    assert stock.claims[0][0] >= START + RETRY_SECONDS


@simulated
async def test_a_claim_that_the_store_broke_off_is_made_again_after_a_while() -> None:
    parts, asked = Parts(), []
    parts.claimer = FakeClaimer(UnavailableError("away"), UnavailableError("away"), [pending()])
    claim = parts.claimer.claim

    async def note(through: ConnectionSnapshot, amount: int, caps: object) -> object:
        asked.append(parts.clock.now())
        return await claim(through, amount, caps)  # type: ignore[arg-type]  # as it was asked

    parts.claimer.claim = note  # type: ignore[method-assign, assignment]  # to see when

    await plan(parts, DueWork(FIFTY, [Candidate(1, 1)]))

    first, second, third = asked[0], asked[-2], asked[-1]
    assert len(asked) == 3
    assert RETRY_SECONDS <= second - first < RETRY_SECONDS + 0.1
    assert RETRY_SECONDS <= third - second < RETRY_SECONDS + 0.1


@simulated
async def test_a_claim_with_a_bug_ends_the_turn() -> None:
    parts = Parts(claimer=FakeClaimer(ValueError("a bug")))
    queue = SlotQueue(1)

    with pytest.raises(ValueError, match="a bug"):
        await plan(parts, DUE, queue)

    assert queue.load == 0


# --- where there is nothing to plan with -------------------------------------------------------------------------


@simulated
async def test_a_connection_whose_sender_cannot_be_made_is_paused() -> None:
    parts = Parts(live_senders=FakeLiveSenders(error=ConnectionDown("bad_settings", "settings do not fit: token")))

    await plan(parts, DUE)

    assert parts.ledger.calls == [("pause_connection", 1, "bad_settings: settings do not fit: token")]
    assert parts.claimer.amounts == []


@simulated
async def test_a_planner_ends_when_the_time_of_its_turn_is_up() -> None:
    parts = Parts()
    parts.ledger.due_work = DueWork(connection(), next_due=START + 1_000)

    ended = await plan(parts, DueWork(connection(), next_due=START + 4))

    assert ended.next_due == START + 1_000
    assert parts.clock.now() == START + 4  # it waits for what is due soon, although its time is up before


@simulated
async def test_a_turn_with_a_pace_that_ends_early_leaves_enough_for_the_hand_over() -> None:
    async with at_work(FIFTY, seconds=0.3) as work:
        await work.watch(2 * WARM)
        asked_at = work.parts.clock.now()
        work.queue.ends_early = True
        work.queue.wake()
        due_work = await work.planning
        ended_at, claimed = work.parts.clock.now(), work.queue.load

    assert ended_at - asked_at < 1.0  # its time is up in two minutes
    assert due_work.candidates  # the connection's next turn begins at once
    assert 0.3 * 50 <= claimed <= 50


@simulated
async def test_a_turn_with_a_pace_does_not_end_so_early_that_hand_overs_cost_it() -> None:
    async with at_work(FIFTY, seconds=0.3) as work:
        await work.watch(1)
        work.queue.ends_early = True
        work.queue.wake()
        await work.planning
        ended_at = work.parts.clock.now()

    assert ended_at - START > 3  # ten times what the next turn needs for its first claim


@simulated
async def test_a_turn_without_a_pace_ends_early_at_once() -> None:
    parts = Parts(settings=Settings(turn_seconds=100))
    stock, _ = stocked(parts, connection())
    stock.add(broadcast(), 1_000)
    queue = SlotQueue(1)
    queue.ends_early = True

    await plan(parts, parts.ledger.due_work, queue)

    assert (stock.claims, parts.clock.now()) == ([], START)


@simulated
async def test_a_planner_of_a_stopping_process_claims_nothing() -> None:
    parts = Parts()
    parts.stopping.set()

    assert await plan(parts, DUE) is DUE
    assert parts.claimer.amounts == []


@simulated
async def test_a_planner_ends_when_nothing_is_due_soon() -> None:
    parts = Parts()

    await plan(parts, DueWork(connection(), next_due=NEVER))

    assert parts.clock.now() == START
