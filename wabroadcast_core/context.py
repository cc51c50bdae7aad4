"""What the pieces of one application share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import redis
import redis.asyncio as async_redis

from wabroadcast_core.clock import Clock
from wabroadcast_core.keys import Keys
from wabroadcast_core.plugins import Plugins
from wabroadcast_core.queries import NamedQuery
from wabroadcast_core.settings import Settings
from wabroadcast_core.store.database import Database
from wabroadcast_core.vault import Vault


class WorkQueue(Protocol):
    """Puts work into the queue; where Redis is away it answers False, and recover does it later."""

    def prepare(self, broadcast_id: int, *, rank: int, at: float | None = None) -> bool: ...
    def turn(self, connection_id: int, *, rank: int, at: float | None = None) -> bool: ...
    def sweep(self, broadcast_id: int) -> bool: ...
    def webhooks(self, connection_id: int, *, rank: int) -> bool: ...
    def import_contacts(self, import_id: str) -> bool: ...


@dataclass(slots=True)
class Context:
    settings: Settings
    database: Database
    redis: redis.Redis
    async_redis: Callable[[], async_redis.Redis]  # a new client for the event loop that asks
    keys: Keys
    clock: Clock
    plugins: Plugins
    vault: Vault
    queries: Mapping[str, NamedQuery]  # by name: what the source `database` may run
    work_queue: WorkQueue
    changed: Callable[[Sequence[int]], None]  # tells plugins and listeners which broadcasts have a new status
