"""Turns: the conditions for one to claim messages, and how it ends."""

import asyncio

import pytest

from tests.core.fakes import FakeClaimer, FakeLanes, FakePace, Parts, slots
from tests.core.rows import START, connection, pending
from tests.core.simulated import settle, simulated
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.planner import NEAR
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.snapshots import ConnectionSnapshot

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


# --- where a planner fails ---------------------------------------------------------------------------------------


@simulated
async def test_a_claim_that_breaks_off_leaves_the_other_planner_at_work(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts(claimer=FakeClaimer(UnavailableError("away"), [pending(0)]))

    await turn_with(parts, DueWork(connection(), DUE)).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key]
    assert parts.lanes.free == 1
    assert [call[0] for call in parts.wakeups.calls] == ["requeue"]
    assert caplog.messages == ["connection c1: a claim broke off (UnavailableError); its turn goes on"]


@pytest.mark.parametrize("through", [pytest.param(connection(), id="two-planners"), pytest.param(PACED, id="one")])
@simulated
async def test_a_turn_whose_planners_all_fail_gives_its_lane_back_and_fails(through: ConnectionSnapshot) -> None:
    parts = Parts(claimer=FakeClaimer(UnavailableError("away"), UnavailableError("away")))

    with pytest.raises(UnavailableError):
        await turn_with(parts, DueWork(through, DUE)).run()

    assert (parts.lanes.names, parts.lanes.free) == (["7.1"], 1)
    assert parts.wakeups.calls == []


@simulated
async def test_a_turn_with_a_bug_in_one_planner_sends_the_claims_of_the_other_before_it_fails() -> None:
    parts = Parts(claimer=FakeClaimer(ValueError("a bug"), [pending(0)]))
    parts.pace = FakePace(parts.clock, slots(START + 0.5), slots(START + 0.5))

    with pytest.raises(ValueError, match="a bug"):
        await turn_with(parts, DueWork(connection(), DUE)).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key]
    assert parts.lanes.free == 1
