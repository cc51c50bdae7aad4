"""What is stored of a verified webhook call: enough to parse it, and nothing of its proof."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.store.tables import webhook_calls

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


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings) as started:
        yield started


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
