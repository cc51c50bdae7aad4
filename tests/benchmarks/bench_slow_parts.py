"""How much of the pace is used where the disk, a blacklist, Redis or the store is slow, and what a message costs.

The provider is in this process and answers after 120 ms; each figure is of one worker. The first and the last tenth of
the messages are not counted.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.scripted import NoSettings, SleepyBlacklist, people, text_to
from tests.slow_parts import SlowCommits, with_distant_postgresql, with_distant_redis
from tests.stores import ON_POSTGRESQL, ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.hookspecs import Capabilities, SenderContext
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.worker import Worker

SECONDS = 12
LATENCY = 0.12
RATES = pytest.mark.parametrize("rate", [1, 50, 500])


class Provider:
    """A plugin whose sender notes when its requests start."""

    def __init__(self) -> None:
        self.starts: list[float] = []

    @hookimpl
    def wab_senders(self) -> list[type[Any]]:
        starts = self.starts

        class LatentSender:
            kind = "latent"
            Settings: type[BaseModel] = NoSettings
            capabilities = Capabilities(client_message_ids=True)

            def __init__(self, settings: Any, context: SenderContext) -> None:
                """Keep nothing."""

            async def send(self, message: OutgoingMessage) -> Accepted:
                starts.append(time.monotonic())
                await asyncio.sleep(LATENCY)
                return Accepted(provider_id=f"p.{message.message_id}")

        return [LatentSender]


def measure(settings: Settings, *plugins: object, rate: int, base: float = 0, spike: float = 0) -> str:
    """Send for some seconds at a rate, and say how it went.

    :param base: seconds that every commit takes longer; one in twenty takes ``spike`` longer besides.
    """
    provider, amount = Provider(), max(rate * SECONDS, 12)
    with Broadcaster(settings, plugins=[provider, *plugins]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "latent", "rate": {"messages": rate}})
        commits = SlowCommits(broadcaster.context.database.db_engine, base=base, spike=spike)
        worker = Worker(broadcaster)
        worker.start()
        job_id = broadcaster.submit(text_to("main"), people(amount)).job_id
        wait_for(lambda: len(provider.starts) > amount // 10, seconds=60, every=0.001)
        before, sent = commits.commits, len(provider.starts)
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=10 * SECONDS, every=0.1)
        cost = (commits.commits - before) / (amount - sent)
        worker.stop()
    starts = sorted(provider.starts)
    middle = starts[len(starts) // 10 : -(len(starts) // 10) or None]
    use = (len(middle) - 1) / (middle[-1] - middle[0]) / rate
    return f"use {use:.1%}, worst window {most_in_window(starts, 1.0)} of {rate}, {cost:.2f} commits a message"


@contextlib.contextmanager
def _in_memory(settings: Settings) -> Iterator[Settings]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        yield settings.model_copy(update={"data_dir": Path(directory)})


SCENARIOS: dict[str, tuple[Callable[[Settings], AbstractContextManager[Settings]], Callable[..., str]]] = {
    "RAM disk": (_in_memory, measure),
    "this machine's disk": (contextlib.nullcontext, measure),
    "slow commits": (_in_memory, partial(measure, base=0.002, spike=0.15)),
    "blacklist 300 ms": (_in_memory, lambda settings, **options: measure(settings, SleepyBlacklist(0.3), **options)),
    "blacklist 1 s": (_in_memory, lambda settings, **options: measure(settings, SleepyBlacklist(1.0), **options)),
    "Redis 50 ms": (partial(with_distant_redis, round_trip=0.05), measure),
    "Redis 200 ms": (partial(with_distant_redis, round_trip=0.2), measure),
}


@RATES
@pytest.mark.parametrize("scenario", SCENARIOS)
@ON_SQLITE
def test_slow_parts(settings: Settings, scenario: str, rate: int) -> None:
    change, send = SCENARIOS[scenario]
    with change(settings) as changed:
        print(f"\n{scenario}, {rate} a second: {send(changed, rate=rate)}")


@RATES
@ON_POSTGRESQL
def test_a_distant_postgresql(settings: Settings, rate: int) -> None:
    with with_distant_postgresql(settings, round_trip=0.03) as far:
        print(f"\nPostgreSQL 30 ms, {rate} a second: {measure(far, rate=rate)}")
