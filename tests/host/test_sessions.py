"""Sessions: signing in with an API key, what the cookie then allows, and how a session ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from host_litestar.plugin import WABroadcastPlugin
from tests.host.installations import Api, bearer, draft, install
from wabroadcast_core import Settings
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.services.sessions import LIFE_SECONDS, csrf_token

BOOT = "the-bootstrap-key-of-this-test"
OUTSIDE = "http://api.example"
SECURE = "https://api.example"
CSRF = "X-CSRF-Token"


@pytest.fixture(scope="module")
def keyed_settings(tmp_path_factory: pytest.TempPathFactory, valkey: EmbeddedValkey, sqlite_store: Path) -> Settings:
    settings = install(tmp_path_factory.mktemp("sessions") / "data", valkey, sqlite_store)
    settings.api_keys = [SecretStr(BOOT)]
    return settings


@pytest.fixture(scope="module")
def opened(keyed_settings: Settings) -> Iterator[Api]:
    with TestClient(create_app(keyed_settings), base_url=OUTSIDE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def other(keyed_settings: Settings) -> Iterator[Api]:
    """A second process of the same installation."""
    with TestClient(create_app(keyed_settings), base_url=OUTSIDE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="module")
def secure(keyed_settings: Settings) -> Iterator[Api]:
    """A process that is reached over HTTPS."""
    with TestClient(create_app(keyed_settings), base_url=SECURE, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(opened: Api) -> Api:
    """The API, for a browser without a session."""
    opened.cookies.clear()
    return opened


def make_key(api: Api, name: str, *scopes: str) -> str:
    made = api.post("/keys", json={"name": name, "scopes": scopes}, headers=bearer(BOOT))
    assert made.status_code == 201, made.text
    return str(made.json()["key"])


def sign_in(api: Api, key: str) -> dict[str, str]:
    """Sign in, and return the header of changing calls."""
    answer = api.post("/ui/session", json={"key": key})
    assert answer.status_code == 201, answer.text
    return {CSRF: answer.json()["csrfToken"]}


def cookie_of(answer: Any) -> tuple[str, set[str]]:
    """Return the name of the cookie that an answer sets, and its attributes."""
    cookie, *attributes = answer.headers["set-cookie"].split("; ")
    return cookie.partition("=")[0], {attribute.lower() for attribute in attributes}


def test_a_person_signs_in_with_a_key_and_acts_under_its_name(api: Api) -> None:
    key = make_key(api, "budi", "operate")

    answer = api.post("/ui/session", json={"key": key})
    job = api.post("/broadcast", json=_draft(), headers={CSRF: answer.json()["csrfToken"]})

    assert answer.status_code == 201
    assert (answer.json()["actor"], answer.json()["scopes"]) == ("budi", ["operate"])
    assert job.status_code == 202, job.text
    assert [act["actor"] for act in api.get(f"/broadcast/{job.json()['jobId']}").json()["acts"]] == ["budi"]
    shown = api.get("/ui/session").json()
    assert (shown["actor"], shown["csrfToken"]) == ("budi", answer.json()["csrfToken"])
    acts = api.get("/activity", params={"action": "sign_in"}).json()["items"]
    assert [(act["actor"], act["object"], act["objectId"]) for act in acts] == [("budi", "key", "budi")]


@pytest.mark.parametrize(
    ("client", "headers", "name", "is_secure"),
    [
        pytest.param("opened", {}, "wabroadcast", False, id="http"),
        pytest.param("secure", {}, "__Host-wabroadcast", True, id="https"),
        pytest.param("opened", {"X-Forwarded-Proto": "https"}, "__Host-wabroadcast", True, id="proxy-with-https"),
    ],
)
def test_the_cookie_is_as_strict_as_the_way_allows(
    request: pytest.FixtureRequest,
    client: str,
    headers: dict[str, str],
    name: str,
    is_secure: bool,  # noqa: FBT001 - a column of a table
) -> None:
    answer = request.getfixturevalue(client).post("/ui/session", json={"key": BOOT}, headers=headers)

    found, attributes = cookie_of(answer)
    assert found == name
    assert {"httponly", "samesite=lax", "path=/", f"max-age={int(LIFE_SECONDS)}"} <= attributes
    assert ("secure" in attributes) is is_secure
    assert not any(attribute.startswith("domain") for attribute in attributes)


def test_over_https_a_cookie_that_another_way_could_plant_is_no_session(secure: Api) -> None:
    secure.post("/ui/session", json={"key": BOOT})
    token = secure.cookies["__Host-wabroadcast"]
    secure.cookies.clear()

    assert secure.get("/keys", headers={"Cookie": f"wabroadcast={token}"}).status_code == 401
    assert secure.get("/keys", headers={"Cookie": f"__Host-wabroadcast={token}"}).status_code == 200


CHANGING = [
    ("POST", "/broadcast"),
    ("POST", "/broadcast/pause/x"),
    ("PUT", "/connections/sandbox"),
    ("PATCH", "/broadcast/x"),
    ("DELETE", "/blacklist/1"),
    ("DELETE", "/ui/session"),
]


@pytest.mark.parametrize(("method", "path"), CHANGING)
def test_a_changing_call_of_a_session_needs_its_token(api: Api, method: str, path: str) -> None:
    token = sign_in(api, BOOT)[CSRF]
    kept = api.cookies["wabroadcast"]

    refused = [api.request(method, path, headers=headers) for headers in ({}, {CSRF: "x"}, {CSRF: csrf_token("y")})]
    allowed = api.request(method, path, headers={CSRF: token})

    assert [(answer.status_code, answer.json()["code"]) for answer in refused] == [(403, "csrf")] * 3
    assert allowed.status_code not in {401, 403}
    assert kept not in "".join(answer.text for answer in refused)


def test_a_call_with_a_key_needs_no_token_whatever_its_cookies(api: Api) -> None:
    sign_in(api, BOOT)

    answer = api.post("/broadcast", json=_draft(), headers=bearer(BOOT))

    assert answer.status_code == 202
    assert api.post("/broadcast", json=_draft(), headers=bearer("wrong")).status_code == 401


@pytest.mark.parametrize(
    ("scope", "method", "path", "expected"),
    [
        ("read", "GET", "/broadcast/jobs", 200),
        ("read", "POST", "/broadcast", 403),
        ("operate", "POST", "/broadcast", 400),
        ("operate", "GET", "/keys", 403),
        ("admin", "GET", "/keys", 200),
    ],
)
def test_a_session_has_the_scopes_of_its_key(api: Api, scope: str, method: str, path: str, expected: int) -> None:
    token = sign_in(api, make_key(api, f"{scope} {expected} {method}", scope))

    answer = api.request(method, path, headers={**token, "Content-Type": "application/json"}, content=b"{}")

    assert answer.status_code == expected
    if expected == 403:
        assert answer.json()["code"] == "missing_scope"


def test_a_session_is_valid_in_each_process_and_its_end_too(api: Api, other: Api) -> None:
    token = sign_in(api, BOOT)
    cookie = {"Cookie": f"wabroadcast={api.cookies['wabroadcast']}"}
    before = other.get("/keys", headers=cookie)

    answer = api.delete("/ui/session", headers=token)

    assert (before.status_code, answer.status_code) == (200, 204)
    assert "max-age=0" in cookie_of(answer)[1]
    api.cookies.clear()
    for process in (api, other):
        assert process.get("/keys", headers=cookie).json()["detail"] == "the session has ended: sign in again"


def test_the_revocation_of_a_key_ends_its_sessions_in_all_processes_and_no_others(
    api: Api, other: Api, until: Any
) -> None:
    cookies = {}
    for name in ("agus", "siti"):
        sign_in(api, make_key(api, name, "read"))
        cookies[name] = {"Cookie": f"wabroadcast={api.cookies['wabroadcast']}"}
        api.cookies.clear()
    assert other.get("/broadcast/jobs", headers=cookies["agus"]).status_code == 200

    api.delete("/keys/agus", headers=bearer(BOOT))

    assert api.get("/broadcast/jobs", headers=cookies["agus"]).status_code == 401
    until(lambda: other.get("/broadcast/jobs", headers=cookies["agus"]).status_code == 401, seconds=3)
    assert other.get("/broadcast/jobs", headers=cookies["siti"]).status_code == 200


def test_a_session_survives_a_restart_unless_its_key_has_left_the_settings(keyed_settings: Settings, api: Api) -> None:
    sign_in(api, BOOT)
    cookie = {"Cookie": f"wabroadcast={api.cookies['wabroadcast']}"}

    changed = keyed_settings.model_copy(update={"api_keys": [SecretStr("another-key-of-this-test")]})
    found = []
    for settings in (keyed_settings, changed):
        with TestClient(create_app(settings), base_url=OUTSIDE) as restarted:
            found.append(restarted.get("/keys", headers=cookie).status_code)

    assert found == [200, 401]


def test_a_session_ends_by_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wabroadcast_core.services.sessions.LIFE_SECONDS", -1.0)

    sign_in(api, BOOT)

    assert api.get("/keys").status_code == 401


def test_a_made_up_cookie_is_no_session(api: Api) -> None:
    for value in (b"x", b"", "é".encode(), b"x" * 4_000):
        assert api.get("/keys", headers={b"Cookie": b"wabroadcast=" + value}).status_code == 401


def test_five_failures_make_an_address_wait_and_say_how_long(keyed_settings: Settings) -> None:
    with TestClient(create_app(keyed_settings), base_url=OUTSIDE) as fresh:
        sign_in(fresh, BOOT)
        fresh.cookies.clear()
        failed = [fresh.post("/ui/session", json={"key": "a-guess"}).status_code for _ in range(5)]
        refused = fresh.post("/ui/session", json={"key": BOOT})
        with_key = fresh.get("/keys", headers=bearer(BOOT))

    assert failed == [401] * 5
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
    assert 10 <= int(refused.headers["Retry-After"]) <= 12
    assert f"in {refused.headers['Retry-After']} seconds" in refused.json()["detail"]
    assert with_key.status_code == 200  # it has a limit of its own


def test_many_good_sign_ins_are_no_failures(api: Api) -> None:
    for _ in range(7):
        sign_in(api, BOOT)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({"Origin": "https://evil.example"}, 403, id="another-site"),
        pytest.param({"Origin": "null"}, 403, id="page-without-origin"),
        pytest.param({"Origin": "http://["}, 403, id="malformed"),
        pytest.param({"Origin": OUTSIDE}, 201, id="our-own-page"),
        pytest.param({"Origin": SECURE}, 201, id="behind-a-proxy-with-https"),
        pytest.param({"Origin": OUTSIDE, "Sec-Fetch-Site": "cross-site"}, 403, id="browser-says-another-site"),
        pytest.param({"Sec-Fetch-Site": "same-site"}, 403, id="browser-says-another-name-of-the-site"),
        pytest.param(
            {"Origin": "https://wa.example", "Sec-Fetch-Site": "same-origin"}, 201, id="proxy-that-changes-the-host"
        ),
        pytest.param({"Sec-Fetch-Site": "none"}, 201, id="typed-by-the-person"),
    ],
)
def test_no_page_of_another_site_signs_a_person_in(api: Api, headers: dict[str, str], expected: int) -> None:
    answer = api.post("/ui/session", json={"key": BOOT}, headers=headers)

    assert answer.status_code == expected
    assert ("set-cookie" in answer.headers) is (expected == 201)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "key"),
        ({"key": 7}, "key"),
        ({"key": "x" * 600}, "key"),
        ({"key": BOOT, "next": "https://evil.example"}, "next"),
        ({"key": BOOT, "next": "//evil.example"}, "next"),
        ({"key": BOOT, "next": "/\\evil.example"}, "next"),
        ({"key": BOOT, "next": "/\t/evil.example"}, "next"),
        ({"key": BOOT, "next": "/a b"}, "next"),
        ({"key": BOOT, "more": "x"}, "more"),
    ],
)
def test_a_faulty_sign_in_is_refused_without_the_key_in_the_answer(api: Api, body: dict[str, Any], path: str) -> None:
    answer = api.post("/ui/session", json=body)

    assert answer.status_code == 400
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]
    assert BOOT not in answer.text


# --- forms -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "target"), [({}, "/"), ({"next": "/ui/broadcasts?q=a%20b"}, "/ui/broadcasts?q=a%20b")]
)
def test_a_form_signs_in_and_is_redirected(api: Api, fields: dict[str, str], target: str) -> None:
    answer = api.post("/ui/session", data={"key": BOOT, **fields}, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, target)
    assert api.get("/keys").status_code == 200


def test_a_form_signs_out_with_its_token_and_not_without(api: Api) -> None:
    token = sign_in(api, BOOT)[CSRF]

    refused = [api.post("/ui/session/end", data=data, follow_redirects=False) for data in ({}, {"csrfToken": "x"})]
    refused.append(api.post("/ui/session/end", json={"csrfToken": 7}, follow_redirects=False))
    answer = api.post("/ui/session/end", data={"csrfToken": token}, follow_redirects=False)

    assert [one.status_code for one in refused] == [403] * 3
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/sign-in")
    assert api.get("/keys").status_code == 401


def test_a_mounted_api_redirects_inside_its_path(keyed_settings: Settings) -> None:
    app = Litestar(plugins=[WABroadcastPlugin(keyed_settings, path="/wa")])
    with TestClient(app, base_url=OUTSIDE) as client:
        answer = client.post("/wa/ui/session", data={"key": BOOT}, follow_redirects=False)
        token = client.get("/wa/ui/session").json()["csrfToken"]
        end = client.post("/wa/ui/session/end", data={"csrfToken": token}, follow_redirects=False)

    assert answer.headers["location"] == "/wa"
    assert end.headers["location"] == "/wa/ui/sign-in"


def test_without_any_key_there_is_no_sign_in(idle_api: Any) -> None:
    answer = idle_api.post("/ui/session", json={"key": "x"})

    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    shown = idle_api.get("/ui/session").json()
    assert shown == {"actor": "api", "scopes": ["read", "operate", "admin"], "csrfToken": None, "expiresAt": None}


def test_neither_token_nor_key_can_be_read_from_the_store(keyed_settings: Settings, api: Api) -> None:
    sign_in(api, BOOT)

    stored = b"".join(path.read_bytes() for path in keyed_settings.sqlite_path.parent.glob("wabroadcast.db*"))

    assert api.cookies["wabroadcast"].encode() not in stored
    assert BOOT.encode() not in stored


def _draft() -> dict[str, Any]:
    return draft(recipients=[{"number": "0812-0000-1001", "name": "Budi"}], scheduledAt="2999-01-01T00:00:00Z")
