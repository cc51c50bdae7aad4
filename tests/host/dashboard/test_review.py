"""The last look at a draft, and what leaves from there: once, undoable, confirmed where many get it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar import Litestar

from host_litestar.dashboard.review_checks import must_type, undo_seconds
from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import Api
from wabroadcast_core.broadcaster import Broadcaster

MESSAGE = {"type": "text", "text": "Halo {{ name }}"}
AWAY = "http://127.0.0.1:9"
PEOPLE = [{"number": f"+62812000{index:05}", "name": f"Orang {index}"} for index in range(1, 4)]


@pytest.fixture
def broadcaster(idle_host: tuple[Broadcaster, Litestar], idle_api: Api) -> Broadcaster:
    return idle_host[0]


def _draft(api: Api, **fields: Any) -> str:
    given = {"name": "Promo", "message": MESSAGE, "recipients": PEOPLE, **fields}
    made = api.post("/drafts", json={name: value for name, value in given.items() if value is not None})
    assert made.status_code == 201, made.text
    return str(made.json()["draftId"])


def _review(pages: FormBrowser, draft_id: str) -> ShownPage:
    return pages.open(f"/ui/drafts/{draft_id}/review")


def _sent(api: Api) -> list[dict[str, Any]]:
    return list(api.get("/broadcast/jobs").json()["items"])


def test_the_last_look_shows_what_leaves_to_whom_from_where_and_when(pages: FormBrowser, idle_api: Api) -> None:
    people = [*PEOPLE, {"number": "salah"}, {"number": "0812-0000-0001"}]

    page = _review(pages, _draft(idle_api, recipients=people))

    assert page.status == 200
    assert "3 people can be sent to" in page.text
    assert "1 with an invalid number" in page.text
    assert "Halo Orang 1" in page.text
    assert "From sandbox" in page.text
    assert "Connection sandbox is active since" in page.text
    assert "only a simulation" in page.text
    assert "No equal broadcast within 24 hours" in page.text
    assert "It can be undone for 10 seconds" in page.text
    assert page.form("Send to 3 people")
    assert not page.soup.select("[name=read], [name=typed]")


def test_a_broadcast_leaves_once_however_often_it_is_pressed(
    pages: FormBrowser, idle_api: Api, broadcaster: Broadcaster
) -> None:
    draft_id = _draft(idle_api)
    page = _review(pages, draft_id)

    first = page.press("Send to 3 people")
    second = page.press("Send to 3 people")

    [sent] = _sent(idle_api)
    assert first.path == second.path == f"/ui/broadcasts/{sent['jobId']}"
    held = datetime.fromisoformat(sent["scheduledAt"]) - datetime.now(UTC)
    assert timedelta(seconds=5) < held <= timedelta(seconds=10)
    assert "This draft was sent on" in _review(pages, draft_id).text
    undone = broadcaster.undo(sent["jobId"])
    assert undone.draft_id == draft_id
    again = pages.open(f"/ui/drafts/{draft_id}").press("Save", name="Diubah")
    assert "The draft is saved." in again.text
    stale = page.press("Send to 3 people")  # the page from before the undo
    assert "The draft has changed since you reviewed it." in stale.text
    assert len([one for one in _sent(idle_api) if one["status"] != "cancelled"]) == 0
    assert _review(pages, draft_id).press("Send to 3 people").path != first.path


def test_a_scheduled_broadcast_says_its_time(pages: FormBrowser, idle_api: Api) -> None:
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
    page = _review(pages, _draft(idle_api, scheduledAt=at.isoformat()))

    [button] = [one.get_text() for one in page.soup.select(".bar-sticky button")]
    assert button.startswith("Schedule for 3 people · ")
    page.press(button)

    assert datetime.fromisoformat(_sent(idle_api)[0]["scheduledAt"]) == at


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"recipients": [{"number": "salah"}]}, "Nobody can be sent to", id="nobody"),
        pytest.param({"recipients": None}, "People: neither recipients nor source is given", id="no-audience"),
        pytest.param({"message": None}, "Message:", id="no-message"),
        pytest.param(
            {"message": {"type": "text", "text": "{{ umur }}"}}, "Left out: 3 with a value missing", id="lack"
        ),
        pytest.param({"connection": "hilang"}, "Connection: there is no connection 'hilang'", id="no-connection"),
        pytest.param({"scheduledAt": "2001-01-01T00:00:00Z"}, "Start: the time 2001-01-01", id="over"),
        pytest.param({"source": {"type": "csv", "uploadId": "x"}, "recipients": None}, "cannot be read", id="no-file"),
    ],
)
def test_what_may_not_leave_has_no_button_and_a_reason(
    pages: FormBrowser, idle_api: Api, fields: dict[str, Any], said: str
) -> None:
    draft_id = _draft(idle_api, **fields)
    page = _review(pages, draft_id)

    assert said in page.text
    assert "It cannot be sent yet" in page.text
    assert not [one for one in page.soup.select("button") if one.get_text().startswith(("Send to", "Schedule"))]


def test_a_form_that_is_sent_all_the_same_is_refused_with_the_reason(pages: FormBrowser, idle_api: Api) -> None:
    draft_id = _draft(idle_api, message=None)

    forced = pages.send(f"/ui/drafts/{draft_id}/send", {"version": ["1"], "people": ["3"], "complete": ["yes"]})

    assert forced.status == 400
    assert "Message: missing" in forced.find("[role=alert]").get_text()
    assert _sent(idle_api) == []


def test_a_thousand_people_need_a_tick_and_have_longer_for_an_undo(pages: FormBrowser, idle_api: Api) -> None:
    people = [{"number": f"+62812{index:07}", "name": "A"} for index in range(1_000)]
    page = _review(pages, _draft(idle_api, recipients=people))

    refused = page.press("Send to 1,000 people")

    assert refused.status == 400
    assert "Read the example, then tick the box." in refused.text
    assert _sent(idle_api) == []
    assert "It can be undone for 30 seconds" in refused.text
    refused.press("Send to 1,000 people", read="on")
    held = datetime.fromisoformat(_sent(idle_api)[0]["scheduledAt"]) - datetime.now(UTC)
    assert timedelta(seconds=20) < held <= timedelta(seconds=30)


@pytest.mark.parametrize(
    ("people", "largest", "typed"),
    [(9_999, 0, False), (10_000, 0, True), (49, 10, False), (50, 10, True), (10_000, 9_999, True), (4, 1, False)],
)
def test_the_number_is_typed_for_very_many_or_far_more_than_ever(people: int, largest: int, *, typed: bool) -> None:
    assert must_type(people, largest=largest) == typed


@pytest.mark.parametrize(
    ("setting", "people", "complete", "seconds"),
    [(None, 999, True, 10), (None, 1_000, True, 30), (None, 3, False, 30), (0, 5, True, 0), (120, 5, True, 120)],
)
def test_how_long_a_send_can_be_undone(setting: int | None, people: int, seconds: int, *, complete: bool) -> None:
    assert undo_seconds(setting, people, is_complete=complete) == seconds


def test_five_times_the_largest_needs_its_number(api: Api, until: Callable[..., Any]) -> None:
    pages = FormBrowser(api)
    first = api.post("/broadcast", json={"name": "Satu", "message": MESSAGE, "recipients": PEOPLE[:1]}).json()
    until(lambda: api.get(f"/broadcast/{first['jobId']}/status").json()["status"] == "completed")
    people = [{"number": f"+62812{index:07}", "name": "A"} for index in range(5)]
    page = _review(pages, _draft(api, recipients=people))

    assert "At least five times the largest broadcast so far (1 person)" in page.text
    refused = page.press("Send to 5 people", typed="4")
    assert refused.status == 400
    assert "Type 5 to go on." in refused.text
    assert refused.press("Send to 5 people", typed="5").path.startswith("/ui/broadcasts/")


def test_the_same_message_to_the_same_people_is_noted(pages: FormBrowser, idle_api: Api) -> None:
    upload = idle_api.post("/uploads", files={"file": ("o.csv", b"nomor\n081200001001\n", "text/csv")}).json()
    source = {"type": "csv", "uploadId": upload["uploadId"]}
    fields = {"source": source, "recipients": None, "message": {"type": "text", "text": "Halo"}}
    _review(pages, _draft(idle_api, **fields, name="Pertama")).press("Send to 1 person")

    page = _review(pages, _draft(idle_api, **fields))

    assert "The same message was sent to the same people: Pertama" in page.text


def test_a_paused_connection_is_noted(pages: FormBrowser, idle_api: Api) -> None:
    draft_id = _draft(idle_api)
    assert idle_api.post("/connections/sandbox/pause").is_success

    page = _review(pages, draft_id)

    assert "Connection sandbox is paused, messages wait" in page.text
    assert page.form("Send to 3 people")


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        pytest.param({"sender": "sandbox"}, "found that it can send", id="up"),
        pytest.param(
            {"sender": "fonnte", "settings": {"token": "t", "baseUrl": AWAY}},
            "could not send when it was last tested",
            id="down",
        ),
    ],
)
def test_an_active_connection_is_judged_by_its_last_test(
    pages: FormBrowser, idle_api: Api, connection: dict[str, Any], said: str
) -> None:
    assert idle_api.put("/connections/tried", json=connection).is_success
    draft_id = _draft(idle_api, connection="tried")
    before = _review(pages, draft_id).text

    tested = idle_api.post("/connections/tried/test").json()
    after = _review(pages, draft_id).text

    assert idle_api.get("/connections/tried").json()["lastTest"]["state"] == tested["state"]
    assert "Connection tried is active since" in before
    assert said in after


def test_a_quota_that_is_too_small_says_when_it_ends(pages: FormBrowser, idle_api: Api) -> None:
    body = {"sender": "sandbox", "quotas": [{"messages": 2, "perSeconds": 86_400}]}
    assert idle_api.put("/connections/sandbox", json=body).is_success

    assert "Today's quota has 2 messages left. It ends" in _review(pages, _draft(idle_api)).text


def test_a_test_goes_to_the_own_number_once_as_another_person_would_get_it(api: Api, until: Callable[..., Any]) -> None:
    pages = FormBrowser(api)
    draft_id = _draft(api)
    page = _review(pages, draft_id)

    first = page.press("Send a test to me", number="0812-9999-0001", asNumber=PEOPLE[1]["number"])
    second = page.press("Send a test to me", number="0812-9999-0001", asNumber=PEOPLE[1]["number"])

    assert first.path == second.path
    assert "Test to +6281299990001" in first.text
    until(lambda: "Handed to WhatsApp" in pages.open(first.path).text)
    test_id = first.response.request.url.params["test"]
    assert api.get(f"/broadcast/test/{test_id}").json()["text"] == "Halo Orang 2"
    assert _review(pages, draft_id).find("[name=number]")["value"] == "0812-9999-0001"
    assert _sent(api) == []


@pytest.mark.parametrize(("number", "said"), [("", "number"), ("bukan nomor", "the number cannot be messaged")])
def test_a_test_to_no_number_says_so_at_its_field(pages: FormBrowser, idle_api: Api, number: str, said: str) -> None:
    page = _review(pages, _draft(idle_api)).press("Send a test to me", number=number)

    assert page.status == 400
    assert said in page.find(f"#{page.find('[name=number]')['aria-describedby']}").get_text()


def test_a_rehearsal_is_made_once_and_says_what_it_is(pages: FormBrowser, idle_api: Api) -> None:
    page = _review(pages, _draft(idle_api))

    first, second = page.press("Rehearse in the sandbox"), page.press("Rehearse in the sandbox")

    [made] = _sent(idle_api)
    assert made["purpose"] == "rehearsal"
    assert first.path == second.path == f"/ui/broadcasts/{made['jobId']}"
    assert "+18675550103 is rejected" in page.text


def test_the_last_look_speaks_indonesian(halaman: FormBrowser, idle_api: Api) -> None:
    page = _review(halaman, _draft(idle_api))

    for text in ("Kirim ke 3 orang", "Kirim contoh ke saya", "Gladi bersih di sandbox", "Dapat dibatalkan selama"):
        assert text in page.text
    assert "diterima, tanpa tanda terima" in page.text


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        pytest.param({"from": "08:00", "to": "17:30"}, "08.00 sampai 17.30 WIB", id="both-ends"),
        pytest.param({"from": "08:00"}, "mulai 08.00 WIB, tanpa akhir", id="no-end"),
        pytest.param({"to": "17:30", "timezone": "Asia/Makassar"}, "sampai 17.30 WITA, tanpa awal", id="no-beginning"),
        pytest.param({"from": "pagi", "to": "17:30", "timezone": "Mars"}, "pagi sampai 17.30 Mars", id="no-hours"),
    ],
)
def test_the_sending_hours_of_a_draft_are_written_as_far_as_they_are_known(
    halaman: FormBrowser, idle_api: Api, hours: dict[str, str], said: str
) -> None:
    assert f"Jam kirim {said}" in _review(halaman, _draft(idle_api, sendWindow=hours)).text


@pytest.mark.parametrize(
    ("language", "button", "said"),
    [
        pytest.param("id", "Kirim contoh ke saya", "Nomor Anda: nomor ini tidak dapat dikirimi", id="indonesian"),
        pytest.param("en", "Send a test to me", "Your number: the number cannot be messaged", id="english"),
    ],
)
def test_a_fault_is_named_by_the_label_of_its_field(idle_api: Api, language: str, button: str, said: str) -> None:
    page = _review(FormBrowser(idle_api, language=language), _draft(idle_api)).press(button, number="12")

    notice = page.find(".notice.danger[role=alert]").get_text(" ")
    assert said in notice
    assert "test.number" not in notice


def test_a_read_key_sees_the_last_look_without_its_acts(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    draft_id = broadcaster.drafts.create({"name": "Promo", "message": MESSAGE}, PEOPLE).draft_id
    broadcaster.api_keys.create({"name": "kelola", "scopes": ["admin"]})
    pages.sign_in(broadcaster.api_keys.create({"name": "lihat", "scopes": ["read"]}).key)

    page = _review(pages, draft_id)

    assert page.status == 200
    assert page.soup.select("main form") == []
    assert pages.send(f"/ui/drafts/{draft_id}/send", {"version": ["1"]}).status == 403
