"""Provider events are stored, then their effects on other messages follow; a failure stops no other event."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from tests.core.fakes import FakeClock, FakeLedger, FakeLiveSenders, FakePace, FakeSender, WebhookSender
from tests.core.rows import START, hold_messages, memory_store, number_of
from tests.core.simulated import settle, simulated
from tests.core.store.harness import StoreHarness
from wabroadcast_core.background import RETRY_SECONDS
from wabroadcast_core.errors import BadMessage, ConnectionDown, Rejected, Throttled, UnavailableError
from wabroadcast_core.inbound.processor import AT_ONCE, DISCONNECTED, STOPPED_BY_REPLY, InboundProcessor
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.outcomes.opt_outs import Consent, ConsentWords
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import tables
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.store.outcomes import Outcome
from wabroadcast_core.store.webhook_calls import MOST_BYTES

REPLIES: Mapping[Consent, str | None] = {"stop": "Baik, kami berhenti.", "start": "Selamat datang kembali."}
UNSTORABLE: Any = Inbound(None, "stop", START)  # type: ignore[arg-type]  # a bug of a sender


@pytest.fixture
def store() -> StoreHarness:
    return memory_store()


class FakeReplies:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []  # connection, number, text

    def send(self, connection: ConnectionSnapshot, number: str, text: str) -> None:
        self.sent.append((connection.name, number, text))


class Processing:
    """A processor among fakes.

    :param events: what each webhook call holds, by its body; the connection 1 gets the calls in that order. A body
        without events cannot be parsed.
    """

    def __init__(
        self,
        store: StoreHarness,
        events: Mapping[str, Sequence[Any]] | None = None,
        *,
        reply_texts: Mapping[Consent, str | None] = REPLIES,
        error: Exception | None = None,
    ) -> None:
        self.store = store
        self.ledger = FakeLedger(store)
        self.clock = FakeClock()
        self.pace = FakePace(self.clock)
        self.replies = FakeReplies()
        self.notified: list[tuple[str, str]] = []  # connection, text
        self.senders = FakeLiveSenders(WebhookSender(events=events), error=error)
        fakes: dict[str, Any] = {
            "ledger": self.ledger,
            "live_senders": self.senders,
            "pace": self.pace,
            "auto_replies": self.replies,
            "clock": self.clock,
        }
        self.processor = InboundProcessor(
            **fakes,
            words=ConsentWords.of(stop=["stop"], start=["start"]),
            reply_texts=reply_texts,
            notify=self._notify,
        )
        self.add_calls(*(events or {}))

    def add_calls(self, *bodies: str) -> None:
        requests = [(1, WebhookRequest("POST", {}, {}, body.encode())) for body in bodies]
        with self.store.unit() as unit:
            call_store.insert_calls(unit.conn, requests, now=unit.now)

    def calls_left(self) -> int:
        with self.store.unit() as unit:
            return len(unit.conn.execute(select(tables.webhook_calls.c.id)).all())

    @property
    def parsed(self) -> list[str]:
        """The bodies of the calls that the sender parsed."""
        parsed: list[str] = self.senders.sender.parsed
        return parsed

    @property
    def effects(self) -> list[tuple[Any, ...]]:
        return [*self.ledger.calls, *self.pace.calls]

    def blacklisted(self) -> dict[str, str]:
        """The blocked numbers with their reasons."""
        with self.store.unit() as unit:
            return dict(unit.conn.execute(select(tables.blacklist.c.number, tables.blacklist.c.reason)).all())

    def _notify(self, message: Inbound, *, connection: str) -> None:
        self.notified.append((connection, message.text))


def wrote(text: str, *, place: int = 0, at: float = START, **fields: Any) -> Inbound:
    return Inbound(number_of(place), text, at, **fields)


def sent_message(store: StoreHarness) -> str:
    """:returns: the id of a message that was sent through connection 1."""
    [message] = hold_messages(store, 1)
    store.record(Outcome(message.key, MessageStatus.SENT, True, sent_at=START), worker_id=7)
    return "job0-0"


def failed(message_id: str, error: Any) -> Receipt:
    return Receipt("failed", at=START, message_id=message_id, error=error)


@pytest.mark.parametrize(
    "wrong",
    [START * 1_000, 1e300, float("inf"), float("nan"), -1e300, 0.0],
    ids=["milliseconds", "exponent", "endless", "no-number", "long-ago", "zero"],
)
@simulated
async def test_an_event_at_an_impossible_time_counts_as_of_now(store: StoreHarness, wrong: float) -> None:
    [message] = hold_messages(store, 1)
    store.record(Outcome(message.key, MessageStatus.SENT, True, sent_at=START), worker_id=7)
    processing = Processing(store)

    await processing.processor.process_events(1, [Receipt("delivered", wrong, message_id="job0-0")])

    assert store.message(message.key)["delivered_at"] == pytest.approx(START, abs=60)


# --- calls -------------------------------------------------------------------------------------------------------


@simulated
async def test_all_calls_of_a_connection_are_processed_in_their_order(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("one")], "b": [], "c": [wrote("two"), wrote("three")]})

    await processing.processor.process_calls(1)

    assert processing.parsed == ["a", "b", "c"]
    assert processing.notified == [("c1", "one"), ("c1", "two"), ("c1", "three")]
    assert processing.calls_left() == 0


@simulated
async def test_a_call_that_cannot_be_parsed_is_dropped_and_the_others_are_processed(
    store: StoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    processing = Processing(store, {"a": [wrote("one")], "c": [wrote("two")]})
    processing.add_calls("not-json", "c")

    await processing.processor.process_calls(1)

    assert [text for _, text in processing.notified] == ["one", "two", "two"]
    assert processing.calls_left() == 0
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize("place", range(3))
@simulated
async def test_an_event_of_a_call_that_cannot_be_stored_is_dropped_and_all_others_have_their_effect_once(
    store: StoreHarness, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    second: list[Any] = [wrote("stop", place=1), wrote("stop", place=2)]
    second.insert(place, UNSTORABLE)
    processing = Processing(store, {"a": [wrote("stop", place=0)], "b": second, "c": [wrote("stop", place=3)]})

    await processing.processor.process_calls(1)

    assert processing.blacklisted().keys() == {number_of(number) for number in range(4)}
    assert processing.calls_left() == 0
    assert [number for _, number, _ in processing.replies.sent] == [number_of(number) for number in range(4)]
    assert len(processing.notified) == 4
    assert [record.getMessage() for record in caplog.records] == [
        "connection c1: its webhook calls cannot be stored together: now one by one",
        "connection c1: a webhook call cannot be stored: now its events one by one",
        "connection c1: an event of its sender cannot be stored and is dropped",
    ]


@pytest.mark.parametrize(
    "receipt",
    [
        pytest.param(Receipt("read", START, provider_id="\ud800"), id="of-the-provider"),
        pytest.param(Receipt("read", START, message_id="\ud800-0"), id="of-ours"),
        pytest.param(Receipt("read", START, provider_id="\0"), id="with-a-zero"),
    ],
)
@simulated
async def test_a_receipt_with_an_id_that_no_store_holds_is_one_of_an_unknown_message(
    store: StoreHarness, caplog: pytest.LogCaptureFixture, receipt: Receipt
) -> None:
    message_id = sent_message(store)
    processing = Processing(store, {"a": [receipt, Receipt("read", START, message_id=message_id)]})

    await processing.processor.process_calls(1)

    assert store.broadcast(1)["read"] == 1
    assert processing.calls_left() == 0
    assert caplog.records == []


@pytest.mark.parametrize("provider_id", ["wamid.\ud800", "wamid.\0", "wamid.é"], ids=ascii)
@simulated
async def test_a_receipt_has_the_id_of_the_answer_whatever_is_in_it(store: StoreHarness, provider_id: str) -> None:
    [message] = hold_messages(store, 1)
    answered = Outcome(message.key, MessageStatus.SENT, True, connection_id=1, provider_id=provider_id, sent_at=START)
    store.record(answered, worker_id=7)
    processing = Processing(store)

    await processing.processor.process_events(
        1, [Receipt("read", START, provider_id=provider_id), Inbound("", "stop", START, reply_to=provider_id)]
    )

    assert store.message(message.key)["read_at"] == START
    assert processing.blacklisted().keys() == {number_of(0)}


@simulated
async def test_calls_wait_in_the_store_while_it_is_away(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("one")]})
    processing.ledger.raises["transact"].append(UnavailableError("away"))

    await processing.processor.process_calls(1)
    assert (processing.notified, processing.calls_left()) == ([], 1)

    await processing.processor.process_calls(1)
    assert (processing.notified, processing.calls_left()) == ([("c1", "one")], 0)


@simulated
async def test_calls_wait_for_a_sender_that_can_parse_them(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("one")]}, error=ConnectionDown("bad_settings"))

    await processing.processor.process_calls(1)

    assert processing.calls_left() == 1


@simulated
async def test_calls_of_a_connection_that_is_gone_are_dropped(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("stop")]})
    del processing.ledger.connections[1]

    await processing.processor.process_calls(1)

    assert processing.calls_left() == 0
    assert processing.blacklisted() == {}


@simulated
async def test_calls_to_a_sender_that_has_no_webhooks_are_dropped(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("stop")]})
    processing.senders.sender = FakeSender()

    await processing.processor.process_calls(1)

    assert processing.calls_left() == 0


@simulated
async def test_two_runs_for_one_connection_do_not_overtake_each_other(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("one")]})
    processing.ledger.waiting = asyncio.Event()
    for _ in range(2):
        processing.processor.start(processing.processor.process_calls(1))
    await settle()

    assert processing.ledger.transactions_begun == 1

    processing.ledger.waiting.set()
    await processing.processor.finish(within=1)
    assert processing.notified == [("c1", "one")]


@simulated
async def test_all_runs_that_wait_at_one_moment_are_one_run(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("one")], "b": [wrote("two")]})
    processing.ledger.waiting = asyncio.Event()
    for _ in range(5):
        processing.processor.start(processing.processor.process_calls(1))
    await settle()

    processing.ledger.waiting.set()
    await processing.processor.finish(within=1)
    processing.add_calls("b")
    await processing.processor.process_calls(1)

    assert [text for _, text in processing.notified] == ["one", "two", "two"]
    assert processing.ledger.transactions_begun == 3


@pytest.mark.parametrize(
    ("calls", "transactions"),
    [
        pytest.param(0, 1, id="none"),
        pytest.param(AT_ONCE - 1, 1, id="fewer-than-one-transaction-takes"),
        pytest.param(AT_ONCE, 2, id="as-many"),
        pytest.param(AT_ONCE + 1, 2, id="more"),
    ],
)
@simulated
async def test_a_run_begins_a_transaction_only_where_calls_may_be_left(
    store: StoreHarness, calls: int, transactions: int
) -> None:
    processing = Processing(store)
    processing.add_calls(*["a"] * calls)

    await processing.processor.process_calls(1)

    assert processing.calls_left() == 0
    assert processing.ledger.transactions_begun == transactions


@pytest.mark.parametrize("sizes", [[1, 1], [1, MOST_BYTES, 1], [MOST_BYTES * 2, 1], [MOST_BYTES // 2] * 5], ids=str)
@simulated
async def test_calls_that_are_too_large_to_be_taken_at_once_are_all_processed(
    store: StoreHarness, sizes: Sequence[int]
) -> None:
    texts = [f"call {place}" for place in range(len(sizes))]
    bodies = [text.ljust(size) for text, size in zip(texts, sizes, strict=True)]
    processing = Processing(store, {body: [wrote(text)] for body, text in zip(bodies, texts, strict=True)})

    await processing.processor.process_calls(1)

    assert [text for _, text in processing.notified] == texts


@simulated
async def test_a_processor_is_idle_once_all_calls_are_processed(store: StoreHarness) -> None:
    processing = Processing(store, {"a": [wrote("one")]})
    processing.processor.start(processing.processor.process_calls(1))
    assert not processing.processor.is_idle

    await processing.processor.finish(within=1)

    assert processing.processor.is_idle


# --- events that a sender received by itself ---------------------------------------------------------------------


@simulated
async def test_events_of_a_sender_are_kept_while_the_store_is_away(store: StoreHarness) -> None:
    processing = Processing(store)
    processing.ledger.raises["transact"].extend([UnavailableError("away"), UnavailableError("away")])

    await processing.processor.process_events(1, [wrote("stop")])

    assert processing.clock.now() == START + 2 * RETRY_SECONDS
    assert processing.blacklisted() == {number_of(0): STOPPED_BY_REPLY}
    assert processing.notified == [("c1", "stop")]


@pytest.mark.parametrize("place", range(5))
@simulated
async def test_an_event_that_cannot_be_stored_is_dropped_and_the_others_have_their_effect_once(
    store: StoreHarness, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    processing = Processing(store)
    events: list[Any] = [failed(sent_message(store), BadMessage("132001"))]
    events += [wrote("stop", place=number) for number in range(3)]
    events.insert(place, UNSTORABLE)

    await processing.processor.process_events(1, events)

    assert processing.effects == [("pause_broadcast", 1, "132001")]
    assert [number for _, number, _ in processing.replies.sent] == [number_of(number) for number in range(3)]
    assert processing.blacklisted().keys() == {number_of(number) for number in range(3)}
    assert [record.getMessage() for record in caplog.records] == [
        "connection c1: an event of its sender cannot be stored and is dropped"
    ]


@simulated
async def test_events_of_a_connection_that_is_gone_are_stored_and_not_followed_up(store: StoreHarness) -> None:
    processing = Processing(store)

    await processing.processor.process_events(9, [wrote("stop")])

    assert processing.blacklisted() == {number_of(0): STOPPED_BY_REPLY}
    assert processing.notified == []
    assert processing.replies.sent == []


# --- consent -----------------------------------------------------------------------------------------------------


@simulated
async def test_a_person_who_opts_out_is_blacklisted_announced_and_answered_once(store: StoreHarness) -> None:
    processing = Processing(store)

    await processing.processor.process_events(1, [wrote("Stop!"), wrote("stop"), wrote("hello", place=1)])

    assert processing.blacklisted() == {number_of(0): STOPPED_BY_REPLY}
    assert set(processing.ledger.transactions.opted_out) == {number_of(0)}
    assert processing.replies.sent == [("c1", number_of(0), "Baik, kami berhenti.")]


@pytest.mark.parametrize(
    ("said", "blocked", "answers"),
    [
        pytest.param(["stop", "start"], False, ["stop", "start"], id="out-and-in-again"),
        pytest.param(["start", "stop"], True, ["stop"], id="in-and-out"),
        pytest.param(["stop", "start", "stop"], True, ["stop", "start", "stop"], id="out-in-and-out"),
    ],
)
@simulated
async def test_people_are_opted_out_and_in_in_the_order_of_their_words(
    *,
    store: StoreHarness,
    said: list[str],
    blocked: bool,
    answers: list[Consent],
) -> None:
    processing = Processing(store)
    store.now = START + len(said)

    await processing.processor.process_events(1, [wrote(text, at=START + place) for place, text in enumerate(said)])

    assert (number_of(0) in processing.blacklisted()) is blocked
    assert [text for _, _, text in processing.replies.sent] == [REPLIES[answer] for answer in answers]


@simulated
async def test_a_person_whom_whatsapp_knows_by_another_id_is_opted_out_by_the_number_and_answered_at_the_id(
    store: StoreHarness,
) -> None:
    processing = Processing(store)
    with store.unit() as unit:
        identity_store.note_identities(unit.conn, {number_of(5)[1:]: number_of(0)})

    await processing.processor.process_events(1, [wrote("stop", place=5)])

    assert processing.blacklisted().keys() == {number_of(0)}
    assert [number for _, number, _ in processing.replies.sent] == [number_of(5)]


HIDDEN = Inbound("", "stop", START, wa_id="ID.777")


@simulated
async def test_a_person_who_hides_the_number_is_known_by_the_receipt_of_a_message_that_we_sent(
    store: StoreHarness,
) -> None:
    processing = Processing(store)
    receipt = Receipt("delivered", START, message_id=sent_message(store), wa_ids=("ID.777",))

    await processing.processor.process_events(1, [receipt])
    await processing.processor.process_events(1, [HIDDEN])

    assert set(processing.blacklisted()) == {number_of(0)}
    assert [number for _, number, _ in processing.replies.sent] == [number_of(0)]


@simulated
async def test_a_person_who_hides_the_number_is_known_by_an_event_that_had_both(store: StoreHarness) -> None:
    processing = Processing(store)
    told = Receipt("read", START, provider_id="not-ours", number=number_of(3), wa_ids=("ID.777",))

    await processing.processor.process_events(1, [told, wrote("hi", place=4, wa_id="9988@lid")])
    await processing.processor.process_events(1, [HIDDEN, Inbound("", "stop", START, wa_id="9988@lid")])

    assert set(processing.blacklisted()) == {number_of(3), number_of(4)}


@pytest.mark.parametrize(
    "words", [pytest.param({"text": "stop"}, id="text"), pytest.param({"text": "", "preference": "stop"}, id="setting")]
)
@simulated
async def test_a_person_who_hides_the_number_is_known_by_the_message_that_is_answered_and_from_then_on(
    store: StoreHarness, words: dict[str, Any]
) -> None:
    processing = Processing(store)
    [message] = hold_messages(store, 1)
    sent = Outcome(message.key, MessageStatus.SENT, True, connection_id=1, provider_id="3EB0C1", sent_at=START)
    store.record(sent, worker_id=7)

    await processing.processor.process_events(1, [Inbound("", "hi", START, wa_id="9988@lid", reply_to="3EB0C1")])
    assert set(processing.blacklisted()) == set()

    await processing.processor.process_events(1, [Inbound("", at=START, wa_id="9988@lid", **words)])
    assert set(processing.blacklisted()) == {number_of(0)}


@simulated
async def test_an_opt_out_of_a_person_whom_nothing_shows_is_logged(
    store: StoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    processing = Processing(store)

    await processing.processor.process_events(1, [HIDDEN, Inbound("", "hi", START, reply_to="of-another")])

    assert processing.blacklisted() == {}
    assert [text for _, text in processing.notified] == ["stop", "hi"]
    [record] = caplog.records
    assert "connection c1: 1 opt-outs have no effect" in record.getMessage()


@simulated
async def test_an_argentinian_number_is_opted_out_in_both_of_its_forms(store: StoreHarness) -> None:
    processing = Processing(store)

    await processing.processor.process_events(1, [Inbound("+5491155550001", "stop", START)])
    assert set(processing.blacklisted()) == {"+5491155550001", "+541155550001"}

    await processing.processor.process_events(1, [Inbound("+5491155550001", "start", START + 1)])
    assert set(processing.blacklisted()) == set()


@pytest.mark.parametrize(
    ("message", "texts"),
    [
        pytest.param(wrote("", preference="stop"), REPLIES, id="a-setting-in-whatsapp-is-not-answered"),
        pytest.param(wrote("stop"), {"stop": None, "start": None}, id="no-text-is-set"),
    ],
)
@simulated
async def test_an_opt_out_without_an_answer_counts_too(
    store: StoreHarness, message: Inbound, texts: Mapping[Consent, str | None]
) -> None:
    processing = Processing(store, reply_texts=texts)

    await processing.processor.process_events(1, [message])

    assert processing.blacklisted().keys() == {number_of(0)}
    assert processing.replies.sent == []


@simulated
async def test_a_failure_that_excludes_a_person_opts_the_number_out(store: StoreHarness) -> None:
    processing = Processing(store)
    error = Rejected("131050", opt_out=True)

    await processing.processor.process_events(1, [failed(sent_message(store), error)])

    assert processing.blacklisted() == {number_of(0): "131050"}
    assert processing.effects == []


# --- what follows for others -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "effects"),
    [
        pytest.param(BadMessage("132001", "no template"), [("pause_broadcast", 1, "132001: no template")], id="bad"),
        pytest.param(ConnectionDown("190"), [("pause_connection", 1, "190")], id="connection-down"),
        pytest.param(Throttled("429", retry_after=9.0), [("slow_down", 1, START, 9.0)], id="throttled"),
        pytest.param(Throttled("56", scope="recipient"), [], id="throttled-recipient"),
        pytest.param(Rejected("131026"), [], id="rejected"),
    ],
)
@simulated
async def test_a_late_failure_has_the_effect_of_an_immediate_one(
    store: StoreHarness, error: Any, effects: list[tuple[Any, ...]]
) -> None:
    processing = Processing(store)

    await processing.processor.process_events(1, [failed(sent_message(store), error)])

    assert processing.effects == effects


@simulated
async def test_a_copy_of_a_failure_has_no_effect(store: StoreHarness) -> None:
    processing = Processing(store)
    failure = failed(sent_message(store), BadMessage("132001"))

    await processing.processor.process_events(1, [failure, failure])
    await processing.processor.process_events(1, [failure])

    assert processing.effects == [("pause_broadcast", 1, "132001")]


@simulated
async def test_a_connection_is_paused_and_resumed_as_its_provider_reports(store: StoreHarness) -> None:
    processing = Processing(store)

    await processing.processor.process_events(1, [ConnectionEvent("down", "logged out"), ConnectionEvent("up")])

    assert processing.effects == [
        ("pause_connection", 1, f"{DISCONNECTED}: logged out"),
        ("resume_connection", 1),
    ]


@simulated
async def test_a_follow_up_that_fails_does_not_stop_the_others(
    store: StoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    processing = Processing(store)
    processing.ledger.raises["pause_broadcast"].append(UnavailableError("away"))
    processing.ledger.raises["pause_connection"].append(UnavailableError("away"))
    failure = failed(sent_message(store), BadMessage("132001"))

    await processing.processor.process_events(
        1, [failure, ConnectionEvent("down"), ConnectionEvent("up"), wrote("stop")]
    )

    assert processing.effects == [("resume_connection", 1)]
    assert processing.notified == [("c1", "stop")]
    assert len(processing.replies.sent) == 1
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * 2


@simulated
async def test_the_log_of_a_call_that_cannot_be_parsed_hides_its_text(
    store: StoreHarness, caplog: pytest.LogCaptureFixture
) -> None:
    class LeakySender(WebhookSender):
        def parse_webhook(self, request: WebhookRequest) -> list[Any]:
            raise ValueError(f"token=secret {request.body!r}")

    processing = Processing(store, {"a": []})
    processing.senders.sender = LeakySender()
    await processing.processor.process_calls(1)

    assert "secret" not in caplog.text


@simulated
async def test_events_have_their_effect_once_although_the_store_goes_away_behind_them(store: StoreHarness) -> None:
    processing = Processing(store)
    processing.ledger.raises["connection"].append(UnavailableError("away"))

    await processing.processor.process_events(1, [failed(sent_message(store), BadMessage("132001")), wrote("stop")])

    assert processing.effects == [("pause_broadcast", 1, "132001")]
    assert len(processing.replies.sent) == 1
