"""What is shown of connections beside their state: their last days, what waits, who uses them; on both stores."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.core.store.harness import StoreHarness
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.store.minute_counts import HOUR, MINUTE, Fact, roll_up
from wabroadcast_core.store.tables import broadcasts

DAY = 86_400


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def store(broadcaster: Broadcaster) -> StoreHarness:
    harness = StoreHarness(broadcaster.context.database, now=time.time())
    harness.clear()
    return harness


def add(store: StoreHarness, key: int, at: float, number: int, *, fact: Fact = "sent", connection: int = 0) -> None:
    with store.unit() as unit:
        unit.minutes[key, store.connections[connection], int(at) // MINUTE * MINUTE, fact] += number


def sent_by_day(broadcaster: Broadcaster, zone: str) -> dict[str, int]:
    return {one.day.isoformat(): one.sent for one in broadcaster.connections.details("c0", zone=zone).days if one.sent}


def test_days_sum_up_the_minutes_of_all_broadcasts_of_a_connection(
    broadcaster: Broadcaster, store: StoreHarness
) -> None:
    first, second = store.add_broadcast(), store.add_broadcast()
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=3)
    at = noon.timestamp()
    add(store, first, at, 5)
    add(store, first, at + HOUR, 2)
    add(store, second, at, 1, fact="failed")
    add(store, second, at, 7, connection=1)
    add(store, first, at - 40 * DAY, 100)  # too long ago

    days = broadcaster.connections.details("c0", zone="UTC").days

    assert len(days) == 30
    assert [(one.day, one.sent, one.failed) for one in days if one.sent or one.failed] == [(noon.date(), 7, 1)]


def test_a_day_is_that_of_the_time_zone_and_hours_count_as_their_minutes(
    broadcaster: Broadcaster, store: StoreHarness
) -> None:
    key = store.add_broadcast()
    evening = datetime.now(UTC).replace(hour=18, minute=45, second=0, microsecond=0) - timedelta(days=2)
    add(store, key, evening.timestamp(), 4)
    following = (evening + timedelta(days=1)).date().isoformat()

    assert sent_by_day(broadcaster, "Asia/Jakarta") == {following: 4}  # 01.45
    assert sent_by_day(broadcaster, "Asia/Kolkata") == {following: 4}  # 00.15: its midnight is within an hour of UTC
    assert sent_by_day(broadcaster, "UTC") == {evening.date().isoformat(): 4}

    with broadcaster.context.database.write() as conn:
        assert roll_up(conn, before=time.time(), limit=100) == 1

    assert sent_by_day(broadcaster, "UTC") == {evening.date().isoformat(): 4}


def test_what_waits_is_known_by_connection(broadcaster: Broadcaster, store: StoreHarness) -> None:
    key = store.add_broadcast()
    store.add_messages(key, range(3))

    assert broadcaster.connections.waiting() == {"c0": 3, "c1": 3}  # a pool: each may send them
    assert broadcaster.connections.details("c1", zone="UTC").waiting == 3


def test_the_broadcasts_that_use_a_connection_are_those_that_have_not_ended(
    broadcaster: Broadcaster, store: StoreHarness
) -> None:
    keys = [store.add_broadcast(job_id=f"job{place}") for place in range(3)]
    with broadcaster.context.database.write() as conn:
        ended = broadcasts.update().where(broadcasts.c.id == keys[0])
        conn.execute(ended.values(status=BroadcastStatus.COMPLETED))

    assert [one.job_id for one in broadcaster.connections.details("c0", zone="UTC").used_by] == ["job2", "job1"]


def test_a_connection_that_does_not_exist_has_no_details(broadcaster: Broadcaster) -> None:
    with pytest.raises(NotFoundError):
        broadcaster.connections.details("nowhere", zone="UTC")


def test_a_page_of_connections_has_its_part_and_the_total(broadcaster: Broadcaster, store: StoreHarness) -> None:
    del store
    for name in "abc":
        broadcaster.connections.save(name, {"sender": "sandbox"})

    page = broadcaster.connections.page(page=2, page_size=2)

    assert ([one.name for one in page.items], page.total) == (["c", "c0"], 5)
