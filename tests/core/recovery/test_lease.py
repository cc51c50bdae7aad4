"""The lease of a worker: heartbeats, keys that Redis lost, and claims that were settled by others."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.core.fakes import FakeClock, FakeGroupCommit, FakeIntents
from tests.core.simulated import simulated
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.recovery.intents import Heartbeat, IntentsLostError, SealedError
from wabroadcast_core.recovery.lease import WorkerLease
from wabroadcast_core.settings import Settings


class Leasing:
    """A lease among fakes.

    :param store: the answers of the store in their order: worker ids, and whether a worker is open.
    :param beats: the heartbeats of Redis in their order.
    """

    def __init__(
        self, store: Sequence[object] = (7,), *, beats: Sequence[Heartbeat], mark: Sequence[Exception] = ()
    ) -> None:
        self.clock = FakeClock()
        self.commits = FakeGroupCommit(answers=store)
        self.intents = FakeIntents(raises=mark)
        self.intents.beats.extend(beats)
        fakes: list[Any] = [SimpleNamespace(settings=Settings()), self.commits, self.intents, self.clock]
        self.lease = WorkerLease(*fakes)

    @property
    def calls(self) -> list[tuple[Any, ...]]:
        """The calls of the intents, without heartbeats."""
        return [call for call in self.intents.calls if call[0] != "beat"]


def beat(*, complete: bool = True, sealed: bool = False, epoch: float = 1.0) -> Heartbeat:
    return Heartbeat(complete, sealed, epoch)


@simulated
async def test_a_worker_begins_with_an_id_its_intents_and_a_heartbeat() -> None:
    leasing = Leasing([7], beats=[beat()])

    await leasing.lease.begin()

    assert leasing.lease.worker_id == 7
    assert leasing.intents.calls == [("open", 7), ("beat", 7, Settings().lease_seconds)]


@simulated
async def test_a_worker_without_the_store_does_not_begin() -> None:
    leasing = Leasing([UnavailableError("away")], beats=[])

    with pytest.raises(UnavailableError):
        await leasing.lease.begin()
    assert leasing.intents.calls == []


@simulated
async def test_a_heartbeat_reports_once_that_redis_lost_its_keys() -> None:
    leasing = Leasing(beats=[beat(epoch=1.0), beat(epoch=1.0), beat(epoch=9.0), beat(epoch=9.0)])
    await leasing.lease.begin()

    assert [await leasing.lease.beat() for _ in range(3)] == [False, True, False]


@simulated
async def test_intents_that_redis_lost_are_written_again_at_the_next_heartbeat() -> None:
    leasing = Leasing([7, True], beats=[beat(), beat(complete=False)])
    await leasing.lease.begin()

    await leasing.lease.beat()

    assert leasing.calls == [("open", 7), ("open", 7)]
    assert leasing.lease.worker_id == 7


@simulated
async def test_a_worker_whose_claims_were_settled_continues_under_a_new_id() -> None:
    leasing = Leasing([7, 8], beats=[beat(), beat(sealed=True), beat()])
    await leasing.lease.begin()

    await leasing.lease.beat()

    assert leasing.lease.worker_id == 8
    assert leasing.calls == [("open", 7), ("forget_all",), ("open", 8)]


@simulated
async def test_messages_that_start_have_their_intents_written() -> None:
    leasing = Leasing(beats=[beat()])
    await leasing.lease.begin()

    await leasing.lease.mark_started([1, 2])

    assert leasing.calls == [("open", 7), ("mark", 7, [1, 2])]


@simulated
async def test_messages_start_once_lost_intents_are_written_again() -> None:
    leasing = Leasing([7, True], beats=[beat()], mark=[IntentsLostError()])
    await leasing.lease.begin()

    await leasing.lease.mark_started([1, 2])

    assert leasing.calls == [("open", 7), ("open", 7)]  # it writes all intents, the new ones included


@simulated
async def test_no_message_starts_under_an_id_that_was_ended_while_redis_lost_its_keys() -> None:
    leasing = Leasing([7, False, 8], beats=[beat(), beat()], mark=[IntentsLostError()])
    await leasing.lease.begin()

    with pytest.raises(SealedError):
        await leasing.lease.mark_started([1, 2])
    assert leasing.lease.worker_id == 8
    assert leasing.calls == [("open", 7), ("forget_all",), ("open", 8)]


@simulated
async def test_no_message_starts_whose_claim_was_settled() -> None:
    leasing = Leasing(beats=[beat()], mark=[SealedError()])
    await leasing.lease.begin()

    with pytest.raises(SealedError):
        await leasing.lease.mark_started([1, 2])


@simulated
async def test_a_lease_that_ends_leaves_no_intents() -> None:
    leasing = Leasing(beats=[beat()])
    await leasing.lease.begin()

    await leasing.lease.end()

    assert len(leasing.commits.works) == 2
    assert leasing.calls == [("open", 7), ("drop", 7)]


@simulated
async def test_a_lease_that_has_ended_is_neither_renewed_nor_followed_by_another() -> None:
    leasing = Leasing([7, None, False], beats=[beat()])
    await leasing.lease.begin()
    await leasing.lease.end()
    works = len(leasing.commits.works)

    assert not await leasing.lease.beat()
    with pytest.raises(SealedError):
        await leasing.lease.reopen()

    assert leasing.lease.worker_id == 7
    assert len(leasing.commits.works) == works + 1  # the look whether the worker is open


@simulated
async def test_a_start_that_is_cancelled_while_its_id_is_stored_ends_that_id() -> None:
    leasing = Leasing([7], beats=[])
    starting = asyncio.create_task(leasing.lease.begin())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting

    await leasing.lease.end()

    assert leasing.calls == [("drop", 7)]
    assert len(leasing.commits.works) == 2
