"""A broadcast is written without scripts: every audience, message and setting, and every state of its page."""

from typing import Any

import pytest
from bs4 import Tag
from litestar import Litestar

from tests.host.dashboard.pages import FormBrowser, ShownPage
from tests.host.installations import Api
from wabroadcast_core.broadcaster import Broadcaster

CSV = b"Nama;No. HP;Kode\nBudi;0812-0000-1001;A1\nSiti;081200001002;\nAgus;salah;A3\nBudi;+6281200001001;A1\n"
MARKUP = "<script>alert(1)</script><b>x</b>"


@pytest.fixture
def broadcaster(idle_host: tuple[Broadcaster, Litestar], idle_api: Api) -> Broadcaster:
    return idle_host[0]


def _file(content: bytes = CSV, name: str = "orang.csv") -> dict[str, tuple[str, bytes, str]]:
    return {"audienceFile": (name, content, "text/csv")}


def _write(pages: FormBrowser, content: bytes = CSV, **fields: Any) -> ShownPage:
    typed: dict[str, Any] = {"name": "Promo", "message__text": "Halo {{ nama }}", **fields}
    return pages.open("/ui/broadcasts/new").press("Save", files=_file(content), **typed)


def _id(page: ShownPage) -> str:
    return page.response.request.url.path.split("/")[3]


def _stored(api: Api, page: ShownPage) -> dict[str, Any]:
    return dict(api.get(f"/drafts/{_id(page)}").json()["broadcast"])


def test_the_empty_page_stores_nothing(pages: FormBrowser, idle_api: Api) -> None:
    page = pages.open("/ui/broadcasts/new")

    assert page.status == 200
    assert "There are no people yet." in page.text
    assert idle_api.get("/drafts").json()["total"] == 0


def test_a_file_is_understood_and_its_people_are_counted_by_reason(pages: FormBrowser) -> None:
    page = _write(pages)

    assert page.path.startswith("/ui/drafts/")
    assert "The draft is saved." in page.text
    assert "2 people can be sent to" in page.text
    assert "1 with an invalid number" in page.text
    assert "1 double" in page.text
    assert "Read as: ; · utf-8 · header row 1 · ID" in page.text
    assert "empty in 1 row" in page.text  # kode
    assert "Halo Budi" in page.find(".bubble").get_text()
    rejected = page.follow("1 with an invalid number")
    assert "Row 4 salah Agus" in rejected.text
    assert "+6281200001002" in pages.open(f"/ui/drafts/{_id(page)}/people").text


def test_the_bubble_steps_through_real_people(pages: FormBrowser) -> None:
    page = _write(pages, message__text="Halo {{ nama }} {{ kode | default('-') }}")

    assert "1 / 2" in page.text
    second = page.press("▶")
    assert second.find("[name=version]")["value"] == "1"
    assert "2 / 2" in second.text
    assert "Halo Siti -" in second.find(".bubble").get_text()
    assert "Halo Budi A1" in second.press("Longest text").find(".bubble").get_text()
    assert "Halo Siti -" in second.press("Emptiest values").find(".bubble").get_text()


def test_how_a_file_is_read_can_be_changed(pages: FormBrowser, idle_api: Api) -> None:
    content = b"Cabang;Kontak;Telepon\nA;081200001001;081200009001\nB;081200001002;081200009002\n"
    page = _write(pages, content=content, message__text="Halo")

    page = page.press("Read it again", column__2="number", column__1="-", source__region="id", source__headerRow="1")

    source = _stored(idle_api, page)["source"]
    assert source["mapping"] == {"1": "", "2": "number"}
    assert (source["region"], source["headerRow"]) == ("ID", 1)
    assert "081200001001" not in page.find("#part-bubble").get_text()
    assert "+6281200001001" in page.find("#part-bubble").get_text()
    assert "Detected: Number" in page.find("#meaning-2 option").get_text()
    newer = page.press("Save", files=_file())
    assert "mapping" not in _stored(idle_api, newer)["source"]


def test_a_file_without_numbers_says_what_was_tried_and_takes_the_column(pages: FormBrowser, idle_api: Api) -> None:
    page = _write(pages, content=b"a;b\nx;1234\n", message__text="Halo")

    assert "The people cannot be read." in page.text
    assert "no column holds phone numbers" in page.text
    assert "What was tried:" in page.text
    assert "Column with the numbers" in page.text
    page = page.press("Read it again", numberColumn="2")
    assert _stored(idle_api, page)["source"]["mapping"] == {"2": "number"}
    assert "Nobody can be sent to: 1 with an invalid number. Mend the file or choose others." in page.text


def test_contacts_are_chosen_by_tags(pages: FormBrowser, idle_api: Api) -> None:
    for number, tags in (("081200001001", ["vip"]), ("081200001002", ["vip", "staf"]), ("081200001003", [])):
        assert idle_api.post("/contacts", json={"number": number, "tags": tags}).is_success

    start = pages.open("/ui/broadcasts/new")
    typed: dict[str, Any] = {"name": "Promo", "message__text": "Halo", "audience": "tags"}
    page = start.press("Save", **typed | {"tags": ["vip"], "except": ["staf"]})

    assert "1 person can be sent to" in page.text
    assert _stored(idle_api, page)["source"] == {
        "type": "contacts",
        "tags": ["vip"],
        "match": "any",
        "without": ["staf"],
    }
    assert "3 people can be sent to" in page.press("Save", everyone="on", without=["except"]).text
    untagged = pages.open("/ui/broadcasts/new").press("Save", **typed)  # no tag is not everyone
    assert "source" not in {name for name, value in _stored(idle_api, untagged).items() if value}


def test_pasted_numbers_are_people_with_names(pages: FormBrowser, idle_api: Api) -> None:
    lines = "0812-0000-1001, Budi\r\n081200001002; 081200001003\n\nsalah"

    page = pages.open("/ui/broadcasts/new").press(
        "Save", name="Promo", message__text="Halo {{ name | default('Kak') }}", audience="numbers", numbers=lines
    )

    assert "3 people can be sent to" in page.text
    people = _stored(idle_api, page)["recipients"]
    assert [(one["number"], one["name"]) for one in people][:2] == [("0812-0000-1001", "Budi"), ("081200001002", None)]
    assert "0812-0000-1001, Budi" in page.find("textarea[name=numbers]").get_text()


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        pytest.param(
            {"start": "later", "scheduledAt": "2030-01-02T09:30", "zone": "Asia/Jayapura"},
            {"scheduledAt": "2030-01-02T09:30:00+09:00"},
            id="a-time-in-its-zone",
        ),
        pytest.param(
            {"sendWindow__from": "08:00", "sendWindow__to": "17:00", "zone": "Asia/Makassar"},
            {"sendWindow": {"from": "08:00", "to": "17:00", "timezone": "Asia/Makassar"}},
            id="hours",
        ),
        pytest.param(
            {"batching__size": "100", "batching__intervalSeconds": "1.5"},
            {"batching": {"size": 100, "intervalSeconds": 90.0}},
            id="batches-in-minutes",
        ),
        pytest.param(
            {"rate__messages": "5", "rate__perSeconds": "60"}, {"rate": {"messages": 5, "perSeconds": 60}}, id="rate"
        ),
        pytest.param(
            {"retry__maxAttempts": "5", "retry__backoff": "fixed"},
            {"retry": {"maxAttempts": 5, "backoff": "fixed"}},
            id="attempts",
        ),
        pytest.param(
            {"priority": "high", "onUnknown": "resend", "callbackUrl": "https://main.example/wa"},
            {"priority": "high", "onUnknown": "resend", "callbackUrl": "https://main.example/wa"},
            id="choices",
        ),
        pytest.param({"connection": "sandbox"}, {"connection": "sandbox"}, id="a-connection"),
    ],
)
def test_settings_are_stored_and_shown_again(
    pages: FormBrowser, idle_api: Api, typed: dict[str, Any], stored: dict[str, Any]
) -> None:
    page = _write(pages, **typed)

    found = _stored(idle_api, page)
    assert {name: found[name] for name in stored} == stored
    assert "Note" not in page.text
    again = page.press("Save")
    assert {name: _stored(idle_api, again)[name] for name in stored} == stored


def test_a_start_that_was_not_given_is_never_now(pages: FormBrowser, idle_api: Api) -> None:
    page = _write(pages, start="later")

    assert _stored(idle_api, page)["scheduledAt"]
    assert page.find("[name=start][value=later]").has_attr("checked")
    assert "Send to" not in pages.open(f"/ui/drafts/{_id(page)}/review").text


def test_a_media_file_is_stored_with_the_kind_that_it_has(pages: FormBrowser, idle_api: Api) -> None:
    page = _write(pages)
    png = b"\x89PNG\r\n\x1a\n" + bytes(64)

    page = page.press("Save", files={"mediaFile": ("foto.png", png, "image/png")}, message__text="Lihat, {{ nama }}")

    message = _stored(idle_api, page)["message"]
    assert (message["type"], message["caption"]) == ("image", "Lihat, {{ nama }}")
    assert "foto.png" in page.find("#part-media").get_text()
    assert _stored(idle_api, page.press("Save"))["message"] == message


def test_what_the_page_cannot_write_stays_in_a_copied_draft(pages: FormBrowser, idle_api: Api) -> None:
    template = {"name": "promo_1", "language": "id", "components": [{"type": "body", "parameters": [{"text": "x"}]}]}
    body = {
        "name": "Templat",
        "message": {"type": "template", "template": template},
        "recipients": [{"number": "081200001001", "variables": {"kode": "A1"}}],
        "callbackEvents": ["broadcast.changed"],
    }
    draft_id = idle_api.post("/drafts", json=body).json()["draftId"]

    page = pages.open(f"/ui/drafts/{draft_id}").press("Save", name="Baru")

    found = _stored(idle_api, page)
    assert found["name"] == "Baru"
    assert found["message"] == body["message"]
    assert found["recipients"][0]["variables"] == {"kode": "A1"}
    assert found["callbackEvents"] == ["broadcast.changed"]


@pytest.mark.parametrize(
    ("typed", "fault"),
    [
        pytest.param({"message__text": "Halo {{ nama"}, "message.text", id="half-a-template"),
        pytest.param({"message__text": "Halo {{ umur }}"}, "message.text", id="unknown-variable"),
        pytest.param({"rate__messages": "0"}, "rate.messages", id="no-rate"),
        pytest.param({"batching__size": "banyak", "batching__intervalSeconds": "1"}, "batching.size", id="no-number"),
        pytest.param({"rate__messages": "nan"}, "rate.messages", id="not-a-number"),
        pytest.param({"rate__messages": "9" * 500}, "rate.messages", id="too-many-digits"),
        pytest.param({"callbackUrl": "bukan alamat"}, "callbackUrl", id="no-address"),
    ],
)
def test_a_fault_stands_at_its_field_and_the_people_are_counted(
    pages: FormBrowser, typed: dict[str, Any], fault: str
) -> None:
    page = _write(pages, **typed)

    control = page.find(f'[name="{fault}"]')
    assert control["aria-invalid"] == "true"
    assert page.find(f"#{control['aria-describedby']} .fault").get_text()
    assert "2 people can be sent to" in page.text


def test_a_form_that_cannot_be_stored_keeps_what_was_typed(pages: FormBrowser) -> None:
    page = pages.open("/ui/broadcasts/new").press("Save", name="N" * 201, message__text="Halo\r\nlagi")

    assert page.status == 400
    assert page.find("[name=name]")["aria-invalid"] == "true"
    assert page.find("[name=name]")["value"] == "N" * 201
    assert "Halo" in page.find("textarea[name='message.text']").get_text()


def test_two_people_who_write_one_draft_see_both_versions(pages: FormBrowser, idle_api: Api) -> None:
    page = _write(pages)
    mine = pages.open(f"/ui/drafts/{_id(page)}")
    page.press("Save", message__text="Versi lain")

    conflict = mine.press("Save", message__text="Versi saya", files=_file(CSV, "baru.csv"))

    assert conflict.status == 409
    assert "Versi lain" in conflict.text
    assert "Versi saya" in conflict.text
    kept = conflict.press("Save my version")
    assert _stored(idle_api, kept)["message"]["text"] == "Versi saya"
    assert "baru.csv" in kept.text


def test_two_versions_differ_only_in_what_was_changed(pages: FormBrowser, idle_api: Api) -> None:
    people = [{"number": "081200001001", "name": "Budi"}]
    body = {"name": "Promo", "message": {"type": "text", "text": "Satu"}, "recipients": people}
    draft_id = idle_api.post("/drafts", json=body).json()["draftId"]
    mine = pages.open(f"/ui/drafts/{draft_id}")
    theirs = {**body, "message": {"type": "text", "text": "Dua"}}
    assert idle_api.put(f"/drafts/{draft_id}", json=theirs, headers={"If-Match": "*"}).is_success

    conflict = mine.press("Save", message__text="Tiga")

    [row] = conflict.soup.select("tbody tr")
    assert " ".join(row.get_text(" ").split()) == "Message Tiga Dua"


def test_a_script_gets_the_parts_of_the_page(pages: FormBrowser, idle_api: Api) -> None:
    page = _write(pages)
    fields = dict.fromkeys(("start",), "") | {"version": "1", "name": "Promo", "audience": "kept"}
    headers = {"X-Requested-With": "fetch", "Accept-Language": "en"}
    address = f"/ui/drafts/{_id(page)}"

    saved = idle_api.post(address, data=fields, headers=headers)
    late = idle_api.post(address, data={**fields, "name": "Lain"}, headers=headers)
    refused = idle_api.post(address, data={**fields, "version": "2", "name": "N" * 201}, headers=headers)

    assert (saved.status_code, late.status_code, refused.status_code) == (200, 200, 200)  # no noise in the console
    assert 'id="part-bar"' in saved.text
    assert "<html" not in saved.text
    assert "was changed by" in late.text
    assert "Name: too long" in refused.text
    assert 'data-saved=""' in refused.text


def test_the_draft_of_another_person_says_whose_it_is(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    draft_id = broadcaster.drafts.create({"name": "Milik Sari"}, actor="sari").draft_id

    assert "This draft belongs to sari and was changed last by sari on" in pages.open(f"/ui/drafts/{draft_id}").text


def test_a_draft_is_copied_and_discarded(pages: FormBrowser, idle_api: Api) -> None:
    page = _write(pages)

    copied = page.press("Copy to a new draft")
    gone = copied.press("Discard draft")

    assert _id(copied) != _id(page)
    assert _stored(idle_api, page)["source"]["type"] == "csv"
    assert gone.path.startswith("/ui/broadcasts")
    assert idle_api.get(f"/drafts/{_id(copied)}").status_code == 404
    assert "2 people can be sent to" in pages.open(f"/ui/drafts/{_id(page)}").text


def test_markup_in_names_files_and_columns_is_text(pages: FormBrowser) -> None:
    content = f"{MARKUP};No. HP\n{MARKUP};081200001001\n{MARKUP};{MARKUP}\n".encode()
    page = pages.open("/ui/broadcasts/new").press(
        "Save", name=MARKUP, message__text=MARKUP, files=_file(content, f"{MARKUP}.csv")
    )

    shown = [page, page.follow("1 with an invalid number"), pages.open(f"/ui/drafts/{_id(page)}/review")]
    shown.append(pages.open(f"/ui/drafts/{_id(page)}/people?reason={MARKUP}"))
    for one in shown:
        assert one.status == 200
        assert MARKUP in one.text or "reason=" in one.path
        assert not [script for script in one.soup.select("script") if not _is_ours(script)]
        assert not one.soup.select("main b b, .bubble b, td b")


def _is_ours(script: Tag) -> bool:
    return str(script.get("src", "")).startswith("/ui/static/")


def test_the_page_speaks_indonesian(halaman: FormBrowser) -> None:
    page = halaman.open("/ui/broadcasts/new").press("Simpan", files=_file(), message__text="Halo {{ nama }}")

    assert "2 orang bisa dikirimi" in page.text
    assert "1 nomor tidak sah" in page.text
    assert "1 kembar" in page.text
    assert str(page.find("[name=name]")["value"]).startswith("Broadcast ")


def test_a_key_that_may_only_read_changes_nothing(pages: FormBrowser, broadcaster: Broadcaster) -> None:
    page = _write(pages)
    broadcaster.api_keys.create({"name": "kelola", "scopes": ["admin"]})
    reader = broadcaster.api_keys.create({"name": "lihat", "scopes": ["read"]}).key
    pages.sign_in(reader)

    assert pages.open("/ui/broadcasts/new").status == 403
    shown = pages.open(f"/ui/drafts/{_id(page)}")
    assert shown.status == 200
    assert not [button for button in shown.soup.select("main button") if button.get("value") in {"save", "review"}]
    assert pages.open(f"/ui/drafts/{_id(page)}/review").soup.select("form[action$=send]") == []


def test_a_new_form_that_is_sent_twice_makes_one_draft(pages: FormBrowser, idle_api: Api) -> None:
    form = pages.open("/ui/broadcasts/new")
    typed: dict[str, Any] = {"name": "Promo", "message__text": "Halo {{ nama }}"}

    first = form.press("Save", files=_file(), **typed)
    second = form.press("Save", files=_file(), **typed)

    assert (second.status, _id(second)) == (200, _id(first))
    assert idle_api.get("/drafts").json()["total"] == 1
    other = pages.open("/ui/broadcasts/new").press("Save", files=_file(), **typed)
    assert _id(other) != _id(first)


def test_who_goes_back_to_a_new_form_and_writes_another_text_chooses_between_both(
    pages: FormBrowser, idle_api: Api
) -> None:
    form = pages.open("/ui/broadcasts/new")
    first = form.press("Save", name="Promo", message__text="Satu")

    second = form.press("Save", name="Promo", message__text="Dua")

    assert second.status == 409
    assert _stored(idle_api, first)["message"]["text"] == "Satu"
    assert _stored(idle_api, second.press("Save my version"))["message"]["text"] == "Dua"
    assert idle_api.get("/drafts").json()["total"] == 1


def test_a_repeated_save_overwrites_nothing_of_another_person(
    pages: FormBrowser, idle_api: Api, broadcaster: Broadcaster
) -> None:
    fields = {"name": "Promo", "message.text": "Halo", "audience": "file", "once": "kunci"}
    headers = {"X-Requested-With": "fetch", "Accept-Language": "en"}
    assert idle_api.post("/ui/broadcasts/new", data=fields, headers=headers).status_code == 200
    [made] = idle_api.get("/drafts").json()["items"]
    broadcaster.drafts.save(made["draftId"], {"name": "Milik Sari"}, versions={1}, actor="sari")

    late = idle_api.post("/ui/broadcasts/new", data=fields, headers=headers)

    assert "was changed by sari" in late.text
    assert idle_api.get(f"/drafts/{made['draftId']}").json()["broadcast"]["name"] == "Milik Sari"
