"""The parts that the services and the tasks of one application share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import redis
import redis.asyncio as async_redis

from wabroadcast_core.clock import Clock
from wabroadcast_core.keys import Keys
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.pairing.pairing import Pairing
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.queries import NamedQuery
from wabroadcast_core.redis_access.clients import Breaker
from wabroadcast_core.settings import Settings
from wabroadcast_core.store.database import Database
from wabroadcast_core.vault import Vault


class WorkQueue(Protocol):
    """The queue of tasks for the workers.

    Each method returns whether the task was queued. While Redis cannot be reached it returns False, and recover queues
    the task later. ``at`` is a UNIX timestamp (seconds, UTC).
    """

    def prepare(self, broadcast_id: int, *, rank: int, at: float | None = None) -> bool:
        """Queue the preparation of a broadcast."""
        ...

    def turn(self, connection_id: int, *, rank: int, at: float | None = None) -> bool:
        """Queue a turn of a connection."""
        ...

    def sweep(self, broadcast_id: int) -> bool:
        """Queue the closing of an ended broadcast's open messages."""
        ...

    def webhooks(self, connection_id: int, *, rank: int) -> bool:
        """Queue the processing of a connection's webhook calls."""
        ...

    def callbacks(self, broadcast_id: int) -> bool:
        """Queue the delivery of a broadcast's callbacks."""
        ...

    def import_contacts(self, import_id: str) -> bool:
        """Queue the import of a contact file."""
        ...


@dataclass(slots=True)
class Context:
    """The shared parts, built when the broadcaster starts."""

    settings: Settings
    database: Database
    redis: redis.Redis
    redis_breaker: Breaker  # of this process' Redis clients
    async_redis: Callable[[], async_redis.Redis]  # makes a new client for the calling event loop
    keys: Keys
    pairing: Pairing  # of the store with Redis
    clock: Clock
    meters: Meters  # what this process measures
    plugins: Plugins
    vault: Vault
    queries: Mapping[str, NamedQuery]  # by name: those that the source `database` may run
    work_queue: WorkQueue
    changed: Callable[[Sequence[int]], None]  # notifies the plugins of broadcasts with a new status
