"""Webhook calls of providers: stored before they are answered, then processed in a worker."""

import json
import threading
from typing import Any

import pytest

from tests.scripted import ScriptedProvider, number_of, people, text_to
from tests.stores import ON_SQLITE
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConnectionDown, NotFoundError, OutcomeUnknown, WebhookRefusedError
from wabroadcast_core.hookspecs import hookimpl
from wabroadcast_core.models.receipt import Inbound, WebhookRequest
from wabroadcast_core.store import identities as identity_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.worker import Worker

BURST = 3_000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"stop_reply": "Baik, kami berhenti.", "start_reply": "Selamat datang kembali."})


def _call(*items: dict[str, Any], proof: str = "right") -> WebhookRequest:
    return WebhookRequest("POST", query={}, headers={"x-proof": proof}, body=json.dumps(items).encode())


def _receipt(kind: str, message_id: str, **fields: Any) -> dict[str, Any]:
    return {"of": "receipt", "kind": kind, "at": 7.0, "message_id": message_id, **fields}


def _wrote(place: int, text: str, **fields: Any) -> dict[str, Any]:
    return {"of": "inbound", "number": number_of(place), "text": text, "at": 7.0, **fields}


def _call_webhook(broadcaster: Broadcaster, *items: dict[str, Any]) -> None:
    assert broadcaster.webhooks.take("main", _call(*items)).result(10) is None


def _connect(broadcaster: Broadcaster, **fields: Any) -> None:
    broadcaster.connections.save("main", {"sender": "scripted", **fields})


def _sent(broadcaster: Broadcaster, count: int) -> str:
    """Submit a broadcast to ``count`` people and wait for its end. Return its job id."""
    job_id = broadcaster.submit(text_to("main"), people(count)).job_id
    wait_for(lambda: broadcaster.status(job_id).counts.processing == 0 and _done(broadcaster, job_id), what="the end")
    return job_id


def _done(broadcaster: Broadcaster, job_id: str) -> bool:
    return broadcaster.status(job_id).progress == 1


def _waits(broadcaster: Broadcaster) -> bool:
    with broadcaster.context.database.read() as conn:
        return bool(call_store.waiting_connections(conn))


def _blocked(broadcaster: Broadcaster) -> set[str]:
    return {entry.number for entry in broadcaster.blacklist.list().items}


# --- the intake ------------------------------------------------------------------------------------------------


def test_receipts_of_a_call_are_counted(broadcaster: Broadcaster, worker: Worker) -> None:
    _connect(broadcaster)
    job_id = _sent(broadcaster, 3)

    _call_webhook(broadcaster, _receipt("delivered", f"{job_id}-0"), _receipt("read", f"{job_id}-1"))
    _call_webhook(broadcaster, _receipt("failed", f"{job_id}-2"), _receipt("delivered", f"{job_id}-0"))

    wait_for(lambda: broadcaster.status(job_id).counts.failed == 1, what="the receipts")
    counts = broadcaster.status(job_id).counts
    assert (counts.sent, counts.failed, counts.delivered, counts.read) == (2, 1, 2, 1)


@ON_SQLITE
def test_a_burst_of_calls_is_stored_without_loss(broadcaster: Broadcaster) -> None:
    """No worker processes them yet: they wait in the store."""
    _connect(broadcaster)
    calls = [_call(_receipt("delivered", f"job-{place}")) for place in range(BURST)]

    answers = [broadcaster.webhooks.take("main", call) for call in calls]

    assert all(answer.result(30) is None for answer in answers)
    with broadcaster.context.database.write() as conn:
        taken = call_store.take_calls(conn, 2, amount=BURST + 1)
    assert [json.loads(request.body) for _, request in taken] == [json.loads(call.body) for call in calls]


@pytest.mark.slow
@ON_SQLITE
def test_a_call_that_was_stored_before_the_worker_started_is_processed(
    broadcaster: Broadcaster, provider: ScriptedProvider
) -> None:
    _connect(broadcaster)
    _call_webhook(broadcaster, _wrote(0, "stop"))
    broadcaster.context.redis.flushall()  # the wake-up is lost

    worker = Worker(broadcaster)
    worker.start()
    try:
        wait_for(lambda: _blocked(broadcaster) == {number_of(0)}, what="the opt-out")
    finally:
        worker.stop()


@ON_SQLITE
@pytest.mark.parametrize(
    ("name", "request_", "error"),
    [
        pytest.param("main", _call(proof="wrong"), WebhookRefusedError, id="wrong-proof"),
        pytest.param("other", _call(), NotFoundError, id="no-such-connection"),
        pytest.param("sandbox", _call(), NotFoundError, id="its-sender-accepts-none"),
    ],
)
def test_a_call_that_does_not_come_from_the_provider_is_refused_and_not_stored(
    broadcaster: Broadcaster, name: str, request_: WebhookRequest, error: type[Exception]
) -> None:
    _connect(broadcaster)

    with pytest.raises(error):
        broadcaster.webhooks.take(name, request_).result(10)

    assert not _waits(broadcaster)


@ON_SQLITE
def test_a_handshake_is_answered_and_not_stored(broadcaster: Broadcaster) -> None:
    _connect(broadcaster)
    handshake = WebhookRequest("GET", query={"challenge": "1158201444"}, headers={})

    assert broadcaster.webhooks.take("main", handshake).result(10) == "1158201444"
    assert not _waits(broadcaster)


@ON_SQLITE
def test_a_call_that_cannot_be_parsed_does_not_delay_the_others(broadcaster: Broadcaster, worker: Worker) -> None:
    _connect(broadcaster)
    broken = WebhookRequest("POST", query={}, headers={"x-proof": "right"}, body=b"not JSON")

    assert broadcaster.webhooks.take("main", broken).result(10) is None
    _call_webhook(broadcaster, _wrote(3, "berhenti"))

    wait_for(lambda: _blocked(broadcaster) == {number_of(3)}, what="the opt-out")
    assert not _waits(broadcaster)


def test_an_event_that_cannot_be_stored_is_dropped_and_all_others_are_processed(
    broadcaster: Broadcaster, worker: Worker
) -> None:
    _connect(broadcaster)
    job_id = _sent(broadcaster, 1)
    half_an_id = {"of": "receipt", "kind": "delivered", "at": 7.0, "provider_id": "\ud800"}
    no_number = {"of": "inbound", "number": None, "text": "berhenti", "at": 7.0}

    _call_webhook(broadcaster, half_an_id, no_number, _receipt("read", f"{job_id}-0"))
    _call_webhook(broadcaster, _wrote(3, "berhenti"))

    wait_for(lambda: _blocked(broadcaster) == {number_of(3)}, what="the opt-out")
    wait_for(lambda: not _waits(broadcaster), what="the end of the calls")
    assert broadcaster.status(job_id).counts.read == 1


# --- messages from people --------------------------------------------------------------------------------------


def test_a_stop_word_opts_out_once_and_is_answered_once(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _connect(broadcaster)

    _call_webhook(broadcaster, _wrote(0, "Stop!"), _wrote(1, "Don't stop"))
    _call_webhook(broadcaster, _wrote(0, "stop"))

    wait_for(lambda: provider.starts, what="the answer")
    wait_for(lambda: not _waits(broadcaster), what="the end")
    assert _blocked(broadcaster) == {number_of(0)}
    assert provider.counts() == {number_of(0): 1}
    entry = broadcaster.blacklist.list().items[0]
    assert (entry.reason, entry.source) == ("wrote a stop word", "inbound")


def test_a_person_who_opted_out_is_skipped_and_one_who_opted_in_again_is_not(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _connect(broadcaster)
    _call_webhook(broadcaster, _wrote(0, "", payload="STOP"), _wrote(1, "ok", preference="stop"))
    wait_for(lambda: len(_blocked(broadcaster)) == 2, what="the opt-outs")
    _call_webhook(broadcaster, _wrote(1, "mulai"))
    wait_for(lambda: len(_blocked(broadcaster)) == 1, what="the opt-in")

    job_id = _sent(broadcaster, 3)

    status = broadcaster.status(job_id)
    assert (status.counts.sent, status.skipped_by) == (2, {"blacklisted": 1})


@ON_SQLITE
def test_a_person_whom_whatsapp_knows_by_another_id_is_opted_out_by_the_number(
    broadcaster: Broadcaster, worker: Worker
) -> None:
    _connect(broadcaster)
    with broadcaster.context.database.write() as conn:
        identity_store.note_identities(conn, {"5215512345678": "+525512345678"})

    _call_webhook(broadcaster, {"of": "inbound", "number": "+5215512345678", "text": "stop", "at": 7.0})

    wait_for(lambda: _blocked(broadcaster) == {"+525512345678"}, what="the opt-out")


@pytest.mark.slow
@ON_SQLITE
def test_plugins_receive_the_messages_from_people(settings: Settings, provider: ScriptedProvider) -> None:
    received: list[tuple[str, str]] = []

    class Observer:
        @hookimpl
        def wab_inbound(self, message: Inbound, connection: str) -> None:
            received.append((message.text, connection))

    with Broadcaster(settings, plugins=[provider, Observer()]) as broadcaster:
        _connect(broadcaster)
        worker = Worker(broadcaster)
        worker.start()
        try:
            _call_webhook(broadcaster, _wrote(0, "Halo, masih ada?"))
            wait_for(lambda: received, what="the message")
        finally:
            worker.stop()

    assert received == [("Halo, masih ada?", "main")]


# --- consequences for other messages ---------------------------------------------------------------------------


def _state(broadcaster: Broadcaster) -> tuple[str, str | None]:
    view = broadcaster.connections.get("main")
    return view.state, view.state_reason


@ON_SQLITE
def test_a_connection_that_its_provider_reports_down_waits_until_it_is_up(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _connect(broadcaster)
    _call_webhook(broadcaster, {"of": "event", "state": "down", "reason": "logged out"})
    wait_for(lambda: _state(broadcaster) == ("paused", "disconnected: logged out"), what="the pause")
    job_id = broadcaster.submit(text_to("main"), people(2)).job_id
    wait_for(lambda: broadcaster.status(job_id).prepared, what="the preparation")

    _call_webhook(broadcaster, {"of": "event", "state": "up"})

    wait_for(lambda: broadcaster.status(job_id).status == "completed", what="the rest")
    assert _state(broadcaster) == ("active", None)


@ON_SQLITE
def test_a_connection_that_a_send_found_down_continues_when_its_provider_reports_up(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    _connect(broadcaster)
    provider.decide = lambda _connection, _message: ConnectionDown("logged_out") if len(provider.starts) == 1 else None
    job_id = broadcaster.submit(text_to("main"), people(1)).job_id
    wait_for(lambda: _state(broadcaster) == ("paused", "logged_out"), what="the pause")

    _call_webhook(broadcaster, {"of": "event", "state": "up"})

    wait_for(lambda: broadcaster.status(job_id).counts.sent == 1, what="the second attempt")


@ON_SQLITE
def test_a_connection_that_a_person_paused_stays_paused_when_its_provider_reports_up(
    broadcaster: Broadcaster, worker: Worker
) -> None:
    _connect(broadcaster)
    broadcaster.connections.pause("main")

    _call_webhook(broadcaster, {"of": "event", "state": "up"}, _wrote(0, "stop"))

    wait_for(lambda: _blocked(broadcaster), what="the call")
    assert _state(broadcaster)[0] == "paused"


@ON_SQLITE
def test_a_person_can_take_over_a_pause_by_the_engine(broadcaster: Broadcaster, worker: Worker) -> None:
    _connect(broadcaster)
    _call_webhook(broadcaster, {"of": "event", "state": "down", "reason": "logged out"})
    wait_for(lambda: _state(broadcaster)[0] == "paused", what="the pause")

    broadcaster.connections.pause("main")
    _call_webhook(broadcaster, {"of": "event", "state": "up"}, _wrote(0, "stop"))

    wait_for(lambda: _blocked(broadcaster), what="the call")
    assert _state(broadcaster) == ("paused", None)


@ON_SQLITE
def test_a_call_and_the_answer_to_the_send_may_race(
    broadcaster: Broadcaster, worker: Worker, provider: ScriptedProvider
) -> None:
    """The provider calls the webhook before it answers the send: no receipt is lost or counted twice."""
    _connect(broadcaster)
    called = threading.Event()

    def decide(_connection: str, message: Any) -> Exception | None:
        _call_webhook(broadcaster, _receipt("delivered", message.message_id))
        called.set()
        return OutcomeUnknown("no_answer") if message.number == number_of(0) else None

    provider.decide = decide
    job_id = broadcaster.submit(text_to("main"), people(2)).job_id

    def counted() -> bool:
        counts = broadcaster.status(job_id).counts
        return (counts.sent, counts.delivered) == (2, 2)

    wait_for(counted, what="both receipts")
    assert called.is_set()
    assert broadcaster.status(job_id).counts.unknown == 0
