"""What is stored of a verified webhook call: enough to parse it, and nothing of its proof."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import WebhookRefusedError
from wabroadcast_core.hookspecs import Sender, hookimpl
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.store.tables import webhook_calls
from wabroadcast_core.testing import NullSender

PROOF = "s3cret-proof"
FORM = "application/x-www-form-urlencoded"
HEADERS = {
    "authorization": f"Bearer {PROOF}",
    "apikey": PROOF,
    "cookie": PROOF,
    "x-anything": PROOF,
    "content-type": "application/json",
}
EVENT = {"event": "messages.update", "instance": "shop", "data": []}
GATEWAY = {"baseUrl": "http://gateway"}


def _form(**fields: str) -> WebhookRequest:
    return WebhookRequest("POST", {}, {**HEADERS, "content-type": FORM}, urlencode(fields).encode(), fields)


@pytest.mark.parametrize(
    ("sender", "given", "call"),
    [
        pytest.param(
            "evolution",
            {**GATEWAY, "instance": "shop", "apiKey": PROOF},
            WebhookRequest("POST", {}, HEADERS, json.dumps({**EVENT, "apikey": PROOF}).encode()),
            id="key-in-the-body",
        ),
        pytest.param(
            "evolution",
            {**GATEWAY, "instance": "shop", "apiKey": PROOF, "webhookToken": PROOF},
            WebhookRequest("POST", {"token": PROOF}, HEADERS, json.dumps({**EVENT, "apikey": PROOF}).encode()),
            id="token-in-the-address-and-key-in-the-body",
        ),
        pytest.param(
            "fonnte",
            {"token": "t", "webhookToken": PROOF},
            WebhookRequest("POST", {"token": PROOF}, HEADERS, b"{}"),
            id="token-in-the-address",
        ),
        pytest.param(
            "wuzapi", {**GATEWAY, "token": PROOF}, _form(token=PROOF, jsonData='{"type": "Message"}'), id="in-a-form"
        ),
        pytest.param(
            "wuzapi",
            {**GATEWAY, "token": PROOF},
            WebhookRequest("POST", {}, HEADERS, json.dumps({"token": PROOF, "jsonData": "{}"}).encode()),
            id="token-in-a-json-body",
        ),
    ],
)
def test_the_proof_of_a_call_is_not_stored(
    broadcaster: Broadcaster, sender: str, given: dict[str, Any], call: WebhookRequest
) -> None:
    broadcaster.connections.save("main", {"sender": sender, "settings": given})

    broadcaster.webhooks.take("main", call).result(10)

    with broadcaster.context.database.read() as conn:
        (row,) = conn.execute(webhook_calls.select()).mappings().all()
    assert PROOF not in row["facts"]
    assert PROOF.encode() not in bytes(row["body"])
    assert json.loads(row["facts"])["headers"] == {"content-type": call.headers["content-type"]}


class FaultySender(NullSender):
    """A sender whose methods fail once a call is verified."""

    kind: ClassVar[str] = "faulty"
    fault: ClassVar[type[BaseException]] = ValueError

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        del request
        return None

    def parse_webhook(self, request: WebhookRequest) -> list[Any]:
        raise self.fault(PROOF, request)

    def kept_call(self, request: WebhookRequest) -> WebhookRequest:
        raise self.fault(PROOF, request)

    def concerned_by(self, request: WebhookRequest) -> bool:
        raise self.fault(PROOF, request)


class FaultyPlugin:
    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [FaultySender]


FAULTS = pytest.mark.parametrize("fault", [ValueError, SystemExit, BaseException], ids=["bug", "exit", "other"])


@FAULTS
def test_a_sender_that_fails_after_the_proof_keeps_no_call_from_being_stored(
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    fault: type[BaseException],
) -> None:
    monkeypatch.setattr(FaultySender, "fault", fault)
    with Broadcaster(settings, plugins=[FaultyPlugin()]) as broadcaster:
        for name in ("main", "other"):
            broadcaster.connections.save(name, {"sender": "faulty"})

        answers = [broadcaster.webhooks.take("main", WebhookRequest("POST", {}, HEADERS, b"{}")) for _ in range(2)]

        assert [answer.result(10) for answer in answers] == [None, None]
        with broadcaster.context.database.read() as conn:
            assert len(conn.execute(webhook_calls.select()).all()) == 2
    assert "connection main: its sender failed to reduce a webhook call" in caplog.text
    assert "connection other: a call to another address cannot be verified for it" in caplog.text
    assert PROOF not in caplog.text


@FAULTS
def test_a_sender_that_fails_at_the_proof_has_its_calls_refused_and_no_others(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, fault: type[BaseException]
) -> None:
    with Broadcaster(settings, plugins=[FaultyPlugin()]) as broadcaster:
        broadcaster.connections.save("main", {"sender": "faulty"})
        with monkeypatch.context() as patched:
            patched.setattr(FaultySender, "verify_webhook", lambda *_: raised(fault))
            refused = broadcaster.webhooks.take("main", WebhookRequest("POST", {}, HEADERS, b"{}"))
            with pytest.raises(WebhookRefusedError, match=f"the sender failed: {fault.__name__}"):
                refused.result(10)

        taken = broadcaster.webhooks.take("main", WebhookRequest("POST", {}, HEADERS, b"{}"))
        assert taken.result(10) is None


def raised(fault: type[BaseException]) -> None:
    raise fault(PROOF)


def test_senders_that_verify_calls_are_closed_when_they_are_no_longer_used(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[FaultySender] = []

    async def aclose(sender: FaultySender) -> None:
        closed.append(sender)

    monkeypatch.setattr(FaultySender, "aclose", aclose, raising=False)
    with Broadcaster(settings, plugins=[FaultyPlugin()]) as broadcaster:
        for messages in (1, 2):  # each change makes a new sender
            broadcaster.connections.save("main", {"sender": "faulty", "rate": {"messages": messages}})
            broadcaster.webhooks.take("main", WebhookRequest("POST", {}, HEADERS, b"{}")).result(10)
        assert len(closed) == 1

    assert len(set(closed)) == 2
