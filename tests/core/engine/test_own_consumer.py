"""A host's own Huey consumer runs the tasks: the engine begins with its process, not with its first task."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from huey import RedisHuey

from tests.processes import read_settings, start_worker
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.testing import gateway as gateway_plugin
from wabroadcast_core.testing.gateway import Gateway

pytestmark = [pytest.mark.slow, ON_SQLITE]

RATE = 20  # messages per second


def own_huey(settings: Settings) -> RedisHuey:
    assert settings.redis_url is not None
    return RedisHuey(f"{settings.namespace}-host", url=settings.redis_url.get_secret_value())


def consume() -> None:
    """Run the consumer of a host, as its ``huey_consumer.py`` does."""
    logging.basicConfig(level=logging.WARNING)
    settings = read_settings()
    huey = own_huey(settings)
    with Broadcaster(settings, huey=huey, plugins=[gateway_plugin]):
        print("at work", flush=True)
        huey.create_consumer(workers=2).run()


@pytest.fixture
def host(settings: Settings) -> Iterator[Broadcaster]:
    """The host's web process, which submits."""
    with Broadcaster(settings, huey=own_huey(settings), plugins=[gateway_plugin]) as started:
        yield started


@pytest.mark.parametrize("lost", [pytest.param(False, id="tasks-kept"), pytest.param(True, id="tasks-lost")])
def test_a_killed_consumer_goes_on_after_its_start_without_a_new_task(
    host: Broadcaster, settings: Settings, tmp_path: Path, *, lost: bool
) -> None:
    with Gateway(tmp_path, latency=0.02) as gateway:
        host.connections.save(
            "main",
            {"sender": "gateway", "settings": {"url": gateway.url}, "rate": {"messages": RATE, "perSeconds": 1}},
        )
        draft = {"name": "Promo", "connection": "main", "message": {"type": "text", "text": "Halo"}}
        people = [{"number": f"0812{place:08d}"} for place in range(3 * RATE)]
        with start_worker(settings, program=consume) as killed:
            job_id = host.submit(draft, people).job_id
            wait_for(lambda: len(gateway.arrivals()) >= RATE // 2, what="the first messages")
            killed.kill()
        if lost:
            host.tasks.huey.flush()

        with start_worker(settings, program=consume):
            wait_for(lambda: host.status(job_id).status == "completed", what="the rest")
        progress = host.status(job_id)

        assert progress.counts.sent + progress.counts.unknown == progress.total
        assert progress.counts.unknown <= RATE
        assert max(gateway.counts().values()) == 1
