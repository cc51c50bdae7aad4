"""Changes on Redis: which transactions report one, that they are published, and what a subscription survives."""

import json
import time
from collections.abc import Callable, Iterator

import pytest
import redis
from sqlalchemy import Connection

from tests.core.store.harness import StoreHarness
from tests.scripted import people, text_to
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.control.changes import PUBLISH_SECONDS, ChangePublisher, ChangeSubscription
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store import broadcasts as broadcast_store

KEYS = Keys("changes-test")


@pytest.fixture
def client(valkey: EmbeddedValkey) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(valkey.url) as made:
        yield made


@pytest.fixture
def publisher(client: redis.Redis) -> Iterator[ChangePublisher]:
    made = ChangePublisher(client, KEYS)
    yield made
    made.close()


@pytest.fixture
def subscription(client: redis.Redis) -> Iterator[ChangeSubscription]:
    made = ChangeSubscription(client, KEYS)
    made.wait(seconds=0)
    wait_for(lambda: _subscribers(client) == 1)
    yield made
    made.close()


def _subscribers(client: redis.Redis) -> int:
    return int(dict(client.pubsub_numsub(KEYS.changes))[KEYS.changes.encode()])


def _received(subscription: ChangeSubscription, *, count: int) -> set[int]:
    found: set[int] = set()

    def has_all() -> bool:
        found.update(subscription.wait(seconds=0.1))
        return len(found) >= count

    wait_for(has_all, every=0)
    return found


@pytest.mark.timed
def test_changes_that_come_together_are_published_together(
    client: redis.Redis, publisher: ChangePublisher, subscription: ChangeSubscription
) -> None:
    with client.pubsub(ignore_subscribe_messages=True) as own:  # type: ignore[no-untyped-call]
        own.subscribe(KEYS.changes)
        for number in range(200):
            publisher.note([number % 20])
            time.sleep(PUBLISH_SECONDS / 50)
        received = _received(subscription, count=20)
        publisher.close()
        messages = []
        while (message := own.get_message(timeout=0.5)) is not None:
            messages.append(message)

    assert received == set(range(20))
    assert len(messages) < 40


def test_what_is_noted_is_published_before_the_close(
    publisher: ChangePublisher, subscription: ChangeSubscription
) -> None:
    publisher.note([1])
    publisher.note([2])
    publisher.close()

    assert _received(subscription, count=2) == {1, 2}


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("no JSON", id="text"),
        pytest.param(json.dumps({"id": 1}), id="object"),
        pytest.param(json.dumps([1, "2"]), id="wrong-type"),
        pytest.param("[" * 100_000, id="nested-too-deeply"),
    ],
)
def test_a_message_of_another_form_is_ignored(
    client: redis.Redis, subscription: ChangeSubscription, data: str, caplog: pytest.LogCaptureFixture
) -> None:
    client.publish(KEYS.changes, data)
    client.publish(KEYS.changes, "[7]")

    assert _received(subscription, count=1) == {7}
    assert "unknown form" in caplog.text


@pytest.mark.timed
def test_a_subscription_lives_on_when_redis_comes_back(own_valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        subscription = ChangeSubscription(client, KEYS)
        subscription.wait(seconds=0)
        own_valkey.stop()

        began = time.monotonic()
        while_away = subscription.wait(seconds=0.1)
        took = time.monotonic() - began
        own_valkey.start()

        def is_subscribed() -> bool:
            subscription.wait(seconds=0.1)
            return _subscribers(client) == 1

        wait_for(is_subscribed)
        client.publish(KEYS.changes, "[3]")
        received = _received(subscription, count=1)
        subscription.close()

    assert while_away == set()
    assert took < 2
    assert received == {3}


def test_a_failed_publication_does_not_end_the_publisher(own_valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        publisher = ChangePublisher(client, KEYS)
        own_valkey.stop()
        publisher.note([1])
        time.sleep(2 * PUBLISH_SECONDS)
        own_valkey.start()
        subscription = ChangeSubscription(client, KEYS)
        subscription.wait(seconds=0)
        publisher.note([2])
        received = _received(subscription, count=1)
        publisher.close()
        subscription.close()

    assert 2 in received


# --- the store reports changes -----------------------------------------------------------------------------------


def _pause(harness: StoreHarness, key: int) -> None:
    with harness.database.write() as conn:
        broadcast_store.update_broadcast(conn, key, status=BroadcastStatus.PAUSED)


def _prepare(harness: StoreHarness, key: int) -> None:
    with harness.database.write() as conn:
        broadcast_store.move_mark(conn, key, present=0, rows=10)


def _count(harness: StoreHarness, key: int) -> None:
    with harness.unit() as unit:
        unit.changes[key, "delivered"] += 1


def _release(harness: StoreHarness, key: int) -> None:
    with harness.database.write() as conn:
        broadcast_store.release_batch(conn, key, batch=1, next_release_at=2.0)


@pytest.mark.parametrize("change", [_pause, _prepare, _count, _release])
def test_a_transaction_reports_the_broadcasts_that_it_has_changed(
    harness: StoreHarness, change: Callable[[StoreHarness, int], None]
) -> None:
    key = harness.add_broadcast()
    reported: list[set[int]] = []
    harness.database.on_changed = reported.append

    change(harness, key)

    assert reported == [{key}]


def test_a_transaction_that_fails_reports_nothing(harness: StoreHarness) -> None:
    key = harness.add_broadcast()
    reported: list[set[int]] = []
    harness.database.on_changed = reported.append

    def fail(conn: Connection) -> None:
        broadcast_store.update_broadcast(conn, key, status=BroadcastStatus.PAUSED)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        harness.database.transact(fail)

    assert reported == []


def test_a_broadcaster_publishes_what_it_changes(broadcaster: Broadcaster) -> None:
    context = broadcaster.context
    broadcaster.connections.save("main", {"sender": "null"})
    subscription = ChangeSubscription(context.redis, context.keys)
    subscription.wait(seconds=0)

    broadcaster.submit(text_to("main"), people(1))
    submitted = _received(subscription, count=1)
    subscription.close()

    assert len(submitted) == 1
