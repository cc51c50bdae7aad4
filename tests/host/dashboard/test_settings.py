"""The settings: choices, API keys, callbacks, and the system."""

from typing import Any

import pytest
from litestar import Litestar

from host_litestar.dashboard.texts import LANGUAGES, catalogue
from tests.host.dashboard.pages import FormBrowser
from tests.host.installations import Api, draft
from tests.recorded_acts import acts_of_the_core
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.activity import ActObject
from wabroadcast_core.models.callback import CallbackState
from wabroadcast_core.store import audit_log
from wabroadcast_core.store.blacklist import OPT_IN, OPT_OUT

MARKUP = "<script>alert(1)</script>"


@pytest.fixture
def broadcaster(idle_host: tuple[Broadcaster, Litestar], idle_api: Api) -> Broadcaster:
    del idle_api  # it has started it
    return idle_host[0]


def key_of(broadcaster: Broadcaster, name: str, scope: str) -> str:
    return broadcaster.api_keys.create({"name": name, "scopes": [scope]}).key


# --- choices and settings --------------------------------------------------------------------------------------


def test_choices_apply_to_the_next_page(pages: FormBrowser) -> None:
    page = pages.open("/ui/settings").press("Save", language="id", theme="dark", keys="off", zone="Asia/Jayapura")

    html = page.find("html")
    assert page.path == "/ui/settings"
    assert (html["lang"], html["data-theme"], html["data-keys"]) == ("id", "dark", "off")
    assert page.find("#f-zone option[selected]").text == "Asia/Jayapura"


def test_settings_are_shown_with_their_variables_and_no_secret(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    secret = "whsec_" + "QUJD" * 12
    broadcaster.settings = type(broadcaster.settings).model_validate(
        {**broadcaster.settings.model_dump(), "callback_secret": secret, "api_keys": []}
    )

    page = pages.open("/ui/settings")

    assert "WABROADCAST_TIMEZONE Asia/Jakarta" in page.text
    assert "WABROADCAST_CALLBACK_SECRET set, not shown" in page.text
    assert "QUJD" not in page.response.text
    assert (
        str(broadcaster.settings.redis_url.get_secret_value() if broadcaster.settings.redis_url else "?")
        not in page.text
    )


# --- API keys --------------------------------------------------------------------------------------------------


def test_the_first_key_is_shown_once_and_leads_to_the_sign_in(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    page = pages.open("/ui/settings/keys")
    assert "every person and every program needs one" in page.text

    made = page.press("Make the key", name="Rina", scope="admin")
    key = str(made.find("#new-key")["value"])

    assert key.startswith("wab_")
    assert "From now on everyone must sign in." in made.text
    assert made.soup.select(".strip") == []
    assert pages.open("/ui/settings/keys").path.startswith("/ui/sign-in")
    inside = made.press("Sign in with this key")
    assert inside.path == "/ui/settings/keys"
    assert "Rina (your key)" in inside.text
    assert key not in inside.response.text
    assert [one.created_by for one in broadcaster.api_keys.list()] == ["api"]


@pytest.mark.parametrize("scope", ["read", "operate", ""])
def test_the_first_key_must_allow_everything(pages: FormBrowser, broadcaster: Broadcaster, scope: str) -> None:
    page = pages.open("/ui/settings/keys").press("Make the key", name="Rina", scope=scope)

    assert page.status == 400
    assert "The first key must allow everything" in page.text
    assert page.find("#f-name")["value"] == "Rina"
    assert broadcaster.api_keys.list() == []


def test_a_key_is_revoked_by_a_question_that_names_it(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    pages.sign_in(key_of(broadcaster, "Rina", "admin"))
    key_of(broadcaster, "shop", "operate")

    page = pages.open("/ui/settings/keys")
    assert "Revoke key shop?" in page.text
    assert "the only key that allows everything" in page.text  # Rina's
    page = page.press("Revoke shop")

    assert "Key shop was revoked." in page.text
    assert [one.name for one in broadcaster.api_keys.list()] == ["Rina"]


def test_who_revokes_the_own_key_is_signed_out(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    pages.sign_in(key_of(broadcaster, "Rina", "admin"))
    key_of(broadcaster, "Budi", "admin")
    page = pages.open("/ui/settings/keys")
    assert "you will be signed out" in page.text

    assert page.press("Revoke Rina").path.startswith("/ui/sign-in")


@pytest.mark.parametrize(
    ("name", "status", "fault"),
    [
        pytest.param("Rina", 409, "there is a key 'Rina' already", id="taken"),
        pytest.param(MARKUP, 400, "not a name for a key", id="no-name"),
    ],
)
def test_a_key_that_does_not_fit_is_refused(
    pages: FormBrowser, broadcaster: Broadcaster, name: str, status: int, fault: str
) -> None:
    pages.sign_in(key_of(broadcaster, "Rina", "admin"))

    page = pages.open("/ui/settings/keys").press("Make the key", name=name, scope="read")

    assert (page.status, fault in page.text) == (status, True)
    assert page.find("#f-name")["value"] == name
    assert page.find("input[value=read]").has_attr("checked")


def test_only_an_admin_sees_the_keys(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    pages.sign_in(key_of(broadcaster, "Rina", "operate"))

    assert pages.open("/ui/settings/keys").status == 403
    assert "API keys" not in pages.open("/ui/settings").find("main nav").text


# --- callbacks -------------------------------------------------------------------------------------------------


def test_callbacks_are_filtered_and_sent_again(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    assert "There are no events yet." in pages.open("/ui/settings/callbacks").text
    address = "https://shop.example/hook?token=s3cret"
    job = broadcaster.submit(draft(connection="sandbox", callbackUrl=address), [{"number": "081234567801"}])
    broadcaster.pause(job.job_id)

    page = pages.open("/ui/settings/callbacks")
    assert broadcaster.callbacks.list().total > 0
    assert "broadcast.changed" in page.text
    assert "s3cret" not in page.response.text
    assert "No event fits." in page.follow("Failed").text
    waiting = page.follow("Waiting")
    assert "broadcast.changed" in waiting.text

    again = waiting.press("Send again")

    assert again.path == waiting.path
    assert "The event is sent again at once." in again.text
    assert broadcaster.callbacks.list().items[0].status is CallbackState.PENDING


def test_who_may_only_look_cannot_send_a_callback_again(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = broadcaster.submit(
        draft(connection="sandbox", callbackUrl="https://shop.example/"), [{"number": "081234567801"}]
    )
    broadcaster.pause(job.job_id)
    pages.sign_in(key_of(broadcaster, "Rina", "read"))

    page = pages.open("/ui/settings/callbacks")

    assert "broadcast.changed" in page.text
    assert not page.soup.select("main button")


# --- the system ------------------------------------------------------------------------------------------------


def test_the_system_is_examined_quickly_and_on_request_thoroughly(
    pages: FormBrowser, halaman: FormBrowser, broadcaster: Broadcaster
) -> None:
    quick = pages.open("/ui/settings/system")

    assert "It works, with something to mend." in quick.text  # no worker is alive
    assert "Workers : none is alive" in quick.text
    assert "start `wabroadcast serve` or `wabroadcast worker`" in quick.text
    assert "builtin.sandbox Active" in quick.text
    assert "Connection sandbox" not in quick.text
    assert "Peringatan:" in halaman.open("/ui/settings/system").text

    thorough = quick.press("Examine everything")
    assert "Connection sandbox : up" in thorough.text
    assert "a commit takes" in thorough.text
    assert "it has no damage" in thorough.text


# --- the activity ----------------------------------------------------------------------------------------------


def test_the_activity_is_filtered_by_who_what_and_when(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    assert "There are no acts yet." in pages.open("/ui/activity").text
    broadcaster.connections.save("toko", {"sender": "sandbox"}, actor="cli")
    broadcaster.connections.pause("toko", actor="Rina")
    broadcaster.blacklist.add("081234567801", reason=MARKUP, actor="Rina")
    page = pages.open("/ui/activity")
    assert "Paused Connection: toko API key, from a page or a program" in page.text
    assert "Saved Connection: toko command line on the server" in page.text
    assert MARKUP in page.text
    assert "<script>alert" not in page.response.text

    connections = page.press("Filter", object="connection", actor="Rina")
    assert "Paused Connection: toko" in connections.text
    assert "Opt-out" not in connections.find("tbody").text
    assert "Saved" not in connections.find("tbody").text
    assert "object=connection" in connections.link("Download CSV")
    assert "No act fits." in page.press("Filter", until="2020-01-01T00:00").text
    wrong = page.press("Filter", since="yesterday", actor="Rina")
    assert (wrong.status, wrong.find("#f-actor")["value"]) == (400, "Rina")
    assert "not a time" in wrong.text


def test_each_act_of_the_core_has_a_text() -> None:
    recorded = acts_of_the_core() | {OPT_IN, OPT_OUT}

    assert {"rehearse", "submit", "pause", "cancel", "default", "revoke", "sign_in", "save", "erase"} <= recorded
    for language in LANGUAGES:
        assert {act for act in recorded if f"activity.act.{act}" not in catalogue(language)} == set()


def test_what_was_done_automatically_has_no_person(
    pages: FormBrowser, halaman: FormBrowser, broadcaster: Broadcaster
) -> None:
    with broadcaster.context.database.write() as conn:
        values: dict[str, Any] = {"action": "import", "actor": "engine", "now": broadcaster.context.clock.now()}
        audit_log.record_action(conn, other=ActObject.CONTACT, **values)

    for browser, said in ((pages, "Automatic"), (halaman, "Otomatis")):
        actor = browser.open("/ui/activity").find("tbody td a")
        assert (actor.get_text(), str(actor["href"]).rpartition("?")[2]) == (said, "actor=engine")


def test_the_activity_goes_on_by_pages(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    for place in range(60):
        draft = {"sender": "sandbox", "rate": {"messages": place + 1}}
        broadcaster.connections.save("toko", draft, actor=f"person {place}")

    first = pages.open("/ui/activity")
    second = first.follow("Older")

    assert len(first.soup.select("tbody tr")) == 50
    assert len(second.soup.select("tbody tr")) == 10
    assert "person 9" in second.find("tbody").text
    assert second.follow("Newest").path == "/ui/activity"
    assert pages.open("/ui/activity?cursor=x").status == 400
