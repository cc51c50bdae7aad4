"""The turns under way in one worker process."""

import asyncio
import logging

import pytest
import redis

from tests.core.fakes import FakeClaimer, Parts
from tests.core.rows import START, broadcast, claimed, connection
from tests.core.simulated import settle, simulated
from tests.core.stock import stocked
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import DueWork
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.delivery.turns import Turns
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Rate
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.recorder import Result
from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.settings import Settings
from wabroadcast_core.store.outcomes import Outcome

INACTIVE = DueWork(connection(active=False))
FIFTY = connection(limits=Limits(rate=Rate(messages=50)))


def turns_of(parts: Parts) -> Turns:
    return Turns(parts.resources(), parts.background)


def blocked_turns(parts: Parts, *connection_ids: int) -> tuple[Turns, list[Turn]]:
    """Start turns that run until they are cancelled, because the store does not answer them."""
    parts.ledger.looking = asyncio.Event()
    turns = turns_of(parts)
    for connection_id in connection_ids:
        turns.start(connection_id)
    return turns, [next(iter(turns._turns[connection_id])) for connection_id in connection_ids]


def result(position: int, status: MessageStatus, *, due_at: float | None = None) -> Result:
    message = claimed(position)
    return Result(message, Outcome(message.key, status, due_at=due_at))


# --- their lives -------------------------------------------------------------------------------------------------


@simulated
async def test_a_turn_counts_until_it_has_ended() -> None:
    parts = Parts()
    parts.ledger.due_work = INACTIVE
    turns = turns_of(parts)

    turns.start(1)
    assert len(turns) == 1

    await settle()
    assert len(turns) == 0
    assert parts.ledger.calls == [("look", 1)]


@simulated
async def test_each_turn_has_a_name_of_its_own() -> None:
    turns, [first, second] = blocked_turns(Parts(), 1, 2)

    assert (first.name, second.name) == ("7.1", "7.2")
    await turns.cancel()


@simulated
async def test_no_turn_starts_once_the_process_is_stopping() -> None:
    parts = Parts()
    parts.stopping.set()
    turns = turns_of(parts)

    turns.start(1)

    assert len(turns) == 0
    assert parts.ledger.calls == []


@pytest.mark.parametrize(
    ("error", "level"),
    [
        pytest.param(UnavailableError("away"), logging.WARNING, id="no-store"),
        pytest.param(redis.ConnectionError(), logging.WARNING, id="no-redis"),
        pytest.param(ValueError("a bug"), logging.ERROR, id="a-bug"),
    ],
)
@simulated
async def test_a_turn_that_fails_is_logged_and_stops_no_other(
    caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    parts = Parts()
    parts.ledger.due_work = INACTIVE
    parts.ledger.raises["look"].append(error)
    turns = turns_of(parts)

    turns.start(1)
    turns.start(2)
    await settle()

    assert parts.ledger.calls == [("look", 2)]
    assert [record.levelno for record in caplog.records] == [level]
    assert len(turns) == 0


@simulated
async def test_the_log_of_a_turn_that_fails_names_its_connection(caplog: pytest.LogCaptureFixture) -> None:
    parts = Parts(claimer=FakeClaimer(ValueError("a bug")))
    parts.ledger.due_work = DueWork(connection(), [Candidate(1, 1)])
    turns = turns_of(parts)

    turns.start(1)
    await asyncio.sleep(10)

    [record] = caplog.records
    assert record.getMessage() == "connection c1: a turn failed: recover queues another one"


@simulated
async def test_a_stop_waits_for_turns_no_longer_than_it_may() -> None:
    parts = Parts()
    turns, [turn] = blocked_turns(parts, 1)
    alarm = turn._queue.new_alarm()

    await turns.finish(within=5)

    assert alarm.is_set()
    assert parts.clock.now() == START + 5
    assert len(turns) == 1

    await turns.cancel()
    assert len(turns) == 0


# --- turns that end early ----------------------------------------------------------------------------------------


@simulated
async def test_the_oldest_of_several_turns_ends_early_and_never_the_last() -> None:
    turns, [first, second, third] = blocked_turns(Parts(), 1, 2, 3)
    turns._staying.update((first, second, third))
    alarm = first._queue.new_alarm()

    assert turns.end_one_early() == 1
    assert alarm.is_set()
    assert [turn._queue.ends_early for turn in (first, second, third)] == [True, False, False]
    assert (turns.staying_count, turns.has_staying(1), turns.has_staying(2)) == (2, False, True)

    assert turns.end_one_early() == 2
    assert turns.end_one_early() is None
    assert third._queue.ends_early is False
    await turns.cancel()


@simulated
async def test_a_turn_stays_while_it_plans() -> None:
    parts = Parts(settings=Settings(turn_seconds=2))
    stock, _ = stocked(parts, FIFTY)
    stock.add(broadcast(), 1_000)
    turns = turns_of(parts)

    turns.start(1)
    before = turns.staying_count
    await asyncio.sleep(1)
    assert (before, turns.staying_count) == (0, 1)

    await asyncio.sleep(5)
    assert turns.staying_count == 0


# --- announcements -----------------------------------------------------------------------------------------------


@simulated
async def test_new_work_wakes_the_turns_of_its_connection_only() -> None:
    turns, [first, second] = blocked_turns(Parts(), 1, 2)
    alarms = [turn._queue.new_alarm() for turn in (first, second)]

    turns.on_announcement(Announcement(wake=2))

    assert [alarm.is_set() for alarm in alarms] == [False, True]
    await turns.cancel()


@simulated
async def test_a_pause_reaches_all_turns() -> None:
    turns, running = blocked_turns(Parts(), 1, 2)
    pause = Announcement(broadcast=1)

    first, second = (turn._queue.begin_claim(1) for turn in running)
    turns.on_announcement(pause)

    assert (first, second) == ([pause], [pause])
    await turns.cancel()


# --- messages that wait again ------------------------------------------------------------------------------------


@simulated
async def test_messages_that_wait_again_wake_a_turn_that_still_plans() -> None:
    parts = Parts()
    turns, [turn] = blocked_turns(parts, 1)
    turn.is_planning = True
    alarm = turn._queue.new_alarm()

    turns.on_recorded([result(0, MessageStatus.QUEUED)])
    await parts.background.wait(within=1)

    assert alarm.is_set()
    assert parts.wakeups.calls == []
    await turns.cancel()


@simulated
async def test_messages_that_wait_again_get_a_turn_when_the_first_of_them_is_due() -> None:
    parts = Parts()
    turns, _ = blocked_turns(parts, 1)

    turns.on_recorded([result(place, MessageStatus.RETRY, due_at=START + wait) for place, wait in enumerate((9, 7, 8))])
    await parts.background.wait(within=1)

    assert parts.wakeups.calls == [("queue_turn", 1, 0, START + 7)]
    await turns.cancel()


@simulated
async def test_messages_of_a_pool_that_wait_again_get_a_turn_of_each_of_its_connections() -> None:
    parts = Parts()
    parts.ledger.broadcasts[1] = broadcast(connection=["c1", "c2"])

    turns_of(parts).on_recorded([result(0, MessageStatus.RETRY, due_at=START + 7)])
    await parts.background.wait(within=1)

    assert parts.wakeups.calls == [("queue_turn", 1, 0, START + 7), ("queue_turn", 2, 0, START + 7)]


@simulated
async def test_messages_with_a_final_status_need_no_turn() -> None:
    parts = Parts()
    over = (MessageStatus.FAILED, MessageStatus.UNKNOWN, MessageStatus.SKIPPED)

    turns_of(parts).on_recorded([result(place, status) for place, status in enumerate(over)])
    await parts.background.wait(within=1)

    assert parts.wakeups.calls == []
