"""Each cause for which something waits: provoked with a real worker, and shown within two seconds."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from tests.conftest import QUICK
from tests.disks import fill_disk
from tests.scripted import Decision, ScriptedProvider, people, text_to
from tests.stores import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import BadMessage, ConnectionDown, Temporary, Throttled
from wabroadcast_core.models.waiting import (
    HigherPriority,
    NoWorker,
    Preparing,
    QuotaUsed,
    RedisDown,
    Sending,
    StoreDown,
    WaitingFor,
)
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store.workers import insert_worker
from wabroadcast_core.testing.gateway import Gateway
from wabroadcast_core.worker import Worker

pytestmark = pytest.mark.slow

SHOWN_WITHIN = 2.0  # seconds
HOUR, DAY = 3_600.0, 86_400.0


def _window_in(seconds: float) -> dict[str, str]:
    """Return a send window that opens in so many seconds, to the minute before."""
    opens = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"from": f"{opens:%H:%M}", "to": f"{opens + timedelta(hours=1):%H:%M}", "timezone": "UTC"}


def _in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def _always(error: Exception) -> Decision:
    return lambda _connection, _message: error


def _once(error: Exception) -> Decision:
    errors = iter([error])
    return lambda _connection, _message: next(errors, None)


def _accept(_connection: str, _message: object) -> None:
    return None


def _pause_connection(broadcaster: Broadcaster, _job_id: str) -> None:
    broadcaster.connections.pause("main", actor="ani")


def _pause_broadcast(broadcaster: Broadcaster, job_id: str) -> None:
    broadcaster.pause(job_id, actor="ani")


def _pause_rest(broadcaster: Broadcaster, job_id: str) -> None:
    """Pause the batches that are left, once the audience is read."""
    wait_for(
        lambda: broadcaster.status(job_id).prepared and broadcaster.status(job_id).counts.sent == 1, what="batch 0"
    )
    for batch in (1, 2):
        broadcaster.pause(job_id, batch=batch, actor="ani")


def _do_nothing(_broadcaster: Broadcaster, _job_id: str) -> None:
    return None


@dataclass
class Case:
    """A cause and how to provoke it.

    :param shown: fields of the cause; ``ends_in`` is in seconds from now.
    """

    code: str
    shown: dict[str, Any] = field(default_factory=dict)
    ends_in: float | None = None
    slack: float = 10.0  # seconds
    connection: dict[str, Any] = field(default_factory=dict)
    draft: Callable[[], dict[str, Any]] = dict
    people: int = 3
    decide: Decision = _accept
    act: Callable[[Broadcaster, str], None] = _do_nothing
    on_connection: str | None = "same"
    on_message: str | None = "same"


RATE = {"rate": {"messages": 50, "perSeconds": 1}}
CASES = {
    "scheduled": Case(
        "scheduled", ends_in=HOUR, draft=lambda: {"scheduledAt": _in(HOUR)}, on_connection=None, on_message=None
    ),
    "hold": Case("hold", ends_in=300.0, draft=lambda: {"holdSeconds": 300}, on_connection=None, on_message=None),
    "window-of-the-broadcast": Case(
        "send_window",
        {"connection": "main"},
        ends_in=3 * HOUR,
        slack=61,
        draft=lambda: {"sendWindow": _window_in(3 * HOUR)},
    ),
    "window-of-the-connection": Case(
        "send_window",
        {"connection": "main"},
        ends_in=11.5 * HOUR,
        slack=1.1 * HOUR,
        connection={"sendWindow": _window_in(11.5 * HOUR)},
    ),
    "quota": Case(
        "quota",
        {"used": 2, "limit": 2, "per_seconds": HOUR, "connection": "main"},
        ends_in=1.005 * HOUR,
        slack=90,
        connection={"quotas": [{"messages": 2, "perSeconds": HOUR}]},
    ),
    "the-quota-that-ends-last": Case(
        "quota",
        {"used": 2, "limit": 2, "per_seconds": DAY},
        ends_in=1.01 * DAY,
        slack=0.02 * DAY,
        connection={"quotas": [{"messages": 2, "perSeconds": HOUR}, {"messages": 2, "perSeconds": DAY}]},
    ),
    "warm-up": Case(
        "warm_up",
        {"used": 2, "limit": 2, "day": 0},
        ends_in=1.01 * DAY,
        slack=0.02 * DAY,
        connection={
            "warmUp": {"steps": [{"fromDay": 0, "messages": 2}]},
            "quotas": [{"messages": 9, "perSeconds": DAY}],
        },
    ),
    "cool-down": Case("cool_down", ends_in=60, connection=RATE, decide=_always(Throttled("130429", retry_after=60.0))),
    "rate": Case(
        "rate",
        {"connection": "main"},
        ends_in=30,
        connection={"rate": {"messages": 1, "perSeconds": 30}},
    ),
    "jitter": Case("rate", ends_in=35, connection={"jitter": {"minSeconds": 30, "maxSeconds": 40}}),
    "adaptive": Case(
        "adaptive",
        {"factor": 0.5},
        connection={"rate": {"messages": 1, "perSeconds": 2}},
        decide=_once(Throttled("130429")),
        ends_in=3,
    ),
    "rate-of-the-broadcast": Case(
        "broadcast_rate",
        ends_in=30,
        connection=RATE,
        draft=lambda: {"rate": {"messages": 1, "perSeconds": 30}},
    ),
    "batch": Case(
        "batch_interval", {"batch": 1}, ends_in=600, draft=lambda: {"batching": {"size": 1, "intervalSeconds": 600}}
    ),
    "connection-paused-by-a-person": Case(
        "connection_paused", {"by": "ani", "reason": None}, connection=RATE, people=500, act=_pause_connection
    ),
    "connection-paused-by-the-engine": Case(
        "connection_paused",
        {"by": "engine", "reason": "190: log in again"},
        decide=_always(ConnectionDown("190", "log in again")),
    ),
    "broadcast-paused-by-a-person": Case(
        "broadcast_paused",
        {"by": "ani", "reason": None},
        connection=RATE,
        people=500,
        act=_pause_broadcast,
        on_connection=None,
    ),
    "broadcast-paused-by-the-engine": Case(
        "broadcast_paused",
        {"by": "engine", "reason": "132001: no such template"},
        decide=_always(BadMessage("132001", "no such template")),
        on_connection=None,
    ),
    "messages-paused": Case(
        "messages_paused",
        {"by": "ani", "messages": 2},
        draft=lambda: {"batching": {"size": 1, "intervalSeconds": 600}},
        act=_pause_rest,
        on_connection=None,
    ),
    "retry": Case(
        "retry",
        {"reason": "busy"},
        ends_in=600,
        slack=130,
        decide=_always(Temporary("busy")),
        draft=lambda: {"retry": {"intervalSeconds": 600, "backoff": "fixed"}},
    ),
    "gap-that-the-provider-demands": Case(
        "recipient_gap", ends_in=60, decide=_always(Throttled("131056", scope="recipient", retry_after=60.0))
    ),
    "new-contacts": Case(
        "new_contacts", ends_in=60, decide=_always(Throttled("463", scope="new_contacts", retry_after=60.0))
    ),
    "number-check": Case("number_check", ends_in=60, connection={"sender": "asking"}),
}


def _codes_of(broadcaster: Broadcaster, job_id: str) -> set[str | None]:
    """Return the causes of the messages that are left."""
    return {
        message.waiting_for.code if message.waiting_for else None
        for message in broadcaster.messages(job_id, limit=1_000).items
        if message.status in {"queued", "retry", "paused"}
    }


def _cause(broadcaster: Broadcaster, job_id: str, code: str) -> WaitingFor:
    def look() -> WaitingFor | None:
        cause = broadcaster.status(job_id).waiting_for
        return cause if cause is not None and cause.code == code else None

    found = wait_for(look, seconds=SHOWN_WITHIN, what=f"the cause {code}")
    assert found is not None
    return found


def _code_of_connection(broadcaster: Broadcaster) -> str | None:
    cause = broadcaster.connections.get("main").waiting_for
    return None if cause is None else cause.code


@pytest.mark.timed
@ON_SQLITE
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_each_cause_is_shown_within_two_seconds(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, case: Case
) -> None:
    provider.decide, provider.is_present = case.decide, lambda _number: False
    broadcaster.connections.save("main", {"sender": "scripted", **case.connection})
    job_id = broadcaster.submit(text_to("main", **case.draft()), people(case.people)).job_id
    case.act(broadcaster, job_id)

    cause = _cause(broadcaster, job_id, case.code)

    assert {name: getattr(cause, name) for name in case.shown} == case.shown
    ends_in = None if cause.until is None else cause.until.timestamp() - time.time()
    assert ends_in == (None if case.ends_in is None else pytest.approx(case.ends_in, abs=case.slack))
    expected = case.code if case.on_connection == "same" else None
    wait_for(lambda: _code_of_connection(broadcaster) == expected, seconds=SHOWN_WITHIN, what="the connection's cause")
    assert _codes_of(broadcaster, job_id) <= {case.code}


@ON_SQLITE
def test_the_gap_to_the_last_message_of_the_same_person_is_shown(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "perRecipient": {"messages": 1, "perSeconds": 60}})
    first = broadcaster.submit(text_to("main"), people(1)).job_id
    wait_for(lambda: broadcaster.status(first).status == "completed", what="the first message")

    job_id = broadcaster.submit(text_to("main"), people(1)).job_id

    cause = _cause(broadcaster, job_id, "recipient_gap")
    assert cause.until is not None
    assert 50 < cause.until.timestamp() - time.time() < 61
    assert _codes_of(broadcaster, job_id) == {"recipient_gap"}


@ON_SQLITE
def test_the_broadcast_that_goes_first_is_named(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 1, "perSeconds": 1}})
    high = broadcaster.submit(text_to("main", priority="high", name="Urgent"), people(100)).job_id
    _cause(broadcaster, high, "rate")

    low = broadcaster.submit(text_to("main", priority="low"), people(3)).job_id

    cause = _cause(broadcaster, low, "higher_priority")
    assert isinstance(cause, HigherPriority)
    assert (cause.job_id, cause.name, cause.priority, cause.connection) == (high, "Urgent", "high", "main")
    assert _codes_of(broadcaster, low) == {"higher_priority"}


@ON_SQLITE
def test_a_broadcast_of_a_higher_priority_with_a_slower_rate_leaves_slots(
    broadcaster: Broadcaster, worker: Worker
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 2, "perSeconds": 1}})
    slow = {"messages": 1, "perSeconds": 60}
    high = broadcaster.submit(text_to("main", priority="high", rate=slow), people(100)).job_id
    _cause(broadcaster, high, "broadcast_rate")

    low = broadcaster.submit(text_to("main", priority="low"), people(60)).job_id

    _cause(broadcaster, low, "rate")
    assert broadcaster.status(high).waiting_for.code == "broadcast_rate"  # type: ignore[union-attr]  # it has one


@ON_SQLITE
def test_the_reading_of_an_audience_is_shown(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    provider.gate.clear()
    job_id = broadcaster.submit(text_to("main", source={"type": "gated", "people": 5})).job_id

    cause = _cause(broadcaster, job_id, "preparing")
    provider.gate.set()

    assert isinstance(cause, Preparing)
    assert (cause.rows, cause.until) == (0, None)


@ON_SQLITE
def test_messages_at_a_provider_that_does_not_answer_are_shown(
    settings: Settings, broadcaster: Broadcaster, tmp_path: Path
) -> None:
    with Gateway(tmp_path, latency=60.0) as slow:
        broadcaster.connections.save("main", {"sender": "gateway", "settings": {"url": slow.url}})
        worker = Worker(broadcaster)
        worker.start()
        job_id = broadcaster.submit(text_to("main"), people(2)).job_id

        cause = _cause(broadcaster, job_id, "sending")

        assert isinstance(cause, Sending)
        assert cause.connection == "main"
        [shown] = {message.waiting_for.code for message in broadcaster.messages(job_id).items if message.waiting_for}
        assert shown == "sending"
        slow.close()
        worker.stop()


# --- the installation --------------------------------------------------------------------------------------------


@pytest.mark.timed
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_that_no_worker_is_alive_is_shown_with_the_time_since(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **RATE})
    never = broadcaster.submit(text_to("main"), people(1)).job_id
    assert _cause(broadcaster, never, "no_worker").model_dump()["since"] is None
    worker = Worker(broadcaster)
    worker.start()
    wait_for(lambda: broadcaster.status(never).status == "completed", what="the end")
    worker.stop()
    stopped_at = time.time()

    job_id = broadcaster.submit(text_to("main"), people(1)).job_id

    cause = _cause(broadcaster, job_id, "no_worker")
    assert isinstance(cause, NoWorker)
    assert cause.since is not None
    assert cause.since.timestamp() == pytest.approx(stopped_at, abs=2)


@pytest.mark.timed
@ON_SQLITE
def test_a_worker_that_was_killed_counts_as_absent_once_its_lease_is_over(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    now = time.time()
    with broadcaster.context.database.write() as conn:
        key = insert_worker(conn, now=now)
    broadcaster.context.redis.set(broadcaster.context.keys.worker(key), f"{now + 1.5:.6f}")
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id
    alive = broadcaster.status(job_id).waiting_for

    cause = wait_for(lambda: _no_worker(broadcaster, job_id), seconds=1.5 + SHOWN_WITHIN, what="the cause")

    assert cause is not None
    assert alive is not None
    assert alive.code == "preparing"
    assert cause.since is not None
    assert cause.since.timestamp() == pytest.approx(now + 1.5, abs=0.01)


def _no_worker(broadcaster: Broadcaster, job_id: str) -> NoWorker | None:
    cause = broadcaster.status(job_id).waiting_for
    return cause if isinstance(cause, NoWorker) else None


@ON_SQLITE
def test_a_redis_that_cannot_be_reached_is_shown_with_the_way_out(
    settings: Settings, provider: ScriptedProvider, own_valkey: EmbeddedValkey
) -> None:
    alone = settings.model_copy(update={"redis_url": SecretStr(own_valkey.url)})
    with Broadcaster(alone, plugins=[provider]) as broadcaster:
        worker = Worker(broadcaster)
        worker.start()
        broadcaster.connections.save(
            "main", {"sender": "scripted", **RATE, "quotas": [{"messages": 1_000, "perSeconds": DAY}]}
        )
        job_id = broadcaster.submit(text_to("main"), people(500)).job_id
        wait_for(lambda: broadcaster.status(job_id).counts.sent > 10, what="the first messages")
        own_valkey.kill()

        cause = _cause(broadcaster, job_id, "redis")
        connection = broadcaster.connections.get("main")

        assert isinstance(cause, RedisDown)
        assert "start it" in cause.reason
        assert broadcaster.status(job_id).eta is None
        assert connection.waiting_for == cause
        assert connection.use.factor is None
        assert connection.use.quotas[0].used >= 10
        worker.stop()


@pytest.mark.timed
def test_a_store_on_a_full_disk_is_shown_with_the_way_out(
    small_disk: Path, valkey: EmbeddedValkey, tmp_path: Path, provider: ScriptedProvider
) -> None:
    made = Settings(data_dir=small_disk, redis_url=SecretStr(valkey.url), namespace=f"d{abs(hash(tmp_path))}")
    with Broadcaster(made.model_copy(update=QUICK), plugins=[provider]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "scripted"})
        job_id = broadcaster.submit(text_to("main", scheduledAt=_in(2)), people(3)).job_id
        worker = Worker(broadcaster)
        worker.start()
        fill_disk(small_disk)

        cause = wait_for(lambda: _store_fault(broadcaster, job_id), seconds=2 + SHOWN_WITHIN, what="the cause")

        (small_disk / "fill").unlink()
        wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")
        worker.stop()
    assert cause is not None
    assert "its disk is full: free space on it" in cause.reason


@ON_POSTGRESQL
def test_a_store_that_is_a_standby_is_shown_with_the_way_out(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    job_id = broadcaster.submit(text_to("main", scheduledAt=_in(1.5)), people(3)).job_id
    _set_read_only(broadcaster, "on")

    cause = wait_for(lambda: _store_fault(broadcaster, job_id), seconds=2 + SHOWN_WITHIN, what="the cause")

    _set_read_only(broadcaster, "off")
    assert cause is not None
    assert "set WABROADCAST_DATABASE_URL to the primary server" in cause.reason


def _store_fault(broadcaster: Broadcaster, job_id: str) -> StoreDown | None:
    cause = broadcaster.status(job_id).waiting_for
    return cause if isinstance(cause, StoreDown) else None


def _set_read_only(broadcaster: Broadcaster, value: str) -> None:
    """Make the database take no writes, or again; open database connections end."""
    engine = broadcaster.context.database.db_engine
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(text("SET default_transaction_read_only = off"))
        name = conn.execute(text("SELECT current_database()")).scalar_one()
        conn.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}'))
        others = "datname = :name AND pid <> pg_backend_pid()"
        conn.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"), {"name": name})
    engine.dispose()


# --- of several causes, and none -----------------------------------------------------------------------------------


@ON_SQLITE
def test_a_pool_waits_for_the_connection_that_goes_on_first(broadcaster: Broadcaster, worker: Worker) -> None:
    quota = {"messages": 1, "perSeconds": HOUR}
    broadcaster.connections.save("a", {"sender": "scripted", "quotas": [{**quota, "perSeconds": DAY}]})
    broadcaster.connections.save("b", {"sender": "scripted", "quotas": [quota]})
    broadcaster.connections.save("c", {"sender": "scripted"})
    broadcaster.connections.pause("c")

    job_id = broadcaster.submit(text_to(["a", "b", "c"]), people(9)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.sent == 2, what="two messages")

    cause = _cause(broadcaster, job_id, "quota")
    assert isinstance(cause, QuotaUsed)
    assert cause.connection == "b"
    assert broadcaster.connections.get("c").waiting_for.code == "connection_paused"  # type: ignore[union-attr]  # it has one


@ON_SQLITE
def test_a_quota_that_ends_after_the_window_opens_is_what_is_waited_for(
    broadcaster: Broadcaster, worker: Worker
) -> None:
    limits = {"quotas": [{"messages": 1, "perSeconds": DAY}]}
    broadcaster.connections.save("main", {"sender": "scripted", **limits})
    job_id = broadcaster.submit(text_to("main"), people(3)).job_id
    _cause(broadcaster, job_id, "quota")

    broadcaster.connections.save("main", {"sender": "scripted", **limits, "sendWindow": _window_in(2 * HOUR)})

    assert _cause(broadcaster, job_id, "quota").code == "quota"


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_what_has_ended_waits_for_nothing(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    job_id = broadcaster.submit(text_to("main"), people(3)).job_id

    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    assert broadcaster.status(job_id).waiting_for is None
    assert broadcaster.connections.get("main").waiting_for is None
    assert [message.waiting_for for message in broadcaster.messages(job_id).items] == [None] * 3
    assert [item.waiting_for for item in broadcaster.list().items] == [None]


@ON_POSTGRESQL
@pytest.mark.parametrize("name", ["quota", "batch", "retry", "connection-paused-by-the-engine", "messages-paused"])
def test_causes_are_the_same_on_postgresql(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider, name: str
) -> None:
    case = CASES[name]
    provider.decide = case.decide
    broadcaster.connections.save("main", {"sender": "scripted", **case.connection})
    job_id = broadcaster.submit(text_to("main", **case.draft()), people(case.people)).job_id
    case.act(broadcaster, job_id)

    cause = _cause(broadcaster, job_id, case.code)

    assert {field: getattr(cause, field) for field in case.shown} == case.shown


@ON_SQLITE
def test_a_look_at_the_limiter_takes_no_slots(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "quotas": [{"messages": 5, "perSeconds": DAY}]})
    job_id = broadcaster.submit(text_to("main"), people(3)).job_id
    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the end")

    uses = [broadcaster.connections.get("main").use.quotas[0].used for _ in range(20)]

    assert uses == [3] * 20
