"""The turns under way in one worker process."""

import asyncio
import itertools
import logging
from collections.abc import Container, Sequence

import redis

from wabroadcast_core.background import BackgroundTasks, cancel_all
from wabroadcast_core.control.announcements import Announcement
from wabroadcast_core.delivery.claims import NEVER
from wabroadcast_core.delivery.resources import TurnResources
from wabroadcast_core.delivery.turn import Turn
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.recorder import Result

log = logging.getLogger(__name__)

WAITING = frozenset({MessageStatus.QUEUED, MessageStatus.RETRY})


class Turns:
    """Starts turns and passes announcements and new work on to them."""

    def __init__(self, resources: TurnResources, background: BackgroundTasks) -> None:
        self._resources = resources
        self._background = background
        self._turns: dict[int, set[Turn]] = {}
        self._staying: set[Turn] = set()  # those that claim messages and are not to end early
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        """Return how many turns are under way, counting ended ones whose last sends are not started yet."""
        return len(self._tasks)

    @property
    def staying_count(self) -> int:
        """How many turns claim messages and are not to end early. Any thread may read this."""
        return len(self._staying)

    def has_staying(self, connection_id: int) -> bool:
        """Return whether a connection has such a turn here."""
        return not self._staying.isdisjoint(self._turns.get(connection_id, ()))

    def end_one_early(self) -> int | None:
        """End the oldest of several such turns, so that another process may take the connection's next one.

        :returns: the id of its connection; None if there are not several.
        """
        if len(self._staying) < 2:  # noqa: PLR2004 - several
            return None
        oldest = min(self._staying, key=lambda turn: turn.number)
        oldest.end_early()
        return oldest.connection_id

    def start(self, connection_id: int) -> None:
        """Start a turn of a connection."""
        if self._resources.stopping.is_set():
            return
        turn = Turn(self._resources, connection_id, next(self._numbers), staying=self._staying)
        self._turns.setdefault(connection_id, set()).add(turn)
        task = asyncio.get_running_loop().create_task(self._run(turn))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def on_announcement(self, announcement: Announcement) -> None:
        """Pass an announcement on to the turns that it concerns."""
        if announcement.wake is not None:
            self._wake(announcement.wake)
            return
        for turns in self._turns.values():
            for turn in turns:
                turn.on_announcement(announcement)

    def on_recorded(self, results: Sequence[Result]) -> None:
        """See that messages which wait again get a turn: the one that claimed them may have stopped planning.

        A message of a pool may take another connection, whose turn may have ended too.
        """
        dues: dict[int, float] = {}
        pools: dict[int, float] = {}
        for result in results:
            if result.outcome.status in WAITING:
                due, claimed = result.outcome.due_at or 0.0, result.claimed
                dues[claimed.connection_id] = min(dues.get(claimed.connection_id, NEVER), due)
                if self._resources.ledger.snapshot(claimed.broadcast_id).is_shared:
                    pools[claimed.broadcast_id] = min(pools.get(claimed.broadcast_id, NEVER), due)
        for connection_id, due in dues.items():
            self._provide_turn(connection_id, due)
        for broadcast_id, due in pools.items():
            self._background.spawn(self._provide_pool(broadcast_id, due, but=dues))

    async def finish(self, *, within: float) -> None:
        """Wait at most so many seconds for the turns to end, which they do soon once the process is stopping."""
        for connection_id in self._turns:
            self._wake(connection_id)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within)

    async def cancel(self) -> None:
        """Cancel the turns that are left."""
        await cancel_all(self._tasks)

    def _provide_turn(self, connection_id: int, due: float) -> None:
        """Wake the turns of a connection that still plan; if there are none, queue one."""
        planning = [turn for turn in self._turns.get(connection_id, ()) if turn.is_planning]
        for turn in planning:
            turn.wake()
        if not planning:
            self._background.spawn(self._resources.wakeups.queue_turn(connection_id, rank=0, due=due))

    async def _provide_pool(self, broadcast_id: int, due: float, *, but: Container[int]) -> None:
        """Do so for the connections of a broadcast's pool."""
        for connection_id in await self._resources.ledger.pool_of(broadcast_id):
            if connection_id not in but:
                self._provide_turn(connection_id, due)

    def _wake(self, connection_id: int) -> None:
        for turn in self._turns.get(connection_id, ()):
            turn.wake()

    async def _run(self, turn: Turn) -> None:
        try:
            await turn.run()
        except (UnavailableError, redis.RedisError) as error:
            kind, name = type(error).__name__, turn.connection_name
            log.warning("connection %s: a turn broke off (%s): recover queues another one", name, kind)
        except Exception:
            log.exception("connection %s: a turn failed: recover queues another one", turn.connection_name)
        finally:
            turns = self._turns[turn.connection_id]
            turns.discard(turn)
            if not turns:
                del self._turns[turn.connection_id]
