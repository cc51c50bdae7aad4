"""Callbacks over HTTP and on the command line: listed, sent again, refused at the submit where they cannot be made."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from tests.host.installations import HERE, Api, draft
from tests.receivers import SECRET, Receiver, answering
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster

SECRETS = {"callback_secret": SECRET, "callback_networks": "127.0.0.0/8"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture
def calling_api(host_settings: Settings, receiver: Receiver) -> Iterator[Api]:
    """The application with a worker, whose callbacks go to the receiver."""
    changed = host_settings.model_dump(exclude_unset=True) | SECRETS
    settings = Settings.model_validate(changed | {"callback_url": receiver.url, "recover_seconds": 0.5})
    with TestClient(create_app(settings, work=True), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.slow
def test_a_broadcast_reports_all_that_its_status_says(
    calling_api: Api, receiver: Receiver, until: Callable[..., Any]
) -> None:
    receiver.script(answering(500), answering(200))
    people = [{"number": f"+1867555000{place}"} for place in range(6)] + [{"number": "0812x"}]
    events = ["broadcast.changed", "message.results"]
    body = draft(recipients=people, callbackEvents=events, connection="sandbox")
    job = calling_api.post("/broadcast", json=body).json()["jobId"]

    first = until(lambda: _first_failed(calling_api, job), what="the failure of the first event")
    answer = calling_api.post(f"/callbacks/{first['id']}/retry")  # at once, instead of after the first wait
    until(lambda: calling_api.get(f"/broadcast/{job}/status").json()["status"] == "completed", what="the end")
    until(lambda: {item["status"] for item in _events(calling_api, job)} == {"delivered"}, what="the deliveries")

    assert answer.status_code == 202, answer.text
    assert "hidden" not in str(calling_api.get("/callbacks").json())  # a token in the address
    statuses = [call.status for call in receiver.calls if call.document["type"] == "broadcast.changed"]
    assert statuses == ["queued", "queued", "processing", "completed"]  # the first one failed
    last: dict[str, str] = {}
    for call in receiver.calls:
        last |= {item["messageId"]: item["status"] for item in call.document["data"].get("messages", [])}
    shown = {
        item["messageId"]: item["status"] for item in calling_api.get(f"/broadcast/{job}/messages").json()["items"]
    }
    assert last == shown
    assert all(call.is_signed_with(SECRET) for call in receiver.calls)


def _events(api: Api, job: str) -> list[dict[str, Any]]:
    return list(api.get("/callbacks", params={"jobId": job, "pageSize": 500}).json()["items"])


def _first_failed(api: Api, job: str) -> dict[str, Any] | None:
    """Return the first event, once its first try has failed."""
    return next((item for item in _events(api, job)[-1:] if item["problem"] == "HTTP 500"), None)


def test_callbacks_are_listed_by_status_and_broadcast(idle_api: Api) -> None:
    jobs = [idle_api.post("/broadcast", json=_calling()).json()["jobId"] for _ in range(2)]

    everything = idle_api.get("/callbacks").json()
    of_one = idle_api.get("/callbacks", params={"jobId": jobs[0], "status": "pending"}).json()

    assert [item["jobId"] for item in everything["items"]] == jobs[::-1]
    assert (everything["total"], of_one["total"]) == (2, 1)
    [item] = of_one["items"]
    assert (item["type"], item["broadcastStatus"], item["tries"]) == ("broadcast.changed", "queued", 0)
    assert item["address"] == "https://main.example/events"
    assert idle_api.get("/callbacks", params={"status": "delivered"}).json()["total"] == 0
    assert idle_api.get("/callbacks", params={"jobId": "gone"}).status_code == 404


def test_a_callback_is_sent_again_and_that_is_in_the_history(idle_api: Api) -> None:
    job = idle_api.post("/broadcast", json=_calling()).json()["jobId"]
    [item] = idle_api.get("/callbacks").json()["items"]

    answer = idle_api.post(f"/callbacks/{item['id']}/retry")

    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    acts = idle_api.get(f"/broadcast/{job}").json()["acts"]
    assert [(act["act"], act["detail"]) for act in acts[-1:]] == [("callback", item["id"])]


@pytest.mark.parametrize("unknown", ["evt_x_1", "evt__", "1", "evt_x_" + "9" * 30, "evt_x_²"])
def test_a_callback_that_does_not_exist_is_not_found(idle_api: Api, unknown: str) -> None:
    assert idle_api.post(f"/callbacks/{unknown}/retry").status_code == 404


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"callbackUrl": "http://127.0.0.1:8000/x"}, "callbackUrl", id="loopback"),
        pytest.param({"callbackUrl": "http://[::ffff:10.0.0.1]/x"}, "callbackUrl", id="mapped"),
        pytest.param({"callbackUrl": "http://2130706433/x"}, "callbackUrl", id="one-number"),
        pytest.param({"callbackUrl": "https://me:secret@main.example/"}, "callbackUrl", id="password"),
        pytest.param({"callbackUrl": "ftp://main.example/"}, "callbackUrl", id="scheme"),
        pytest.param({"callbackEvents": ["broadcast.changed"]}, "callbackEvents", id="no-address"),
        pytest.param(
            {"callbackUrl": "https://main.example", "callbackEvents": ["all"]}, "callbackEvents.0", id="unknown-event"
        ),
    ],
)
def test_callbacks_that_cannot_be_made_are_refused_at_the_submit(
    idle_api: Api, fields: dict[str, Any], path: str
) -> None:
    answer = idle_api.post("/broadcast", json=draft(recipients=[{"number": "0812-0000-1001"}], **fields))

    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert "secret" not in answer.text


def test_a_broadcast_may_report_nothing(idle_api: Api) -> None:
    idle_api.post("/broadcast", json=_calling(callbackEvents=[]))

    assert idle_api.get("/callbacks").json()["total"] == 0


def _calling(**fields: Any) -> dict[str, Any]:
    people = [{"number": "0812-0000-1001"}]
    return draft(recipients=people, callbackUrl="https://main.example/events?token=x", **fields)


@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        pytest.param({}, 409, "WABROADCAST_CALLBACK_URL", id="no-address"),
        pytest.param({"url": "https://main.example/"}, 409, "WABROADCAST_CALLBACK_SECRET", id="no-secret"),
        pytest.param({"url": "ftp://main.example/"}, 400, "'http' or 'https'", id="scheme"),
        pytest.param({"address": "https://main.example/"}, 400, "address", id="unknown-field"),
    ],
)
def test_a_receiver_that_cannot_be_tested_is_refused(
    idle_api: Api, body: dict[str, Any], status: int, problem: str
) -> None:
    answer = idle_api.post("/callbacks/test", json=body)

    assert (answer.status_code, problem in answer.text) == (status, True), answer.text


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "http://[::ffff:10.0.0.1]/",
        "http://169.254.169.254/latest",
        "https://me:secret@main.example/",
    ],
)
def test_no_test_of_a_receiver_goes_to_a_private_address(
    idle_host: tuple[Broadcaster, Any], idle_api: Api, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = idle_host[0].context.settings
    monkeypatch.setattr(settings, "callback_secret", SecretStr(SECRET))

    answer = idle_api.post("/callbacks/test", json={"url": url})

    assert (answer.status_code, [fault["path"] for fault in answer.json()["errors"]]) == (400, ["url"])
    assert "secret" not in answer.text
