"""Access control: API keys if they are set, otherwise only callers on this machine."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import get
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException, TooManyRequestsException
from litestar.testing import RequestFactory, TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from host_litestar.auth import KeyGuard, LoopbackGuard, is_loopback, is_still_allowed
from host_litestar.key_guesses import BURST, MOST_ADDRESSES, GuessLimiter
from host_litestar.problems import describe
from tests.host.installations import install
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.services.api_keys import digest_key

KEY = "a-key-for-tests"


@pytest.fixture(scope="module")
def keyed_api(tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey, sqlite_store: Path) -> Iterator[Any]:
    settings = install(tmp_path_factory.mktemp("keyed") / "data", valkey, sqlite_store)
    settings.api_keys = [SecretStr("another"), SecretStr(KEY)]
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
    [
        pytest.param({"Host": "evil.example"}, id="dns-rebinding"),
        pytest.param({"Host": "[::1"}, id="malformed-host"),
        pytest.param({"Host": ""}, id="no-host"),
        pytest.param({"Host": "127.0.0.1:x", "Origin": "http://evil.example:x"}, id="both-malformed"),
        pytest.param({"Origin": "https://evil.example"}, id="page-of-another-site"),
        pytest.param({"Origin": "null"}, id="page-without-origin"),
        pytest.param({"Origin": "http://[::1"}, id="malformed-origin"),
        pytest.param({"Origin": "http://127.0.0.1:x"}, id="malformed-port"),
        pytest.param({"Origin": "http://127.0.0.1:8000"}, id="page-of-another-port"),
        pytest.param({"Origin": "http://shop.localhost"}, id="page-of-another-name"),
        pytest.param({"Origin": "https://127.0.0.1"}, id="page-of-another-scheme"),
        pytest.param({"X-Forwarded-For": "10.0.0.1"}, id="x-forwarded-for"),
        pytest.param({"Forwarded": "for=10.0.0.1"}, id="forwarded"),
        pytest.param({"X-Forwarded-Port": "443"}, id="x-forwarded-port"),
        pytest.param({"X-Original-Forwarded-For": "10.0.0.1"}, id="x-original-forwarded-for"),
        pytest.param({"Fly-Client-IP": "10.0.0.1"}, id="client-ip-of-a-cloud"),
        pytest.param({"X-Azure-ClientIP": "10.0.0.1"}, id="client-ip-in-one-word"),
        pytest.param({"CF-Ray": "1"}, id="another-header-of-a-proxy"),
        pytest.param({"Host": "user@127.0.0.1"}, id="host-with-a-user"),
        pytest.param({"Via": "1.1 proxy"}, id="via"),
        pytest.param({"X-Real-IP": "10.0.0.1"}, id="x-real-ip"),
        pytest.param({"CF-Connecting-IP": "10.0.0.1"}, id="cf-connecting-ip"),
    ],
)
def test_without_keys_a_request_that_may_come_from_elsewhere_is_refused(idle_api: Any, headers: dict[str, str]) -> None:
    answer = idle_api.get("/broadcast/jobs", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 400), ("none", 400)]
)
def test_without_keys_a_page_of_another_site_changes_nothing(idle_api: Any, site: str, status: int) -> None:
    headers = {"Sec-Fetch-Site": site}

    assert idle_api.post("/contacts", json={}, headers=headers).status_code == status
    assert idle_api.get("/contacts", headers=headers).status_code == 200  # a link to this server


def test_without_keys_what_nginx_forwards_by_default_is_refused() -> None:
    request = RequestFactory().get("/contacts", headers={"Host": "127.0.0.1:3004", "Connection": "close"})
    request.scope["http_version"] = "1.0"
    handler: Any = SimpleNamespace(opt={})

    with pytest.raises(PermissionDeniedException, match="forwarded by a proxy"):
        asyncio.run(LoopbackGuard()(request, handler))


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://127.0.0.1"}, id="our-own-page"),
        pytest.param({"Host": "localhost:3004", "Origin": "http://localhost:3004"}, id="by-name-and-port"),
        pytest.param({"Host": "[::1]:3004", "Origin": "http://[::1]:3004"}, id="ipv6"),
        pytest.param({"Host": "127.0.0.1:80", "Origin": "http://127.0.0.1"}, id="usual-port"),
    ],
)
def test_without_keys_our_own_pages_are_served(idle_api: Any, headers: dict[str, str]) -> None:
    assert idle_api.get("/broadcast/jobs", headers=headers).status_code == 200


def test_with_keys_forwarded_requests_are_served(keyed_api: Any) -> None:
    headers = {"Authorization": f"Bearer {KEY}", "X-Forwarded-For": "10.0.0.1", "Origin": "https://shop.example"}

    assert keyed_api.get("/broadcast/jobs", headers=headers).status_code == 200


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


def test_an_address_that_guesses_keys_is_slowed_down_and_others_are_not(host_settings: Settings) -> None:
    host_settings.api_keys = [SecretStr(KEY)]
    with Broadcaster(host_settings) as broadcaster:
        guard = KeyGuard(broadcaster, guesses=GuessLimiter(clock=lambda: 0.0))
        _guess_keys(guard)


def _guess_keys(guard: KeyGuard) -> None:
    for host in ("2001:db8::1", "127.0.0.1"):
        for _ in range(BURST):
            with pytest.raises(NotAuthorizedException):
                call_guard(guard, host, key="a-guess")

    with pytest.raises(TooManyRequestsException) as slowed:
        call_guard(guard, "2001:db8::2", key=KEY)  # the same machine can have it
    problem = describe(slowed.value)

    assert (problem.status, problem.code) == (429, "too_many_requests")
    assert slowed.value.headers is not None
    assert int(slowed.value.headers["Retry-After"]) == 1
    for host in ("2001:db8:0:1::1", "127.0.0.1"):
        call_guard(guard, host, key=KEY)


def call_guard(guard: KeyGuard, host: str, *, key: str) -> None:
    """Check a request from an address as the guard of a route does."""
    request = RequestFactory().get("/contacts", headers={"Authorization": f"Bearer {key}"})
    request.scope["client"] = (host, 50_000)
    asyncio.run(guard(request, get("/contacts", sync_to_thread=False)(lambda: None)))


def test_what_was_allowed_is_checked_again_by_the_same_key_session_or_openness(host_settings: Settings) -> None:
    of_settings = SecretStr("a-key-of-the-settings")
    with Broadcaster(host_settings) as broadcaster:
        guard, api_keys, sessions = KeyGuard(broadcaster), broadcaster.api_keys, broadcaster.sessions
        is_open = allowed_by(guard)
        was_open = is_open()
        key = api_keys.create({"name": "screen", "scopes": ["admin"]}).key
        by_key = allowed_by(guard, Authorization=f"Bearer {key}")
        token, other = (sessions.begin(digest_key(key), actor="screen").token for _ in range(2))
        by_session, by_other = (allowed_by(guard, Cookie=f"wabroadcast={each}") for each in (token, other))
        before = [was_open, is_open(), by_key(), by_session(), by_other()]
        sessions.end(token, actor="screen")
        signed_out = [by_key(), by_session(), by_other()]
        api_keys.revoke("screen")
        revoked = [by_key(), by_session(), by_other()]
        host_settings.api_keys = [of_settings]
        by_settings = allowed_by(KeyGuard(broadcaster), Authorization=f"Bearer {of_settings.get_secret_value()}")

        assert before == [True, False, True, True, True]
        assert signed_out == [True, False, True]
        assert revoked == [False, False, False]
        assert by_settings()


def allowed_by(guard: KeyGuard, **headers: str) -> Callable[[], bool]:
    """Check a request as the guard of a route does, and return what checks it again."""
    request = RequestFactory().get("/contacts", headers=headers)
    asyncio.run(guard(request, get("/contacts", sync_to_thread=False)(lambda: None)))
    return lambda: asyncio.run(is_still_allowed(request))


def test_wrong_keys_are_forgiven_one_a_second_and_few_addresses_are_remembered() -> None:
    now = [0.0]
    guesses = GuessLimiter(clock=lambda: now[0])
    for _ in range(BURST + 5):
        guesses.count("203.0.113.1")
    waits = [guesses.wait_of("203.0.113.1")]
    now[0] = 5.0
    waits.append(guesses.wait_of("203.0.113.1"))
    now[0] = 6.0
    waits.append(guesses.wait_of("203.0.113.1"))

    for place in range(MOST_ADDRESSES + 10):
        guesses.count(f"host-{place}")

    assert waits == [6.0, 1.0, 0.0]
    assert len(guesses._forgiven_at) == MOST_ADDRESSES
