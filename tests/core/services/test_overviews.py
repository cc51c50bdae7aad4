"""The overview of an installation: what it shows, and that it reads few rows; on both stores."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.minute_counts import MinuteCounts, add_minutes, minute_of
from wabroadcast_core.store.tables import broadcasts, connection_starts, connections
from wabroadcast_core.store.webhook_calls import insert_calls
from wabroadcast_core.worker import Worker

PERSON = {"number": "+6281200000001"}


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def statements(broadcaster: Broadcaster) -> Iterator[list[str]]:
    """The statements that the store gets from now on."""
    seen: list[str] = []
    engine = broadcaster.context.database.db_engine

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def submit(broadcaster: Broadcaster, **fields: Any) -> str:
    body = {"name": "B", "message": {"type": "text", "text": "hi"}, "connection": "sandbox", **fields}
    return broadcaster.submit(body, [PERSON]).job_id


def test_an_empty_installation_has_one_connection_and_nothing_else(broadcaster: Broadcaster) -> None:
    found = broadcaster.overview()

    assert [one.name for one in found.connections] == ["sandbox"]
    assert (found.running, found.scheduled, found.uncertain, found.rejecting_import) == ([], [], [], None)
    assert (found.has_broadcasts, found.has_contacts, found.totals.sent) == (False, False, 0)


def test_what_runs_what_is_scheduled_and_what_is_uncertain_are_apart(broadcaster: Broadcaster) -> None:
    runs = submit(broadcaster)
    later = [submit(broadcaster, scheduled_at=f"2999-01-0{day}T08:00:00Z") for day in (2, 1)]
    unsure = submit(broadcaster)
    with broadcaster.context.database.write() as conn:
        conn.execute(broadcasts.update().where(broadcasts.c.job_id == unsure).values(status="completed", unknown=3))

    found = broadcaster.overview()

    assert [one.job_id for one in found.running] == [runs]
    assert [one.job_id for one in found.scheduled] == later[::-1]
    assert [(one.job_id, one.counts.unknown) for one in found.uncertain] == [(unsure, 3)]
    assert broadcaster.running().total == 1
    assert [one.job_id for one in broadcaster.running_progress()] == [runs]


@pytest.mark.parametrize(
    ("fields", "is_missing"),
    [
        pytest.param(None, False, id="nothing-to-do"),
        pytest.param({}, True, id="running"),
        pytest.param({"scheduled_at": "2999-01-01T08:00:00Z"}, True, id="scheduled"),
    ],
)
def test_a_missing_worker_is_told_where_there_is_or_will_be_work(
    broadcaster: Broadcaster, fields: dict[str, Any] | None, *, is_missing: bool
) -> None:
    if fields is not None:
        submit(broadcaster, **fields)

    assert (broadcaster.overview().missing_worker is not None) is is_missing


def test_a_webhook_call_waits_for_a_worker_too(broadcaster: Broadcaster) -> None:
    with broadcaster.context.database.write() as conn:
        key = conn.execute(connections.select()).one().id
        insert_calls(conn, [(key, WebhookRequest("POST", {}, {}))], now=1.0)

    assert broadcaster.overview().missing_worker is not None


def test_no_worker_is_missed_while_one_lives(broadcaster: Broadcaster, worker: Worker) -> None:
    submit(broadcaster, scheduled_at="2999-01-01T08:00:00Z")

    wait_for(lambda: broadcaster.overview().missing_worker is None, what="the worker")
    worker.stop()
    ended = broadcaster.overview().missing_worker

    assert ended is not None
    assert ended.since is not None


def test_connections_that_paused_themselves_come_first(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("zebra", {"sender": "sandbox"})
    broadcaster.connections.pause("sandbox")
    with broadcaster.context.database.write() as conn:
        key = conn.execute(connections.select().where(connections.c.name == "zebra")).mappings().one()["id"]
        connection_store.set_state(conn, key, ConnectionState.PAUSED, reason="logged_out", now=1.0)

    found = broadcaster.overview()

    assert [(one.name, one.by_itself) for one in found.connections] == [("zebra", True), ("sandbox", False)]


def test_totals_are_those_of_the_last_days_and_of_today(broadcaster: Broadcaster) -> None:
    submit(broadcaster)
    now = broadcaster.context.clock.now()
    with broadcaster.context.database.write() as conn:
        key, account = conn.execute(broadcasts.select()).one().id, conn.execute(connections.select()).one().id
        for days, number in ((0, 1), (3, 10), (20, 100)):
            minute = minute_of(now - days * 86_400)
            facts: MinuteCounts = Counter({(key, account, minute, fact): number for fact in ("sent", "read")})
            add_minutes(conn, facts)
    broadcaster.blacklist.add("+6281200000009")

    found = broadcaster.overview(days=7)

    assert (found.totals.sent, found.totals.read, found.totals.failed, found.totals.opted_out) == (11, 11, 0, 1)
    assert found.connections[0].today == 0


def test_a_connection_shows_how_many_messages_it_started_today_wherever_it_is_shown(broadcaster: Broadcaster) -> None:
    now = broadcaster.context.clock.now()
    with broadcaster.context.database.write() as conn:
        account = conn.execute(connections.select()).one().id
        for started, ended_at in ((4, now + 1), (100, now - 2 * 86_400)):
            values = {"connection_id": account, "ended_at": ended_at, "messages": started}
            conn.execute(connection_starts.insert().values(**values))

    assert broadcaster.overview().connections[0].today == 4
    assert broadcaster.connections.get("sandbox").use.today == 4


def test_an_overview_reads_the_store_in_few_statements_whatever_runs(
    broadcaster: Broadcaster, statements: list[str]
) -> None:
    broadcaster.connections.save("another", {"sender": "sandbox", "quotas": [{"messages": 9, "perSeconds": 60}]})
    for _ in range(12):
        submit(broadcaster)
    statements.clear()

    broadcaster.overview()

    selects = [statement for statement in statements if statement.lstrip().upper().startswith("SELECT")]
    assert len(selects) <= 10
    assert not [statement for statement in selects if "FROM messages" in statement]
