"""What a connection shows of its limits: used, limit, and when a message may start again."""

import time
from datetime import UTC, datetime

import pytest

from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import Throttled
from wabroadcast_core.models.connection import ConnectionUse
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.worker import Worker

HOUR, DAY = 3_600.0, 86_400.0
BOTH = pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
LIMITS = {
    "rate": {"messages": 600, "perSeconds": 60},
    "quotas": [{"messages": 4, "perSeconds": HOUR}, {"messages": 100, "perSeconds": DAY}],
    "warmUp": {"steps": [{"fromDay": 0, "messages": 7}, {"fromDay": 3, "messages": 50}]},
}


def _use(broadcaster: Broadcaster) -> ConnectionUse:
    return broadcaster.connections.get("main").use


def _send(broadcaster: Broadcaster, count: int) -> str:
    job_id = broadcaster.submit(text_to("main"), people(9)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.sent == count, what=f"{count} messages")
    return job_id


@BOTH
def test_each_limit_has_what_is_used_and_when_it_is_free_again(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **LIMITS})
    _send(broadcaster, 4)

    use = _use(broadcaster)

    hour, day = use.quotas
    assert (hour.used, hour.limit, day.used, day.limit) == (4, 4, 4, 100)
    assert hour.free_at is not None
    assert hour.free_at.timestamp() - time.time() == pytest.approx(HOUR, rel=0.03)
    assert day.free_at is None
    assert use.warm_up is not None
    assert (use.warm_up.day, use.warm_up.used, use.warm_up.limit, use.warm_up.free_at) == (0, 4, 7, None)
    assert use.rate is not None
    assert (use.rate.limit, use.rate.per_seconds) == (600, 60.0)
    assert use.rate.used == pytest.approx(4, abs=1)
    assert (use.today, use.factor, use.cool_down_until) == (4, 1.0, None)


@BOTH
def test_the_use_is_known_after_redis_lost_its_keys(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **LIMITS})
    _send(broadcaster, 4)
    worker.stop()
    redis = broadcaster.context.redis
    redis.delete(*redis.keys(f"{broadcaster.settings.namespace}:*"))

    use = _use(broadcaster)

    assert [quota.used for quota in use.quotas] == [4, 4]
    assert use.quotas[0].free_at is not None
    assert use.quotas[0].free_at.timestamp() - time.time() == pytest.approx(HOUR, rel=0.03)
    assert use.today == 4


@ON_SQLITE
def test_a_throttled_connection_shows_its_factor_and_the_pause(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    provider.decide = lambda _connection, _message: Throttled("130429", retry_after=60.0)
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": 5, "perSeconds": 1}})
    broadcaster.submit(text_to("main"), people(2))

    pause = wait_for(lambda: _use(broadcaster).cool_down_until, what="the cool-down")

    assert pause is not None
    assert pause.timestamp() - time.time() == pytest.approx(60, abs=10)
    assert (_use(broadcaster).factor or 1) < 1


@BOTH
def test_a_connection_shows_when_its_last_receipt_came(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    broadcaster.connections.save("main", {"sender": "scripted"})
    job_id = _send(broadcaster, 9)
    before = _use(broadcaster).last_receipt_at
    asked_at = datetime.now(UTC)

    provider.tell("main", Receipt("delivered", time.time(), message_id=f"{job_id}-0"))

    shown = wait_for(lambda: _use(broadcaster).last_receipt_at, what="the receipt")
    assert before is None
    assert shown is not None
    assert abs((shown - asked_at).total_seconds()) < 5


@ON_SQLITE
def test_the_test_of_a_paused_connection_says_who_paused_it(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "sandbox"})
    active = broadcaster.connections.test("main")
    broadcaster.connections.pause("main", actor="ani")

    paused = broadcaster.connections.test("main")

    assert (active.state, active.paused) == ("up", None)
    assert paused.state == "up"
    assert paused.paused is not None
    assert (paused.paused.by, paused.paused.connection) == ("ani", "main")
