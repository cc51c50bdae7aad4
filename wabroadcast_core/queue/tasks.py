"""The thin tasks: ids in, one service call. A task may be lost, run twice or late; the store knows what is due."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

from huey import Huey
from huey.storage import PriorityRedisStorage
from redis import ConnectionPool, RedisError

from wabroadcast_core.clock import Clock
from wabroadcast_core.queue.serializer import TaskSerializer

log = logging.getLogger(__name__)

URGENT = 10  # above every broadcast's rank


class TaskHandlers(Protocol):
    """What the tasks call, in a worker. Each may be called twice for the same thing."""

    def prepare(self, broadcast_id: int) -> None: ...
    def start_turn(self, connection_id: int) -> None: ...
    def sweep(self, broadcast_id: int) -> None: ...
    def process_webhooks(self, connection_id: int) -> None: ...
    def import_contacts(self, import_id: str) -> None: ...


class EngineHuey(Huey):  # type: ignore[misc]  # huey has no types
    """Huey on the engine's clock, so that scheduled work starts in time although the host's clock jumps."""

    clock: Clock | None = None

    def _get_timestamp(self) -> datetime:
        moment = datetime.now(UTC) if self.clock is None else datetime.fromtimestamp(self.clock.now(), UTC)
        return moment.replace(tzinfo=None)


def create_huey(namespace: str, pool: ConnectionPool) -> EngineHuey:
    """Our own Huey: priorities, JSON, no results."""
    huey = EngineHuey(
        namespace,
        results=False,
        utc=True,
        storage_class=PriorityRedisStorage,
        connection_pool=pool,
        serializer=TaskSerializer(lambda name: name in huey._registry._registry),  # noqa: SLF001 - huey offers no look-up
    )
    return huey


class TaskQueue:
    """Puts tasks into Huey. While Redis is away they are not queued: recover puts them in once it is back."""

    def __init__(self, huey: Huey, handlers: TaskHandlers) -> None:
        self.huey = huey
        self._prioritised = bool(getattr(huey.storage, "priority", False))
        register = huey.task
        self._prepare = register(name="wab_prepare")(handlers.prepare)
        self._turn = register(name="wab_turn")(handlers.start_turn)
        self._sweep = register(name="wab_sweep")(handlers.sweep)
        self._webhooks = register(name="wab_webhooks")(handlers.process_webhooks)
        self._import = register(name="wab_import")(handlers.import_contacts)

    def prepare(self, broadcast_id: int, *, rank: int, at: float | None = None) -> bool:
        """Have an audience read, at once or ``at`` a time (UNIX seconds). :returns: whether it was queued."""
        eta = None if at is None else datetime.fromtimestamp(at, UTC)  # exactly: what comes too early is dropped
        return self._put(self._prepare, broadcast_id, key=f"prepare-{broadcast_id}", rank=rank, eta=eta)

    def turn(self, connection_id: int, *, rank: int, at: float | None = None) -> bool:
        """Have a connection take a turn, at once or in the second of ``at``. :returns: whether it was queued."""
        eta = None if at is None else datetime.fromtimestamp(int(at), UTC)  # whole seconds: the fewer entries
        return self._put(self._turn, connection_id, key=f"turn-{connection_id}", rank=rank, eta=eta)

    def sweep(self, broadcast_id: int) -> bool:
        """Have the open messages of a cancelled broadcast closed. :returns: whether it was queued."""
        return self._put(self._sweep, broadcast_id, key=f"sweep-{broadcast_id}", rank=URGENT)

    def webhooks(self, connection_id: int, *, rank: int) -> bool:
        """Have the calls that wait for a connection worked through. :returns: whether it was queued."""
        return self._put(self._webhooks, connection_id, key=f"webhooks-{connection_id}", rank=rank)

    def import_contacts(self, import_id: str) -> bool:
        """Have a contact file read. :returns: whether it was queued."""
        return self._put(self._import, import_id, key=f"import-{import_id}", rank=0)

    def _put(
        self, task: Callable[..., Any], argument: int | str, *, key: str, rank: int, eta: datetime | None = None
    ) -> bool:
        # A fixed id: the same wake-up twice is one entry of the schedule.
        options = {"priority": rank} if self._prioritised else {}
        try:
            if eta is None:
                self.huey.enqueue(task.s(argument, id=key, **options))  # type: ignore[attr-defined]  # huey's wrapper
            else:
                self.huey.add_schedule(task.s(argument, id=key, eta=eta, **options))  # type: ignore[attr-defined]  # huey's wrapper
        except RedisError as error:
            log.warning("%s was not queued (%s): recover will see to it", key, type(error).__name__)
            return False
        return True
