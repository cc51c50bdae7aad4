"""Wake-ups: when a connection's next turn is queued, and how its present turns are notified."""

from typing import Any

import pytest

from tests.core.fakes import FakeClock, FakeRedis, FakeWorkQueue
from tests.core.rows import START, connection
from tests.core.simulated import simulated
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import NEVER, DueWork
from wabroadcast_core.delivery.wakeups import WAKE_EARLY, Wakeups
from wabroadcast_core.keys import Keys
from wabroadcast_core.pacing.pace import Candidate

DUE_NOW = [Candidate(1, 1)]


class Waking:
    def __init__(self) -> None:
        self.queue = FakeWorkQueue()
        self.redis = FakeRedis()
        fakes: list[Any] = [self.queue, self.redis, FakeClock()]
        self.wakeups = Wakeups(fakes[0], client=fakes[1], keys=Keys("test"), clock=fakes[2])


@pytest.mark.parametrize(
    ("due_work", "slot", "turns"),
    [
        pytest.param(DueWork(connection(), DUE_NOW, top_rank=2), 0, [(1, 2, None)], id="work-is-due"),
        pytest.param(
            DueWork(connection(), next_due=START + 60, top_rank=1),
            0,
            [(1, 1, START + 60 - WAKE_EARLY)],
            id="work-is-due-later",
        ),
        pytest.param(DueWork(connection(), next_due=START + 2), 0, [(1, 0, None)], id="work-is-due-soon"),
        pytest.param(DueWork(connection(), next_due=NEVER), 0, [], id="no-work"),
        pytest.param(
            DueWork(connection(), DUE_NOW), START + 60, [(1, 0, START + 60 - WAKE_EARLY)], id="a-distant-slot"
        ),
        pytest.param(
            DueWork(connection(), next_due=START + 90),
            START + 60,
            [(1, 0, START + 90 - WAKE_EARLY)],
            id="work-after-the-slot",
        ),
        pytest.param(DueWork(connection(active=False), DUE_NOW), 0, [], id="a-paused-connection"),
        pytest.param(DueWork(None, DUE_NOW), 0, [], id="no-connection"),
    ],
)
@simulated
async def test_the_next_turn_comes_when_its_work_is_due(
    due_work: DueWork, slot: float, turns: list[tuple[int, int, float | None]]
) -> None:
    waking = Waking()

    await waking.wakeups.requeue(1, due_work, slot=slot)

    assert waking.queue.turns == turns


@simulated
async def test_the_turns_that_hold_the_lanes_are_notified_in_all_processes() -> None:
    waking = Waking()

    await waking.wakeups.notify_lanes(3)

    assert waking.redis.published == [(Keys("test").control, Announcement(wake=3, numbers=frozenset()))]
