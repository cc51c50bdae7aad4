"""The frame of all pages: sign-in, sessions, headers, choices, errors, and where they are mounted."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, Response, get
from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException, NotAuthorizedException, NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath
from litestar.testing import TestClient
from pydantic import SecretStr

from host_litestar.app import create_app
from host_litestar.dashboard.page_headers import PAGE_HEADERS
from host_litestar.dashboard.static_files import VERSION
from host_litestar.plugin import WABroadcastPlugin
from tests.host.dashboard.pages import FormBrowser
from tests.host.installations import HERE, Api, bearer, draft, opened_app
from wabroadcast_core import Settings
from wabroadcast_core.queue.embedded import EmbeddedValkey

ADMIN = "the-bootstrap-key"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture
def locked(host_settings: Settings) -> Iterator[Api]:
    """An application that has a key."""
    with opened_app(with_key(host_settings)) as client:
        yield client


@pytest.fixture
def fresh_locked(host_settings: Settings) -> Iterator[Api]:
    """The same, without wrong keys that other tests have given."""
    with TestClient(create_app(with_key(host_settings)), base_url=HERE, raise_server_exceptions=False) as client:
        yield client


def with_key(settings: Settings) -> Settings:
    return settings.model_copy(update={"api_keys": [SecretStr(ADMIN)]})


def submit(api: Api, **fields: Any) -> str:
    headers = bearer(ADMIN)
    body = draft(recipients=[{"number": "+6281200000001", "name": "Budi"}], **fields)
    return str(api.post("/broadcast", json=body, headers=headers).json()["jobId"])


# --- who may see what ----------------------------------------------------------------------------------------------


def test_without_a_key_this_machine_sees_the_pages_and_a_strip_that_says_so(pages: FormBrowser) -> None:
    shown = pages.open("/")

    assert shown.status == 200
    assert "There is no API key yet" in shown.find(".strip").get_text()


def test_a_page_leads_to_the_sign_in_and_back(locked: Api) -> None:
    person = FormBrowser(locked)

    asked = person.open("/ui/broadcasts?state=running")
    shown = asked.press("Sign in", key=ADMIN)

    assert asked.path.startswith("/ui/sign-in?next=")
    assert shown.path == "/ui/broadcasts?state=running"


def test_a_wrong_key_is_refused_on_the_page(fresh_locked: Api) -> None:
    shown = FormBrowser(fresh_locked).sign_in("a-wrong-key-of-someone")

    assert shown.status == 401
    assert "This key is unknown or revoked." in shown.text
    assert "a-wrong-key" not in shown.response.text


def test_after_five_failures_the_page_says_how_long_to_wait(fresh_locked: Api) -> None:
    person = FormBrowser(fresh_locked)

    shown = [person.sign_in("wrong") for _ in range(6)][-1]

    assert shown.status == 429
    assert re.search(r"Try again in \d+ seconds", shown.text)


@pytest.mark.parametrize(
    "address",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "/ui?a\\b/../..//elsewhere.example\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
        "/ui/\N{CROCODILE}",
    ],
)
def test_the_sign_in_never_leads_elsewhere(locked: Api, address: str) -> None:
    person = FormBrowser(locked)

    shown = person.send("/ui/sign-in", {"key": [ADMIN], "next": [address]})

    assert shown.path == "/"
    assert shown.status == 200


def test_a_session_ends_with_the_sign_out(locked: Api) -> None:
    person = FormBrowser(locked)
    person.sign_in(ADMIN)

    person.open("/").press("Sign out")

    assert person.open("/").path.startswith("/ui/sign-in")


def test_a_form_of_an_expired_session_is_kept_until_the_next_sign_in(locked: Api) -> None:
    person = FormBrowser(locked)
    person.sign_in(ADMIN)
    page = person.open("/")
    locked.cookies.clear()

    asked = page.press("Send the sample")
    resumed = asked.press("Sign in", key=ADMIN)
    sent = resumed.press("Send that form")

    assert asked.status == 401
    assert "your form is kept" in asked.text
    assert sent.path.startswith("/ui/broadcasts/")


def test_a_form_without_the_token_of_its_session_is_refused(locked: Api) -> None:
    person = FormBrowser(locked)
    person.sign_in(ADMIN)

    shown = person.send("/ui/sample", {})

    assert shown.status == 403
    assert "This form is from another session" in shown.text
    assert locked.get("/broadcast/jobs", headers=bearer(ADMIN)).json()["total"] == 0


def test_a_key_that_only_reads_has_no_acts(locked: Api) -> None:
    made = locked.post("/keys", json={"name": "look", "scopes": ["read"]}, headers=bearer(ADMIN)).json()
    person = FormBrowser(locked)
    shown = person.sign_in(made["key"])

    refused = person.send("/ui/sample", {"csrfToken": [str(shown.find("meta[name=csrf-token]")["content"])]})

    assert shown.soup.select("main .button.main, main form") == []
    assert refused.status == 403
    assert "This key may not do that" in refused.text


def test_the_overview_says_that_redis_cannot_be_reached(alone_api: Api, own_valkey: EmbeddedValkey) -> None:
    person = FormBrowser(alone_api)
    well = person.open("/")
    own_valkey.stop()

    shown = person.open("/")

    assert "Redis cannot be reached" not in well.text
    assert "Redis cannot be reached: nothing is sent until it is back." in shown.text
    assert shown.link("Look into it") == "/ui/settings/system"


def test_the_overview_says_that_no_worker_runs_once_there_is_something_to_send(
    pages: FormBrowser, halaman: FormBrowser
) -> None:
    before = pages.open("/").text
    pages.api.post("/broadcast", json=draft(recipients=[{"number": "0812"}], scheduledAt="2999-01-01T08:00:00Z"))

    after, sesudah = pages.open("/"), halaman.open("/")

    assert "No worker is running" not in before
    assert "No worker is running, so nothing is sent." in after.text
    assert "Tidak ada proses pengirim yang berjalan" in sesudah.text
    assert after.link("Look into it") == "/ui/settings/system"


def test_the_form_of_the_sign_in_names_an_account_for_password_managers(locked: Api) -> None:
    form = FormBrowser(locked).open("/ui/sign-in").form("Sign in")

    assert [field["name"] for field in form.select("input[autocomplete=username][hidden]")] == ["username"]


# --- errors, headers, files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/ui/no-such-page", "/ui/no/such/page", "/ui/sign-in"])
def test_every_page_has_the_strict_headers(pages: FormBrowser, path: str) -> None:
    response = pages.open(path).response

    assert {name: response.headers.get(name) for name in PAGE_HEADERS} == PAGE_HEADERS
    assert response.headers["content-type"] == "text/html; charset=utf-8"


def test_no_page_has_inline_style_or_script(pages: FormBrowser) -> None:
    submit(pages.api, name=HOSTILE)

    shown = pages.open("/")

    assert shown.soup.select("[style], style, script:not([src]), [onclick], [onerror], img[src=x]") == []
    assert HOSTILE in shown.soup.get_text()


def test_a_page_that_does_not_exist_says_so_in_both_languages(pages: FormBrowser, halaman: FormBrowser) -> None:
    english, indonesian = pages.open("/ui/nothing-here"), halaman.open("/ui/nothing-here")

    assert (english.status, indonesian.status) == (404, 404)
    assert "This page does not exist" in english.text
    assert "Halaman ini tidak ada" in indonesian.text


NO_PAGES = (
    *("/ui", "/ui/nothing", "/ui/nothing/at/all", "/ui/connections/new/x", "/ui/broadcasts/1/x/y/z"),
    *("/ui//contacts/1/x", "/ui/settings/keys/a/revoke/b", "/ui/contacts/%2B62/x", "/ui/sign-in/x", "/ui/static/x"),
    *("/ui/running/x", "/ui/contacts/import/1/x"),
)
UNROUTED = [
    *((method, path, 404) for method in ("GET", "HEAD", "POST", "PUT") for path in NO_PAGES),
    ("GET", "/ui/broadcasts/1/pause", 405),
    ("HEAD", "/ui/connections/sandbox/pause", 405),
    ("POST", "/ui/settings", 405),
    ("PUT", "/ui/contacts", 405),
    ("DELETE", "/ui/broadcasts/new", 405),
]


@pytest.mark.parametrize("mount", ["/", "/tools/wa"])
def test_an_address_or_a_method_that_no_route_has_is_answered_with_a_page(host_settings: Settings, mount: str) -> None:
    app = Litestar(plugins=[WABroadcastPlugin(host_settings, path=mount)])
    base = mount.rstrip("/")

    with TestClient(app, base_url=HERE) as client:
        answers = [(client.request(method, f"{base}{path}"), path, status) for method, path, status in UNROUTED]
        outside = client.get(f"{base}/no-such-call")

    for answer, path, status in answers:
        told = (answer.status_code, answer.headers["content-type"], answer.headers["content-security-policy"])
        assert told == (status, "text/html; charset=utf-8", PAGE_HEADERS["Content-Security-Policy"]), path
    assert [path for answer, path, status in answers if status == 405 and not answer.headers.get("allow")] == []
    assert not outside.headers["content-type"].startswith("text/html")


def test_the_handlers_of_an_application_stay_those_of_its_own_addresses(host_settings: Settings) -> None:
    def theirs(_: Any, error: Exception) -> Response[str]:
        return Response(f"theirs: {type(error).__name__}", status_code=404)

    @get("/own/{number:int}")
    async def own(number: FromPath[int]) -> None:
        del number
        raise NotFoundException

    first, second = (WABroadcastPlugin(host_settings, path=path) for path in ("/first", "/second"))
    handlers: dict[int | type[Exception], Any] = {404: theirs, MethodNotAllowedException: theirs}
    app = Litestar([own], plugins=[first], exception_handlers=handlers)
    twice = Litestar([own], plugins=[first, second], exception_handlers=handlers)

    for made in (app, twice):
        with TestClient(made, base_url=HERE) as client:
            calls = [("GET", "/own/1"), ("GET", "/own/x"), ("POST", "/own/1"), ("GET", "/first/nothing")]
            answers = [client.request(*call) for call in calls]
            page = client.get("/first/ui/nothing")
        assert {answer.text.partition(":")[0] for answer in answers} == {"theirs"}
        assert page.headers["content-type"].startswith("text/html")


def test_static_files_are_kept_for_good_under_their_version_only(idle_api: Api) -> None:
    kept = idle_api.get(f"/ui/static/{VERSION}/dashboard.css")
    old = idle_api.get("/ui/static/0123456789ab/dashboard.css")

    assert "immutable" in kept.headers["cache-control"]
    assert old.headers["cache-control"] == "no-store"
    assert idle_api.get(f"/ui/static/{VERSION}/..%2Fview.py").status_code == 404


def test_the_style_sheet_and_the_scripts_are_small(idle_api: Api) -> None:
    names = re.findall(r'"\./(\w+\.js)"', idle_api.get(f"/ui/static/{VERSION}/main.js").text)
    scripts = {name: len(idle_api.get(f"/ui/static/{VERSION}/{name}").content) for name in names}

    assert 0 < sum(scripts.values()) <= 20_000
    assert len(idle_api.get(f"/ui/static/{VERSION}/dashboard.css").content) <= 25_000


# --- choices -------------------------------------------------------------------------------------------------------


def test_the_language_follows_the_browser_until_a_person_chooses(halaman: FormBrowser) -> None:
    shown = halaman.open("/")
    chosen = shown.press("English")

    assert shown.find("html")["lang"] == "id"
    assert chosen.find("html")["lang"] == "en"
    assert halaman.open("/").find("html")["lang"] == "en"


@pytest.mark.parametrize("value", ["language=xx&zone=Nowhere/City&theme=pink", "%ff=%fe", "zone=../../etc/passwd"])
def test_choices_that_do_not_exist_are_left_out(idle_api: Api, value: str) -> None:
    idle_api.cookies.set("wabroadcast_choices", value)

    shown = FormBrowser(idle_api).open("/")

    assert (shown.find("html")["lang"], shown.find("html")["data-zone"]) == ("en", "Asia/Jakarta")


@pytest.mark.parametrize("value", ["%5B%5D", "x", "%5B%22nav.open%22%2C%7B%7D%2C%22ok%22", '["no.key",{},"ok"]'])
def test_a_notice_that_is_not_ours_is_left_out(idle_api: Api, value: str) -> None:
    idle_api.cookies.set("wabroadcast_notice", value)

    assert FormBrowser(idle_api).open("/").status == 200


# --- mounted elsewhere ---------------------------------------------------------------------------------------------


def refuse_strangers(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    """The own access control of a host."""
    if connection.headers.get("x-person") != "budi":
        raise NotAuthorizedException("strangers have no access")


def test_the_pages_work_under_any_path_of_another_application(host_settings: Settings) -> None:
    app = Litestar(plugins=[WABroadcastPlugin(host_settings, path="/tools/wa", guards=[refuse_strangers])])

    with TestClient(app, base_url=HERE) as client:
        client.headers["x-person"] = "budi"
        shown = FormBrowser(client).open("/tools/wa/")
        links = [str(tag["href"]) for tag in shown.soup.select("[href^='/']")]
        sent = shown.press("Send the sample")

    assert shown.status == 200
    assert [link for link in links if not link.startswith("/tools/wa")] == []
    assert shown.soup.select(".strip") == []
    assert sent.path.startswith("/tools/wa/ui/broadcasts/")


def test_an_application_may_leave_the_pages_out(host_settings: Settings) -> None:
    app = Litestar(plugins=[WABroadcastPlugin(host_settings, path="/wa", dashboard=False)])

    with TestClient(app, base_url=HERE) as client:
        assert client.get("/wa/").status_code == 404
        assert client.get("/wa/connections").status_code == 200
