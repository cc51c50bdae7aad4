"""Store work that shares a transaction."""

import asyncio
from collections.abc import Callable

import pytest

from tests.core.store.harness import StoreHarness
from tests.stores import ON_SQLITE
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.outcomes.opt_outs import opt_out
from wabroadcast_core.store import blacklist as blacklist_store
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import group_commit as committer_module
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


@ON_SQLITE
def test_what_can_wait_shares_the_transaction_of_what_comes_after(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "PATIENCE", 60.0)

    async def run() -> tuple[UnitOfWork, UnitOfWork]:
        group_commit = GroupCommit(harness.database, SystemClock(), threads=1, completed=print, opted_out=print)
        patient = asyncio.create_task(group_commit.run(lambda unit: unit, patient=True))
        await asyncio.sleep(0)  # it is handed over
        units = await group_commit.run(lambda unit: unit), await patient
        await asyncio.to_thread(group_commit.close)
        return units

    eager, patient = asyncio.run(run())

    assert eager is patient


@ON_SQLITE
@pytest.mark.parametrize("patience", [0.0, 60.0], ids=["its-time-is-up", "the-group_commit-closes"])
def test_what_can_wait_is_not_left_behind(
    harness: StoreHarness, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(committer_module, "PATIENCE", patience)

    async def run() -> str:
        group_commit = GroupCommit(harness.database, SystemClock(), threads=1, completed=print, opted_out=print)
        waiting = asyncio.create_task(group_commit.run(lambda _: "done", patient=True))
        await asyncio.sleep(0)
        if not patience:
            await waiting
        await asyncio.to_thread(group_commit.close)
        return await waiting

    assert asyncio.run(run()) == "done"
