"""The pages of connections: cards, the form of each kind, limits, acts, and what each scope sees."""

import re
import time
from typing import Any

import pytest
from litestar import Litestar

from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import HERE, Api, draft
from tests.waiting import wait_for
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.store import minute_counts

MARKUP = "<script>alert(1)</script>"
FONNTE = {"sender": "fonnte", "settings": {"token": "t0ken-of-the-device", "baseUrl": "http://127.0.0.1:9"}}


@pytest.fixture
def broadcaster(idle_host: tuple[Broadcaster, Litestar], idle_api: Api) -> Broadcaster:
    del idle_api  # it has started it
    return idle_host[0]


def signed_in(pages: FormBrowser, broadcaster: Broadcaster, scope: str) -> FormBrowser:
    key = broadcaster.api_keys.create({"name": f"a {scope} key", "scopes": [scope]})
    pages.sign_in(key.key)
    return pages


def buttons(page: ShownPage) -> set[str]:
    return {" ".join(button.get_text(" ").split()) for button in page.soup.select("main button")}


def test_a_card_says_what_is_used_and_why_it_waits(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    limits: dict[str, Any] = {
        "rate": {"messages": 80, "perSeconds": 1},
        "quotas": [{"messages": 5, "perSeconds": 3600}],
    }
    broadcaster.connections.save("shop", {"sender": "sandbox", **limits})
    broadcaster.connections.pause("shop", actor="Rina")

    text = pages.open("/ui/connections").text

    assert "Paused" in text
    assert "Connection shop is paused by Rina since" in text
    assert "Quota per hour 0 of 5" in text
    assert "Rate now 0 of 80 per second" in text
    assert "Last receipt none yet" in text


def test_a_connection_is_paused_resumed_tested_and_made_the_default(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    broadcaster.connections.save("other", {"sender": "sandbox"})
    page = pages.open("/ui/connections/other")

    page = page.press("Pause")
    assert "Connection other is paused" in page.text
    page = page.press("Resume")
    assert "Connection other sends again" in page.text
    page = page.press("Test the connection")
    assert "other can send:" in page.text
    assert re.search(r"Last test \w.+ WIB: can send \(", page.text)
    page = page.press("Make it the default")
    assert page.path == "/ui/connections/other"
    assert broadcaster.connections.get("other").default


def test_a_saved_or_new_connection_has_no_test_of_an_older_one(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    for name in ("first", "second"):  # which gets the id of the first one
        broadcaster.connections.save(name, {"sender": "sandbox"})
        assert broadcaster.connections.get(name).last_test is None
        assert "can send (" in pages.open(f"/ui/connections/{name}").press("Test the connection").text
        broadcaster.connections.save(name, {"sender": "sandbox", "lanes": 2})
        assert broadcaster.connections.get(name).last_test is None
        broadcaster.connections.test(name)
        broadcaster.connections.delete(name)


def test_an_act_without_its_page_leads_to_the_connection(idle_api: Api) -> None:
    answer = idle_api.post("/ui/connections/sandbox/pause", headers={"Origin": HERE}, follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/connections/sandbox")


def test_a_gateway_says_first_that_its_number_may_be_blocked(pages: FormBrowser, halaman: FormBrowser) -> None:
    kinds = pages.open("/ui/connections").follow("New connection")

    warning = "This connection is unofficial. WhatsApp may block its number."
    assert kinds.text.index(warning) < kinds.text.index("Fonnte")
    assert warning in pages.open("/ui/connections/new?kind=fonnte").find(".notice").text
    assert warning not in pages.open("/ui/connections/new?kind=whatsapp-cloud").text
    assert "Koneksi ini tidak resmi. WhatsApp dapat memblokir nomornya." in halaman.open("/ui/connections/new").text
    assert pages.open("/ui/connections/new?kind=nothing").status == 404


def test_a_connection_is_created_with_the_limits_of_its_sender_or_own_ones(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    page = pages.open("/ui/connections/new?kind=fonnte").press(
        "Create the connection",
        name="toko",
        settings__token="t0ken-of-the-device",
        rate__mode="own",
        rate__messages="2",
        rate__perSeconds="1",
        rate__unit="minute",
        warmUp__mode="none",
        sendWindow__mode="own",
        sendWindow__from="08:00",
        sendWindow__to="20:00",
    )

    saved = broadcaster.connections.get("toko")
    assert page.path == "/ui/connections/toko"
    assert "Test it now" in page.text
    assert saved.rate is not None
    assert saved.rate.per_seconds == 60
    assert saved.warm_up is None
    assert saved.jitter == broadcaster.connections.default_limits("fonnte").jitter
    assert saved.send_window is not None
    assert "t0ken" not in page.response.text
    assert "Stored; fill in to replace it." in page.text


@pytest.mark.parametrize(
    ("name", "fields", "fault"),
    [
        pytest.param("sandbox", {}, "There is a connection with this name already", id="taken"),
        pytest.param("new", {}, "Another page has this name", id="reserved"),
        pytest.param("A B", {}, "not a valid name", id="no-name"),
        pytest.param("toko", {"settings__token": ""}, "#f-settings-token", id="without-token"),
        pytest.param("toko", {"settings__timeoutSeconds": "soon"}, "#f-settings-timeoutSeconds", id="no-number"),
        pytest.param("toko", {"rate__mode": "own"}, "#f-rate-messages", id="without-amount"),
    ],
)
def test_a_form_that_does_not_fit_is_shown_again_with_what_was_typed(
    pages: FormBrowser, broadcaster: Broadcaster, name: str, fields: dict[str, str], fault: str
) -> None:
    typed: dict[str, Any] = {
        "settings__token": "s3cret-of-mine",
        "settings__delay": "5-10",
        "jitter__mode": "none",
        **fields,
    }

    page = pages.open("/ui/connections/new?kind=fonnte").press("Create the connection", name=name, **typed)

    assert page.status == 400
    assert page.soup.select(f"{fault}[aria-invalid]") if fault.startswith("#") else fault in page.text
    assert page.find("#f-settings-delay")["value"] == "5-10"
    assert page.find("#f-jitter-mode option[selected]")["value"] == "none"
    assert "s3cret" not in page.response.text
    assert [one.name for one in broadcaster.connections.list()] == ["sandbox"]


def test_an_untouched_form_changes_nothing_and_an_empty_secret_stays(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    before = broadcaster.connections.save("toko", {**FONNTE, "lanes": 3, "checkNumbers": False, "jitter": None})

    page = pages.open("/ui/connections/toko").press("Save")

    after = broadcaster.connections.get("toko")
    assert page.status == 200
    assert after.model_dump(exclude={"use"}) == before.model_dump(exclude={"use"})
    assert broadcaster.connections.details("toko", zone="UTC").stored_secrets == ["token"]


def test_a_change_that_does_not_fit_is_shown_again_and_the_stored_secret_need_not_be_typed(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    broadcaster.connections.save("toko", FONNTE)

    page = pages.open("/ui/connections/toko").press("Save", settings__timeoutSeconds="9999", lanes="3")

    assert page.status == 400
    assert page.find("#f-settings-timeoutSeconds[aria-invalid]")["value"] == "9999"
    assert page.find("#f-lanes")["value"] == "3"
    assert "Stored; fill in to replace it." in page.text
    assert not page.find("#f-settings-token").has_attr("required")
    assert page.press("Save", settings__timeoutSeconds="9").status == 200


GOWA = {
    "name": "toko",
    "settings.baseUrl": "http://127.0.0.1:9",
    "settings.username": "user",
    "settings.password": "p4ssword-of-mine",
    "settings.webhookSecret": "s3cret-of-mine",
}
HOURS = {"sendWindow.mode": "own", "sendWindow.from": "08:00"}


@pytest.mark.parametrize(
    ("language", "create", "said"),
    [
        pytest.param("en", "Create the connection", "is not shown again: enter it again", id="English"),
        pytest.param("id", "Buat koneksi", "tidak ditampilkan lagi: isi sekali lagi", id="Indonesian"),
    ],
)
def test_secrets_that_were_typed_before_a_fault_are_asked_for_again(
    pages: FormBrowser, broadcaster: Broadcaster, language: str, create: str, said: str
) -> None:
    browser = FormBrowser(pages.api, language=language)
    form = browser.open("/ui/connections/new?kind=gowa")

    wrong = form.press(create, {**GOWA, **HOURS, "sendWindow.to": "08:00"})
    forgotten = wrong.press(create, {"sendWindow.to": "20:00"})
    partly = forgotten.press(create, {"settings.password": "p4ssword-again"})
    created = partly.press(create, {"settings.password": "p4ssword-again", "settings.webhookSecret": "s3cret-again"})

    for page, names in ((wrong, 2), (forgotten, 2), (partly, 2)):
        assert page.status == 400
        assert len([fault for fault in page.soup.select(".field .fault") if said in fault.get_text()]) == names
        assert "-of-mine" not in page.response.text
        assert "-again" not in page.response.text
    assert (created.status, created.path) == (200, "/ui/connections/toko")
    assert broadcaster.connections.details("toko", zone="UTC").stored_secrets == ["password", "webhookSecret"]


def test_a_secret_that_was_typed_before_a_fault_can_be_given_up(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    wrong = pages.open("/ui/connections/new?kind=gowa").press(
        "Create the connection", {**GOWA, **HOURS, "sendWindow.to": "08:00"}
    )

    created = wrong.press(
        "Create the connection",
        {"settings.password": "p4ssword-of-mine", "sendWindow.to": "20:00"},
        without=["again.settings.webhookSecret"],
    )

    assert "Save only with this secret: Webhook secret. Untick to save without it." in wrong.text
    assert created.path == "/ui/connections/toko"
    assert broadcaster.connections.details("toko", zone="UTC").stored_secrets == ["password"]


def test_a_new_secret_typed_before_a_fault_does_not_leave_the_stored_one_unseen(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    broadcaster.connections.save("toko", FONNTE)
    page = pages.open("/ui/connections/toko")

    wrong = page.press("Save", settings__token="n3w-token", lanes="99")
    forgotten = wrong.press("Save", lanes="3")
    kept = forgotten.press("Save", without=["again.settings.token"])

    assert (wrong.status, forgotten.status, kept.status) == (400, 400, 200)
    assert "n3w" not in wrong.response.text + forgotten.response.text
    assert "Untick to keep the stored one" in forgotten.text
    assert broadcaster.connections.get("toko").lanes == 3


def test_what_is_to_be_deleted_is_still_ticked_after_a_fault(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    settings = {"token": "t0ken", "webhookToken": "w0rd"}
    broadcaster.connections.save("toko", {"sender": "fonnte", "settings": settings})
    page = pages.open("/ui/connections/toko")

    page.press("Save", clear__settings__webhookToken="on", lanes="99").press("Save", lanes="3")

    assert broadcaster.connections.details("toko", zone="UTC").stored_secrets == ["token"]


def test_a_stored_secret_that_may_be_left_out_can_be_deleted(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    settings = {**FONNTE["settings"], "webhookToken": "w0rd"}  # type: ignore[dict-item]  # it is a dict
    broadcaster.connections.save("toko", {"sender": "fonnte", "settings": settings})
    page = pages.open("/ui/connections/toko")
    assert "Delete what is stored: Webhook token" in page.text

    page.press("Save", clear__settings__webhookToken="on")

    assert broadcaster.connections.details("toko", zone="UTC").stored_secrets == ["token"]


def test_a_connection_in_use_names_the_broadcasts_and_is_not_deleted(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    broadcaster.connections.save("toko", FONNTE)
    unused = pages.open("/ui/connections/toko")
    broadcaster.submit(draft(name=MARKUP, connection="toko"), [{"number": "081234567801"}])

    used = unused.press("Delete toko")

    assert used.status == 409
    assert "toko was not deleted" in used.find(".notice.danger").text
    assert "these broadcasts use it" in used.text
    assert MARKUP in used.text
    assert "<script>alert" not in used.response.text
    assert "Delete toko" not in buttons(used)


def test_a_connection_without_use_is_deleted(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("toko", FONNTE)

    page = pages.open("/ui/connections/toko").press("Delete toko")

    assert (page.path, "Connection toko was deleted" in page.text) == ("/ui/connections", True)
    assert pages.open("/ui/connections/toko").status == 404


def test_the_last_days_are_a_chart_and_a_table(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = broadcaster.submit(draft(connection="sandbox"), [{"number": "081234567801"}])
    with broadcaster.context.database.write() as conn:
        key = conn.exec_driver_sql("SELECT id FROM broadcasts WHERE job_id = ?", (job.job_id,)).scalar_one()
        connection = conn.exec_driver_sql("SELECT id FROM connections WHERE name = 'sandbox'").scalar_one()
        minute = minute_counts.minute_of(time.time())
        counts = minute_counts.MinuteCounts({(key, connection, minute, "sent"): 1_204})
        minute_counts.add_minutes(conn, counts)

    page = pages.open("/ui/connections/sandbox")

    assert "Handed over 1,204, delivered 0, read 0, failed 0." in page.text
    assert "at most 1,204 a day" in str(page.find("svg title").string)
    assert len(page.soup.select("#days ~ details tbody tr")) == 30


def test_the_webhook_address_is_that_of_the_request(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    broadcaster.connections.save("toko", FONNTE)

    assert pages.open("/ui/connections/toko").find("#webhook-address")["value"] == "http://127.0.0.1/webhooks/toko"
    assert "takes no webhook calls" in pages.open("/ui/connections/sandbox").text


def test_calls_of_the_provider_are_shown_and_so_are_refused_ones(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    settings = {"token": "t0ken", "webhookToken": "the-webhook-token"}
    broadcaster.connections.save("toko", {"sender": "fonnte", "settings": settings})
    before = pages.open("/ui/connections/toko").text

    wrong = pages.api.post("/webhooks/toko?token=wrong", json={"id": "1"})
    wait_for(lambda: broadcaster.connections.get("toko").use.refused_call)
    refused = pages.open("/ui/connections/toko").text
    right = pages.api.post("/webhooks/toko?token=the-webhook-token", json={"id": "1"})
    wait_for(lambda: broadcaster.connections.get("toko").use.last_call_at)
    called = pages.open("/ui/connections/toko").text

    assert (wrong.status_code, right.status_code) == (403, 200)
    assert "No call has reached this address" in before
    assert "A call was refused" in refused
    assert "No call has reached this address" in refused
    assert "Calls arrive: the provider called this address" in called
    assert "the-webhook-token" not in called


def test_markup_in_settings_and_provider_texts_appears_as_text(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    settings = {"baseUrl": "http://127.0.0.1:9", "instance": MARKUP, "apiKey": "k"}
    broadcaster.connections.save("evo", {"sender": "evolution", "settings": settings})

    for address in ("/ui/connections", "/ui/connections/evo"):
        page = pages.open(address)
        assert MARKUP in page.text + str(page.soup.select("input"))
        assert "<script>alert" not in page.response.text


@pytest.mark.parametrize(
    ("scope", "seen", "hidden"),
    [
        pytest.param("read", set(), {"Pause", "Test the connection", "Save", "Delete toko"}, id="read"),
        pytest.param("operate", {"Pause", "Test the connection"}, {"Save", "Delete toko"}, id="operate"),
        pytest.param("admin", {"Pause", "Save", "Delete toko"}, set(), id="admin"),
    ],
)
def test_acts_that_a_scope_forbids_are_neither_shown_nor_done(
    pages: FormBrowser, broadcaster: Broadcaster, scope: str, seen: set[str], hidden: set[str]
) -> None:
    broadcaster.connections.save("toko", FONNTE)
    page = signed_in(pages, broadcaster, scope).open("/ui/connections/toko")

    assert seen <= buttons(page)
    assert not hidden & buttons(page)
    assert pages.open("/ui/connections/new").status == (200 if scope == "admin" else 403)
    if scope != "admin":
        token = {"csrfToken": [str(page.find("input[name=csrfToken]")["value"])]}
        assert pages.send("/ui/connections/toko/delete", token).status == 403


def test_many_connections_are_shown_by_pages(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    for place in range(30):
        broadcaster.connections.save(f"c{place:02}", {"sender": "sandbox"})

    first = pages.open("/ui/connections")

    assert len(first.soup.select("section.card")) == 24
    assert len(first.follow("Next").soup.select("section.card")) == 7


def test_every_kind_has_a_form_in_both_languages(
    pages: FormBrowser, halaman: FormBrowser, broadcaster: Broadcaster
) -> None:
    for kind in broadcaster.connections.kinds():
        for browser in (pages, halaman):
            page = browser.open(f"/ui/connections/new?kind={kind.kind}")
            assert page.status == 200
            names = [str(field["name"]) for field in page.soup.select("main [name]")]
            assert {f"settings.{name}" for name in kind.settings_schema.get("required", ())} <= {
                ".".join(name.split(".")[:2]) for name in names
            }
            ids = [str(element["id"]) for element in page.soup.select("[id]")]
            assert len(ids) == len(set(ids))
