"""How much of a connection's pace one worker uses, and what a message costs in commits.

The provider is in this process and answers after 120 ms.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from tests.scripted import NoSettings, people, text_to
from tests.slow_parts import PRODUCTION, SlowCommits
from tests.waiting import wait_for
from wabroadcast_core import Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.hookspecs import SenderContext
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.testing.gateway import most_in_window
from wabroadcast_core.worker import Worker

SECONDS = 12
LATENCY = 0.12
RAM_DISK = Path("/dev/shm")


def share_used(times: Sequence[float], rate: float) -> float:
    """Return the share of a rate that was used, without the first and the last tenth of the messages."""
    tenth = len(times) // 10
    middle = sorted(times)[tenth : len(times) - tenth]
    return (len(middle) - 1) / (middle[-1] - middle[0]) / rate


@dataclass(frozen=True, slots=True)
class PaceUse:
    """How a broadcast was sent.

    :param starts: when its messages started, in seconds.
    :param commits: of the store, for each message.
    """

    rate: int
    starts: list[float]
    commits: float

    @property
    def share(self) -> float:
        return share_used(self.starts, self.rate)

    def __str__(self) -> str:
        worst = most_in_window(self.starts, 1.0)
        return f"use {self.share:.1%}, worst window {worst} of {self.rate}, {self.commits:.2f} commits a message"


class LatentProvider:
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


def measure_pace(settings: Settings, *plugins: object, rate: int, base: float = 0, spike: float = 0) -> PaceUse:
    """Send for some seconds at a rate.

    :param base: seconds that every commit takes longer; one in twenty takes ``spike`` longer besides.
    """
    provider, amount = LatentProvider(), max(rate * SECONDS, 12)
    with Broadcaster(settings.model_copy(update=PRODUCTION), plugins=[provider, *plugins]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "latent", "rate": {"messages": rate}})
        slow = SlowCommits(broadcaster.context.database.db_engine, base=base, spike=spike)
        worker = Worker(broadcaster)
        worker.start()
        job_id = broadcaster.submit(text_to("main"), people(amount)).job_id
        wait_for(lambda: len(provider.starts) > amount // 10, seconds=60, every=0.001)
        before, sent = slow.commits, len(provider.starts)
        wait_for(lambda: broadcaster.status(job_id).status == "completed", seconds=10 * SECONDS, every=0.1)
        commits = (slow.commits - before) / (amount - sent)
        worker.stop()
    return PaceUse(rate=rate, starts=sorted(provider.starts), commits=commits)


# --- disks -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def in_memory(settings: Settings) -> Iterator[Settings]:
    """Yield the settings with a data directory on the RAM disk."""
    if not RAM_DISK.is_dir():
        pytest.skip(f"{RAM_DISK} is not here")
    with tempfile.TemporaryDirectory(dir=RAM_DISK) as directory:
        yield settings.model_copy(update={"data_dir": Path(directory)})


def measure_in_memory(settings: Settings, *plugins: object, **options: Any) -> PaceUse:
    """Measure on the RAM disk."""
    with in_memory(settings) as changed:
        return measure_pace(changed, *plugins, **options)


def measure_slow_commits(settings: Settings, *, rate: int) -> PaceUse:
    """Measure with commits that take 2 ms longer, and one in twenty 150 ms more."""
    return measure_in_memory(settings, rate=rate, base=0.002, spike=0.15)


DISKS = {"RAM disk": measure_in_memory, "this machine's disk": measure_pace, "slow commits": measure_slow_commits}
