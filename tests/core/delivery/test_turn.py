"""One turn of a connection: when it works at all, and how it ends."""

import asyncio

import pytest

from tests.core.fakes import FakeClaimer, FakeLanes, Parts
from tests.core.rows import START, connection, pending
from tests.core.simulated import settle, simulated
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.planner import NEAR
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.pacing.pace import Candidate

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
async def test_a_turn_without_work_that_is_due_soon_comes_back_later() -> None:
    parts, due_work = Parts(), DueWork(connection(), next_due=START + NEAR + 1)

    await turn_with(parts, due_work).run()

    assert parts.wakeups.calls == [("requeue", 1, due_work, 0)]
    assert parts.lanes.names == []


@simulated
async def test_a_turn_without_a_lane_leaves_the_work_to_those_who_have_one() -> None:
    parts = Parts(lanes=FakeLanes(free=0))

    await turn_with(parts, DueWork(connection(), DUE)).run()

    assert parts.wakeups.calls == [("notify_lanes", 1)]
    assert parts.claimer.amounts == []


@simulated
async def test_a_turn_of_a_stopping_process_does_not_come_back() -> None:
    parts = Parts()
    parts.stopping.set()

    await turn_with(parts, DueWork(connection(), DUE)).run()

    assert parts.claimer.amounts == []
    assert parts.wakeups.calls == []


# --- with work ---------------------------------------------------------------------------------------------------


@simulated
async def test_a_turn_sends_what_it_claims_gives_its_lane_back_and_comes_back_for_the_rest() -> None:
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
async def test_a_claim_that_breaks_off_leaves_the_other_planner_at_work() -> None:
    parts = Parts(claimer=FakeClaimer(UnavailableError("away"), [pending(0)]))

    await turn_with(parts, DueWork(connection(), DUE)).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key]
    assert parts.lanes.free == 1
    assert [call[0] for call in parts.wakeups.calls] == ["requeue"]


@pytest.mark.parametrize("through", [pytest.param(connection(), id="two-planners"), pytest.param(PACED, id="one")])
@simulated
async def test_a_turn_whose_planners_all_fail_gives_its_lane_back_and_fails(through: object) -> None:
    parts = Parts(claimer=FakeClaimer(UnavailableError("away"), UnavailableError("away")))
    due_work = DueWork(through, DUE)  # type: ignore[arg-type]  # a connection

    with pytest.raises(UnavailableError):
        await turn_with(parts, due_work).run()

    assert (parts.lanes.names, parts.lanes.free) == (["7.1"], 1)
    assert parts.wakeups.calls == []


@simulated
async def test_a_turn_with_a_bug_in_a_planner_sends_what_the_other_one_claimed_before_it_fails() -> None:
    parts = Parts(claimer=FakeClaimer(ValueError("a bug"), [pending(0)]))

    with pytest.raises(ValueError, match="a bug"):
        await turn_with(parts, DueWork(connection(), DUE)).run()

    assert [key for key, _ in parts.sends.started] == [pending(0).claimed.key]
    assert parts.lanes.free == 1
