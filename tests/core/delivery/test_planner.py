"""What a planner does where there is nothing to plan with: no sender, no Redis, no time."""

import redis

from tests.core.fakes import FakeLiveSenders, FakePace, Parts
from tests.core.rows import START, connection
from tests.core.simulated import simulated
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.planner import Planner
from wabroadcast_core.delivery.slot_queue import SlotQueue
from wabroadcast_core.errors import ConnectionDown
from wabroadcast_core.pacing.pace import Candidate

DUE = DueWork(connection(), [Candidate(1, 1)])


@simulated
async def test_a_connection_whose_sender_cannot_be_made_is_paused() -> None:
    parts = Parts(live_senders=FakeLiveSenders(error=ConnectionDown("bad_settings", "settings do not fit: token")))

    await Planner(parts.resources(), SlotQueue(1)).plan(DUE)

    assert parts.ledger.calls == [("pause_connection", 1, "bad_settings: settings do not fit: token")]
    assert parts.claimer.amounts == []


@simulated
async def test_nothing_is_claimed_while_redis_hands_out_no_slots() -> None:
    parts = Parts()
    parts.pace = FakePace(parts.clock, redis.ConnectionError(), redis.ConnectionError())
    parts.ledger.due_work = DUE

    await Planner(parts.resources(), SlotQueue(1)).plan(DUE)

    assert [at for _, _, at in parts.pace.calls] == [START, START + RETRY_SECONDS, START + 2 * RETRY_SECONDS]
    assert len(parts.claimer.amounts) == 1


@simulated
async def test_a_planner_ends_with_the_time_of_its_turn() -> None:
    parts = Parts()
    parts.ledger.due_work = DueWork(connection(), next_due=START + 1_000)

    ended = await Planner(parts.resources(), SlotQueue(1)).plan(DueWork(connection(), next_due=START + 4))

    assert ended.next_due == START + 1_000
    assert parts.clock.now() == START + 4  # it waits for what is due soon, although its time is up before


@simulated
async def test_a_planner_of_a_stopping_process_claims_nothing() -> None:
    parts = Parts()
    parts.stopping.set()

    assert await Planner(parts.resources(), SlotQueue(1)).plan(DUE) is DUE
    assert parts.pace.calls == []


@simulated
async def test_a_planner_ends_when_nothing_is_due_soon() -> None:
    parts = Parts()

    await Planner(parts.resources(), SlotQueue(1)).plan(DueWork(connection(), next_due=NEVER))

    assert parts.clock.now() == START
