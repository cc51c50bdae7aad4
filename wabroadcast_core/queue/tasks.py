"""The thin tasks: each takes an id and makes one call.

A task may be lost, run twice or run late: the store has the record of the work that is due.
"""

import contextlib
import logging
import math
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

from huey import Huey
from huey.storage import PriorityRedisStorage
from redis import Redis, RedisError

from wabroadcast_core.clock import Clock
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.queue.quiet_log import quiet_own_tasks
from wabroadcast_core.queue.serializer import TaskSerializer

log = logging.getLogger(__name__)

URGENT = 10  # above every broadcast's rank
READ_SECONDS = 0.4  # a read of the queue waits for a task: shorter than the time limit of a call


class TaskHandlers(Protocol):
    """The functions that the tasks call, in a worker. Each may be called twice for the same work."""

    def begin(self) -> None:
        """Begin to work in this process."""
        ...

    def stop(self) -> None:
        """Stop the work of this process."""
        ...

    def prepare(self, broadcast_id: int) -> None:
        """Read the audience of a broadcast into the store."""
        ...

    def start_turn(self, connection_id: int) -> None:
        """Start a turn of a connection."""
        ...

    def sweep(self, broadcast_id: int) -> None:
        """Close the open messages of an ended broadcast."""
        ...

    def process_webhooks(self, connection_id: int) -> None:
        """Process the stored webhook calls of a connection."""
        ...

    def deliver_callbacks(self, broadcast_id: int) -> None:
        """Deliver the callbacks of a broadcast that are due."""
        ...

    def import_contacts(self, import_id: str) -> None:
        """Import a contact file."""
        ...


class ClockedHuey(Huey):  # type: ignore[misc]  # huey has no types
    """A Huey that uses the worker's clock, so scheduled work starts on time even if the host's clock jumps."""

    clock: Clock | None = None

    def _get_timestamp(self) -> datetime:
        moment = datetime.now(UTC) if self.clock is None else datetime.fromtimestamp(self.clock.now(), UTC)
        return moment.replace(tzinfo=None)


class ClientStorage(PriorityRedisStorage):  # type: ignore[misc]  # huey has no types
    """The storage of Huey on a Redis client that exists already."""

    def __init__(self, name: str, *, client: Redis, **options: Any) -> None:
        self.redis_client = lambda **_: client
        self._thread = threading.local()
        super().__init__(name, connection_pool=client.connection_pool, **options)

    @contextlib.contextmanager
    def reading_at_once(self) -> Iterator[None]:
        """Return from :meth:`dequeue` at once in this thread, also if the queue is empty."""
        self._thread.reads_at_once = True
        try:
            yield
        finally:
            self._thread.reads_at_once = False

    @property
    def blocking(self) -> bool:
        """Whether a read waits for a task. Huey asks in the midst of one, and afterwards whether to wait itself."""
        return self._is_blocking and not getattr(self._thread, "is_reading_at_once", False)

    @blocking.setter
    def blocking(self, is_blocking: bool) -> None:
        self._is_blocking = is_blocking

    def dequeue(self) -> bytes | None:
        """Take the first task; None if there is none, or none comes within the time limit of a read."""
        self._thread.is_reading_at_once = getattr(self._thread, "reads_at_once", False)
        try:
            return super().dequeue()  # type: ignore[no-any-return]  # huey has no types
        finally:
            self._thread.is_reading_at_once = False


def create_huey(namespace: str, client: Redis) -> ClockedHuey:
    """Create a Huey instance with priorities and JSON tasks, without results.

    :param client: the Redis client that it uses.
    """
    huey = ClockedHuey(
        namespace,
        results=False,
        utc=True,
        storage_class=ClientStorage,
        client=client,
        read_timeout=READ_SECONDS,
        serializer=TaskSerializer(lambda name: name in huey._registry._registry),  # noqa: SLF001 - huey offers no look-up
    )
    return huey


class TaskQueue:
    """Queues tasks in Huey. While Redis cannot be reached they are not queued; recover queues them later.

    Each method returns whether the task was queued.

    :param huey: the instance in which the tasks are registered.
    :param handlers: the functions that the tasks call.
    :param check: called before a task is queued: raises an error of Redis if it does not answer. A Huey instance of
        the host may have no time limits of its own.
    """

    def __init__(self, huey: Huey, handlers: TaskHandlers, *, check: Callable[[], object] = lambda: None) -> None:
        self.huey = huey
        self._check = check
        quiet_own_tasks()
        self._prioritised = bool(getattr(huey.storage, "priority", False))
        huey.on_startup(name="wab_begin")(handlers.begin)
        huey.on_shutdown(name="wab_stop")(handlers.stop)
        register = huey.task
        self._prepare = register(name="wab_prepare")(handlers.prepare)
        self._turn = register(name="wab_turn")(handlers.start_turn)
        self._sweep = register(name="wab_sweep")(handlers.sweep)
        self._webhooks = register(name="wab_webhooks")(handlers.process_webhooks)
        self._callbacks = register(name="wab_callbacks")(handlers.deliver_callbacks)
        self._import = register(name="wab_import")(handlers.import_contacts)

    def prepare(self, broadcast_id: int, *, rank: int, at: float | None = None) -> bool:
        """Queue the preparation of a broadcast.

        :param rank: the rank of its priority.
        :param at: when it starts (UNIX seconds, UTC); by default at once.
        """
        eta = as_utc(at)  # exact: a task that runs too early does nothing
        return self._put(self._prepare, broadcast_id, key=f"prepare-{broadcast_id}", rank=rank, eta=eta)

    def turn(self, connection_id: int, *, rank: int, at: float | None = None) -> bool:
        """Queue a turn of a connection.

        :param rank: the rank of its most urgent broadcast.
        :param at: in which second it starts (UNIX seconds, UTC); by default at once.
        """
        eta = None if at is None else as_utc(math.floor(at))  # whole seconds make fewer entries
        return self._put(self._turn, connection_id, key=f"turn-{connection_id}", rank=rank, eta=eta)

    def sweep(self, broadcast_id: int) -> bool:
        """Queue the closing of an ended broadcast's open messages."""
        return self._put(self._sweep, broadcast_id, key=f"sweep-{broadcast_id}", rank=URGENT)

    def webhooks(self, connection_id: int, *, rank: int) -> bool:
        """Queue the processing of a connection's stored webhook calls."""
        return self._put(self._webhooks, connection_id, key=f"webhooks-{connection_id}", rank=rank)

    def callbacks(self, broadcast_id: int) -> bool:
        """Queue the delivery of a broadcast's callbacks, which only starts a task on the event loop."""
        return self._put(self._callbacks, broadcast_id, key=f"callbacks-{broadcast_id}", rank=URGENT)

    def import_contacts(self, import_id: str) -> bool:
        """Queue the import of a contact file."""
        return self._put(self._import, import_id, key=f"import-{import_id}", rank=0)

    def _put(
        self, task: Callable[..., Any], argument: int | str, *, key: str, rank: int, eta: datetime | None = None
    ) -> bool:
        # The id is fixed, so that the same task queued twice is one entry of the schedule.
        options = {"priority": rank} if self._prioritised else {}
        try:
            self._check()
            if eta is None:
                self.huey.enqueue(task.s(argument, id=key, **options))  # type: ignore[attr-defined]  # huey's wrapper
            else:
                self.huey.add_schedule(task.s(argument, id=key, eta=eta, **options))  # type: ignore[attr-defined]  # huey's wrapper
        except RedisError as error:
            kind = key.partition("-")[0]  # what follows is an id of the store, which stands nowhere else
            log.warning("a task (%s) cannot be queued (%s): recover queues it later", kind, type(error).__name__)
            return False
        return True
