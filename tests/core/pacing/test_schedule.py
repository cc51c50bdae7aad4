"""When messages may start: scheduled times, batches, send windows. Recover runs too rarely here to have an effect."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.delivery.claims import NEVER, Claims, DueWork, in_order_of_sending
from wabroadcast_core.errors import ConflictError, InvalidInputError
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.group_commit import UnitOfWork
from wabroadcast_core.store.messages import position_of
from wabroadcast_core.worker import Worker

pytestmark = pytest.mark.timed  # judges when things start

Found = TypeVar("Found")
JAKARTA = "Asia/Jakarta"
SOON = 0.7  # seconds


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"recover_seconds": 60.0})


@pytest.fixture(autouse=True)
def connection(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})


def _in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def _await_end(broadcaster: Broadcaster, job_id: str) -> None:
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="completion")


# --- a time ----------------------------------------------------------------------------------------------------


def test_a_scheduled_broadcast_starts_within_two_seconds_of_its_time_and_not_before(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    scheduled_at = datetime.now(UTC).replace(microsecond=900_000) + timedelta(seconds=1)

    job = broadcaster.submit(text_to("main", scheduledAt=scheduled_at), people(3))
    _await_end(broadcaster, job.job_id)

    assert job.status == "scheduled"
    lateness = [start.at - scheduled_at.timestamp() for start in provider.starts]
    assert len(lateness) == 3
    assert 0 <= min(lateness) <= max(lateness) < 2


@ON_SQLITE
def test_a_broadcast_with_an_earlier_time_starts_at_its_new_time(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    job = broadcaster.submit(text_to("main", scheduledAt=_in(3_600)), people(1))

    scheduled_at = _in(SOON)
    broadcaster.reschedule(job.job_id, {"scheduledAt": scheduled_at})
    _await_end(broadcaster, job.job_id)

    assert 0 <= provider.starts[0].at - scheduled_at.timestamp() < 2


@ON_SQLITE
def test_a_postponed_broadcast_does_not_start_at_its_old_time(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    old = _in(SOON)
    postponed = broadcaster.submit(text_to("main", scheduledAt=old), people(1))
    later = broadcaster.submit(text_to("main", scheduledAt=old + timedelta(seconds=0.2)), people(2)[1:])

    broadcaster.reschedule(postponed.job_id, {"scheduledAt": _in(3_600), "name": "Later"})
    _await_end(broadcaster, later.job_id)

    assert set(provider.counts()) == {number_of(1)}
    assert broadcaster.status(postponed.job_id).status == "scheduled"
    assert broadcaster.get(postponed.job_id).name == "Later"


@ON_SQLITE
def test_a_time_that_was_over_on_its_way_starts_a_broadcast_at_once(broadcaster: Broadcaster, worker: Worker) -> None:
    job = broadcaster.submit(text_to("main", scheduledAt=_in(3_600)), people(1))

    changed = broadcaster.reschedule(job.job_id, {"scheduledAt": _in(-5)})
    _await_end(broadcaster, job.job_id)

    assert changed.status == "queued"


@ON_SQLITE
def test_a_start_in_the_past_is_refused(broadcaster: Broadcaster) -> None:
    over = _in(-60)
    job = broadcaster.submit(text_to("main", scheduledAt=_in(3_600)), people(1))

    with pytest.raises(InvalidInputError) as submitted:
        broadcaster.submit(text_to("none", scheduledAt=over), people(1))
    with pytest.raises(InvalidInputError) as previewed:
        broadcaster.preview(text_to("main", scheduledAt=over), people(1))
    with pytest.raises(InvalidInputError) as changed:
        broadcaster.reschedule(job.job_id, {"scheduledAt": over})

    paths = [[fault.path for fault in caught.value.faults] for caught in (submitted, previewed, changed)]
    assert paths == [["connection", "scheduledAt"], ["scheduledAt"], ["scheduledAt"]]
    assert broadcaster.status(job.job_id).status == "scheduled"


@ON_SQLITE
def test_a_repeated_submit_is_answered_after_its_start(broadcaster: Broadcaster, monkeypatch: Any) -> None:
    soon = _in(1)
    first = broadcaster.submit(text_to("main", scheduledAt=soon), people(1), idempotency_key="k")
    monkeypatch.setattr(broadcaster.context.clock, "now", lambda: soon.timestamp() + 3_600)

    again = broadcaster.submit(text_to("main", scheduledAt=soon), people(1), idempotency_key="k")

    assert again.job_id == first.job_id


@ON_SQLITE
def test_a_broadcast_that_has_started_cannot_be_postponed(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.gate.clear()
    source = {"type": "gated", "people": 1}
    job = broadcaster.submit(text_to("main", source=source))
    wait_for(lambda: broadcaster.status(job.job_id).status == "processing", what="the start")

    with pytest.raises(ConflictError) as running:
        broadcaster.reschedule(job.job_id, {"scheduledAt": _in(60)})
    broadcaster.pause(job.job_id)
    with pytest.raises(ConflictError) as paused:
        broadcaster.reschedule(job.job_id, {"scheduledAt": _in(60)})
    provider.gate.set()

    assert [running.value.status, paused.value.status] == ["processing", "paused"]


# --- batches ---------------------------------------------------------------------------------------------------


def test_each_batch_is_released_an_interval_after_the_one_before(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    job = broadcaster.submit(text_to("main", batching={"size": 4, "intervalSeconds": 0.6}), people(12))
    _await_end(broadcaster, job.job_id)

    firsts, lasts = _batch_times(provider, size=4)
    released = broadcaster.get(job.job_id).started_at  # the first batch is released at the start
    assert released is not None
    lateness = [firsts[batch] - (released.timestamp() + 0.6 * batch) for batch in range(3)]
    assert all(0 <= late < 0.5 for late in lateness)
    assert lasts[0] < firsts[1]
    assert lasts[1] < firsts[2]


def _batch_times(provider: ScriptedProvider, *, size: int) -> tuple[dict[int, float], dict[int, float]]:
    firsts: dict[int, float] = {}
    lasts: dict[int, float] = {}
    for start in provider.starts:
        batch = int(start.message_id.rpartition("-")[2]) // size
        firsts.setdefault(batch, start.at)
        lasts[batch] = start.at
    return firsts, lasts


def test_a_pause_shifts_the_batches_that_are_not_released_yet(broadcaster: Broadcaster) -> None:
    clock = FixedClock(1_000.0)
    job_id = _prepared(broadcaster, clock, batching={"size": 2, "intervalSeconds": 100}, people_count=6)

    clock.time = 1_070.0
    broadcaster.pause(job_id)
    clock.time = 5_000.0
    broadcaster.resume(job_id)

    assert _look(broadcaster, at=5_000.0).candidates != []  # the first batch has not been sent
    _claim(broadcaster, at=5_001.0, expect=2)
    assert _look(broadcaster, at=5_029.0).next_due == 5_030.0
    _claim(broadcaster, at=5_030.0, expect=2)


def test_batches_that_were_missed_are_released_one_at_a_time(broadcaster: Broadcaster) -> None:
    clock = FixedClock(1_000.0)
    _prepared(broadcaster, clock, batching={"size": 2, "intervalSeconds": 100}, people_count=8)
    _claim(broadcaster, at=1_000.0, expect=2)

    _claim(broadcaster, at=1_950.0, expect=2)

    assert _look(broadcaster, at=1_951.0).next_due == 2_050.0


# --- windows ---------------------------------------------------------------------------------------------------


@ON_SQLITE
@pytest.mark.parametrize("place", ["broadcast", "connection"])
def test_no_message_starts_outside_a_window_and_a_turn_is_queued_for_its_opening(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, place: str
) -> None:
    window, opens = _closed_window()
    if place == "connection":
        broadcaster.connections.save("main", {"sender": "scripted", "sendWindow": window})
    fields = {"sendWindow": window} if place == "broadcast" else {}

    job = broadcaster.submit(text_to("main", **fields), people(3))
    wait_for(lambda: _queued_turns(broadcaster), what="the turn for the opening")

    [early] = {opens - turn for turn in _queued_turns(broadcaster)}
    assert timedelta() <= early < timedelta(seconds=3)
    progress = broadcaster.status(job.job_id)
    assert (progress.status, progress.counts.queued) == ("processing", 3)
    assert provider.starts == []


def _closed_window() -> tuple[dict[str, str], datetime]:
    """Return a window that opens in one to two hours, and when it opens."""
    opens = (datetime.now(ZoneInfo(JAKARTA)) + timedelta(hours=2)).replace(minute=0, second=0, microsecond=0)
    opens += timedelta(hours=1) if opens - datetime.now(UTC) < timedelta(hours=1) else timedelta()
    closes = opens + timedelta(hours=1)
    return {"from": f"{opens:%H:%M}", "to": f"{closes:%H:%M}", "timezone": JAKARTA}, opens.astimezone(UTC)


def _queued_turns(broadcaster: Broadcaster) -> list[datetime]:
    tasks = broadcaster.tasks.huey.scheduled()
    return [task.eta.replace(tzinfo=UTC) for task in tasks if task.name == "wab_turn"]


@ON_SQLITE
@pytest.mark.parametrize(
    ("mine", "connections", "clock", "opens"),
    [
        pytest.param(("08:00", "20:00"), None, "07:59", "08:00", id="before-it-opens"),
        pytest.param(("08:00", "20:00"), None, "08:00", "08:00", id="the-minute-it-opens"),
        pytest.param(("08:00", "20:00"), None, "19:59", "19:59", id="the-last-minute"),
        pytest.param(("08:00", "20:00"), None, "20:00", "+08:00", id="the-minute-it-closes"),
        pytest.param(("21:00", "05:00"), None, "23:30", "23:30", id="over-midnight-in-the-evening"),
        pytest.param(("21:00", "05:00"), None, "12:00", "21:00", id="over-midnight-at-noon"),
        pytest.param(None, ("09:00", "17:00"), "08:00", "09:00", id="the-connection's"),
        pytest.param(("08:00", "12:00"), ("10:00", "14:00"), "09:00", "10:00", id="both-open-at-ten"),
        pytest.param(("08:00", "12:00"), ("10:00", "14:00"), "13:00", "+10:00", id="both-open-again-tomorrow"),
        pytest.param(("08:00", "09:00"), ("10:00", "11:00"), "09:30", None, id="never-both-open"),
    ],
)
def test_a_claim_keeps_the_windows(
    broadcaster: Broadcaster,
    mine: tuple[str, str] | None,
    connections: tuple[str, str] | None,
    clock: str,
    opens: str | None,
) -> None:
    if connections is not None:
        broadcaster.connections.save("main", {"sender": "scripted", "sendWindow": _window(connections)})
    fields: dict[str, Any] = {} if mine is None else {"sendWindow": _window(mine)}
    at = _in_jakarta(clock)
    _prepared(broadcaster, FixedClock(at), **fields)

    due_work = _look(broadcaster, at=at)

    expected = NEVER if opens is None else _in_jakarta(opens)
    assert [candidate.broadcast_id for candidate in due_work.candidates] == ([1] if expected == at else [])
    assert due_work.next_due == (NEVER if expected == at else expected)
    if opens is not None:
        _claim(broadcaster, at=expected, expect=4)


def _window(hours: tuple[str, str]) -> dict[str, str]:
    return {"from": hours[0], "to": hours[1], "timezone": JAKARTA}


def _in_jakarta(clock: str) -> float:
    """Return a time of 1 December 2026 in Jakarta, or of the next day if it has a plus."""
    hour, minute = map(int, clock.removeprefix("+").split(":"))
    day = 2 if clock.startswith("+") else 1
    return datetime(2026, 12, day, hour, minute, tzinfo=ZoneInfo(JAKARTA)).timestamp()


# --- the claim with a fixed clock ------------------------------------------------------------------------------


class FixedClock:
    def __init__(self, time: float) -> None:
        self.time = time

    def now(self) -> float:
        return self.time


def _prepared(broadcaster: Broadcaster, clock: FixedClock, *, people_count: int = 4, **fields: Any) -> str:
    """Return the job id of a broadcast that was prepared without a worker."""
    broadcaster.context.clock = clock
    job_id = broadcaster.submit(text_to("main", **fields), people(people_count)).job_id
    broadcaster.handlers.prepare(1)
    return job_id


def _look(broadcaster: Broadcaster, *, at: float) -> DueWork:
    return _in_unit(broadcaster, at, lambda claims, unit: claims.look(unit, _connection(unit).id))


def _claim(broadcaster: Broadcaster, *, at: float, expect: int) -> None:
    """Claim all due messages, which are the next ones in the order of the audience."""

    def work(claims: Claims, unit: UnitOfWork) -> list[int]:
        worker_id = worker_store.insert_worker(unit.conn, now=unit.now)
        taken, due_work = claims.claim(unit, _connection(unit), worker_id=worker_id, amount=100)
        return [position_of(message.key) for message in in_order_of_sending(due_work.candidates, taken)]

    positions = _in_unit(broadcaster, at, work)
    assert positions == list(range(positions[0], positions[0] + expect))


def _in_unit(broadcaster: Broadcaster, at: float, work: Callable[[Claims, UnitOfWork], Found]) -> Found:
    def snapshot_of(connection: object, key: int) -> BroadcastSnapshot | None:
        row = broadcast_store.get_broadcast(unit.conn, key)
        return None if row is None else BroadcastSnapshot.of(row)

    with broadcaster.context.database.write() as conn:
        unit = UnitOfWork(conn, now=at)
        found = work(Claims(snapshot_of=snapshot_of, default_zone=JAKARTA), unit)
        broadcast_store.apply_changes(conn, unit.changes, now=at)
    return found


def _connection(unit: UnitOfWork) -> ConnectionSnapshot:
    row = connection_store.find_connection(unit.conn, "main")
    assert row is not None
    return ConnectionSnapshot.of(row, now=unit.now)


@ON_SQLITE
def test_a_claim_takes_the_broadcasts_in_the_order_of_their_rank(broadcaster: Broadcaster) -> None:
    _prepared(broadcaster, FixedClock(1_000.0), priority="low")
    broadcaster.submit(text_to("main", priority="high"), people(3))
    broadcaster.handlers.prepare(2)

    due_work = _look(broadcaster, at=1_000.0)

    assert [candidate.broadcast_id for candidate in due_work.candidates] == [2, 1]
