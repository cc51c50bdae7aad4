"""Metrics: what the processes measured is added up in Redis, and the state of the store is read from its indexes."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.metrics import catalogue
from wabroadcast_core.metrics.catalogue import LOOP_LAG, MESSAGES, Metric
from wabroadcast_core.metrics.meters import SUM, VALUE, Cell, Meters
from wabroadcast_core.metrics.samples import Distribution
from wabroadcast_core.metrics.shared_totals import MeterSharing, SharedTotals
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.services.metrics import Metrics
from wabroadcast_core.store.backlog import _FIRST_DUE
from wabroadcast_core.store.tables import broadcasts, webhook_calls, workers
from wabroadcast_core.testing.gateway import Gateway
from wabroadcast_core.worker import Worker

TEXT = {"type": "text", "text": "Halo {{ name }}"}


def read(broadcaster: Broadcaster) -> dict[Metric, Mapping[tuple[str, ...], Any]]:
    """Return the metrics as they are now, with what this process has measured."""
    context = broadcaster.context
    totals = SharedTotals(context.redis, context.keys)
    MeterSharing(broadcaster.meters, totals).share()
    metrics = Metrics(context, totals, broadcaster.tasks.huey)
    return {family.metric: family.samples for family in metrics.read()}


def people(*last_digits: int) -> Iterator[dict[str, object]]:
    return ({"number": f"0812000{digits:05d}", "name": "Budi"} for digits in last_digits)


def submit(broadcaster: Broadcaster, *last_digits: int, connection: str = "sandbox", **fields: Any) -> int:
    """Submit a broadcast and prepare its audience. Return its id in the store."""
    draft = {"name": "x", "connection": connection, "message": TEXT, **fields}
    broadcaster.submit(draft, people(*last_digits))
    with broadcaster.context.database.read() as conn:
        key = int(conn.exec_driver_sql("SELECT max(id) FROM broadcasts").scalar_one())
    broadcaster.handlers.prepare(key)
    return key


def test_measurements_of_two_processes_add_up(shared: Broadcaster) -> None:
    totals = SharedTotals(shared.context.redis, shared.context.keys)
    for meters in (Meters(), Meters()):
        meters.count(MESSAGES, 1, "sent", amount=3)
        meters.observe(LOOP_LAG, 0.002)
        meters.observe(LOOP_LAG, 99)

        MeterSharing(meters, totals).share()

    found = totals.read()
    assert found[Cell(MESSAGES.name, (1, "sent"), VALUE)] == 6
    assert found[Cell(LOOP_LAG.name, (), SUM)] == pytest.approx(2 * 99.002)
    assert {cell.part: total for cell, total in found.items() if cell.metric == LOOP_LAG.name and cell.part != SUM} == {
        LOOP_LAG.buckets.index(0.0025): 2,
        len(LOOP_LAG.buckets): 2,
    }
    shared.context.redis.delete(shared.context.keys.metrics)


def test_measurements_wait_while_redis_is_away(own_valkey: EmbeddedValkey, tmp_path: Any) -> None:
    settings = Settings(data_dir=tmp_path / "data", redis_url=own_valkey.url)
    with Broadcaster(settings) as broadcaster:
        totals = SharedTotals(broadcaster.context.redis, broadcaster.context.keys)
        meters = Meters()
        meters.count(MESSAGES, 1, "sent")
        own_valkey.kill()

        MeterSharing(meters, totals).share()

        assert sum(meters.take().values()) == 1
        own_valkey.start()


def test_without_redis_the_store_is_still_read(own_valkey: EmbeddedValkey, tmp_path: Any) -> None:
    settings = Settings(data_dir=tmp_path / "data", redis_url=own_valkey.url)
    with Broadcaster(settings) as broadcaster:
        own_valkey.kill()

        found = read(broadcaster)

        assert found[catalogue.UP] == {("store",): 1, ("redis",): 0}
        assert found[catalogue.ACTIVE] == {("sandbox",): 1}
        assert found[catalogue.WORKERS] == {}
        own_valkey.start()


def test_metrics_are_read_again_only_after_some_seconds(shared: Broadcaster) -> None:
    seconds = [100.0]
    totals = SharedTotals(shared.context.redis, shared.context.keys)
    metrics = Metrics(shared.context, totals, shared.tasks.huey, monotonic=lambda: seconds[0])
    first = metrics.read()

    assert metrics.read() is first
    seconds[0] += 6
    assert metrics.read() is not first


def test_waiting_messages_come_from_the_counters(shared: Broadcaster) -> None:
    submit(shared, 1, 2, 3)

    found = read(shared)

    assert found[catalogue.WAITING] == {("sandbox", "queued"): 3, ("sandbox", "retry"): 0}
    assert found[catalogue.BROADCASTS]["processing",] == 1


Change = Callable[[Any, int, float], None]


def _started_before(seconds: float) -> Change:
    def change(conn: Any, key: int, now: float) -> None:
        conn.execute(update(broadcasts).where(broadcasts.c.id == key).values(started_at=now - seconds))

    return change


def _in_retry_since(seconds: float) -> Change:
    def change(conn: Any, key: int, now: float) -> None:
        conn.exec_driver_sql(f"UPDATE messages SET status = 'retry', due_at = {now - seconds}")
        conn.execute(update(broadcasts).where(broadcasts.c.id == key).values(queued=0, retry=2))

    return change


@pytest.mark.parametrize(
    ("change", "fields", "age"),
    [
        pytest.param(_started_before(500), {}, 500, id="queued-since-the-start"),
        pytest.param(_in_retry_since(40), {}, 40, id="retry-due"),
        pytest.param(_in_retry_since(-40), {}, 0, id="retry-later"),
        pytest.param(
            _started_before(500), {"batching": {"size": 1, "intervalSeconds": 60}}, 500, id="the-first-batch-waits"
        ),
    ],
)
def test_the_oldest_due_message_has_an_age(
    shared: Broadcaster, change: Change, fields: dict[str, Any], age: float
) -> None:
    key = submit(shared, 1, 2, **fields)
    with shared.context.database.write() as conn:
        change(conn, key, shared.context.clock.now())

    assert read(shared)[catalogue.OLDEST_DUE]["sandbox",] == pytest.approx(age, abs=3)


def test_a_later_batch_is_due_since_its_release(shared: Broadcaster) -> None:
    key = submit(shared, 1, 2, batching={"size": 1, "intervalSeconds": 60})
    with shared.context.database.write() as conn:
        _started_before(500)(conn, key, shared.context.clock.now())
        conn.exec_driver_sql("UPDATE messages SET status = 'sent' WHERE batch = 0")
        conn.execute(update(broadcasts).where(broadcasts.c.id == key).values(released_batch=1, queued=1, sent=1))

    assert read(shared)[catalogue.OLDEST_DUE]["sandbox",] == pytest.approx(440, abs=3)


def test_a_schedule_that_did_not_start_lags(shared: Broadcaster) -> None:
    submit(shared, 1, scheduledAt="2099-01-01T00:00:00Z")
    assert read(shared)[catalogue.SCHEDULE_LAG][()] == 0

    with shared.context.database.write() as conn:
        conn.execute(update(broadcasts).values(scheduled_at=shared.context.clock.now() - 90))

    assert read(shared)[catalogue.SCHEDULE_LAG][()] == pytest.approx(90, abs=3)


def test_webhook_calls_that_wait_are_shown(shared: Broadcaster) -> None:
    with shared.context.database.write() as conn:
        key = conn.exec_driver_sql("SELECT id FROM connections").scalar_one()
        call = {"connection_id": key, "received_at": shared.context.clock.now() - 30, "facts": "{}", "body": b""}
        conn.execute(insert(webhook_calls), [call, call])

    found = read(shared)

    assert found[catalogue.WEBHOOKS] == {("sandbox",): 2}
    assert found[catalogue.WEBHOOK_AGE][()] == pytest.approx(30, abs=3)


def test_a_worker_counts_while_its_lease_lasts(shared: Broadcaster) -> None:
    context, now = shared.context, shared.context.clock.now()
    with context.database.write() as conn:
        rows = [{"id": key, "host": "h", "pid": key, "started_at": now} for key in (91, 92, 93)]
        conn.execute(insert(workers), rows)
    context.redis.set(context.keys.worker(91), now + 60)
    context.redis.set(context.keys.worker(92), now - 60)

    assert read(shared)[catalogue.WORKERS] == {(): 1}
    context.redis.delete(context.keys.worker(91), context.keys.worker(92))


def test_a_cool_down_is_shown(shared: Broadcaster) -> None:
    context = shared.context
    with context.database.read() as conn:
        key = conn.exec_driver_sql("SELECT id FROM connections").scalar_one()
    context.redis.hset(context.keys.pace(key), "cool", context.clock.now() + 20)

    assert read(shared)[catalogue.COOL_DOWN]["sandbox",] == pytest.approx(20, abs=3)
    context.redis.delete(context.keys.pace(key))


def test_totals_of_a_deleted_connection_are_removed(shared: Broadcaster) -> None:
    shared.meters.count(MESSAGES, 4_711, "sent")

    assert read(shared)[MESSAGES] == {}
    assert SharedTotals(shared.context.redis, shared.context.keys).read() == {}


def test_totals_of_a_newer_version_are_kept(shared: Broadcaster) -> None:
    totals = SharedTotals(shared.context.redis, shared.context.keys)
    cell = Cell("wabroadcast_of_tomorrow_total", (), VALUE)
    totals.add({cell: 1})

    read(shared)

    assert totals.read()[cell] == 1
    totals.forget([cell])


def test_the_oldest_due_message_is_found_in_the_indexes(shared: Broadcaster) -> None:
    with shared.context.database.read() as conn:
        if conn.dialect.name != "sqlite":
            pytest.skip("PostgreSQL plans by the amount of rows")
        plan = [row[3] for row in conn.execute(text(f"EXPLAIN QUERY PLAN {_FIRST_DUE.sqlite.text}"), {"now": 0.0})]

    steps = [step for step in plan if step.startswith(("SEARCH m", "SCAN m", "USE TEMP B-TREE"))]
    assert len(steps) == 4
    assert all("USING INDEX ix_messages_" in step or "USING COVERING INDEX ix_messages_" in step for step in steps)
    assert all("broadcast_id=? AND route=?" in step for step in steps)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_worker_measures_what_it_sends(broadcaster: Broadcaster, worker: Worker, gateway: Gateway) -> None:
    broadcaster.connections.save(
        "main", {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": 50}}
    )
    submit(broadcaster, 1, 2, 3, connection="main")
    wait_for(lambda: read(broadcaster)[MESSAGES].get(("main", "sent")) == 3, what="the record of all messages")

    found = read(broadcaster)

    assert found[catalogue.MESSAGES].items() >= {(("main", "sent"), 3)}  # some are given back where the machine is slow
    assert found[catalogue.CLAIMED]["main",] >= 3
    assert found[catalogue.SLOTS_GIVEN]["main",] >= 3
    assert found[catalogue.RATE_LIMIT]["main",] == 50
    assert found[catalogue.WORKERS] == {(): 1}
    for histogram in (catalogue.CLAIM_DURATION, catalogue.COMMIT_DURATION, catalogue.LOOP_LAG):
        distribution = found[histogram][()]
        assert isinstance(distribution, Distribution)
        assert sum(distribution.buckets) > 0
    assert sum(found[catalogue.SEND_DURATION]["main", "accepted"].buckets) == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_attempts_are_counted_by_how_they_ended(broadcaster: Broadcaster, worker: Worker) -> None:
    ends = {"0103": "rejected", "0106": "throttled", "0112": "plugin_error", "0109": "unknown", "0101": "temporary"}
    recipients = [{"number": f"+1867555{digits}"} for digits in ends]
    draft = {"name": "x", "connection": "sandbox", "message": {"type": "text", "text": "Halo"}}
    broadcaster.submit(draft, recipients)

    def ended() -> set[str]:
        return {outcome for _, outcome in read(broadcaster)[catalogue.SEND_DURATION]}

    wait_for(lambda: ended() >= {*ends.values(), "accepted"}, seconds=30, what="an attempt of each kind")
    assert read(broadcaster)[catalogue.SLOW_DOWNS]["sandbox",] >= 1
