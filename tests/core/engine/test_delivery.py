"""From submit to the provider's door, on both stores."""

import pytest

from tests.conftest import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.worker import Worker
from wabroadcast_core.testing.gateway import Gateway

pytestmark = pytest.mark.alone


def test_everyone_gets_one_personal_message(broadcaster: Broadcaster, worker: Worker, gateway: Gateway) -> None:
    broadcaster.save_connection("main", {"sender": "gateway", "settings": {"url": gateway.url}})
    people = [{"number": f"0812{n:08d}", "name": f"Orang {n}", "variables": {"code": n}} for n in range(300)]

    job = broadcaster.submit(
        {"name": "Promo", "connection": "main", "message": {"type": "text", "text": "Halo {{ name }}, {{ code }}"}},
        people,
    )
    wait_for(lambda: broadcaster.status(job.job_id).status == "completed", what="completion")

    texts = {arrival.number: arrival.text for arrival in gateway.arrivals()}
    assert texts == {f"+62812{n:08d}": f"Halo Orang {n}, {n}" for n in range(300)}
    assert set(gateway.counts().values()) == {1}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_connection_whose_next_slot_is_far_away_rests_until_then(broadcaster: Broadcaster, worker: Worker) -> None:
    broadcaster.save_connection("slow", {"sender": "null", "rate": {"messages": 1, "perSeconds": 7}})
    before = broadcaster.context.redis.info("commandstats")["cmdstat_evalsha"]["calls"]

    job = broadcaster.submit(
        {"name": "Promo", "connection": "slow", "message": {"type": "text", "text": "Halo"}},
        [{"number": "08120000001"}, {"number": "08120000002"}],
    )
    wait_for(lambda: broadcaster.status(job.job_id).status == "completed", what="completion")

    asked = broadcaster.context.redis.info("commandstats")["cmdstat_evalsha"]["calls"] - before
    assert asked < 150  # a heartbeat three times a second, and a few for two turns
