"""Turns: the conditions for one to claim messages, and how it ends."""

import asyncio

import pytest

from tests.core.fakes import FakeClaimer, FakeLanes, FakePace, Parts, slots
from tests.core.rows import START, broadcast, connection, pending
from tests.core.simulated import settle, simulated
from tests.core.stock import stocked
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.planner import NEAR
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota, Rate
from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.testing.gateway import most_in_window

DUE = [Candidate(1, 1)]
PACED = connection(limits=Limits(rate=Rate(messages=50)))


def turn_with(parts: Parts, due_work: DueWork) -> Turn:
    parts.ledger.due_work = due_work
    return Turn(parts.resources(), 1, 1)


# --- without work ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "due_work",
    [
        pytest.param(DueWork(connection(active=False), DUE), id="a-paused-connection"),
        pytest.param(DueWork(None, DUE), id="no-connection"),
    ],
)
@simulated
async def test_a_turn_of_a_connection_that_may_not_send_does_nothing(due_work: DueWork) -> None:
    parts = Parts()

    await turn_with(parts, due_work).run()

    assert parts.claimer.amounts == []
    assert parts.lanes.names == []
    assert parts.wakeups.calls == []


@simulated
async def test_a_turn_without_work_that_is_due_soon_is_requeued() -> None:
    parts, due_work = Parts(), DueWork(connection(), next_due=START + NEAR + 1)

    await turn_with(parts, due_work).run()

    assert parts.wakeups.calls == [("requeue", 1, due_work, 0)]
    assert parts.lanes.names == []


@simulated
async def test_a_turn_without_a_lane_notifies_the_turns_that_hold_the_lanes() -> None:
    parts = Parts(lanes=FakeLanes(free=0))

    await turn_with(parts, DueWork(connection(), DUE)).run()

    assert parts.wakeups.calls == [("notify_lanes", 1)]
    assert parts.claimer.amounts == []


@simulated
async def test_a_turn_of_a_stopping_process_is_not_requeued() -> None:
    parts = Parts()
    parts.stopping.set()

    await turn_with(parts, DueWork(connection(), DUE)).run()

    assert parts.claimer.amounts == []
    assert parts.wakeups.calls == []


# --- with work ---------------------------------------------------------------------------------------------------


@simulated
async def test_a_turn_sends_the_claimed_messages_gives_its_lane_back_and_is_requeued() -> None:
    parts = Parts(claimer=FakeClaimer([pending(0), pending(1)]))
    rest = DueWork(PACED, DUE)

    await turn_with(parts, rest).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key, pending(1).claimed.key]
    assert (parts.lanes.names, parts.lanes.free) == (["7.1"], 1)
    assert parts.wakeups.calls == [("requeue", 1, rest, 0)]


@simulated
async def test_a_turn_plans_until_it_has_ended() -> None:
    parts = Parts()
    turn = turn_with(parts, DueWork(PACED, next_due=START + 1))
    running = asyncio.create_task(turn.run())
    await settle()
    assert turn.is_planning

    parts.ledger.due_work = DueWork(PACED, next_due=NEVER)
    await running

    assert not turn.is_planning


@simulated
async def test_a_turn_hands_over_just_before_its_claimed_messages_run_out() -> None:
    parts = Parts()
    stock, _ = stocked(parts, PACED, seconds=0.2)
    stock.add(broadcast(), 1_000)
    ended: list[float] = []
    wakeups = parts.wakeups

    async def note(connection_id: int, due_work: DueWork, *, slot: float = 0) -> None:
        del due_work, slot
        ended.append(parts.clock.now())
        assert parts.lanes.free == 1
        wakeups.calls.append(("requeue", connection_id))

    wakeups.requeue = note  # type: ignore[method-assign]  # to see when

    await Turn(parts.resources(), 1, 1).run()

    [handed_over] = ended
    starts = [at for _, at in parts.sends.started]
    assert START + 3 <= handed_over < START + 5
    assert 0.2 <= max(starts) - handed_over < 0.8  # a claim takes 0.2 s
    assert parts.recorder.results == []
    assert most_in_window(starts, 1.0) <= 50


@simulated
async def test_a_turn_whose_next_slot_is_far_claims_nothing_and_comes_back_for_it() -> None:
    hourly = connection(limits=Limits(quotas=[Quota(messages=10, per_seconds=3_600)]))
    parts = Parts(claimer=FakeClaimer([pending(0)]))
    parts.pace = FakePace(parts.clock, slots(next_at=START + 600))
    rest = DueWork(hourly, DUE)

    await turn_with(parts, rest).run()

    assert parts.claimer.amounts == []
    assert parts.wakeups.calls == [("requeue", 1, rest, START + 600)]
    assert parts.lanes.free == 1


# --- where a claim fails -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("through", [pytest.param(connection(), id="unpaced"), pytest.param(PACED, id="paced")])
@simulated
async def test_a_claim_that_breaks_off_while_the_store_is_away_is_tried_again(through: ConnectionSnapshot) -> None:
    parts = Parts(claimer=FakeClaimer(UnavailableError("away"), [pending(0, ready_at=START + RETRY_SECONDS)]))

    await turn_with(parts, DueWork(through, DUE)).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key]
    assert parts.lanes.free == 1
    assert [call[0] for call in parts.wakeups.calls] == ["requeue"]


@simulated
async def test_a_turn_with_a_bug_in_a_claim_sends_what_another_one_brought_and_fails() -> None:
    parts = Parts(claimer=FakeClaimer([pending(0)], ValueError("a bug")))

    with pytest.raises(ValueError, match="a bug"):
        await turn_with(parts, DueWork(connection(), DUE)).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key]
    assert parts.lanes.free == 1


@simulated
async def test_a_turn_whose_look_fails_gives_its_lane_back_and_fails() -> None:
    parts = Parts()
    turn = turn_with(parts, DueWork(PACED, next_due=START + 1))
    running = asyncio.create_task(turn.run())
    await settle()
    parts.ledger.raises["look"].append(UnavailableError("away"))

    with pytest.raises(UnavailableError):
        await running

    assert (parts.lanes.names, parts.lanes.free) == (["7.1"], 1)
    assert parts.wakeups.calls == []
    assert not turn.is_planning
