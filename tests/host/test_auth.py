"""Access control: API keys if they are set, otherwise only callers on this machine."""

from collections.abc import Iterator
from typing import Any

import pytest
from litestar.testing import TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from host_litestar.auth import is_loopback
from wabroadcast_core import Settings

KEY = "a-key-for-tests"


@pytest.fixture
def keyed_api(host_settings: Settings) -> Iterator[Any]:
    settings = host_settings.model_copy(update={"api_keys": [SecretStr("another"), SecretStr(KEY)]})
    with TestClient(create_app(settings), base_url="http://api.example", raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/broadcast/jobs", "/contacts", "/connections", "/schema", "/schema/openapi.json", "/broadcast/x"]
)
@pytest.mark.parametrize(
    "header",
    [None, "Bearer wrong", "Bearer ", f"Basic {KEY}", KEY, f"Bearer {KEY}x"],
    ids=["none", "wrong", "empty", "basic", "no-scheme", "longer"],
)
def test_every_route_requires_a_known_key(keyed_api: Any, path: str, header: str | None) -> None:
    answer = keyed_api.get(path, headers={} if header is None else {"Authorization": header})

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("key", [KEY, "another"])
def test_each_known_key_is_accepted(keyed_api: Any, key: str) -> None:
    assert keyed_api.get("/broadcast/jobs", headers={"Authorization": f"bearer {key}"}).status_code == 200


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_the_probes_need_no_key(keyed_api: Any, path: str) -> None:
    assert keyed_api.get(path).status_code == 200


def test_a_body_is_not_read_before_the_key_is_checked(keyed_api: Any) -> None:
    answer = keyed_api.post("/broadcast", content=b"{" * 100, headers={"Content-Type": "application/json"})

    assert answer.status_code == 401


def test_the_audit_log_names_part_of_the_keys_digest(keyed_api: Any) -> None:
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {
        "name": "x",
        "message": {"type": "text", "text": "hi"},
        "recipients": [{"number": "081234567890"}],
        "scheduledAt": "2999-01-01T00:00:00Z",
    }
    job_id = keyed_api.post("/broadcast", json=body, headers=headers).json()["jobId"]

    keyed_api.post(f"/broadcast/pause/{job_id}", headers=headers)

    acts = keyed_api.get(f"/broadcast/{job_id}", headers=headers).json()["acts"]
    assert {act["actor"] for act in acts} == {"9820c1"}
    assert KEY not in str(acts)


def test_without_keys_the_actor_is_api(idle_api: Any) -> None:
    body = {"name": "x", "message": {"type": "text", "text": "hi"}, "recipients": [{"number": "081234567890"}]}
    job_id = idle_api.post("/broadcast", json=body).json()["jobId"]

    assert [act["actor"] for act in idle_api.get(f"/broadcast/{job_id}").json()["acts"]] == ["api"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}],
    ids=["dns-rebinding", "page-of-another-site", "page-without-origin"],
)
def test_without_keys_a_request_by_another_machines_name_or_page_is_refused(
    idle_api: Any, headers: dict[str, str]
) -> None:
    assert idle_api.get("/broadcast/jobs", headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.evil.example", False),
        ("", False),
        (None, False),
    ],
)
def test_only_loopback_names_and_addresses_mean_this_machine(host: str | None, expected: bool) -> None:  # noqa: FBT001 - a column of a table
    assert is_loopback(host) is expected
