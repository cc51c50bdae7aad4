"""More connections than a process can serve at once: it serves some after the others, instead of none."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.delivery.ledger import Ledger
from wabroadcast_core.delivery.primed_pace import PrimedPace
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.worker import Worker

pytestmark = [ON_SQLITE, pytest.mark.slow, pytest.mark.timed]  # of the event loop: the store does not matter

CONNECTIONS = 120
STEP_COST = 0.008  # seconds of the event loop for each step of a turn, as on a processor that is slow


def test_messages_of_many_connections_need_few_turns(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    provider, calls = ScriptedProvider(), Counter[str]()
    for owner, name, cost in (
        (Turn, "run", 0.0),
        (Ledger, "look", STEP_COST),
        (Ledger, "claim", STEP_COST),
        (PrimedPace, "reserve", STEP_COST),
    ):
        monkeypatch.setattr(owner, name, _costly(getattr(owner, name), calls=calls, cost=cost))
    with Broadcaster(settings, plugins=[provider]) as broadcaster:
        for place in range(CONNECTIONS):
            broadcaster.connections.save(f"c{place}", {"sender": "scripted", "rate": {"messages": 1}})
            broadcaster.submit(text_to(f"c{place}"), people(1))
        worker = Worker(broadcaster)
        worker.start()
        wait_for(lambda: broadcaster.list(status=BroadcastStatus.COMPLETED).total == CONNECTIONS, seconds=60, every=0.1)
        worker.stop()

    assert len(provider.starts) == CONNECTIONS
    assert calls["run"] < 4 * CONNECTIONS


def _costly(work: Callable[..., Awaitable[Any]], *, calls: Counter[str], cost: float) -> Callable[..., Awaitable[Any]]:
    async def call(*args: Any, **options: Any) -> Any:
        calls[work.__name__] += 1
        time.sleep(cost)  # noqa: ASYNC251 - it is to hold the loop
        return await work(*args, **options)

    return call
