"""Unknown messages are looked up with their provider; a failed lookup changes nothing."""

import asyncio
import logging
from typing import Any

import pytest

from tests.core.fakes import AskedSender, FakeClock, FakeLedger, FakeLiveSenders, FakeSender
from tests.core.rows import START, connection, hold_messages, memory_store
from tests.core.simulated import simulated
from tests.core.store.harness import StoreHarness
from wabroadcast_core.engine.unknown_outcomes import AGAIN_SECONDS, LONGEST_LOOKUP, RIPE_SECONDS, UnknownOutcomes
from wabroadcast_core.errors import ConnectionDown, Temporary, UnavailableError
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.outcomes import Outcome


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
        store.record(*(Outcome(key, MessageStatus.UNKNOWN, True, connection_id=1) for key in self.keys), worker_id=7)
        fakes: dict[str, Any] = {"ledger": self.ledger, "live_senders": FakeLiveSenders(sender, error=error)}
        self._lookups = UnknownOutcomes(**fakes, clock=self.clock)

    async def settle(self, *, after: float = 0) -> None:
        self.clock.move(after)
        self.store.now = self.clock.now()
        await self._lookups.settle_all()

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
