"""Calls to one address with the news of several numbers of one Meta app: they are stored for the number they name."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.waiting import wait_for
from wabroadcast_core import WebhookRefusedError, WebhookRequest
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.worker import Worker

SECRET = "secret of the app"
NUMBER_IDS = {"a": "1001", "b": "1002", "another-app": "1003"}


@pytest.fixture
def app(broadcaster: Broadcaster) -> Broadcaster:
    """A broadcaster with two numbers of one app, and one of another app."""
    for name, number_id in NUMBER_IDS.items():
        secret = SECRET if name != "another-app" else "secret of another app"
        given = {"phoneNumberId": number_id, "accessToken": "t", "appSecret": secret}
        broadcaster.connections.save(name, {"sender": "whatsapp-cloud", "settings": given})
    return broadcaster


def _call(of: str, **value: Any) -> WebhookRequest:
    metadata = {"display_phone_number": "15550783881", "phone_number_id": NUMBER_IDS[of]}
    return _signed({"field": "messages", "value": {"metadata": metadata, **value}})


def _signed(change: Mapping[str, Any]) -> WebhookRequest:
    body = json.dumps({"entry": [{"id": "1029", "changes": [change]}]}).encode()
    digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    return WebhookRequest("POST", {}, {"x-hub-signature-256": f"sha256={digest}"}, body)


def _stored_for(broadcaster: Broadcaster) -> set[str]:
    """The names of the connections with a call that waits."""
    with broadcaster.context.database.read() as conn:
        waiting = set(call_store.waiting_connections(conn))
    return {view.name for view in broadcaster.connections.list() if _key(broadcaster, view.name) in waiting}


def _key(broadcaster: Broadcaster, name: str) -> int:
    with broadcaster.context.database.read() as conn:
        return connection_store.connection_keys(conn, [name])[name]


STATUS = {"id": "wamid.1", "status": "delivered", "timestamp": "1698266945", "recipient_id": "628123456789"}
STOP = {"from": "628123456789", "id": "wamid.2", "timestamp": "1698266945", "type": "text", "text": {"body": "STOP"}}


@pytest.mark.parametrize(
    ("request_", "stored_for"),
    [
        pytest.param(_call("b", statuses=[STATUS]), {"a", "b"}, id="of-the-other-number"),
        pytest.param(_call("a", statuses=[STATUS]), {"a"}, id="of-its-own-number"),
        pytest.param(_call("another-app", statuses=[STATUS]), {"a"}, id="of-another-app"),
        pytest.param(
            _signed({"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}}), {"a", "b"}, id="of-the-account"
        ),
    ],
)
def test_a_call_is_stored_for_the_number_that_it_names_if_its_secret_proves_it(
    app: Broadcaster, request_: WebhookRequest, stored_for: set[str]
) -> None:
    assert app.webhooks.take("a", request_).result(10) is None

    assert _stored_for(app) == stored_for


def test_a_call_that_the_called_connection_refuses_is_stored_for_no_other(app: Broadcaster) -> None:
    with pytest.raises(WebhookRefusedError):
        app.webhooks.take("another-app", _call("b", messages=[STOP])).result(10)

    assert _stored_for(app) == set()


def test_a_stop_word_to_the_other_number_opts_out(app: Broadcaster) -> None:
    worker = Worker(app)
    worker.start()
    try:
        app.webhooks.take("a", _call("b", messages=[STOP])).result(10)
        wait_for(lambda: [entry.number for entry in app.blacklist.list().items] == ["+628123456789"], what="the entry")
    finally:
        worker.stop()
