"""The statuses compared with a model: random actions of workers, operators and providers, one after the other."""

import os
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.core.store.harness import StoreHarness
from tests.slow_parts import SlowCommits
from tests.stores import ON_SQLITE
from wabroadcast_core.control import transitions
from wabroadcast_core.errors import ConflictError, NotFoundError
from wabroadcast_core.models.receipt import Receipt
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus
from wabroadcast_core.outcomes.receipts import apply_receipts
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store import unknown as unknown_store
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.messages import MessageFilter, broadcast_of, message_key, position_of
from wabroadcast_core.store.outcomes import Outcome

M = MessageStatus
OPEN = {M.QUEUED, M.PROCESSING, M.RETRY, M.PAUSED}
AGAIN = {M.QUEUED, M.RETRY}
LATE = {M.PROCESSING, M.UNKNOWN}  # a pause or a cancel comes too late for these, and is kept for later
RESEND_AFTER = 50.0
WORKERS = st.integers(1, 2)
KEYS = st.sampled_from([0, 1])  # the first broadcast or the second
PLACES = st.integers(0, 8)
ENDINGS = st.sampled_from([M.SENT, M.FAILED, M.RETRY, M.QUEUED, M.UNKNOWN, M.SKIPPED])
BATCHES = st.integers(0, 2)
BATCH_SIZE = 3


class Statuses(RuleBasedStateMachine):
    """The model has the status of every message and the worker that claimed it. The store must agree with it."""

    harness: StoreHarness

    def __init__(self) -> None:
        super().__init__()
        self.status: dict[int, MessageStatus] = {}
        self.wanted: dict[int, MessageStatus] = {}
        self.tried: dict[int, int] = {}
        self.holder: dict[int, int] = {}  # the worker that claimed it last, also of unknown ones
        self.due: dict[int, float] = {}
        self.delivered: set[int] = set()
        self.read: set[int] = set()
        self.held: dict[int, dict[int, Claimed]] = {worker: {} for worker in range(1, 3)}  # as the workers know it
        self.prepared: set[int] = set()
        self.state: dict[int, BroadcastStatus] = {}
        self.resends: set[int] = set()
        self.paused: set[int] = set()  # broadcasts that were paused and not resumed, also completed ones

    @initialize()
    def begin(self) -> None:
        """Add a prepared broadcast, and one that is being prepared."""
        self.harness.clear()
        first, second = self._submit(resend=False), self._submit(resend=True)
        self._prepare(first, range(4))
        self._prepare(second, range(2))
        self._end_preparing(first)

    # --- the audience ------------------------------------------------------------------------------------------

    def _submit(self, *, resend: bool) -> int:
        key = self.harness.add_broadcast(on_unknown="resend" if resend else "hold")
        self.state[key] = BroadcastStatus.PROCESSING
        if resend:
            self.resends.add(key)
        return key

    @precondition(lambda self: bool(self._unread()))
    @rule(data=st.data(), places=st.sets(PLACES, min_size=1, max_size=3))
    def prepare(self, data: st.DataObject, places: set[int]) -> None:
        self._prepare(data.draw(st.sampled_from(self._unread())), places)

    def _unread(self) -> list[int]:
        """Return the broadcasts that are being prepared."""
        return [key for key in self._in(BroadcastStatus.PROCESSING) if key not in self.prepared]

    def _prepare(self, key: int, places: Iterable[int]) -> None:
        self.harness.add_messages(key, sorted(places), batch_size=BATCH_SIZE)
        for place in places:
            self.status.setdefault(message_key(key, place), M.QUEUED)
            self.tried.setdefault(message_key(key, place), 0)

    @precondition(lambda self: bool(self._unread()))
    @rule(data=st.data())
    def end_preparing(self, data: st.DataObject) -> None:
        self._end_preparing(data.draw(st.sampled_from(self._unread())))

    def _end_preparing(self, key: int) -> None:
        self.harness.end_preparing(key)
        self.prepared.add(key)

    # --- workers -----------------------------------------------------------------------------------------------

    @precondition(lambda self: bool(self._running()))
    @rule(data=st.data(), worker=WORKERS, amount=st.integers(1, 6))
    def claim(self, data: st.DataObject, worker: int, amount: int) -> None:
        self._claim(data.draw(st.sampled_from(self._running())), worker, amount)

    def _running(self) -> list[int]:
        """Return the broadcasts with due messages, also paused and cancelled ones."""
        return [key for key in self.state if any(self._is_due(message) for message in self._of(key))]

    def _claim(self, key: int, worker: int, amount: int) -> None:
        claimed = self.harness.claim(key, amount, worker_id=worker)

        due = [message for message in self._of(key) if self._is_due(message)]
        running = self.state[key] is BroadcastStatus.PROCESSING
        assert len(claimed) == (min(amount, len(due)) if running else 0)
        assert {message.key for message in claimed} <= set(due)
        for message in claimed:
            assert message.attempts == self.tried[message.key]
            self.status[message.key] = M.PROCESSING
            self.holder[message.key] = worker
            self.held[worker][message.key] = message
            self.wanted.pop(message.key, None)

    def _is_due(self, message: int) -> bool:
        status = self.status[message]
        return status is M.QUEUED or (status is M.RETRY and self.due[message] <= self.harness.now)

    @precondition(lambda self: any(self.held.values()))
    @rule(data=st.data(), ending=ENDINGS)
    def record(self, data: st.DataObject, ending: MessageStatus) -> None:
        """Record outcomes of a worker's claims; some of them may have been settled by others meanwhile."""
        worker = data.draw(st.sampled_from([worker for worker, held in self.held.items() if held]))
        keys = data.draw(st.sets(st.sampled_from(sorted(self.held[worker])), min_size=1))
        self._record(worker, keys, ending)

    def _record(self, worker: int, keys: set[int], ending: MessageStatus) -> None:
        stored = self.harness.record(*(self._outcome(key, ending) for key in sorted(keys)), worker_id=worker)

        for key in keys:
            del self.held[worker][key]
            mine = self.holder.get(key) == worker
            late = self.status[key] is M.UNKNOWN and ending in {M.SENT, M.FAILED, *self._final(ending)}
            assert (key in stored) == (mine and (self.status[key] is M.PROCESSING or late))
            if key in stored:
                self._end(key, ending)

    @staticmethod
    def _final(ending: MessageStatus) -> set[MessageStatus]:
        """Return the outcome if it is final: only such a one of its last worker settles an unknown message."""
        return set() if ending in {M.RETRY, M.QUEUED, M.SKIPPED, M.UNKNOWN} else {ending}

    def _outcome(self, key: int, ending: MessageStatus) -> Outcome:
        used = ending in {M.SENT, M.FAILED, M.UNKNOWN} or (ending is M.RETRY and key % 2 == 0)
        due_at: float | None = None
        if ending is M.RETRY:
            due_at = self.harness.now + 10
        elif ending is M.UNKNOWN and broadcast_of(key) in self.resends:
            due_at = self.harness.now + RESEND_AFTER
        return Outcome(
            key, ending, used=used, connection_id=self.harness.connections[0], due_at=due_at, reason=f"why{key % 2}"
        )

    def _end(self, key: int, ending: MessageStatus) -> None:
        outcome = self._outcome(key, ending)
        self.tried[key] += outcome.used
        self.due.pop(key, None)
        if outcome.due_at is not None:
            self.due[key] = outcome.due_at
        self._leave(key, ending)

    def _leave(self, key: int, ending: MessageStatus) -> None:
        wanted = self.wanted.get(key) if ending is M.UNKNOWN else self.wanted.pop(key, None)
        if ending is M.UNKNOWN and wanted is M.CANCELLED:
            self.due.pop(key, None)
        if ending in AGAIN and self.state[broadcast_of(key)] is BroadcastStatus.CANCELLED:
            ending = M.CANCELLED
        elif ending in AGAIN and wanted is not None:
            ending = wanted
        self.status[key] = ending

    @precondition(lambda self: bool(self._running()))
    @rule(data=st.data(), worker=WORKERS, ending=ENDINGS)
    def work(self, data: st.DataObject, worker: int, ending: MessageStatus) -> None:
        """Claim all due messages and record one outcome for them at once."""
        key = data.draw(st.sampled_from(self._running()))
        self._claim(key, worker, 100)
        if mine := {message for message in self.held[worker] if broadcast_of(message) == key}:
            self._record(worker, mine, ending)

    @rule(worker=WORKERS, started=st.sets(PLACES))
    def settle(self, worker: int, started: set[int]) -> None:
        """Settle the claims of a dead worker: started messages become unknown, the others wait again."""
        with self.harness.unit() as unit:
            claims = claim_store.claims_of(unit.conn, worker, limit=100)
            rows = [(claim.id, *self._settled(claim.id, started=position_of(claim.id) in started)) for claim in claims]
            claim_store.settle_claims(unit.conn, rows, worker_id=worker, changes=unit.changes)

        held = {key for key, status in self.status.items() if status is M.PROCESSING and self.holder[key] == worker}
        assert {row[0] for row in rows} == held
        for key, ending, _, due_at in rows:
            self.due.pop(key, None)
            if due_at is not None:
                self.due[key] = due_at
            self._leave(key, ending)

    def _settled(self, key: int, *, started: bool) -> tuple[MessageStatus, str | None, float | None]:
        if started:
            resend = broadcast_of(key) in self.resends
            return M.UNKNOWN, "crash", self.harness.now + RESEND_AFTER if resend else None
        return (M.RETRY, None, self.harness.now) if self.tried[key] else (M.QUEUED, None, None)

    # --- operators ---------------------------------------------------------------------------------------------

    @rule(place=KEYS, act=st.sampled_from(["pause", "resume", "resume", "cancel"]), sweep=st.booleans())
    def control_broadcast(self, place: int, act: str, sweep: bool) -> None:  # noqa: FBT001 - hypothesis names it
        key = list(self.state)[place]
        if act == "cancel":
            self._cancel(key, sweep=sweep)
        else:
            self._pause_or_resume(key, act)

    def _pause_or_resume(self, key: int, act: str) -> None:
        running = self.state[key] is BroadcastStatus.PROCESSING
        allowed = running if act == "pause" else self.state[key] is BroadcastStatus.PAUSED
        with self.harness.unit() as unit:
            row = self.harness.broadcast(key)
            change = transitions.pause_broadcast if act == "pause" else transitions.resume_broadcast
            if not allowed:
                with pytest.raises(ConflictError):
                    change(unit.conn, row, now=self.harness.now, actor="budi")
                return
            change(unit.conn, row, now=self.harness.now, actor="budi")
        self.state[key] = BroadcastStatus.PAUSED if act == "pause" else BroadcastStatus.PROCESSING
        (self.paused.add if act == "pause" else self.paused.discard)(key)

    def _cancel(self, key: int, *, sweep: bool) -> None:
        allowed = self.state[key] in {BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED}
        with self.harness.unit() as unit:
            row = self.harness.broadcast(key)
            if not allowed:
                with pytest.raises(ConflictError):
                    transitions.cancel_broadcast(unit.conn, row, now=self.harness.now, actor="budi")
                return
            transitions.cancel_broadcast(unit.conn, row, now=self.harness.now, actor="budi")
        self.state[key] = BroadcastStatus.CANCELLED
        if sweep:
            self._sweep(key)

    @precondition(lambda self: bool(self._in(BroadcastStatus.CANCELLED)))
    @rule(data=st.data())
    def sweep(self, data: st.DataObject) -> None:
        self._sweep(data.draw(st.sampled_from(self._in(BroadcastStatus.CANCELLED))))

    def _sweep(self, key: int) -> None:
        with self.harness.unit() as unit:
            assert not transitions.sweep_broadcast(unit.conn, key, changes=unit.changes)
        for message in self._of(key):
            if self.status[message] in {M.QUEUED, M.RETRY, M.PAUSED}:
                self._move(message, M.CANCELLED)
            elif self.status[message] is M.PROCESSING:
                self.wanted[message] = M.CANCELLED

    @rule(place=KEYS, batch=BATCHES, act=st.sampled_from(["pause", "resume", "cancel"]))
    def control_batch(self, place: int, batch: int, act: str) -> None:
        key = list(self.state)[place]
        mine = [message for message in self._of(key) if position_of(message) // BATCH_SIZE == batch]
        running = self.state[key] in {BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED} and key in self.prepared
        moved = [message for message in mine if self._concerns(message, act)]
        refused = ConflictError if mine or not running else NotFoundError
        with self.harness.unit() as unit:
            row = self.harness.broadcast(key)
            arguments: dict[str, Any] = {
                "batch": batch,
                "now": self.harness.now,
                "actor": "budi",
                "changes": unit.changes,
            }
            if not running or not moved:
                with pytest.raises(refused):
                    transitions.control_batch(unit.conn, row, act, **arguments)
                return
            transitions.control_batch(unit.conn, row, act, **arguments)
        for message in moved:
            self._apply(message, act)

    @rule(data=st.data(), act=st.sampled_from(["pause", "resume", "cancel"]))
    def control_message(self, data: st.DataObject, act: str) -> None:
        message = data.draw(st.sampled_from(list(self.status)))
        key = broadcast_of(message)
        again = self.status[message] in LATE and act == "pause" and self.wanted.get(message) is M.PAUSED
        allowed = self._concerns(message, act) or again
        allowed = allowed and not (act == "resume" and self.state[key] is BroadcastStatus.CANCELLED)
        with self.harness.unit() as unit:
            row, present = self.harness.broadcast(key), self.harness.message(message)
            arguments: dict[str, Any] = {
                "message": present,
                "now": self.harness.now,
                "actor": "budi",
                "changes": unit.changes,
            }
            if not allowed:
                with pytest.raises(ConflictError):
                    transitions.control_message(unit.conn, row, act, **arguments)
                return
            transitions.control_message(unit.conn, row, act, **arguments)
        self._apply(message, act)

    def _concerns(self, message: int, act: str) -> bool:
        """Return whether an action changes a message."""
        status, wanted = self.status[message], self.wanted.get(message)
        if act == "resume":
            return status is M.PAUSED or (status in LATE and wanted is M.PAUSED)
        aim = M.PAUSED if act == "pause" else M.CANCELLED
        return (
            status in AGAIN
            or (status in LATE and wanted not in {aim, M.CANCELLED})
            or (act == "cancel" and status is M.PAUSED)
        )

    def _apply(self, message: int, act: str) -> None:
        is_late = self.status[message] in LATE
        if act == "resume" and is_late:
            self.wanted.pop(message, None)
        elif act == "resume":
            self._move(message, M.RETRY if self.tried[message] else M.QUEUED)
            self.due[message] = self.harness.now
        elif is_late:
            self.wanted[message] = M.PAUSED if act == "pause" else M.CANCELLED
            if act == "cancel" and self.status[message] is M.UNKNOWN:
                self.due.pop(message, None)
        else:
            self._move(message, M.PAUSED if act == "pause" else M.CANCELLED)

    @precondition(lambda self: not {M.FAILED, M.UNKNOWN}.isdisjoint(self.status.values()))
    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        ended = [message for message, status in self.status.items() if status in {M.FAILED, M.UNKNOWN}]
        message = data.draw(st.sampled_from(ended))
        key, status = broadcast_of(message), self.status[message]
        arguments: dict[str, Any] = {"status": status, "code": None, "now": self.harness.now, "actor": "budi"}
        with self.harness.unit() as unit:
            row = self.harness.broadcast(key)
            if self.state[key] is BroadcastStatus.CANCELLED:
                with pytest.raises(ConflictError):
                    transitions.retry_broadcast(unit.conn, row, changes=unit.changes, **arguments)
                return
            moved = transitions.retry_broadcast(unit.conn, row, changes=unit.changes, **arguments)
        again = [message for message in self._of(key) if self.status[message] is status]
        assert moved == len(again)
        for message in again:
            self._move(message, M.QUEUED)
            self.tried[message] = 0
            self.wanted.pop(message, None)

    # --- time and providers ------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1.0, 11.0, 60.0]))
    def pass_time(self, seconds: float) -> None:
        """Advance the time, and release unknown messages as recover does."""
        self.harness.now += seconds
        with self.harness.unit() as unit:
            unknown_store.release_unknown(unit.conn, now=self.harness.now, limit=100, changes=unit.changes)
        for message, status in self.status.items():
            cancelled = self.state[broadcast_of(message)] is BroadcastStatus.CANCELLED
            is_due = self.due.get(message, float("inf")) <= self.harness.now and message not in self.wanted
            if status is M.UNKNOWN and is_due and not cancelled:
                self.status[message] = M.RETRY
                self.due[message] = self.harness.now

    @precondition(lambda self: bool(self._claimed_before()))
    @rule(data=st.data(), kind=st.sampled_from(["sent", "delivered", "read", "failed"]))
    def receive(self, data: st.DataObject, kind: str) -> None:
        """Apply a receipt for a message that was claimed before and is not claimed now."""
        message = data.draw(st.sampled_from(self._claimed_before()))
        job_id = self.harness.broadcast(broadcast_of(message))["job_id"]
        with self.harness.unit() as unit:
            receipt = Receipt(kind, self.harness.now, message_id=f"{job_id}-{position_of(message)}")  # type: ignore[arg-type]  # drawn
            apply_receipts(unit, self.harness.connections[0], [receipt])
        status = self.status[message]
        if kind == "failed":
            if status in {M.SENT, M.UNKNOWN} and message not in self.delivered:
                self._move(message, M.FAILED)
            return
        if status in {M.UNKNOWN, M.QUEUED, M.RETRY, M.PAUSED} or (status is M.FAILED and kind != "sent"):
            self._move(message, M.SENT)
        if kind in {"delivered", "read"}:
            self.delivered.add(message)
        if kind == "read":
            self.read.add(message)

    def _claimed_before(self) -> list[int]:
        return [message for message in self.holder if self.status[message] is not M.PROCESSING]

    # --- invariant ---------------------------------------------------------------------------------------------

    @invariant()
    def the_store_agrees_with_the_model(self) -> None:
        self.harness.check_lookups()
        for key in self.state:
            self._follow_completion(key)
            self.harness.check_counters(key)
            assert self.harness.broadcast(key)["status"] == self.state[key]
            with self.harness.database.write() as conn:
                broadcast_store.complete_stranded(conn, now=self.harness.now)  # it must change nothing
                stored = message_store.list_messages(conn, MessageFilter(key))
            assert self.harness.broadcast(key)["status"] == self.state[key]
            assert {message["id"]: message["status"] for message in stored} == {
                message: self.status[message] for message in self._of(key)
            }
            facts = {(message["id"], message["delivered_at"] is None, message["read_at"] is None) for message in stored}
            assert facts == {
                (message, message not in self.delivered, message not in self.read) for message in self._of(key)
            }

    def _follow_completion(self, key: int) -> None:
        """Update the model: a broadcast is complete exactly while it is prepared and has no open message.

        One that was paused before is paused again when it has one.
        """
        done = key in self.prepared and not any(self.status[message] in OPEN for message in self._of(key))
        if done and self.state[key] in {BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED}:
            self.state[key] = BroadcastStatus.COMPLETED
        elif not done and self.state[key] is BroadcastStatus.COMPLETED:
            self.state[key] = BroadcastStatus.PAUSED if key in self.paused else BroadcastStatus.PROCESSING

    def _in(self, state: BroadcastStatus) -> list[int]:
        return [key for key, present in self.state.items() if present is state]

    def _of(self, key: int) -> list[int]:
        return [message for message in self.status if broadcast_of(message) == key]

    def _move(self, message: int, status: MessageStatus) -> None:
        self.status[message] = status
        self.due.pop(message, None)


LONG = os.environ.get("WABROADCAST_TEST_CHAOS") == "long"
EXAMPLES = {"sqlite": 10, "postgresql": 5}


def test_the_statuses_follow_the_model(harness: StoreHarness) -> None:
    _follow_the_model(harness, examples=EXAMPLES["sqlite" if harness.database.is_sqlite else "postgresql"])


@ON_SQLITE
@pytest.mark.chaos
def test_the_statuses_follow_the_model_where_commits_are_slow(harness: StoreHarness) -> None:
    slow = SlowCommits(harness.database.db_engine, spike=0.15 if LONG else 0.01)

    _follow_the_model(harness, examples=100 if LONG else 2)

    assert slow.commits


def _follow_the_model(harness: StoreHarness, *, examples: int) -> None:
    class Here(Statuses):
        pass

    Here.harness = harness
    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.parametrize("swept", [False, True])
def test_no_message_of_a_cancelled_broadcast_is_resumed(harness: StoreHarness, swept: bool) -> None:  # noqa: FBT001 - a parameter
    key = harness.add_broadcast()
    harness.add_messages(key, [0, 1])
    harness.end_preparing(key)
    (claimed,) = harness.claim(key, 1, worker_id=1)
    waiting = message_key(key, 1 - position_of(claimed.key))
    _control_one(harness, waiting, "pause")
    with harness.unit() as unit:
        transitions.cancel_broadcast(unit.conn, harness.broadcast(key), now=harness.now, actor="budi")
        if swept:
            transitions.sweep_broadcast(unit.conn, key, changes=unit.changes)

    for message in (claimed.key, waiting):
        with pytest.raises(ConflictError, match="cancelled"):
            _control_one(harness, message, "resume")


def _control_one(harness: StoreHarness, key: int, act: str) -> None:
    with harness.unit() as unit:
        transitions.control_message(
            unit.conn,
            harness.broadcast(broadcast_of(key)),
            act,
            message=harness.message(key),
            now=harness.now,
            actor="budi",
            changes=unit.changes,
        )


def _unknown(harness: StoreHarness, key: int) -> Outcome:
    due_at = harness.now + RESEND_AFTER
    return Outcome(key, M.UNKNOWN, used=True, connection_id=harness.connections[0], due_at=due_at, reason="no_answer")


def _release(harness: StoreHarness) -> int:
    with harness.unit() as unit:
        return unknown_store.release_unknown(unit.conn, now=harness.now, limit=100, changes=unit.changes)


@pytest.mark.parametrize("in_flight", [True, False], ids=["before-the-outcome", "after-the-outcome"])
@pytest.mark.parametrize("act", ["pause", "cancel"])
def test_an_unknown_message_that_was_stopped_is_not_sent_again(
    harness: StoreHarness, act: str, *, in_flight: bool
) -> None:
    key = harness.add_broadcast(on_unknown="resend")
    harness.add_messages(key, [0])
    harness.end_preparing(key)
    (claimed,) = harness.claim(key, 1)
    if in_flight:
        _control_one(harness, claimed.key, act)
    harness.record(_unknown(harness, claimed.key))
    if not in_flight:
        _control_one(harness, claimed.key, act)

    harness.now += 2 * RESEND_AFTER

    assert _release(harness) == 0
    assert harness.message(claimed.key)["status"] == "unknown"
    if act == "cancel":
        with pytest.raises(ConflictError):
            _control_one(harness, claimed.key, "resume")
    else:
        _control_one(harness, claimed.key, "resume")
        assert _release(harness) == 1


@pytest.mark.parametrize("act", ["pause", "resume", "cancel"])
def test_nothing_follows_the_cancel_of_a_claimed_message(harness: StoreHarness, act: str) -> None:
    key = harness.add_broadcast()
    harness.add_messages(key, [0])
    harness.end_preparing(key)
    (claimed,) = harness.claim(key, 1)
    _control_one(harness, claimed.key, "cancel")

    with pytest.raises(ConflictError):
        _control_one(harness, claimed.key, act)
    harness.record(Outcome(claimed.key, M.QUEUED, used=False))

    assert harness.message(claimed.key)["status"] == "cancelled"


def test_a_paused_broadcast_without_open_messages_is_complete_and_paused_again_by_a_retry(
    harness: StoreHarness,
) -> None:
    key = harness.add_broadcast()
    harness.add_messages(key, [0])
    harness.end_preparing(key)
    (claimed,) = harness.claim(key, 1)
    with harness.unit() as unit:
        transitions.pause_broadcast(unit.conn, harness.broadcast(key), now=harness.now, actor="budi", reason="why")

    harness.record(Outcome(claimed.key, M.FAILED, used=True, reason="rejected"))

    assert (harness.broadcast(key)["status"], harness.broadcast(key)["status_reason"]) == ("completed", "why")
    with harness.unit() as unit:
        transitions.retry_broadcast(
            unit.conn,
            harness.broadcast(key),
            status=M.FAILED,
            code=None,
            now=harness.now,
            actor="budi",
            changes=unit.changes,
        )
    assert harness.broadcast(key)["status"] == "paused"
