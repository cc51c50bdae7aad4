"""Undo: a broadcast of which nothing has left is a draft again, any other one is paused. On both stores."""

import asyncio
import os
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.core.store.harness import StoreHarness
from tests.scripted import ScriptedProvider, people, text_to
from tests.stores import ON_POSTGRESQL
from tests.waiting import wait_for
from wabroadcast_core import Settings, hookimpl
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.errors import ConflictError, NotFoundError
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.draft import UndoResult
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus
from wabroadcast_core.services import undo as undo_module
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store.claims import ANY_ROUTE
from wabroadcast_core.store.group_commit import GroupCommit, UnitOfWork
from wabroadcast_core.store.outcomes import Outcome

M = MessageStatus
TRIES = 500 if os.environ.get("WABROADCAST_TEST_CHAOS") == "long" else 100  # on each of the two stores
PEOPLE = 3  # of each broadcast
RATE = 200  # messages a second: those that are claimed wait for their slots
THREADS = 6
QUIET = 1.5  # seconds in which a message that was started all the same would leave


class Starts:
    """A plugin that observes the starts of broadcasts."""

    def __init__(self) -> None:
        self._started: defaultdict[str, threading.Event] = defaultdict(threading.Event)

    @hookimpl
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        if broadcast.status == BroadcastStatus.PROCESSING:
            self._started[broadcast.job_id].set()

    def wait_for(self, job_id: str) -> None:
        assert self._started[job_id].wait(60)


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def broadcaster(settings: Settings, provider: ScriptedProvider, starts: Starts) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[provider, starts]) as started:
        started.tasks.huey.storage.read_timeout = 0.2  # seconds; a worker that is stopped waits for it
        yield started


@pytest.fixture(autouse=True)
def connection(broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", "rate": {"messages": RATE, "perSeconds": 1}})


def _key_of(broadcaster: Broadcaster, job_id: str) -> int:
    with broadcaster.context.database.read() as conn:
        return int(broadcast_row(conn, job_id)["id"])


def _prepared(broadcaster: Broadcaster, count: int = 3, **fields: Any) -> tuple[str, int]:
    """Submit a broadcast and store its audience, without a worker. Return its job id and its key."""
    job_id = broadcaster.submit(text_to("main", **fields), people(count)).job_id
    key = _key_of(broadcaster, job_id)
    broadcaster.handlers.prepare(key)
    return job_id, key


# --- against the clock -------------------------------------------------------------------------------------------


def _undo_many(broadcaster: Broadcaster, starts: Starts, tries: int) -> dict[str, UndoResult]:
    """Submit and undo broadcasts, each nearer to the moment at which half of them are too late."""
    results: dict[str, UndoResult] = {}
    delay = 0.05
    for place in range(tries):
        hold = 0.02 if place % 5 == 0 else 0.0
        job_id = broadcaster.submit(text_to("main", holdSeconds=hold), people(PEOPLE)).job_id
        if place % 10:  # one in ten is undone about its start, the others after it
            starts.wait_for(job_id)
            time.sleep(delay * random.random())
        result = results[job_id] = broadcaster.undo(job_id)
        delay = min(2.0, delay * 1.3) if result.undone else delay / 1.3
    return results


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.usefixtures("worker")
def test_no_broadcast_that_was_undone_has_sent_anything(
    broadcaster: Broadcaster, provider: ScriptedProvider, starts: Starts
) -> None:
    with ThreadPoolExecutor(THREADS) as threads:
        shares = [TRIES // THREADS + (place < TRIES % THREADS) for place in range(THREADS)]
        found = threads.map(lambda tries: _undo_many(broadcaster, starts, tries), shares)
        results = {job_id: result for part in found for job_id, result in part.items()}
    time.sleep(QUIET)

    started = Counter(start.message_id.rpartition("-")[0] for start in provider.starts)
    undone = {job_id: result for job_id, result in results.items() if result.undone}
    late = {job_id: result for job_id, result in results.items() if not result.undone}
    assert len(results) == TRIES
    assert [job_id for job_id in undone if started[job_id]] == []
    assert [job_id for job_id, result in late.items() if started[job_id] > result.left] == []
    known = {job_id: result.left for job_id, result in late.items() if not result.under_way}
    assert known == {job_id: started[job_id] for job_id in known}
    assert {result.broadcast.status for result in late.values()} <= {"paused", "completed"}
    assert min(len(known), _had_messages(broadcaster, undone)) >= TRIES // 50  # they were close


def _had_messages(broadcaster: Broadcaster, undone: Iterable[str]) -> int:
    """Return how many of the broadcasts were undone when their messages were stored, so that they could be claimed."""
    return sum(broadcaster.status(job_id).total == PEOPLE for job_id in undone)


# --- what the store decides --------------------------------------------------------------------------------------


def test_a_held_broadcast_waits_for_its_hold_and_is_a_draft_after_the_undo(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(text_to("main", holdSeconds=600), people(2)).job_id
    cause = broadcaster.status(job_id).waiting_for

    result = broadcaster.undo(job_id, actor="Siti")

    assert cause is not None
    assert (cause.code, cause.until) == ("hold", broadcaster.status(job_id).scheduled_at)
    assert (result.undone, result.left, result.under_way, result.broadcast.status) == (True, 0, 0, "cancelled")
    draft = broadcaster.drafts.get(str(result.draft_id))
    assert (draft.owner, draft.job_id, draft.broadcast.scheduled_at) == ("Siti", None, None)
    assert [person.number for person in draft.broadcast.recipients or ()] == [row["number"] for row in people(2)]
    assert [act.act for act in broadcaster.get(job_id).acts] == ["submit", "undo"]
    assert broadcaster.get(job_id).draft_id == result.draft_id


def test_a_later_schedule_outlasts_the_hold(broadcaster: Broadcaster) -> None:
    at = (datetime.now(UTC) + timedelta(hours=1)).replace(microsecond=0)
    job_id = broadcaster.submit(text_to("main", holdSeconds=30, scheduledAt=at.isoformat()), people(1)).job_id
    cause = broadcaster.status(job_id).waiting_for

    result = broadcaster.undo(job_id)

    assert cause is not None
    assert (cause.code, cause.until) == ("scheduled", at)
    assert broadcaster.drafts.get(str(result.draft_id)).broadcast.scheduled_at == at.isoformat()


def test_a_held_broadcast_can_be_started_at_once(broadcaster: Broadcaster) -> None:
    job_id = broadcaster.submit(text_to("main", holdSeconds=600), people(1)).job_id

    broadcaster.reschedule(job_id, {"scheduledAt": datetime.now(UTC)})

    assert broadcaster.status(job_id).status == "queued"


def test_a_repeated_undo_has_the_same_result(broadcaster: Broadcaster) -> None:
    job_id, _ = _prepared(broadcaster)

    first, second = broadcaster.undo(job_id), broadcaster.undo(job_id)

    assert first.undone
    assert first == second
    assert broadcaster.drafts.list().total == 1
    assert broadcaster.status(job_id).counts.cancelled == 3


def _claim(broadcaster: Broadcaster, key: int, amount: int) -> tuple[StoreHarness, list[int]]:
    """Claim messages as a worker does. Return the store for records of their outcomes, and their keys."""
    harness = StoreHarness(broadcaster.context.database, connections=[1])
    return harness, [message.key for message in harness.claim(key, amount)]


@pytest.mark.parametrize(
    ("status", "left"),
    [
        pytest.param(M.SENT, 1, id="sent"),
        pytest.param(M.FAILED, 1, id="failed"),
        pytest.param(M.UNKNOWN, 1, id="unknown"),
    ],
)
def test_too_late_it_is_paused_and_what_has_left_is_counted(
    broadcaster: Broadcaster, status: MessageStatus, left: int
) -> None:
    job_id, key = _prepared(broadcaster)
    harness, [message] = _claim(broadcaster, key, 1)
    harness.record(Outcome(message, status, used=True, reason="131000"))

    result = broadcaster.undo(job_id, actor="Siti")

    assert (result.undone, result.draft_id, result.left, result.under_way) == (False, None, left, 0)
    assert result.broadcast.status == "paused"
    cause = broadcaster.status(job_id).waiting_for
    assert cause is not None
    assert (cause.code, getattr(cause, "by", None)) == ("broadcast_paused", "Siti")
    assert broadcaster.get(job_id).acts[-1].detail == "too late: 1 message had left, 0 under way"
    assert broadcaster.drafts.list().total == 0


def test_a_claim_that_comes_back_unsent_is_awaited(broadcaster: Broadcaster) -> None:
    job_id, key = _prepared(broadcaster)
    harness, keys = _claim(broadcaster, key, 2)
    back = threading.Timer(0.2, lambda: harness.record(*(Outcome(one, M.QUEUED) for one in keys)))
    back.start()

    result = broadcaster.undo(job_id)

    back.join()
    assert (result.undone, result.left) == (True, 0)
    assert broadcaster.status(job_id).counts.cancelled == 3


def test_a_send_that_is_under_way_counts_as_left_until_it_is_known(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undo_module, "LONGEST_WAIT", 0.1)
    job_id, key = _prepared(broadcaster)
    harness, keys = _claim(broadcaster, key, 1)

    uncertain = broadcaster.undo(job_id)
    harness.record(*(Outcome(one, M.RETRY, used=True, reason="http_503", due_at=0.0) for one in keys))
    certain = broadcaster.undo(job_id)

    assert (uncertain.undone, uncertain.left, uncertain.under_way) == (False, 1, 1)
    assert uncertain.broadcast.status == "paused"
    assert (certain.undone, certain.left, certain.broadcast.status) == (True, 0, "cancelled")


@pytest.mark.parametrize("status", [M.FAILED, M.UNKNOWN])
def test_messages_that_wait_again_after_a_retry_have_left(broadcaster: Broadcaster, status: MessageStatus) -> None:
    job_id, key = _prepared(broadcaster, 1)
    harness, [message] = _claim(broadcaster, key, 1)
    harness.record(Outcome(message, status, used=True, reason="crash"))
    broadcaster.retry(job_id, status=status)

    result = broadcaster.undo(job_id)

    assert (result.undone, result.left, result.broadcast.status) == (False, 1, "paused")


def test_an_undo_after_the_last_message_leaves_the_broadcast_completed(broadcaster: Broadcaster) -> None:
    job_id, key = _prepared(broadcaster, 1)
    harness, keys = _claim(broadcaster, key, 1)
    sent = threading.Timer(0.2, lambda: harness.record(*(Outcome(one, M.SENT, used=True) for one in keys)))
    sent.start()

    during, after = broadcaster.undo(job_id), broadcaster.undo(job_id)

    sent.join()
    assert (during.undone, during.left, during.broadcast.status) == (False, 1, "completed")
    assert (after.undone, after.left, after.broadcast.status) == (False, 1, "completed")


def test_a_cancelled_broadcast_is_not_undone_but_can_be_copied(broadcaster: Broadcaster) -> None:
    job_id, _ = _prepared(broadcaster)
    broadcaster.cancel(job_id)

    with pytest.raises(ConflictError, match="copy it into a draft"):
        broadcaster.undo(job_id)
    with pytest.raises(NotFoundError):
        broadcaster.undo(job_id[:8])


def test_two_people_who_undo_at_the_same_time_make_one_draft(broadcaster: Broadcaster) -> None:
    job_id, _ = _prepared(broadcaster)

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: broadcaster.undo(job_id), range(4)))

    assert {(result.undone, result.draft_id) for result in results} == {(True, results[0].draft_id)}
    assert broadcaster.drafts.list().total == 1


# --- a claim at the same moment ----------------------------------------------------------------------------------


@ON_POSTGRESQL
def test_a_claim_that_began_before_the_undo_is_rolled_back(broadcaster: Broadcaster) -> None:
    job_id, key = _prepared(broadcaster)
    undone: list[UndoResult] = []
    undo = threading.Thread(target=lambda: undone.append(broadcaster.undo(job_id)))
    tries: list[str] = []

    def claim(unit: UnitOfWork) -> int:
        """Claim as a worker does; the broadcast is undone between its look and the end of its transaction."""
        row = broadcast_store.get_broadcast(unit.conn, key)
        assert row is not None
        tries.append(row["status"])
        if row["status"] != BroadcastStatus.PROCESSING:
            return 0
        taken = claim_store.claim_messages(
            unit.conn, broadcast_id=key, routes=[ANY_ROUTE], released_batch=0, amount=3, now=unit.now, worker_id=1,
            connection_id=1, retry_waits=False, changes=unit.changes,
        )  # fmt: skip
        unit.claimed_from.add(key)
        undo.start()
        wait_for(lambda: broadcaster.status(job_id).status == "cancelled", what="the undo")
        return sum(rows.amount for rows in taken)

    async def run() -> int:
        group_commit = GroupCommit(
            broadcaster.context.database, SystemClock(), threads=1, completed=lambda _: None, opted_out=lambda _: None
        )
        try:
            return await group_commit.run(claim)
        finally:
            await asyncio.to_thread(group_commit.close)

    claimed = asyncio.run(run())
    undo.join()

    assert (claimed, tries) == (0, ["processing", "cancelled"])
    assert [result.undone for result in undone] == [True]
    assert broadcaster.status(job_id).counts.cancelled == 3
