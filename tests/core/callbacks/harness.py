"""Deliveries of callbacks without an engine: time passes when a test says so."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import RowMapping, select

from tests.core.store.harness import StoreHarness
from tests.receivers import SECRET, Receiver
from wabroadcast_core import Settings
from wabroadcast_core.callbacks.deliveries import CallbackDeliveries
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store.callbacks import GATHER_SECONDS
from wabroadcast_core.store.group_commit import GroupCommit
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.store.tables import callback_events


def settings_for(receiver: Receiver | None, **changes: object) -> Settings:
    """Return settings by which callbacks may go to this machine."""
    values: dict[str, object] = {
        "callback_url": None if receiver is None else receiver.url,
        "callback_secret": SECRET,
        "callback_networks": "127.0.0.0/8",
        "callback_seconds": 5,
    }
    return Settings.model_validate(values | changes)


@dataclass
class CallbackHarness:
    """A store whose broadcasts make callbacks. Its ``now`` is the time of all clocks."""

    store: StoreHarness
    settings: Settings
    meters: Meters = field(default_factory=Meters)

    def now(self) -> float:
        """Return the time, as a clock does."""
        return self.store.now

    def add_broadcast(
        self, people: int = 0, *, changes: bool = True, results: bool = True, url: str | None = None
    ) -> int:
        """Add a broadcast with callbacks and messages, whose preparation has ended."""
        key = self.store.add_broadcast()
        draft = json.dumps(json.loads(self.store.broadcast(key)["draft"]) | {"callbackUrl": url})
        with self.store.database.write() as conn:
            broadcast_store.update_broadcast(conn, key, reports_changes=changes, reports_results=results, draft=draft)
        if people:
            self.store.add_messages(key, range(people))
            self.store.end_preparing(key)
        return key

    def set_status(self, key: int, *statuses: str) -> None:
        """Give a broadcast one status after the other."""
        for status in statuses:
            with self.store.database.write() as conn:
                broadcast_store.set_status(conn, key, status, now=self.store.now)  # type: ignore[arg-type]

    def send(self, key: int, amount: int, *, status: MessageStatus = MessageStatus.SENT) -> None:
        """Claim messages and record their outcome, in one transaction each. Then let the time of gathering pass."""
        claimed = self.store.claim(key, amount)
        self.store.record(*(Outcome(each.key, status, used=True, sent_at=self.store.now) for each in claimed))
        self.store.now += GATHER_SECONDS

    def events(self) -> Sequence[RowMapping]:
        """Return the stored events, in their order."""
        with self.store.database.read() as conn:
            return conn.execute(select(callback_events).order_by(callback_events.c.id)).mappings().all()

    def deliver(self, *, until: Callable[[], bool] | None = None) -> None:
        """Do what a worker does: look for due events until there are none.

        :param until: the worker looks once and ends at this moment, whatever is under way.
        """
        asyncio.run(self._deliver(until))

    async def _deliver(self, until: Callable[[], bool] | None) -> None:
        commits = GroupCommit(self.store.database, self, threads=1, completed=len, opted_out=len)  # type: ignore[arg-type]
        queue = _Queue()
        deliveries = CallbackDeliveries(
            self.settings,
            self.store.database,
            commits,
            work_queue=queue,  # type: ignore[arg-type]
            clock=self,
            meters=self.meters,
            random_share=lambda: 0.5,
        )
        try:
            while await self._look(deliveries, queue):
                await _wait_for(until or (lambda: deliveries.is_idle))
                if until is not None:
                    break
        finally:
            await deliveries.finish(within=0.0)
            commits.close()

    async def _look(self, deliveries: CallbackDeliveries, queue: "_Queue") -> bool:
        queue.queued.clear()
        await deliveries.queue_due()
        for broadcast_id in queue.queued:
            deliveries.start(broadcast_id)
        return bool(queue.queued)


async def _wait_for(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not check():  # noqa: ASYNC110 - a receiver's thread sets no event of this loop
            await asyncio.sleep(0.002)


class _Queue:
    """A work queue that keeps what is queued."""

    def __init__(self) -> None:
        self.queued: list[int] = []

    def callbacks(self, broadcast_id: int) -> bool:
        self.queued.append(broadcast_id)
        return True
