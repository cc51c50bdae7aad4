"""Unknown messages are looked up with their provider; a failed lookup changes nothing."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.fakes import AskedSender, FakeClock, FakeLedger, FakeLiveSenders, FakeSender
from tests.core.rows import START, WORKER, connection, hold_messages, memory_store
from tests.core.simulated import settle, simulated
from tests.core.store.harness import StoreHarness
from wabroadcast_core.engine import unknown_outcomes
from wabroadcast_core.engine.unknown_outcomes import (
    AGAIN_SECONDS,
    LONGEST_LOOKUP,
    MOST_LOOKUPS,
    RIPE_SECONDS,
    UnknownOutcomes,
)
from wabroadcast_core.errors import ConnectionDown, Temporary, UnavailableError
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.status import AttemptOutcome, MessageStatus
from wabroadcast_core.store import attempts as attempt_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import messages as message_store
from wabroadcast_core.store.attempts import NewAttempt
from wabroadcast_core.store.messages import broadcast_of
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.store.tables import messages


@pytest.fixture
def store() -> StoreHarness:
    return memory_store()


class Lookups:
    """Messages that are unknown, and lookups of them with one sender."""

    def __init__(
        self, store: StoreHarness, sender: FakeSender, *, amount: int = 1, error: Exception | None = None
    ) -> None:
        self.store = store
        self.clock = FakeClock()
        self.ledger = FakeLedger(store)
        self.keys = [message.key for message in hold_messages(store, amount)]
        self.lose_answers()
        fakes: dict[str, Any] = {"ledger": self.ledger, "live_senders": FakeLiveSenders(sender, error=error)}
        self._lookups = UnknownOutcomes(**fakes, clock=self.clock)

    async def settle(self, *, after: float = 0) -> None:
        self.clock.move(after)
        self.store.now = self.clock.now()
        await self._lookups.settle_all()

    def lose_answers(self) -> None:
        """Record the sends that the worker has begun as unknown."""
        self.store.now = now = self.clock.now()
        outcomes = [Outcome(key, MessageStatus.UNKNOWN, True, connection_id=1) for key in self.keys]
        self.store.record(*outcomes, worker_id=WORKER)
        lost = [NewAttempt(key, 1, now, 1, AttemptOutcome.UNKNOWN, "no_answer", None) for key in self.keys]
        with self.store.unit() as unit:
            attempt_store.add_attempts(unit.conn, lost)

    def retry(self, *, worker_id: int = WORKER) -> None:
        """Queue the unknown messages again, as a person does, and let a worker claim them."""
        broadcast_id = broadcast_of(self.keys[0])
        unknown, queued = MessageStatus.UNKNOWN, MessageStatus.QUEUED
        claimed = {"status": MessageStatus.PROCESSING, "worker_id": worker_id}
        with self.store.unit() as unit:
            moved = message_store.move_messages(
                unit.conn, broadcast_id=broadcast_id, present=unknown, status=queued, changes=unit.changes, again=True
            )
            unit.conn.execute(messages.update().where(messages.c.status == queued).values(claimed))
            unit.changes[broadcast_id, "queued"] -= moved
            unit.changes[broadcast_id, "processing"] += moved

    def crash(self, *, worker_id: int) -> None:
        """Settle the claims of a worker that has crashed: none of its attempts is stored."""
        rows = [(key, MessageStatus.UNKNOWN, "crash", None) for key in self.keys]
        with self.store.unit() as unit:
            claim_store.settle_claims(unit.conn, rows, worker_id=worker_id, changes=unit.changes)

    def facts(self, place: int = 0) -> tuple[str, str | None, float | None]:
        """The status of a message, its provider id, when it is due."""
        row = self.store.message(self.keys[place])
        return row["status"], row["provider_id"], row["due_at"]


@simulated
async def test_a_message_is_looked_up_once_its_request_must_have_arrived(store: StoreHarness) -> None:
    sender = AskedSender(found=Accepted("wamid.1"))
    lookups = Lookups(store, sender)

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS - 1)
    assert sender.asked == []

    await lookups.settle(after=1)
    assert sender.asked == ["job0-0"]


@simulated
async def test_a_message_that_the_provider_has_becomes_sent(store: StoreHarness) -> None:
    lookups = Lookups(store, AskedSender(found=Accepted("wamid.1")))

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)

    assert lookups.facts() == ("sent", "wamid.1", None)
    store.check_counters(1)


@simulated
async def test_a_message_that_never_arrived_is_released_for_a_resend(store: StoreHarness) -> None:
    lookups = Lookups(store, AskedSender(found=None))

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)

    assert lookups.facts() == ("unknown", None, START + RIPE_SECONDS)  # recover queues unknown messages that are due


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Temporary("503"), id="the-provider-cannot-answer"),
        pytest.param(ConnectionDown("190"), id="the-account-is-down"),
        pytest.param(ValueError("token=secret"), id="a-bug"),
        pytest.param(BaseException("token=secret"), id="no-exception"),
        pytest.param("no answer", id="no-answer-in-time"),
    ],
)
@simulated
async def test_a_lookup_that_fails_leaves_its_message_unknown_for_a_while_and_the_others_go_on(
    store: StoreHarness, fault: object, caplog: pytest.LogCaptureFixture
) -> None:
    sender = AskedSender(found=asyncio.Event() if fault == "no answer" else fault)
    lookups = Lookups(store, sender, amount=2)
    await lookups.settle()

    await lookups.settle(after=RIPE_SECONDS)
    assert sender.asked == ["job0-0", "job0-1"]
    assert {lookups.facts(place) for place in range(2)} == {("unknown", None, None)}

    sender.found = Accepted("wamid.1")
    await lookups.settle(after=AGAIN_SECONDS - LONGEST_LOOKUP * 2 - 1)
    assert lookups.facts() == ("unknown", None, None)

    await lookups.settle(after=LONGEST_LOOKUP * 2 + 1)
    assert {lookups.facts(place) for place in range(2)} == {("sent", "wamid.1", None)}
    assert "secret" not in caplog.text


@simulated
async def test_a_sender_with_a_bug_is_named_in_the_log(store: StoreHarness, caplog: pytest.LogCaptureFixture) -> None:
    lookups = Lookups(store, AskedSender(found=KeyError("x")))

    await lookups.settle()
    with caplog.at_level(logging.ERROR):
        await lookups.settle(after=RIPE_SECONDS)

    assert [record.levelno for record in caplog.records if "KeyError" in record.getMessage()] == [logging.ERROR]


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"sender": FakeSender()}, id="its-sender-cannot-look-up"),
        pytest.param({"error": ConnectionDown("bad_settings")}, id="its-sender-cannot-be-made"),
        pytest.param({"connection": connection(active=False)}, id="it-is-paused"),
        pytest.param({"connection": None}, id="it-is-gone"),
    ],
)
@simulated
async def test_messages_of_a_connection_without_lookups_stay_unknown(
    store: StoreHarness, changed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    sender = changed.get("sender", AskedSender(found=Accepted("wamid.1")))
    lookups = Lookups(store, sender, error=changed.get("error"))
    lookups.ledger.connections[1] = changed.get("connection", connection())

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)

    assert lookups.facts() == ("unknown", None, None)
    assert caplog.records == []


@simulated
async def test_a_message_that_is_unknown_again_is_not_looked_up_at_once(store: StoreHarness) -> None:
    """The request of its second send may not have arrived yet."""
    sender = AskedSender(found=Temporary("503"))
    lookups = Lookups(store, sender)
    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)
    _set_status(store, lookups.keys[0], MessageStatus.SENT)
    await lookups.settle(after=AGAIN_SECONDS)

    _set_status(store, lookups.keys[0], MessageStatus.UNKNOWN)
    await lookups.settle()

    assert sender.asked == ["job0-0"]


@simulated
async def test_no_message_is_looked_up_while_the_store_is_away(store: StoreHarness) -> None:
    sender = AskedSender(found=Accepted("wamid.1"))
    lookups = Lookups(store, sender)
    await lookups.settle()
    lookups.ledger.raises["transact"].append(UnavailableError("away"))

    with pytest.raises(UnavailableError):
        await lookups.settle(after=RIPE_SECONDS)
    assert sender.asked == []


def _set_status(store: StoreHarness, key: int, status: MessageStatus) -> None:
    with store.unit() as unit:
        unit.conn.exec_driver_sql("UPDATE messages SET status = ? WHERE id = ?", (status, key))


@simulated
async def test_an_answer_of_a_wrong_type_leaves_its_message_unknown_and_the_others_are_looked_up(
    store: StoreHarness,
) -> None:
    sender = AskedSender(found={"id": "x"})
    lookups = Lookups(store, sender, amount=2)

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)

    assert sender.asked == ["job0-0", "job0-1"]


# --- a message that is sent again --------------------------------------------------------------------------------


def _lose_again(lookups: Lookups) -> None:
    lookups.retry()
    lookups.lose_answers()


def _crash_again(lookups: Lookups) -> None:
    lookups.retry(worker_id=8)
    lookups.crash(worker_id=8)


SENT_AGAIN = pytest.mark.parametrize(
    "send_again",
    [
        pytest.param(_lose_again, id="its-answer-is-lost-again"),
        pytest.param(_crash_again, id="its-worker-crashes"),
    ],
)


@SENT_AGAIN
@simulated
async def test_a_message_that_is_sent_again_between_two_passes_is_looked_up_a_minute_after_that(
    store: StoreHarness, send_again: Callable[[Lookups], None]
) -> None:
    sender = AskedSender(found=None)
    lookups = Lookups(store, sender)
    await lookups.settle(after=10)
    lookups.clock.move(42)

    send_again(lookups)
    for _ in range(6):
        await lookups.settle(after=10)
    assert sender.asked == []
    assert lookups.facts() == ("unknown", None, None)

    await lookups.settle(after=10)
    assert sender.asked == ["job0-0"]


@SENT_AGAIN
@simulated
async def test_a_message_that_is_sent_again_during_its_lookup_is_not_released(
    store: StoreHarness, send_again: Callable[[Lookups], None], caplog: pytest.LogCaptureFixture
) -> None:
    """The lookup began before the request of the second send had arrived."""
    answered = asyncio.Event()
    lookups = Lookups(store, AskedSender(found=answered))
    await lookups.settle()
    looking = asyncio.create_task(lookups.settle(after=RIPE_SECONDS))
    await settle()
    lookups.clock.move(1)

    send_again(lookups)
    with caplog.at_level(logging.INFO):
        answered.set()
        await looking

    assert lookups.facts() == ("unknown", None, None)
    assert caplog.records == []


# --- many messages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "most"),
    [
        pytest.param(1_000, 10_000, id="in-one-page"),
        pytest.param(2, 10_000, id="in-several-pages"),
        pytest.param(2, 4, id="in-several-passes"),
    ],
)
@simulated
async def test_messages_whose_lookups_fail_do_not_keep_the_others_from_theirs(
    store: StoreHarness, monkeypatch: pytest.MonkeyPatch, page: int, most: int
) -> None:
    monkeypatch.setattr(unknown_outcomes, "MOST_LOOKUPS", 2)
    monkeypatch.setattr(unknown_outcomes, "PAGE", page)
    monkeypatch.setattr(unknown_outcomes, "MOST_READ", most)
    sender = AskedSender(found=Temporary("503"))
    lookups = Lookups(store, sender, amount=7)
    for _ in range(2):
        await lookups.settle()

    await lookups.settle(after=RIPE_SECONDS)
    assert len(sender.asked) == 2
    for _ in range(5):
        await lookups.settle(after=10)
    assert sorted(sender.asked) == [f"job0-{place}" for place in range(7)]

    sender.asked.clear()
    lookups.clock.move(AGAIN_SECONDS - 60)
    for _ in range(7):
        await lookups.settle(after=10)
    assert sorted(sender.asked) == [f"job0-{place}" for place in range(7)]


@simulated
async def test_more_messages_than_are_looked_up_at_a_time_are_all_looked_up(store: StoreHarness) -> None:
    sender = AskedSender(found=Temporary("503"))
    lookups = Lookups(store, sender, amount=MOST_LOOKUPS + 1)

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)
    await lookups.settle(after=30)

    assert sorted(set(sender.asked)) == sorted(f"job0-{place}" for place in range(MOST_LOOKUPS + 1))
    assert len(sender.asked) == MOST_LOOKUPS + 1


@simulated
async def test_a_message_that_is_found_under_an_id_that_no_store_holds_becomes_sent(store: StoreHarness) -> None:
    lookups = Lookups(store, AskedSender(found=Accepted("wamid.\ud800")))

    await lookups.settle()
    await lookups.settle(after=RIPE_SECONDS)

    assert lookups.facts() == ("sent", "wamid.?", None)
