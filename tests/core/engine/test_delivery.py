"""From submit to the provider's door, on both stores."""

from tests.conftest import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.worker import Worker
from wabroadcast_core.testing.gateway import Gateway


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
