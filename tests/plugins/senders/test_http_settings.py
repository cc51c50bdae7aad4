from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.plugins.senders.garbage import QUICK
from wabroadcast_core.models.base import faults_of
from wabroadcast_plugins.senders.http_api import HttpSettings
from wabroadcast_plugins.senders.http_api.matches import read_statuses

TEXT_BODY = {"to": "{{ digits }}", "text": "{{ text }}"}
STATUS = {"providerId": "id", "status": "status"}
FIND = {
    "path": "/messages",
    "query": {"ref": "{{ message_id }}"},
    "providerId": "items.0.id",
    "missing": {"status": 200, "path": "total", "equals": 0},
}


def faults(**given_settings: Any) -> str:
    """Validate these settings and return their faults as an operator reads them."""
    with pytest.raises(ValidationError) as caught:
        HttpSettings.model_validate({"baseUrl": "https://wa.example", "send": {"body": TEXT_BODY}, **given_settings})
    return "; ".join(f"{fault.path}: {fault.message}" for fault in faults_of(caught.value, prefix="settings"))


def with_send(**call: Any) -> dict[str, Any]:
    return {"send": {"body": TEXT_BODY, **call}}


def nested(depth: int) -> Any:
    return TEXT_BODY if depth == 0 else {"a": nested(depth - 1)}


@pytest.mark.parametrize(
    ("given_settings", "message"),
    [
        pytest.param({"baseUrl": "wa.example"}, "settings.baseUrl: ", id="no-address"),
        pytest.param({"baseUrl": "https:///api"}, "settings.baseUrl: the address has no host", id="no-host"),
        pytest.param(with_send(body=nested(20)), "nested too deeply", id="deep-body"),
        pytest.param(
            {"baseUrl": "https://user:pa55@wa.example"}, "put secrets into secrets", id="password-in-the-address"
        ),
        pytest.param({"baseUrl": "https://wa.example?key=pa55"}, "put secrets into secrets", id="query-in-the-address"),
        pytest.param({"send": {"body": {"to": "{{ digits"}}}, "settings.send.body: to: line 1: ", id="template"),
        pytest.param(
            {"send": {"body": {**TEXT_BODY, "a": [{"b": "\n{{ text.x }}"}]}}},
            "settings.send.body: a.0.b: line 2: the attribute 'x' is not available",
            id="template-with-its-line",
        ),
        pytest.param(
            with_send(query={"x": "{{ nubmer }}"}),
            "settings.send.query: x: 'nubmer' cannot be used here: use",
            id="name",
        ),
        pytest.param(with_send(query={"x": "{{ media.size }}"}), "x: 'media' has no 'size': it has base64", id="item"),
        pytest.param(with_send(query={"x": "{{ media }}"}), "x: 'media' is a group", id="group"),
        pytest.param(
            with_send(headers={"X-Name": "{{ name }}"}),
            "settings.send.headers: X-Name: 'name' cannot be used here",
            id="header",
        ),
        pytest.param(
            with_send(path="/{{ text }}"), "settings.send.path: 'text' cannot be used here", id="text-in-the-path"
        ),
        pytest.param(
            with_send(path="/a?b=c"),
            "settings.send.path: the path contains '?' or '#': put parameters into query",
            id="query",
        ),
        pytest.param(
            with_send(headers={"Host": "x"}), "headers: Host: the HTTP client sets this header itself", id="host"
        ),
        pytest.param(
            with_send(headers={"X Y": "x"}),
            "settings.send.headers.X Y.[key]: this is not a header name",
            id="header-name",
        ),
        pytest.param(
            with_send(headers={"X": "{{ secrets.tokne }}"}),
            "send.headers.X: the secret it uses is missing: add it to secrets",
            id="secret",
        ),
        pytest.param(
            {"headers": {"X": "{{ secrets.a }}"}}, "headers.X: the secret it uses is missing", id="shared-secret"
        ),
        pytest.param(
            {"headers": {"X": "{{ number }}"}}, "settings.headers: X: 'number' cannot be used here", id="shared-header"
        ),
        pytest.param({"secrets": {"a": ""}}, "settings.secrets: a: the secret is empty", id="empty-secret"),
        pytest.param(
            {"secrets": {"a": "pa55\r\nX: y"}},
            "settings.secrets: a: the secret is empty, or contains a line break",
            id="line-break",
        ),
        pytest.param(
            {"secrets": {"a-b": "x"}}, "settings.secrets.a-b.[key]: the name must be letters", id="name-of-a-secret"
        ),
        pytest.param(
            with_send(providerId="data..id"), "settings.send.providerId: the path has an empty step", id="path"
        ),
        pytest.param(
            with_send(providerId="data.*.id"),
            "settings.send.providerId: the path contains '*', but must lead to one value",
            id="star",
        ),
        pytest.param(with_send(providerId=".".join("a" * 33)), "at most 32 steps", id="deep-path"),
        pytest.param(
            with_send(method="GET"), "settings.send: body: a GET request cannot have a body", id="get-with-a-body"
        ),
        pytest.param(
            with_send(query={"f": "{{ media.file }}"}), "settings.send.query: 'media.file'", id="file-in-query"
        ),
        pytest.param({"send": {}}, "settings.send: the request contains no message", id="no-message"),
        pytest.param(
            {"send": {"body": {"text": "{{ text }}"}}},
            "settings.send: the request for text messages contains no recipient",
            id="no-recipient",
        ),
        pytest.param(
            with_send(bodies={"image": TEXT_BODY}),
            "settings.send: bodies.image: the request does not send the image: use media.base64, media.data_uri",
            id="image-without-its-file",
        ),
        pytest.param(with_send(bodies={"sticker": {}}), "settings.send.bodies.sticker", id="type"),
        pytest.param(
            with_send(format="form", body={"to": "{{ digits }}", "a": ["{{ text }}"]}),
            "settings.send: body: a form must be an object without lists",
            id="form-with-a-list",
        ),
        pytest.param(
            with_send(bodies={"media": {"to": "{{ digits }}", "f": "{{ media.file }}"}}),
            "settings.send: bodies.media: 'media.file' needs format: multipart",
            id="file-in-json",
        ),
        pytest.param(
            with_send(bodies={"media": {"to": "{{ digits }}", "f": "x{{ media.base64 }}"}}),
            "settings.send.bodies: media.f: 'media.base64' must be the whole text",
            id="file-in-a-text",
        ),
        pytest.param(with_send(body={"a": [TEXT_BODY] * 200}), "there are 400 texts: use at most 256", id="many-texts"),
        pytest.param(
            with_send(success={"equals": 1}), "settings.send.success: path is missing", id="value-without-path"
        ),
        pytest.param(with_send(success={}), "settings.send.success: status and path are missing", id="empty-rule"),
        pytest.param(
            {"failures": [{"means": "rejected"}]},
            "settings.failures.0: status and path are missing",
            id="empty-failure",
        ),
        pytest.param({"failures": [{"status": 400, "means": "bad"}]}, "settings.failures.0.means: ", id="meaning"),
        pytest.param(
            {"failures": [{"status": "40x", "means": "rejected"}]}, "status must be 200, 4xx or 500-504", id="status"
        ),
        pytest.param(
            {"failures": [{"status": "410-400", "means": "rejected"}]},
            "the second status of the range is less",
            id="status-range",
        ),
        pytest.param(
            {"failures": [{"status": 400, "means": "unknown", "optOut": True}]},
            "optOut is only for means: rejected",
            id="opt-out",
        ),
        pytest.param(
            {"failures": [{"status": 400, "means": "rejected", "scope": "recipient"}]},
            "scope is only for means: throttled",
            id="scope",
        ),
        pytest.param(
            {"failures": [{"status": 400, "means": "rejected", "retryAfter": "a"}]},
            "retryAfter is only for means: temporary or throttled",
            id="wait",
        ),
        pytest.param(
            {"checkNumber": {"path": "/x", "answer": "a"}}, "the request contains no number", id="check-without-number"
        ),
        pytest.param(
            {"checkNumber": {"path": "/{{ message_id }}", "answer": "a"}},
            "'message_id' cannot be used here",
            id="check",
        ),
        pytest.param({"findMessage": {**FIND, "query": {}}}, "the request names no message", id="find-without-id"),
        pytest.param(
            {"findMessage": FIND},
            "findMessage: the request for text messages has no message_id",
            id="find-without-giving",
        ),
        pytest.param({"checkConnection": {"path": "/{{ digits }}"}}, "'digits' cannot be used here", id="connection"),
        pytest.param({"webhook": {"receipts": STATUS}}, "settings.webhook.proof: ", id="no-proof"),
        pytest.param(
            {"webhook": {"proof": {"kind": "none"}, "receipts": STATUS}},
            "settings.webhook.proof: the field 'kind' has the unknown value 'none': give one of 'header', 'query', "
            "'hmac'",
            id="unknown-proof",
        ),
        pytest.param(
            {"webhook": {"proof": {"kind": "query", "secret": "pa55"}, "receipts": STATUS}},
            "webhook.proof.secret: the secret it uses is missing",
            id="proof-without-its-secret",
        ),
        pytest.param(
            {
                "webhook": {
                    "proof": {"kind": "hmac", "header": "X", "algorithm": "md5", "secret": "a"},
                    "receipts": STATUS,
                }
            },
            "algorithm: unknown value: give 'sha256' or 'sha512'",
            id="weak-proof",
        ),
        pytest.param(
            {"secrets": {"a": "x"}, "webhook": {"proof": {"kind": "query", "secret": "a"}}},
            "settings.webhook: receipts and inbound are missing",
            id="webhook-without-events",
        ),
        pytest.param(
            {"webhook": {"proof": {"kind": "query", "secret": "a"}, "receipts": {"status": "s"}}},
            "settings.webhook.receipts: providerId and messageId are missing",
            id="receipts-without-an-id",
        ),
        pytest.param(
            {"webhook": {"proof": {"kind": "query", "secret": "a"}, "receipts": {**STATUS, "statuses": {"x": "seen"}}}},
            "settings.webhook.receipts.statuses.x: ",
            id="kind-of-receipt",
        ),
        pytest.param({"unknown": 1}, "settings.unknown: ", id="unknown-setting"),
    ],
)
def test_a_fault_names_its_field_and_no_secret(given_settings: dict[str, Any], message: str) -> None:
    text = faults(**given_settings)

    assert message in text
    assert "pa55" not in text


@QUICK
@given(status=st.integers(100, 599))
def test_statuses_are_read(status: int) -> None:
    hundred = status // 100

    assert status in read_statuses(f"{hundred}xx")
    assert read_statuses(str(status)) == range(status, status + 1)
    assert status in read_statuses(f"{status}-{hundred}99")
