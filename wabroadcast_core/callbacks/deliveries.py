"""The delivery of callbacks: in order within a broadcast, at least once, tried for a day.

Events wait in the store. A look every few seconds queues a task for each broadcast whose first event is due; the task
delivers its events one after the other, until one fails or none is left. A receiver costs sending nothing: it is called
on the event loop, with few calls at once.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit

import httpx
from sqlalchemy import RowMapping

from wabroadcast_core.background import BackgroundTasks
from wabroadcast_core.callbacks.bodies import address_of, build_body, event_id
from wabroadcast_core.callbacks.receiver import Answer, call_receiver
from wabroadcast_core.callbacks.signing import sign
from wabroadcast_core.clock import Clock
from wabroadcast_core.context import WorkQueue
from wabroadcast_core.errors import NotFoundError, UnavailableError
from wabroadcast_core.metrics.catalogue import CALLBACKS
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.settings import Settings
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import callbacks as callback_store
from wabroadcast_core.store.database import Database
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork
from wabroadcast_core.transport.http_client import make_client
from wabroadcast_core.transport.public_addresses import CallbackAddresses

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0  # between two looks for due events
MOST_CALLS = 16  # at once in one process
MOST_CALLS_OF_RECEIVER = 4
MOST_LOOK_UPS = 4  # of host names at once: they may hang, and must take no thread that sending uses
FIRST_WAIT = 5.0  # seconds after the first failed try; three times as long after each further one
LONGEST_WAIT = 3_600.0
WAIT_FACTOR = 3.0
MOST_STEPS = 6  # then it is the longest wait
WAIT_JITTER = 0.1  # part of a wait by which it may be shorter or longer
SPARE_SECONDS = 15.0  # beyond the time of a call, until its event may be taken by another worker
NO_ADDRESS = "no address is set: set WABROADCAST_CALLBACK_URL"
SEND_AGAIN = "send them again with `wabroadcast callbacks retry` when the receiver works"
NO_SECRET = "no secret is set: set WABROADCAST_CALLBACK_SECRET on the server and the workers"  # noqa: S105 - a text


class CallbackDeliveries:
    """The deliveries of one worker process, on its event loop.

    :param work_queue: spreads the deliveries over the workers.
    :param random_share: returns a number from 0 to 1, by which waits differ.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        group_commit: GroupCommit,
        *,
        work_queue: WorkQueue,
        clock: Clock,
        meters: Meters,
        random_share: Callable[[], float] = random.random,
    ) -> None:
        self._settings = settings
        self._database = database
        self._group_commit = group_commit
        self._work_queue = work_queue
        self._clock = clock
        self._meters = meters
        self._random_share = random_share
        self._secrets = settings.callback_secrets
        self._tasks = BackgroundTasks("the delivery of callbacks")
        self._under_way: set[int] = set()  # ids of broadcasts
        self._calls = asyncio.Semaphore(MOST_CALLS)
        self._places: dict[str, asyncio.Semaphore] = {}  # by host and port of a receiver
        self._is_stopping = False
        self._look_ups = ThreadPoolExecutor(MOST_LOOK_UPS, "wabroadcast-callbacks")
        self._http: httpx.AsyncClient | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no delivery is under way."""
        return self._tasks.is_idle

    async def queue_due(self) -> None:
        """Queue a task for each broadcast whose first event is due.

        :raises UnavailableError: the store cannot be reached.
        """
        due = await asyncio.to_thread(self._find_due)
        if due:
            await self._group_commit.run(lambda unit: callback_store.mark_queued(unit.conn, due, now=unit.now))
            await asyncio.to_thread(self._queue, due)

    def _find_due(self) -> Sequence[int]:
        with self._database.read() as conn:
            return callback_store.due_broadcasts(conn, now=self._clock.now())

    def _queue(self, broadcast_ids: Sequence[int]) -> None:
        for broadcast_id in broadcast_ids:
            self._work_queue.callbacks(broadcast_id)

    def start(self, broadcast_id: int) -> None:
        """Start to deliver the due events of a broadcast, unless this process is at it."""
        if broadcast_id not in self._under_way:
            self._under_way.add(broadcast_id)
            self._tasks.spawn(self._deliver_all(broadcast_id))

    async def finish(self, *, within: float) -> None:
        """Wait for the calls under way, then end them, and close the HTTP client. What is left is tried again."""
        self._is_stopping = True
        await self._tasks.wait(within=within)
        await self._tasks.cancel()
        self._look_ups.shutdown(wait=False, cancel_futures=True)
        if self._http is not None:
            await self._http.aclose()

    async def _deliver_all(self, broadcast_id: int) -> None:
        """Deliver the events of a broadcast until one fails or none is due. Receivers and broadcasts take turns."""
        try:
            url = await asyncio.to_thread(self._find_address, broadcast_id)
            places = self._places_of(url)
            goes_on = True
            while goes_on and not self._is_stopping:
                async with places, self._calls:
                    goes_on = await self._deliver_next(broadcast_id, url)
        except UnavailableError as error:
            log.warning("callbacks wait: %s; they go on when the store is back", error)
        finally:
            self._under_way.discard(broadcast_id)

    def _find_address(self, broadcast_id: int) -> str | None:
        with self._database.read() as conn:
            row = broadcast_store.get_broadcast(conn, broadcast_id)
        return None if row is None else address_of(row, self._settings)

    def _places_of(self, url: str | None) -> asyncio.Semaphore:
        return self._places.setdefault(urlsplit(url or "").netloc, asyncio.Semaphore(MOST_CALLS_OF_RECEIVER))

    async def _deliver_next(self, broadcast_id: int, url: str | None) -> bool:
        """Try to deliver the first event of a broadcast.

        :returns: whether the next one may be tried at once.
        """
        event = await self._group_commit.run(partial(self._take, broadcast_id), urgent=False)
        if event is None:
            return False
        answer = await self._try_call(event, url)
        self._meters.count(CALLBACKS, "delivered" if answer.problem is None else "failed")
        return await self._group_commit.run(partial(self._record, event, answer), urgent=False)

    def _take(self, broadcast_id: int, unit: UnitOfWork) -> RowMapping | None:
        callback_store.merge_results(unit.conn, broadcast_id)
        until = unit.now + self._settings.callback_seconds + SPARE_SECONDS
        return callback_store.take_first(unit.conn, broadcast_id, now=unit.now, until=until)

    async def _try_call(self, event: RowMapping, url: str | None) -> Answer:
        try:
            return await self._call(event, url)
        except UnavailableError:
            raise
        except Exception as error:  # a fault of ours is a failed try, so that it is tried less often and has an end
            log.exception("callback %d could not be made", event["id"])
            return Answer(f"it could not be made ({type(error).__name__}): see the log of the worker")

    async def _call(self, event: RowMapping, url: str | None) -> Answer:
        if url is None or not self._secrets:
            return Answer(NO_ADDRESS if url is None else NO_SECRET)
        name, body = await asyncio.to_thread(self._build, event)
        headers = sign(name, body, at=self._clock.now(), secrets=self._secrets)
        if self._http is None:
            allowed = CallbackAddresses(self._settings.callback_networks)
            self._http = make_client(is_allowed=allowed.allow, threads=self._look_ups)
        return await call_receiver(self._http, url, body, headers=headers, seconds=self._settings.callback_seconds)

    def _build(self, event: RowMapping) -> tuple[str, bytes]:
        """Return the public id and the body of an event."""
        with self._database.read() as conn:
            broadcast = broadcast_store.get_broadcast(conn, event["broadcast_id"])
            if broadcast is None:
                raise NotFoundError("broadcast", str(event["broadcast_id"]))
            return event_id(broadcast["job_id"], event["id"]), build_body(conn, event, broadcast)

    def _record(self, event: RowMapping, answer: Answer, unit: UnitOfWork) -> bool:
        """Record the end of a try. Return whether the next event may be tried at once."""
        key, broadcast_id = event["id"], event["broadcast_id"]
        if answer.problem is None:
            callback_store.end_event(unit.conn, key, now=unit.now)
            return True
        if answer.is_gone:
            callback_store.stop_callbacks(unit.conn, broadcast_id, now=unit.now, problem=answer.problem)
        elif event["ends_at"] <= unit.now:
            given_up = callback_store.give_up(unit.conn, broadcast_id, now=unit.now, problem=answer.problem)
            callback_store.put_off_first(unit.conn, broadcast_id, due_at=unit.now + LONGEST_WAIT)
            log.error("%d callbacks were given up after a day (%s): %s", given_up, answer.problem, SEND_AGAIN)
        else:
            due_at = self._next_try(event, answer, now=unit.now)
            callback_store.put_off(unit.conn, key, tries=event["tries"], due_at=due_at, problem=answer.problem)
            if event["tries"] == 1:
                log.warning("a callback failed (%s): the next try is in %.0f s", answer.problem, due_at - unit.now)
        return False

    def _next_try(self, event: RowMapping, answer: Answer, *, now: float) -> float:
        """Return when an event is tried next: a last time at its end, unless the receiver asked for a later time."""
        steps: int = min(event["tries"] - 1, MOST_STEPS)
        wait = min(LONGEST_WAIT, FIRST_WAIT * WAIT_FACTOR**steps)
        jittered = wait * (1 + WAIT_JITTER * (2 * self._random_share() - 1))
        last: float = event["ends_at"]
        return max(min(now + jittered, last), now + (answer.retry_after or 0.0))
