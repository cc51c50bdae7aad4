"""Store work that shares a transaction."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.core.store.harness import StoreHarness
from tests.stores import ON_SQLITE
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.outcomes.opt_outs import opt_out
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import group_commit as group_commit_module
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork


def _run_all(
    harness: StoreHarness,
    pieces: list[Callable[[UnitOfWork], str]],
    completed: Callable[[list[int]], None] = lambda _: None,
    opted_out: Callable[[list[str]], None] = lambda _: None,
) -> list[object]:
    async def run() -> list[object]:
        group_commit = GroupCommit(harness.database, SystemClock(), threads=1, completed=completed, opted_out=opted_out)
        try:
            return await asyncio.gather(*(group_commit.run(piece) for piece in pieces), return_exceptions=True)
        finally:
            await asyncio.to_thread(group_commit.close)

    return asyncio.run(run())


@ON_SQLITE
def test_a_piece_that_fails_takes_nobody_with_it(harness: StoreHarness) -> None:
    key = harness.add_broadcast()

    def rename(name: str) -> Callable[[UnitOfWork], str]:
        def piece(unit: UnitOfWork) -> str:
            broadcast_store.update_broadcast(unit.conn, key, name=name)
            return name

        return piece

    def fail(unit: UnitOfWork) -> str:
        broadcast_store.update_broadcast(unit.conn, key, name="half done")
        raise ValueError("mine alone")

    first, failed, last = _run_all(harness, [rename("first"), fail, rename("last")], lambda _: None)

    assert (first, last) == ("first", "last")
    assert isinstance(failed, ValueError)
    assert harness.broadcast(key)["name"] == "last"


@ON_SQLITE
def test_what_hears_of_an_end_and_fails_has_no_work_done_twice(harness: StoreHarness) -> None:
    key = harness.add_broadcast()
    harness.add_messages(key, [0])
    with harness.database.write() as conn:
        broadcast_store.update_broadcast(conn, key, prepared=True)
    runs: list[str] = []

    def skip(unit: UnitOfWork) -> str:
        runs.append("skip")
        unit.changes[key, "queued"] -= 1
        unit.changes[key, "skipped"] += 1
        return "skipped"

    def look(unit: UnitOfWork) -> str:
        runs.append("look")
        return "looked"

    def fail(keys: list[int]) -> None:
        raise RuntimeError("a listener's bug")

    answers = _run_all(harness, [skip, look], fail)

    assert answers == ["skipped", "looked"]
    assert sorted(runs) == ["look", "skip"]
    assert harness.broadcast(key)["status"] == BroadcastStatus.COMPLETED


@ON_SQLITE
def test_who_is_opted_out_is_told_once_that_is_stored_and_before_it_counts_as_done(harness: StoreHarness) -> None:
    told: list[tuple[list[str], bool]] = []

    def list_one(unit: UnitOfWork) -> str:
        opt_out(unit, "+6281200000001", reason="wrote a stop word")
        return str(len(told))

    def fail(unit: UnitOfWork) -> str:
        opt_out(unit, "+6281200000002", reason="wrote a stop word")
        raise ValueError("nothing of this is stored")

    def hear(numbers: list[str]) -> None:
        with harness.database.read() as conn:
            told.append((numbers, bool(blacklist_store.listed_reasons(conn, numbers))))

    async def told_by_then() -> int:
        group_commit = GroupCommit(harness.database, SystemClock(), threads=1, completed=lambda _: None, opted_out=hear)
        try:
            await group_commit.run(list_one)
            return len(told)
        finally:
            await asyncio.to_thread(group_commit.close)

    assert asyncio.run(told_by_then()) == 1
    _run_all(harness, [fail], opted_out=hear)
    assert told == [(["+6281200000001"], True)]


# --- urgent and other pieces -------------------------------------------------------------------------------------


class FakeDatabase:
    """A database without a store whose transactions take their time.

    :param seconds: that each commit takes; those before the last are taken once each.
    """

    def __init__(self, *seconds: float) -> None:
        self._seconds = deque(seconds or [0.0])
        self.ended: list[float] = []

    def transact(self, work: Callable[[Any], Any]) -> Any:
        try:
            return work(None)
        finally:
            time.sleep(self._seconds.popleft() if len(self._seconds) > 1 else self._seconds[0])
            self.ended.append(time.monotonic())


@contextlib.asynccontextmanager
async def committing(database: Any, *, threads: int = 1) -> AsyncIterator[GroupCommit]:
    group_commit = GroupCommit(database, SystemClock(), threads=threads, completed=print, opted_out=print)
    yield group_commit
    await asyncio.to_thread(group_commit.close)


def no_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit_module, "apply_changes", lambda *_, **__: [])


def same(unit: UnitOfWork) -> UnitOfWork:
    return unit


@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_of_either_kind_are_all_done(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    no_changes(monkeypatch)

    def piece(place: int) -> Callable[[UnitOfWork], int]:
        return lambda _: place

    async def run() -> list[int]:
        async with committing(FakeDatabase(), threads=threads) as group_commit:
            pieces = [group_commit.run(piece(place), urgent=bool(place % 2)) for place in range(500)]
            return list(await asyncio.gather(*pieces))

    assert asyncio.run(run()) == list(range(500))


@pytest.mark.timed
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("urgent", [pytest.param(True, id="urgent"), pytest.param(False, id="not-urgent")])
def test_pieces_do_not_wait_for_company(monkeypatch: pytest.MonkeyPatch, *, threads: int, urgent: bool) -> None:
    no_changes(monkeypatch)

    async def run() -> float:
        async with committing(FakeDatabase(0.0), threads=threads) as group_commit:
            began = time.monotonic()
            for _ in range(20):
                await group_commit.run(same, urgent=urgent)
            return time.monotonic() - began

    assert asyncio.run(run()) < 1.0


@pytest.mark.timed
@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_that_come_during_a_transaction_share_the_next_one(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    no_changes(monkeypatch)

    async def run() -> list[UnitOfWork]:
        async with committing(FakeDatabase(0.2), threads=threads) as group_commit:
            first = asyncio.create_task(group_commit.run(same, urgent=False))
            await asyncio.sleep(0.05)
            later = [asyncio.create_task(group_commit.run(same, urgent=False)) for _ in range(10)]
            return [await first, *await asyncio.gather(*later)]

    first, *later = asyncio.run(run())

    assert all(unit is later[0] for unit in later)
    assert first is not later[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_pieces_that_wait_are_done_before_it_closes(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    no_changes(monkeypatch)

    async def run() -> list[UnitOfWork]:
        async with committing(FakeDatabase(0.05), threads=threads) as group_commit:
            waiting = [asyncio.create_task(group_commit.run(same, urgent=bool(place % 2))) for place in range(200)]
            await asyncio.sleep(0)
        return await asyncio.gather(*waiting)

    assert len(asyncio.run(run())) == 200


def test_with_two_threads_an_urgent_piece_does_not_wait_behind_a_slow_other_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_changes(monkeypatch)
    working, ended = threading.Event(), threading.Event()

    def slow(unit: UnitOfWork) -> str:
        del unit
        working.set()
        return "ended" if ended.wait(30) else "kept waiting"

    async def run() -> tuple[UnitOfWork, str]:
        async with committing(FakeDatabase(), threads=2) as group_commit:
            other = asyncio.create_task(group_commit.run(slow, urgent=False))
            await asyncio.to_thread(working.wait, 30)
            urgent = await asyncio.wait_for(group_commit.run(same), 20)
            ended.set()
            return urgent, await other

    urgent, other = asyncio.run(run())

    assert urgent is not None
    assert other == "ended"


@pytest.mark.timed
def test_it_learns_what_a_transaction_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    no_changes(monkeypatch)

    async def run() -> float:
        async with committing(FakeDatabase(0.05)) as group_commit:
            assert group_commit.commit_seconds == 0
            for _ in range(15):
                await group_commit.run(same)
            return group_commit.commit_seconds

    assert 0.04 < asyncio.run(run()) < 1.0
