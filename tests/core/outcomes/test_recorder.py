"""The recorder stores outcomes; no failure of the store loses one."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select

from tests.core.fakes import FakeGroupCommit
from tests.core.rows import START, add_results, claimed, hold_messages, memory_store
from tests.core.simulated import settle, simulated
from tests.core.store.harness import StoreHarness
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.recorder import (
    ENOUGH,
    LEAST_PATIENCE,
    MOST_AT_ONCE,
    MOST_PATIENCE,
    MOST_WAITING,
    Batch,
    Recorder,
    Result,
)
from wabroadcast_core.store import tables
from wabroadcast_core.store import workers as worker_store
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.identities import numbers_of
from wabroadcast_core.store.outcomes import Outcome


@pytest.fixture
def store() -> StoreHarness:
    return memory_store()


class Recording:
    """A recorder, and the batches that it reported as recorded.

    :param store: without one, nothing is stored.
    :param answers: of the group commit.
    """

    def __init__(self, store: StoreHarness | None = None, *, answers: Sequence[object] = ()) -> None:
        self.commits = FakeGroupCommit(store, answers=answers)
        self.batches: list[Batch] = []
        self.intents = 0  # groups that the worker has written
        commits: Any = self.commits
        self.recorder = Recorder(
            commits, recorded=self.batches.append, written_intents=lambda: self.intents, to_wall=lambda at: at
        )

    def add(self, *results: Result) -> None:
        add_results(self.recorder, *results)

    async def record(self, *results: Result) -> None:
        self.add(*results)
        await self.recorder.flush()

    @property
    def recorded(self) -> list[int]:
        """The keys of the messages that were reported as recorded."""
        return [key for batch in self.batches for key in batch.keys]


def sent(message: Claimed, *, detail: str | None = None) -> Result:
    outcome = Outcome(message.key, MessageStatus.SENT, True, detail=detail, connection_id=1, sent_at=START)
    return Result(message, outcome, START)


def ended(message: Claimed, status: MessageStatus, *, started: bool = True, reason: str = "131026") -> Result:
    outcome = Outcome(message.key, status, started, reason=reason, connection_id=1 if started else None)
    return Result(message, outcome, START if started else None)


def keys_of(messages: Sequence[Claimed]) -> list[int]:
    return [message.key for message in messages]


# --- that none is lost -------------------------------------------------------------------------------------------


@simulated
async def test_outcomes_are_recorded_in_the_order_in_which_they_were_added_and_reported_after_the_commit() -> None:
    recording, messages = Recording(), [claimed(place) for place in range(3)]
    for message in messages:
        recording.add(sent(message))
    assert (recording.recorder.is_empty, recording.batches) == (False, [])

    await recording.recorder.flush()

    assert recording.recorded == keys_of(messages)
    assert recording.recorder.is_empty


@simulated
async def test_what_comes_during_a_commit_is_recorded_by_the_next() -> None:
    recording, messages = Recording(), [claimed(place) for place in range(ENOUGH + 2)]
    for message in messages[:ENOUGH]:
        recording.add(sent(message))
    await asyncio.sleep(0)  # the commit has begun
    for message in messages[ENOUGH:]:
        recording.add(sent(message))

    await recording.recorder.flush()

    assert [batch.keys for batch in recording.batches] == [
        keys_of(messages[:ENOUGH]),
        keys_of(messages[ENOUGH:]),
    ]


@pytest.mark.parametrize(
    ("commit_seconds", "patience"),
    [
        pytest.param(0.0, LEAST_PATIENCE, id="cheap"),
        pytest.param(0.015, 0.15, id="as-long-as-ten-take"),
        pytest.param(1.0, MOST_PATIENCE, id="never-very-long"),
    ],
)
@simulated
async def test_few_outcomes_wait_for_company_by_what_a_commit_costs(commit_seconds: float, patience: float) -> None:
    recording = Recording()
    recording.commits.commit_seconds = commit_seconds

    recording.add(sent(claimed(0)))
    await asyncio.sleep(patience - 0.01)
    assert recording.batches == []

    await asyncio.sleep(0.02)
    assert recording.recorded == [claimed(0).key]


@simulated
async def test_outcomes_that_come_one_by_one_are_stored_once_they_are_enough() -> None:
    recording = Recording()

    for place in range(ENOUGH):
        assert recording.batches == []
        recording.add(sent(claimed(place)))
        await asyncio.sleep(0.005)

    assert len(recording.batches) == 1
    assert len(recording.recorded) == ENOUGH


@pytest.mark.parametrize("count", [pytest.param(ENOUGH, id="enough"), pytest.param(1_000, id="very-many")])
@simulated
async def test_a_large_batch_is_not_delayed(count: int) -> None:
    recording = Recording()
    recording.commits.commit_seconds = 1.0

    for place in range(count):
        recording.add(sent(claimed(place)))
    await settle()

    assert len(recording.recorded) == count


@simulated
async def test_outcomes_are_stored_after_what_must_precede_them() -> None:
    recording = Recording()

    async def pause() -> None:
        await asyncio.sleep(5)
        assert recording.batches == []

    recording.add(sent(claimed(0)))
    recording.recorder.precede(pause())
    await asyncio.sleep(4.9)
    assert recording.recorded == []

    await recording.recorder.flush()
    assert recording.recorded == [claimed(0).key]


@simulated
async def test_a_flush_does_not_wait_for_company() -> None:
    recording = Recording()
    recording.add(sent(claimed(0)))
    await settle()

    began = asyncio.get_running_loop().time()
    await recording.recorder.flush()

    assert asyncio.get_running_loop().time() == began
    assert recording.recorded == [claimed(0).key]


@simulated
async def test_a_recorder_continues_after_it_was_idle() -> None:
    recording = Recording()

    await recording.record(sent(claimed(0)))
    await recording.record(sent(claimed(1)))

    assert recording.recorded == [claimed(0).key, claimed(1).key]


@simulated
async def test_very_many_outcomes_are_stored_in_several_commits() -> None:
    recording = Recording()

    await recording.record(*(sent(claimed(place)) for place in range(MOST_AT_ONCE + 1)))

    assert [len(batch) for batch in recording.batches] == [MOST_AT_ONCE, 1]


@pytest.mark.parametrize(
    ("error", "level"),
    [
        pytest.param(UnavailableError("away"), logging.WARNING, id="the-store-is-away"),
        pytest.param(ValueError("a bug"), logging.ERROR, id="a-bug"),
    ],
)
@simulated
async def test_outcomes_that_cannot_be_stored_are_kept_and_tried_until_they_are(
    error: Exception, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    recording = Recording(answers=[error, error, error])
    recording.add(sent(claimed(0)))
    await asyncio.sleep(2.5 * RETRY_SECONDS)

    assert (recording.recorder.is_empty, recording.batches) == (False, [])

    await asyncio.sleep(RETRY_SECONDS)
    assert recording.recorded == [claimed(0).key]
    assert [record.levelno for record in caplog.records] == [level]  # logged once


# --- what is stored ----------------------------------------------------------------------------------------------


@simulated
async def test_an_outcome_is_stored_with_its_failed_attempt_skip_reason_and_start(store: StoreHarness) -> None:
    messages = hold_messages(store, 4)
    recording = Recording(store)

    await recording.record(
        sent(messages[0]),
        sent(messages[1], detail="held_for_quality"),
        ended(messages[2], MessageStatus.FAILED),
        ended(messages[3], MessageStatus.SKIPPED, started=False, reason="blacklisted"),
    )

    assert [store.message(message.key)["status"] for message in messages] == ["sent", "sent", "failed", "skipped"]
    assert store.message(messages[1].key)["detail"] == "held_for_quality"
    assert _attempts(store) == [(messages[2].key, 1, "131026")]
    assert _starts(store) == 3
    assert _skips(store) == {"blacklisted": 1}
    store.check_counters(1)


@pytest.mark.parametrize(
    "provider_id",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("wamid.HBgNNjI4MTI==", id="usual"),
        pytest.param(" two  spaces ", id="with-spaces"),
        pytest.param('"\\u00e9\\', id="with-escapes"),
        pytest.param("\n\u00e9\U0001f600", id="not-ascii"),
    ],
)
@simulated
async def test_a_plainly_sent_message_is_stored_with_the_id_and_the_time_of_its_acceptance(
    store: StoreHarness, provider_id: str | None
) -> None:
    [message, other] = hold_messages(store, 2)
    recording = Recording(store)

    recording.recorder.add_sent(message, provider_id=provider_id, sent_at=START + 0.123456)
    recording.recorder.add_sent(other, provider_id="other", sent_at=START)
    await recording.recorder.flush()

    row = store.message(message.key)
    assert (row["status"], row["attempts"], row["reason"], row["detail"]) == ("sent", 1, None, None)
    assert (row["provider_id"], row["sent_at"]) == (provider_id, START + 0.123456)
    assert store.message(other.key)["provider_id"] == "other"


@simulated
async def test_an_attempt_that_ended_before_its_request_is_stored_but_counts_no_start(store: StoreHarness) -> None:
    messages = hold_messages(store, 2)
    recording = Recording(store)
    refused = ended(messages[0], MessageStatus.FAILED)
    refused.left = False

    await recording.record(refused, ended(messages[1], MessageStatus.FAILED))

    assert [key for key, *_ in _attempts(store)] == [message.key for message in messages]
    assert _starts(store) == 1


@simulated
async def test_a_message_that_was_settled_meanwhile_is_left_alone_and_the_others_are_stored(
    store: StoreHarness,
) -> None:
    messages = hold_messages(store, 3)
    _settle(store, messages[1])
    recording = Recording(store)

    await recording.record(*map(sent, messages))

    assert [store.message(message.key)["status"] for message in messages] == ["sent", "queued", "sent"]
    assert recording.recorded == keys_of(messages)
    store.check_counters(1)


@simulated
async def test_messages_of_two_worker_ids_are_recorded_each_under_its_own(store: StoreHarness) -> None:
    old, new = hold_messages(store, 1, worker_id=6), hold_messages(store, 1, worker_id=7)

    await Recording(store).record(sent(old[0]), sent(new[0]))

    assert [store.message(message.key)["status"] for message in (*old, *new)] == ["sent", "sent"]


@simulated
async def test_a_message_that_is_given_back_waits_again_in_its_former_status(store: StoreHarness) -> None:
    new, tried, early = hold_messages(store, 3)
    recording = Recording(store)

    recording.recorder.give_back(new, now=START)
    recording.recorder.give_back(tried._replace(attempts=1), now=START)
    recording.recorder.give_back(early, now=START, wait=4, reason="recipient_pace")
    await recording.recorder.flush()

    rows = [store.message(message.key) for message in (new, tried, early)]
    assert [(row["status"], row["reason"], row["due_at"]) for row in rows] == [
        ("queued", None, None),
        ("retry", None, START),
        ("retry", "recipient_pace", START + 4),
    ]
    assert (_attempts(store), _starts(store)) == ([], 0)


# --- room --------------------------------------------------------------------------------------------------------


@simulated
async def test_claims_wait_while_the_store_is_far_behind() -> None:
    recording = Recording(answers=[UnavailableError("away")] * 3)
    for place in range(MOST_WAITING - 1):
        recording.add(sent(claimed(place)))
    await recording.recorder.has_room()
    recording.add(sent(claimed(MOST_WAITING)))

    waiting = asyncio.create_task(recording.recorder.has_room())
    await asyncio.sleep(2.5 * RETRY_SECONDS)
    assert not waiting.done()

    await asyncio.sleep(RETRY_SECONDS)
    await settle()
    assert waiting.done()
    await recording.recorder.flush()


def _attempts(store: StoreHarness) -> list[tuple[int, int, str]]:
    found = tables.attempts.c
    with store.database.read() as conn:
        return [tuple(row) for row in conn.execute(select(found.message_id, found.attempt, found.reason))]


@simulated
async def test_the_latest_intents_are_recorded_with_the_outcomes_and_never_lowered(store: StoreHarness) -> None:
    recording, messages = Recording(store), hold_messages(store, 2)
    with store.unit() as unit:
        worker_id = worker_store.insert_worker(unit.conn, now=START)
        unit.conn.exec_driver_sql("UPDATE messages SET worker_id = ?", (worker_id,))

    for message, recording.intents in zip(messages, (5, 3), strict=True):
        await recording.record(sent(message._replace(worker_id=worker_id)))

    with store.database.read() as conn:
        assert worker_store.recorded_intents(conn, worker_id) == 5


def _starts(store: StoreHarness) -> int:
    with store.database.read() as conn:
        return sum(conn.execute(select(tables.connection_starts.c.messages)).scalars())


def _skips(store: StoreHarness) -> dict[str, int]:
    found = tables.skip_counts.c
    with store.database.read() as conn:
        return dict(conn.execute(select(found.reason, found.messages)).all())


def _settle(store: StoreHarness, message: Claimed) -> None:
    """Take a message from its worker, as recovery does."""
    with store.unit() as unit:
        unit.conn.exec_driver_sql("UPDATE messages SET status = 'queued' WHERE id = ?", (message.key,))
        unit.changes[message.broadcast_id, "processing"] -= 1
        unit.changes[message.broadcast_id, "queued"] += 1


@simulated
async def test_recording_goes_on_after_what_follows_from_it_failed() -> None:
    commits: Any = FakeGroupCommit()

    def fail(batch: object) -> None:
        raise KeyError(str(batch))

    recorder = Recorder(commits, recorded=fail, written_intents=lambda: 0, to_wall=lambda at: at)
    add_results(recorder, sent(claimed(0)))
    await asyncio.sleep(MOST_PATIENCE)
    add_results(recorder, sent(claimed(1)))
    await asyncio.sleep(MOST_PATIENCE)

    assert recorder.is_empty


@simulated
async def test_the_ids_of_recipients_are_stored_with_the_outcomes_in_one_commit(store: StoreHarness) -> None:
    messages = hold_messages(store, 100)
    recording = Recording(store)

    for message in messages:
        recording.recorder.note_identity(message, f"US.{message.key}")
        recording.recorder.add_sent(message, provider_id=None, sent_at=START)
    await recording.recorder.flush()

    with store.unit() as unit:
        found = numbers_of(unit.conn, [f"US.{message.key}" for message in messages])
    assert found == {f"US.{message.key}": message.number for message in messages}
    assert len(recording.commits.works) == 1
