"""Keys over HTTP: made, used, revoked; and what they leave in the history."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from host_litestar.app import create_app
from host_litestar.plugin import WABroadcastPlugin
from tests.host.installations import HERE, Api, bearer, draft
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.services.known_keys import KeySnapshot

OUTSIDE = "http://api.example"


def create(api: Api, name: str = "boss", scope: str = "admin", **options: Any) -> str:
    answer = api.post("/keys", json={"name": name, "scopes": [scope]}, **options)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


@pytest.fixture
def two_processes(host_settings: Settings) -> Iterator[tuple[Api, Api]]:
    """Two applications on one store, as two web processes have them."""
    options: dict[str, Any] = {"base_url": HERE, "raise_server_exceptions": False}
    with (
        TestClient(create_app(host_settings), **options) as one,
        TestClient(create_app(host_settings), **options) as two,
    ):
        yield one, two


def test_the_first_key_closes_an_open_server(idle_api: Api) -> None:
    assert idle_api.get("/broadcast/jobs").status_code == 200

    key = create(idle_api)

    assert idle_api.get("/broadcast/jobs").status_code == 401
    assert idle_api.get("/broadcast/jobs", headers=bearer(key)).status_code == 200
    assert idle_api.get("/health/ready").status_code == 200


def test_with_a_stored_key_other_machines_are_served(idle_api: Api) -> None:
    key = create(idle_api)

    answer = idle_api.get(
        "/broadcast/jobs", headers={**bearer(key), "Host": "api.example", "X-Forwarded-For": "10.1.1.1"}
    )

    assert answer.status_code == 200


def test_the_answer_with_the_key_is_the_only_one_and_is_not_cached(idle_api: Api) -> None:
    answer = idle_api.post("/keys", json={"name": "boss", "scopes": ["admin"]})
    key = answer.json()["key"]

    listed = idle_api.get("/keys", headers=bearer(key))

    assert answer.headers["cache-control"] == "no-store"
    assert key not in listed.text
    assert listed.json()["total"] == 1
    assert listed.json()["items"][0]["start"] == key[:10]


def test_the_revocation_of_the_last_key_does_not_open_the_server(idle_api: Api) -> None:
    key = create(idle_api)

    revoked = idle_api.delete("/keys/boss", headers=bearer(key))

    assert revoked.status_code == 204
    assert [idle_api.get("/contacts", headers=headers).status_code for headers in (bearer(key), {})] == [401, 401]


def test_other_processes_know_a_new_key_and_a_revoked_one_soon(two_processes: tuple[Api, Api]) -> None:
    one, two = two_processes
    boss = create(one)
    shop = create(one, "main server", "operate", headers=bearer(boss))
    time.sleep(0.2)
    assert two.get("/contacts", headers=bearer(shop)).status_code == 200

    one.delete("/keys/main server", headers=bearer(boss))

    assert one.get("/contacts", headers=bearer(shop)).status_code == 401
    time.sleep(1.1)
    assert two.get("/contacts", headers=bearer(shop)).status_code == 401


def test_requests_do_not_read_the_store_for_their_keys_each_time(
    idle_api: Api, idle_host: tuple[Broadcaster, Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, reads = idle_host[0].known_keys, []
    key, read = create(idle_api), known.read

    def count_read() -> KeySnapshot:
        reads.append(time.monotonic())
        return read()

    monkeypatch.setattr(known, "read", count_read)
    began = time.monotonic()
    for _ in range(100):
        assert idle_api.options("/broadcast", headers=bearer(key)).status_code == 204
    seconds = time.monotonic() - began

    assert 1 <= len(reads) <= 1 + seconds


def test_acts_have_the_name_of_the_key(idle_api: Api) -> None:
    key = create(idle_api, "main server")
    body = draft(recipients=[{"number": "081234567890", "name": "x"}])

    job_id = idle_api.post("/broadcast", json=body, headers=bearer(key)).json()["jobId"]
    idle_api.post(f"/broadcast/pause/{job_id}", headers=bearer(key))

    detail = idle_api.get(f"/broadcast/{job_id}", headers=bearer(key)).json()
    assert [(act["act"], act["actor"]) for act in detail["acts"]] == [
        ("submit", "main server"),
        ("pause", "main server"),
    ]


def test_the_last_use_is_shown(idle_api: Api, until: Callable[..., Any]) -> None:
    key = create(idle_api)

    idle_api.get("/contacts", headers=bearer(key))

    until(lambda: idle_api.get("/keys", headers=bearer(key)).json()["items"][0]["lastUsedAt"] is not None)


def test_a_key_cannot_be_checked_without_the_store(
    idle_api: Api, idle_host: tuple[Broadcaster, Litestar], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, key = idle_host[0].known_keys, create(idle_api)
    known.forget()

    def fail() -> None:
        raise UnavailableError("the store at db.internal cannot be reached")

    monkeypatch.setattr(known, "read", fail)
    answer = idle_api.get("/contacts", headers=bearer(key))

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "db.internal" not in answer.text


@pytest.mark.parametrize("text", ["", "wab_", "wab_" + "0" * 64, "é", "x" * 5_000])
def test_any_other_key_is_refused(idle_api: Api, text: str) -> None:
    create(idle_api)

    answer = idle_api.get("/contacts", headers=[(b"Authorization", f"Bearer {text}".encode())])

    assert answer.status_code == 401


def test_a_mounted_api_requires_its_stored_keys(host_settings: Settings) -> None:
    with TestClient(Litestar(plugins=[WABroadcastPlugin(host_settings)]), base_url=OUTSIDE) as client:
        key = client.post("/wabroadcast/keys", json={"name": "shop", "scopes": ["read"]}).json()["key"]
        codes = [
            client.get("/wabroadcast/contacts", headers=headers).status_code
            for headers in ({}, bearer(key), bearer("wrong"))
        ]

    assert codes == [401, 200, 401]
