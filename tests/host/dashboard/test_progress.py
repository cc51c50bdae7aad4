"""The list of broadcasts, the page of one broadcast and of one message, and the search: by forms and links alone."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, update

from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import Api, bearer, draft, opened_app
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.store.messages import message_key
from wabroadcast_core.store.tables import acts, broadcasts, failure_counts, messages

ADMIN = "the-bootstrap-key"
HOSTILE = "<script>alert(1)</script>"
PERSON = "#people ~ [data-part] .table tbody th a"  # in the table of people
PEOPLE = [{"number": f"+62812000000{place:02}", "name": f"Budi {place}"} for place in range(60)]


@pytest.fixture
def broadcaster(idle_host: tuple[Broadcaster, Any]) -> Broadcaster:
    return idle_host[0]


def submit(api: Api, *, people: int = 3, **fields: Any) -> str:
    answer = api.post("/broadcast", json=draft(recipients=PEOPLE[:people], connection="sandbox", **fields))
    assert answer.status_code == 202, answer.text
    return str(answer.json()["jobId"])


def soon(**span: float) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def prepared(broadcaster: Broadcaster, api: Api, **fields: Any) -> str:
    """Submit a broadcast whose audience is read, though no worker sends it."""
    job_id = submit(api, **fields)
    broadcaster.handlers.prepare(key_of(broadcaster, job_id))
    return job_id


def key_of(broadcaster: Broadcaster, job_id: str) -> int:
    with broadcaster.context.database.read() as conn:
        return int(conn.execute(broadcasts.select().where(broadcasts.c.job_id == job_id)).mappings().one()["id"])


def end(
    broadcaster: Broadcaster, job_id: str, *statuses: MessageStatus, reason: str = "rejected", **fields: Any
) -> None:
    """Let the first messages of a broadcast have these statuses, as if a worker had sent them."""
    key = key_of(broadcaster, job_id)
    with broadcaster.context.database.write() as conn:
        for place, status in enumerate(statuses):
            outcome = {"status": status, "connection_id": 1, "reason": None if status == "sent" else reason, **fields}
            conn.execute(update(messages).where(messages.c.id == message_key(key, place)).values(**outcome))
        counts = {status.value: statuses.count(status) for status in set(statuses)}
        left = {"queued": broadcasts.c.queued - len(statuses), "departed": True}
        conn.execute(update(broadcasts).where(broadcasts.c.id == key).values(**counts, **left))
        if failed := statuses.count(MessageStatus.FAILED):
            conn.execute(insert(failure_counts).values(broadcast_id=key, reason=reason, messages=failed))


def set_fields(broadcaster: Broadcaster, job_id: str, **values: Any) -> None:
    with broadcaster.context.database.write() as conn:
        conn.execute(update(broadcasts).where(broadcasts.c.job_id == job_id).values(**values))


def tiles(page: ShownPage) -> dict[str, int]:
    return {
        str(number["data-live"]).removeprefix("counts."): int(number.get_text().replace(",", "").replace(".", ""))
        for number in page.soup.select(".tile [data-live]")
    }


# --- the list ------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_a_broadcast_is_and_how_to_make_one(pages: FormBrowser, halaman: FormBrowser) -> None:
    assert "A broadcast sends one message" in pages.open("/ui/broadcasts").text
    assert pages.open("/ui/broadcasts").link("New broadcast") == "/ui/broadcasts/new"
    assert "Belum ada broadcast." in halaman.open("/ui/broadcasts").text


def test_the_filters_are_links_with_numbers_that_add_up(pages: FormBrowser) -> None:
    api = pages.api
    running, paused, ended = submit(api, name="Runs"), submit(api, name="Pauses"), submit(api, name="Ends")
    submit(api, name="Comes", scheduledAt=soon(days=1))
    api.post(f"/broadcast/pause/{paused}")
    api.post(f"/broadcast/cancel/{ended}")
    written = api.post("/drafts", json={"name": "Written"}).json()["draftId"]

    shown = pages.open("/ui/broadcasts")

    labels = {link.get_text(" ", strip=True).rpartition(" ")[0]: link for link in shown.soup.select("nav.filters a")}
    numbers = {name: int(link.find("b").get_text()) for name, link in labels.items()}  # type: ignore[union-attr]
    assert numbers == {
        "All": 4, "In progress": 2, "Running": 1, "Scheduled": 1, "Paused": 1, "Drafts": 1, "Done": 0,
        "Cancelled": 1, "Failed": 0,
    }  # fmt: skip
    found = {name: pages.open(str(link["href"])) for name, link in labels.items()}
    assert [link.get_text() for link in found["Paused"].soup.select("tbody th > a")] == ["Pauses"]
    assert "Paused by" in found["Paused"].text
    assert found["Running"].link("Runs") == f"/ui/broadcasts/{running}"
    assert found["Drafts"].link("Written") == f"/ui/drafts/{written}"
    assert "No broadcast fits." in found["Done"].text


def test_broadcasts_are_found_by_name_id_and_connection(pages: FormBrowser) -> None:
    job = submit(pages.api, name="Promo Lebaran")
    submit(pages.api, name="News")

    by_name = pages.open("/ui/broadcasts").press("Filter", q="lebaran")
    by_id = pages.open("/ui/broadcasts").press("Filter", q=job[:13])

    for shown in (by_name, by_id, by_name.follow("sandbox")):
        assert [row["data-job"] for row in shown.soup.select("tbody tr")] == [job]
    assert pages.open("/ui/broadcasts?connection=another").soup.select("tbody tr") == []


def test_chosen_broadcasts_are_paused_resumed_and_cancelled_after_a_question(pages: FormBrowser) -> None:
    jobs = [submit(pages.api, name=f"{place}") for place in range(3)]
    pages.api.post(f"/broadcast/cancel/{jobs[2]}")
    shown = pages.open("/ui/broadcasts?q=")
    form = {"job": jobs, "back": "/ui/broadcasts"}

    paused = pages.send("/ui/broadcasts/selected", {**form, "act": ["pause"], "back": ["/ui/broadcasts"]})
    resumed = pages.send("/ui/broadcasts/selected", {"job": jobs[:2], "act": ["resume"]})
    asked = pages.send("/ui/broadcasts/selected", {"job": jobs[:2], "act": ["cancel"]})
    states = [pages.api.get(f"/broadcast/{job}/status").json()["status"] for job in jobs]
    cancelled = asked.press("Cancel 2 broadcasts")

    assert len(shown.soup.select("input[name=job]")) == 3
    assert "2 are paused. 1 cannot be paused as they are now." in paused.text
    assert "2 broadcasts go on." in resumed.text
    assert "Cancel the rest of 2 broadcasts?" in asked.text
    assert states == ["queued", "queued", "cancelled"]
    assert "2 broadcasts are cancelled." in cancelled.text
    assert {pages.api.get(f"/broadcast/{job}/status").json()["status"] for job in jobs} == {"cancelled"}
    nothing = pages.send("/ui/broadcasts/selected", {"act": ["pause"]})
    assert "Nothing is chosen." in nothing.text


def test_a_row_has_its_own_acts(pages: FormBrowser) -> None:
    job = submit(pages.api)

    paused = pages.open("/ui/broadcasts").press("Pause")
    resumed = paused.press("Resume")
    copied = resumed.press("Copy")

    assert "Paused. 0 messages that had left cannot be recalled." in paused.text
    assert "It goes on." in resumed.text
    assert copied.path.startswith("/ui/drafts/")
    assert pages.api.get("/drafts").json()["total"] == 1
    assert pages.api.get(f"/broadcast/{job}/status").json()["status"] == "queued"


# --- countdown, start and undo -------------------------------------------------------------------------------------


def test_a_held_broadcast_counts_down_and_is_undone_to_its_draft(pages: FormBrowser, halaman: FormBrowser) -> None:
    job = submit(pages.api, holdSeconds=300)

    shown = pages.open(f"/ui/broadcasts/{job}")
    undone = shown.press("Undo")

    assert 290 <= int(str(shown.find("[data-countdown]")["data-countdown"])) <= 300
    assert "Nothing has been sent yet." in shown.text
    assert int(str(shown.find("noscript meta")["content"])) > 290
    assert undone.path == f"/ui/drafts/{pages.api.get(f'/broadcast/{job}').json()['draftId']}"
    after = halaman.open(f"/ui/broadcasts/{job}")
    assert "Tidak seorang pun menerima pesan ini." in after.text
    assert after.link("Buka drafnya") == undone.path
    row = pages.open("/ui/broadcasts").find(f"tr[data-job='{job}']")
    assert "Undone. Nobody received this message." in row.get_text()
    assert "0 of 0" not in " ".join(row.get_text().split())
    assert [one["undone"] for one in pages.api.get("/broadcast/jobs").json()["items"]] == [True]


def test_a_held_broadcast_starts_now(pages: FormBrowser) -> None:
    job = submit(pages.api, holdSeconds=300)

    shown = pages.open(f"/ui/broadcasts/{job}").press("Start now")

    assert "It starts now." in shown.text
    assert shown.soup.select("[data-countdown]") == []
    assert pages.api.get(f"/broadcast/{job}/status").json()["status"] == "queued"


def test_an_undo_that_is_too_late_says_how_many_had_left(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api)
    end(broadcaster, job, MessageStatus.SENT, MessageStatus.SENT)

    shown = pages.send(f"/ui/broadcasts/{job}/undo", {})

    assert "Too late: 2 messages had left. The rest is paused." in shown.text
    assert "Paused by" in shown.find("#headline").get_text(" ")
    set_fields(broadcaster, job, status="completed", queued=0, sent=3)
    assert "Too late: all 3 messages had left." in pages.send(f"/ui/broadcasts/{job}/undo", {}).text


# --- states --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "state", "said"),
    [
        pytest.param({}, "queued", "Tidak ada proses pengirim yang hidup", id="waiting"),
        pytest.param({"status": "completed", "queued": 0, "sent": 3}, "completed", "3 pesan diserahkan", id="done"),
        pytest.param(
            {"status": "completed", "queued": 0, "sent": 1, "failed": 2},
            "completed",
            "2 gagal.",
            id="done-with-failures",
        ),
        pytest.param(
            {"status": "cancelled", "queued": 0, "sent": 1, "cancelled": 2},
            "cancelled",
            "1 orang sudah menerima, 2 orang tidak akan pernah.",
            id="cancelled",
        ),
        pytest.param(
            {"status": "failed", "status_reason": f"row 7 {HOSTILE}"},
            "failed",
            f"Penerima tidak dapat dibaca: row 7 {HOSTILE}",
            id="unreadable",
        ),
        pytest.param(
            {"status": "paused", "paused_at": 1.0, "status_reason": "rejected"},
            "paused",
            "Dijeda otomatis",
            id="paused",
        ),
    ],
)
def test_each_state_is_said_in_a_word_and_its_cause(
    halaman: FormBrowser, broadcaster: Broadcaster, values: dict[str, Any], state: str, said: str
) -> None:
    job = prepared(broadcaster, halaman.api)
    set_fields(broadcaster, job, **values, finished_at=None)
    if values.get("status") == "paused":
        with broadcaster.context.database.write() as conn:
            act = {"act": "pause", "actor": "engine", "at": 1.0, "detail": "rejected"}
            conn.execute(insert(acts).values(broadcast_id=key_of(broadcaster, job), **act))

    shown = halaman.open(f"/ui/broadcasts/{job}")

    assert shown.status == 200
    assert f"is-{state}" in shown.find("#headline .state")["class"]
    assert said in " ".join(shown.find("#headline").get_text(" ").split())
    assert shown.soup.select("main script") == []


def test_a_scheduled_broadcast_says_when_it_starts_and_a_missing_one_that_it_is_not_there(pages: FormBrowser) -> None:
    job = submit(pages.api, scheduledAt=soon(days=2))

    assert "Scheduled, starts" in pages.open(f"/ui/broadcasts/{job}").text
    assert pages.open(f"/ui/broadcasts/{job[:-1]}x").status == 404


def test_the_people_of_a_scheduled_broadcast_are_read_when_it_starts(pages: FormBrowser, halaman: FormBrowser) -> None:
    job = submit(pages.api, scheduledAt=soon(days=2))
    paused = submit(pages.api)

    assert "The recipients are read when the broadcast starts: " in pages.open(f"/ui/broadcasts/{job}").text
    assert "Penerima dibaca saat broadcast dimulai: " in halaman.open(f"/ui/broadcasts/{job}").text
    assert "Penerima sedang dibaca." in halaman.open(f"/ui/broadcasts/{paused}").text


def test_the_sending_hours_are_written_as_the_language_does(pages: FormBrowser, halaman: FormBrowser) -> None:
    hours = {"from": "08:00", "to": "17:30"}
    here = submit(pages.api, sendWindow=hours)
    there = submit(pages.api, sendWindow={**hours, "timezone": "Europe/Berlin"})

    assert "Jam kirim 08.00 sampai 17.30 WIB" in halaman.open(f"/ui/broadcasts/{here}").text
    assert "08:00 to 17:30 WIB" in pages.open(f"/ui/broadcasts/{here}").text
    assert "08:00 to 17:30 Europe/Berlin" in pages.open(f"/ui/broadcasts/{there}").text


def test_a_rehearsal_is_marked_as_one(pages: FormBrowser) -> None:
    job = pages.api.post("/broadcast/rehearsal", json=draft(recipients=PEOPLE[:2])).json()["jobId"]

    assert "no phone gets a message" in pages.open(f"/ui/broadcasts/{job}").text
    assert "Rehearsal" in pages.open("/ui/broadcasts").text


# --- acts on one broadcast -----------------------------------------------------------------------------------------


def test_a_cancel_says_how_many_have_it_and_how_many_never_will(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api, people=5)
    end(broadcaster, job, MessageStatus.SENT, MessageStatus.UNKNOWN)

    asked = pages.open(f"/ui/broadcasts/{job}").follow("Cancel the rest")
    kept = asked.follow("No, go back")
    part = pages.open(f"/ui/broadcasts/{job}/cancel?part=question")
    cancelled = asked.press("Cancel for 3 people")

    assert "Cancel the rest: 1 people have it, 3 never will." in asked.text
    assert "1 message is not certain" in asked.text
    assert kept.path == f"/ui/broadcasts/{job}"
    assert part.soup.select("html") == []
    assert part.find("form button").get_text() == "Cancel for 3 people"
    assert cancelled.path == f"/ui/broadcasts/{job}"
    assert tiles(cancelled)["cancelled"] == 3


def test_failures_are_explained_and_retried_by_their_code(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api, people=6)
    end(broadcaster, job, MessageStatus.FAILED, MessageStatus.FAILED, reason="rejected", detail=HOSTILE)
    set_fields(broadcaster, job, failed=5)
    key = key_of(broadcaster, job)
    with broadcaster.context.database.write() as conn:
        for reason, place in (("131049", 2), (f"E-{HOSTILE}", 3)):
            conn.execute(insert(failure_counts).values(broadcast_id=key, reason=reason, messages=1))
            changed = {"status": "failed", "reason": reason, "detail": f"the provider says {HOSTILE}"}
            conn.execute(update(messages).where(messages.c.id == message_key(key, place)).values(**changed))

    shown = pages.open(f"/ui/broadcasts/{job}")
    rows = [row.get_text(" ", strip=True) for row in shown.soup.select("#failures tbody tr")]
    listed = shown.follow("Show")
    retried = shown.press("Retry these")

    known = pages.api.get("/reasons", params={"lang": "en"}).json()
    meaning = next(one["meaning"] for one in known["items"] if one["code"] == "rejected")
    assert meaning in rows[0]
    assert f"the provider says {HOSTILE}" in rows[1]
    assert "WhatsApp limits promotions to these people" in shown.text
    assert not any("131049" in row for row in rows)
    assert listed.path.startswith(f"/ui/broadcasts/{job}?status=failed&reason=rejected")
    assert len(listed.soup.select(PERSON)) == 2
    assert "2 messages are sent again." in retried.text
    assert tiles(retried)["failed"] == 3


def test_unknown_outcomes_are_resent_after_the_risk_was_said(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api)
    end(broadcaster, job, MessageStatus.UNKNOWN, reason="no_answer")

    shown = pages.open(f"/ui/broadcasts/{job}")
    asked = shown.follow("Resend 1 that are not certain")
    resent = asked.press("Resend 1 message")

    assert "Wait for receipts" in shown.find("#failures").get_text()
    assert "Some people may get it twice." in asked.text
    assert "1 message is sent again." in resent.text
    assert tiles(resent)["unknown"] == 0


def test_batches_are_listed_and_controlled_one_by_one(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api, people=4, batching={"size": 2, "intervalSeconds": 600})
    submit(pages.api, name="Another that runs, so that the top bar has no button")

    shown = pages.open(f"/ui/broadcasts/{job}").follow("Batches")
    paused = shown.press("Pause")
    resumed = paused.press("Resume")
    asked = resumed.follow("Cancel the rest")
    cancelled = asked.press("Cancel for 2 people")

    assert [row.find("th").get_text() for row in shown.soup.select("tbody tr")] == ["Batch 1", "Batch 2"]  # type: ignore[union-attr]
    assert "Released" in shown.find("tbody tr").get_text()  # nothing of it is being sent
    assert "Paused" in paused.find("tbody tr").get_text()
    assert "Cancel batch 1?" in asked.text
    assert tiles(cancelled)["cancelled"] == 2
    assert "not sent in batches" in pages.open(f"/ui/broadcasts/{submit(pages.api)}/batches").text


# --- numbers and people --------------------------------------------------------------------------------------------


def test_tiles_show_the_numbers_of_the_api_and_lead_to_their_people(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    job = prepared(broadcaster, pages.api, people=8)
    end(broadcaster, job, *[MessageStatus.SENT] * 4, MessageStatus.UNKNOWN, delivered_at=5.0)
    set_fields(broadcaster, job, delivered=3, read=1)

    shown = pages.open(f"/ui/broadcasts/{job}")

    assert tiles(shown) == pages.api.get(f"/broadcast/{job}/status").json()["counts"]
    assert shown.find("[data-share=delivered]").get_text() == "75%"
    people = {
        str(tile.select_one("[data-live]")["data-live"]): pages.open(str(tile["href"]))  # type: ignore[index]
        for tile in shown.soup.select(".tile")
    }
    assert {name: len(page.soup.select(PERSON)) for name, page in people.items()}["counts.sent"] == 4
    assert len(people["counts.delivered"].soup.select(PERSON)) == 5
    assert people["counts.failed"].find("main").get_text().count("No recipient fits.") == 1
    report = people["counts.delivered"].link("Report as CSV")
    assert len(pages.api.get(report).text.strip().splitlines()) == 6


def test_people_are_paged_and_found_by_a_number_in_any_spelling(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api, people=60)

    first = pages.open(f"/ui/broadcasts/{job}")
    second = first.follow("Next")
    found = first.press("Filter", q="0812-0000 0055")

    assert len(first.soup.select(PERSON)) == 50
    assert [len(second.soup.select(PERSON)), second.follow("First page").path] == [10, f"/ui/broadcasts/{job}"]
    assert [link.get_text() for link in found.soup.select(PERSON)] == ["+6281200000055"]
    assert pages.open(f"/ui/broadcasts/{job}?status=nonsense").status == 400


def test_a_name_of_200_characters_and_ten_million_messages_are_shown(
    halaman: FormBrowser, broadcaster: Broadcaster
) -> None:
    job = prepared(broadcaster, halaman.api, name="W" * 200)
    amounts = {"total": 10_000_000, "sent": 9_999_999, "queued": 1, "delivered": 9_999_998, "prepared_rows": 10_000_000}
    set_fields(broadcaster, job, **amounts)

    shown = halaman.open(f"/ui/broadcasts/{job}?q=tidak+ada")

    assert "W" * 200 in shown.find("h1").get_text()
    assert shown.find("[data-live-percent]").get_text() == "99,9\u00a0%"
    assert shown.find("[data-share=delivered]").get_text() == "99,9\u00a0%"
    assert "9.999.999 dari 10.000.000" in shown.text
    assert shown.link("Lanjutkan mencari")


def test_the_setup_and_the_history_are_shown_as_they_were(pages: FormBrowser) -> None:
    job = submit(pages.api, name=HOSTILE, rate={"messages": 5, "perSeconds": 60}, retry={"maxAttempts": 4})
    pages.api.post(f"/broadcast/pause/{job}")

    shown = pages.open(f"/ui/broadcasts/{job}")

    assert HOSTILE in shown.find("h1").get_text()
    assert "Halo {{ name }}" in shown.find(".bubble").get_text()
    assert "At most 4 a message" in shown.text
    assert "5 per 1 min" in shown.text
    history = [row.get_text(" ", strip=True) for row in shown.soup.select("main > .table:last-child tbody tr")]
    assert [("Paused" in row, "Submitted" in row) for row in history] == [(True, False), (False, True)]


# --- one message ---------------------------------------------------------------------------------------------------


def test_a_message_shows_its_text_its_way_and_all_for_support(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    message = {"type": "text", "text": "Halo {{ name }} di {{ kota }}"}
    people = [{"number": "+6281200000001", "name": HOSTILE, "variables": {"kota": "Kota <b>"}}]
    job = pages.api.post("/broadcast", json=draft(message=message, recipients=people)).json()["jobId"]
    broadcaster.handlers.prepare(key_of(broadcaster, job))
    end(broadcaster, job, MessageStatus.SENT, sent_at=5.0, delivered_at=6.0, read_at=7.0, provider_id="wamid.7")

    shown = pages.open(f"/ui/broadcasts/{job}").follow("+6281200000001")

    assert shown.find(".bubble").get_text(strip=True) == f"Halo {HOSTILE} di Kota <b>"
    steps = [step.get_text(" ", strip=True).split(" T")[0] for step in shown.soup.select(".way .state")]
    assert steps == ["Handed to WhatsApp", "Delivered", "Read"]
    support = shown.find("#support").get_text()
    assert {f"message: {job}-0", "provider id: wamid.7", "status: sent"} <= set(support.splitlines())
    assert shown.link("To the person") == "/ui/contacts/%2B6281200000001"
    assert shown.soup.select("main script, main b") == []


def test_a_message_is_paused_resumed_and_cancelled_after_a_question(
    pages: FormBrowser, broadcaster: Broadcaster
) -> None:
    job = prepared(broadcaster, pages.api)
    submit(pages.api, name="Another that runs, so that the top bar has no button")
    address = f"/ui/broadcasts/{job}/people/{job}-1"

    paused = pages.open(address).press("Pause")
    resumed = paused.press("Resume")
    asked = resumed.follow("Cancel this message")
    cancelled = asked.press("Cancel the message")

    assert "This message is paused." in paused.text
    assert "This message goes on." in resumed.text
    assert "+6281200000001 will never get this message." in asked.text
    assert cancelled.path == address
    assert "is-cancelled" in cancelled.find(".headline .state")["class"]
    assert pages.open(f"/ui/broadcasts/{job}/people/{job}-99").status == 404


# --- the search ----------------------------------------------------------------------------------------------------


def test_the_search_finds_broadcasts_contacts_and_messages(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api, name="Budi's promo")
    pages.api.post("/contacts", json={"number": "+6281200000001", "name": "Budi"})

    by_name = pages.open("/ui/search?q=budi")
    by_number = pages.open("/ui/search?q=0812-0000-0001")

    assert by_name.link("Budi's promo") == f"/ui/broadcasts/{job}"
    assert by_name.link("Budi") == "/ui/contacts/%2B6281200000001"
    assert by_number.find("tbody th a")["href"] == f"/ui/broadcasts/{job}/people/{job}-1"
    assert "Nothing was found." in pages.open("/ui/search?q=zzz").text
    assert "has not been sent a message" in pages.open("/ui/search?q=0812-9999-9999").text
    assert pages.open(f"/ui/search?q={HOSTILE}").soup.select("main script") == []


def test_an_id_leads_straight_to_its_page(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api)

    assert pages.open(f"/ui/search?q={job.upper()}").path == f"/ui/broadcasts/{job}"
    assert pages.open(f"/ui/search?q={job}-2").path == f"/ui/broadcasts/{job}/people/{job}-2"
    unknown = "00000000-0000-0000-0000-000000000000"
    assert "Nothing was found." in pages.open(f"/ui/search?q={unknown}").text


# --- who may what --------------------------------------------------------------------------------------------------


@pytest.fixture
def locked(host_settings: Settings) -> Iterator[Api]:
    """An application that has a key."""
    settings = host_settings.model_copy(update={"api_keys": [SecretStr(ADMIN)]})
    with opened_app(settings) as client:
        yield client


def test_who_may_only_look_is_shown_no_acts_and_refused_them(locked: Api) -> None:
    body = draft(recipients=PEOPLE[:2], holdSeconds=300)
    job = locked.post("/broadcast", json=body, headers=bearer(ADMIN)).json()["jobId"]
    made = locked.post("/keys", json={"name": "looks", "scopes": ["read"]}, headers=bearer(ADMIN)).json()
    person = FormBrowser(locked)
    person.sign_in(made["key"])

    shown = person.open(f"/ui/broadcasts/{job}")
    refused = person.send(f"/ui/broadcasts/{job}/pause", {"csrfToken": [str(shown.find("[name=csrfToken]")["value"])]})

    assert shown.status == 200
    assert shown.soup.select(f"main form[method=post][action^='/ui/broadcasts/{job}']") == []
    assert shown.soup.select("main [data-confirm]") == []
    assert person.open("/ui/broadcasts").soup.select("main form[method=post] button") == []
    assert refused.status == 403
    assert locked.get(f"/broadcast/{job}/status", headers=bearer(ADMIN)).json()["status"] == "scheduled"


def test_parts_of_the_page_are_fetched_alone(pages: FormBrowser) -> None:
    job = submit(pages.api)

    for part in ("headline", "acts", "pace", "numbers", "failures", "chart", "people", "now"):
        shown = pages.open(f"/ui/broadcasts/{job}?part={part}")
        assert shown.status == 200
        assert shown.soup.select("html, main, nav.side") == []


def test_the_table_of_people_is_renewed_as_it_is_filtered(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api, people=60)
    end(broadcaster, job, MessageStatus.FAILED, MessageStatus.SENT)

    shown = [pages.open(f"/ui/broadcasts/{job}{query}") for query in ("", "?status=failed")]
    renewed = [pages.open(str(page.find("#people ~ [data-part]")["data-part"])) for page in shown]

    assert [len(part.soup.select("tbody tr")) for part in renewed] == [50, 1]


def test_the_top_bar_counts_what_its_link_lists(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    jobs = [prepared(broadcaster, pages.api) for _ in range(3)]
    pages.api.post(f"/broadcast/pause/{jobs[0]}")

    shown = pages.open("/")
    listed = pages.open(str(shown.find(".now a")["href"]))

    assert shown.find(".now a").get_text() == "3 broadcasts in progress"
    assert len(listed.soup.select("tbody tr[data-job]")) == 3


def test_the_top_bar_forgets_a_broadcast_that_has_ended(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    job = prepared(broadcaster, pages.api)
    address = str(pages.open(f"/ui/broadcasts/{job}").find(".now [data-part]")["data-part"])
    before = pages.open(address)
    pages.api.post(f"/broadcast/cancel/{job}")

    assert "Pause" in before.text
    assert before.find("[name=back]")["value"] == f"/ui/broadcasts/{job}"
    assert pages.open(address).text == ""


def test_an_uploaded_audience_is_called_by_the_name_of_its_file(pages: FormBrowser) -> None:
    file = {"file": ("pelanggan.csv", b"name;No HP;kode\nBudi;081200000001;A1\n", "text/csv")}
    upload = pages.api.post("/uploads", files=file).json()["uploadId"]
    body = draft(source={"type": "csv", "uploadId": upload}, connection="sandbox")
    job = pages.api.post("/broadcast", json=body).json()["jobId"]

    shown = pages.open(f"/ui/broadcasts/{job}")

    assert "File: pelanggan.csv" in shown.text
    assert upload not in shown.text


def test_a_list_in_the_submit_is_no_file(pages: FormBrowser) -> None:
    shown = pages.open(f"/ui/broadcasts/{submit(pages.api, people=60)}")

    assert "A list of numbers in the submit" in shown.text
    assert "uploadId" not in shown.text
