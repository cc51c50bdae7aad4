"""The broadcaster for event loops: the same names, a loop that goes on, bounded threads, clean cancellation."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import get_type_hints

import pytest

from tests.stores import ON_SQLITE
from wabroadcast_core import AsyncBroadcaster, BroadcastError, NotFoundError, Settings
from wabroadcast_core.async_api.methods import Namespace
from wabroadcast_core.async_api.threads import Threads
from wabroadcast_core.broadcaster import Broadcaster

NOT_ASYNCHRONOUS = {"context", "reasons", "webhooks", "known_keys"}  # what is in memory, and what returns futures
NOT_OF_USERS = {"start", "close", "ensure_first"}
DRAFT = {"name": "Promo", "message": {"type": "text", "text": "Halo"}}
PEOPLE = [{"number": "0812-0000-1001"}, {"number": "0812-0000-1002"}]


def methods_of(kind: type) -> set[str]:
    return {name for name, each in vars(kind).items() if not name.startswith("_") and callable(each)} | {
        name for base in kind.__bases__ if base is not object for name in methods_of(base)
    }


def test_each_method_of_the_broadcaster_and_of_its_namespaces_has_its_coroutine() -> None:
    hints = get_type_hints(Broadcaster)
    spaces = {name: kind for name, kind in hints.items() if name not in NOT_ASYNCHRONOUS and name[0] != "_"}
    parts = {name: each.kind for name, each in vars(AsyncBroadcaster).items() if isinstance(each, Namespace)}

    missing = {
        f"{name}.{method}"
        for name, kind in {**spaces, "": Broadcaster}.items()
        for method in methods_of(kind) - NOT_OF_USERS
        if not hasattr(parts[name] if name else AsyncBroadcaster, method)
    }

    assert parts.keys() == spaces.keys()
    assert missing == set(), "add a line for each to wabroadcast_core/async_api/"


@ON_SQLITE
@pytest.mark.slow
def test_a_broadcast_is_delivered_shown_and_reported_and_nothing_is_left_running(settings: Settings) -> None:
    async def run() -> tuple[list[str], bytes]:
        async with AsyncBroadcaster(settings, work=True) as broadcaster:
            await broadcaster.connections.save("demo", {"sender": "sandbox"})
            job_id = (await broadcaster.submit(DRAFT | {"connection": "demo"}, PEOPLE)).job_id
            shown: list[str] = []
            async for event in broadcaster.live.listen(job_id):
                shown.append(event.json.decode())
                if '"completed"' in shown[-1]:
                    break
            report = b"".join([piece async for piece in broadcaster.report(job_id)])
            with pytest.raises(NotFoundError):
                await broadcaster.status("none")
            return shown, report

    before = set(threading.enumerate())
    shown, report = asyncio.run(run())

    assert '"completed"' in shown[-1]
    assert report.count(b"\n") == 1 + len(PEOPLE)
    left = set(threading.enumerate()) - before
    assert [thread.name for thread in left if thread.name.startswith("wabroadcast")] == []


@ON_SQLITE
def test_a_broadcaster_is_started_again_and_refuses_calls_meanwhile(settings: Settings) -> None:
    async def run() -> int:
        broadcaster = AsyncBroadcaster(settings)
        for _ in range(2):  # as tests of a host do with its application
            with pytest.raises(BroadcastError, match="not started"):
                await broadcaster.list()
            async with broadcaster:
                await broadcaster.connections.save("demo", {"sender": "sandbox"})
                await broadcaster.submit(DRAFT | {"connection": "demo"}, PEOPLE)
        async with broadcaster:
            return (await broadcaster.list()).total

    assert asyncio.run(run()) == 2


@ON_SQLITE
@pytest.mark.parametrize("seconds", [pytest.param(0.0, id="at-once"), pytest.param(0.005, id="on-its-way")])
def test_a_cancelled_start_leaves_nothing_open(settings: Settings, seconds: float) -> None:
    async def run() -> AsyncBroadcaster:
        broadcaster = AsyncBroadcaster(settings, work=True)
        starting = asyncio.create_task(broadcaster.start())
        await asyncio.sleep(seconds)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting
        return broadcaster

    before = set(threading.enumerate())
    broadcaster = asyncio.run(run())

    with pytest.raises(BroadcastError, match="not started"):
        broadcaster.sync.status("none")
    started = set(threading.enumerate()) - before
    assert [thread.name for thread in started if thread.name.startswith("wabroadcast")] == []


# --- threads -----------------------------------------------------------------------------------------------------


def opened(number: int) -> Threads:
    threads = Threads(number)
    threads.open()
    return threads


class Calls:
    """Calls that take until they are released, counted."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.made = 0
        self.at_once = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self) -> int:
        with self._lock:
            self.made += 1
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        self.release.wait()
        with self._lock:
            self.at_once -= 1
        return self.made


@pytest.mark.timed
def test_slow_calls_are_bounded_and_the_loop_goes_on_also_while_they_are_cancelled() -> None:
    calls = Calls()

    async def run() -> int:
        threads = opened(2)
        tasks = [asyncio.create_task(threads.run(calls)) for _ in range(6)]
        while calls.at_once < 2:  # noqa: ASYNC110 - the threads have no event of the loop
            await asyncio.sleep(0)
        tasks[0].cancel()  # it is running
        tasks[-1].cancel()  # it waits for a thread
        began = time.monotonic()
        await asyncio.wait([tasks[0], tasks[-1]])
        assert time.monotonic() - began < 1
        assert calls.made == 2  # a cancelled call keeps its thread
        calls.release.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        threads.close()
        return sum(isinstance(each, asyncio.CancelledError) for each in done)

    assert asyncio.run(run()) == 2
    assert (calls.made, calls.most) == (5, 2)


def test_an_iterator_is_closed_after_its_last_piece_where_its_reader_stops_early() -> None:
    closed = threading.Event()

    def pieces() -> Iterator[int]:
        try:
            yield from range(1_000)
        finally:
            closed.set()

    async def run() -> list[int]:
        threads, read = opened(1), list[int]()
        iterator = threads.iterate(pieces())
        async for piece in iterator:
            read.append(piece)
            if piece == 2:
                break
        await iterator.aclose()  # type: ignore[attr-defined]  # it is a generator
        threads.close()
        return read

    assert asyncio.run(run()) == [0, 1, 2]
    assert closed.is_set()


def test_a_call_has_the_context_variables_of_its_caller() -> None:
    request_id: ContextVar[str] = ContextVar("request_id")

    async def run() -> str:
        request_id.set("r-1")
        threads = opened(1)
        try:
            return await threads.run(request_id.get)
        finally:
            threads.close()

    assert asyncio.run(run()) == "r-1"
