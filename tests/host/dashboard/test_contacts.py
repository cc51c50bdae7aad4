"""The pages of the contact book: list, bulk tagging, new contacts, tags, and one person."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from host_litestar.dashboard import person as person_pages
from tests.host.dashboard.pages import FormBrowser
from tests.host.installations import Api, bearer, draft, opened_app
from wabroadcast_core import Settings

BUDI, SITI, OTHER = "+6281200000001", "+6281200000002", "+6281200000003"
ADMIN = "the-bootstrap-key"
HOSTILE = "<b>x</b>\"'"


def person(api: Api, number: str = BUDI, **fields: Any) -> None:
    assert api.post("/contacts", json={"number": number, "name": "Budi", **fields}).status_code in {200, 201}


def contact(api: Api, number: str = BUDI) -> dict[str, Any]:
    found = api.get(f"/contacts/{number}").json()
    return {name: found[name] for name in ("name", "tags", "variables")}


def tags_of(api: Api) -> dict[str, int]:
    return {tag["name"]: tag["contacts"] for tag in api.get("/contacts/tags").json()["items"]}


# --- the list --------------------------------------------------------------------------------------------------


def test_an_empty_book_offers_an_import_and_a_new_contact(pages: FormBrowser, halaman: FormBrowser) -> None:
    shown = pages.open("/ui/contacts")

    assert "There are no contacts yet." in shown.text
    assert shown.follow("Import a file").status == shown.follow("New contact").status == 200
    assert "Belum ada kontak." in halaman.open("/ui/contacts").text


def test_a_search_and_a_tag_select_contacts_and_what_is_downloaded(pages: FormBrowser, idle_api: Api) -> None:
    person(idle_api, tags=["vip", "a/b?c&d"])
    person(idle_api, SITI, name="Siti", tags=["vip"])

    found = pages.open("/ui/contacts").press("Filter", q="sit", tag="VIP")
    by_tag = pages.open("/ui/contacts").follow("a/b?c&d")

    assert [row.get_text(strip=True) for row in found.soup.select("tbody th")] == ["Siti"]
    assert [row.get_text(strip=True) for row in by_tag.soup.select("tbody th")] == ["Budi"]
    assert idle_api.get(by_tag.link("CSV")).text.count("+62") == 1
    assert "No contact matches." in pages.open("/ui/contacts?q=nobody").text
    assert len(pages.open("/ui/contacts?page=9").follow("To the first page").soup.select("tbody tr")) == 2


def test_chosen_contacts_or_all_that_were_found_get_tags_and_lose_them(pages: FormBrowser, idle_api: Api) -> None:
    person(idle_api)
    person(idle_api, SITI, name="Siti")
    person(idle_api, OTHER, name="Other")

    one = pages.open("/ui/contacts").press("Add tags", number=[BUDI], tags="new, vip")
    found = pages.open("/ui/contacts?q=812").press("Add tags", who="all", tags="all")
    pages.open("/ui/contacts?tag=vip").press("Remove tags", who="all", tags="new")

    assert "1 contact was chosen and 2 tags added." in one.text
    assert found.path == "/ui/contacts?q=812"
    assert tags_of(idle_api) == {"all": 3, "new": 0, "vip": 1}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param({"tags": "vip"}, "No contact is chosen.", id="no-contact"),
        pytest.param({"number": [BUDI]}, "There is no tag.", id="no-tag"),
        pytest.param({"number": [BUDI], "tags": "x" * 101}, "too long: give at most 100", id="long-tag"),
        pytest.param({"number": ["abc"], "tags": "vip"}, "contains no phone number", id="no-number"),
    ],
)
def test_a_tagging_that_does_not_fit_is_shown_again(
    pages: FormBrowser, idle_api: Api, fields: dict[str, Any], fault: str
) -> None:
    person(idle_api)

    shown = pages.open("/ui/contacts?q=Budi").press("Add tags", **fields)

    assert shown.status == 400
    assert fault in shown.text
    assert shown.find("[name=tags]")["value"] == fields.get("tags", "")
    assert shown.find("#q")["value"] == "Budi"


# --- a contact -------------------------------------------------------------------------------------------------


def test_a_contact_is_created_and_changed_with_its_variables(pages: FormBrowser, idle_api: Api) -> None:
    fields: dict[str, Any] = {
        "number": "0812-0000-0001",
        "name": HOSTILE,
        "tags": "vip; new",
        "variable__1__name": "kota",
    }

    shown = pages.open("/ui/contacts/new").press("Save", fields, variable__1__value="Solo\r\nRaya")

    assert shown.path == "/ui/contacts/%2B6281200000001"
    assert HOSTILE in shown.text
    assert contact(idle_api) == {"name": HOSTILE, "tags": ["new", "vip"], "variables": {"kota": "Solo\nRaya"}}


def test_a_value_that_is_not_touched_keeps_its_type(pages: FormBrowser, idle_api: Api) -> None:
    person(idle_api, variables={"saldo": 1500, "aktif": True, "kota": "Solo", "lama": "x"})

    form = pages.open(f"/ui/contacts/{BUDI}/edit")
    saved = form.press("Save", name="", variable__3__value="Bandung", variable__4__value="", variable__5__name="kode",
                       variable__5__value="7")  # fmt: skip

    assert "The change is saved." in saved.text
    assert contact(idle_api) == {
        "name": None, "tags": [], "variables": {"saldo": 1500, "aktif": True, "kota": "Bandung", "kode": "7"},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param({"number": "12"}, "the phone number is not valid (too short)", id="number"),
        pytest.param({"number": BUDI}, "in the contact book already", id="known"),
        pytest.param({"number": SITI, "name": "x" * 513}, "give at most 512 characters", id="name"),
        pytest.param({"number": SITI, "variable__1__value": "x"}, "the name of the variable is empty", id="nameless"),
        pytest.param({"number": SITI, "variable__1__name": "tags", "variable__1__value": "x"}, "itself", id="own-name"),
    ],
)
def test_a_contact_that_does_not_fit_is_shown_again_with_all_that_was_typed(
    pages: FormBrowser, idle_api: Api, fields: dict[str, Any], fault: str
) -> None:
    person(idle_api)

    shown = pages.open("/ui/contacts/new").press("Save", {"tags": "typed", "variable__2__name": HOSTILE, **fields})

    assert shown.status == 400
    assert fault in shown.text
    assert shown.find("[name=tags]")["value"] == "typed"
    assert HOSTILE in [field["value"] for field in shown.soup.select("[name^='variable.'][name$='.name']")]
    assert contact(idle_api)["name"] == "Budi"


def test_the_reason_of_a_wrong_number_is_in_the_language_of_the_page(halaman: FormBrowser) -> None:
    shown = halaman.open("/ui/contacts/new").press("Simpan", number="12")

    assert "nomor telepon ini tidak sah (terlalu pendek)" in shown.text


# --- tags ------------------------------------------------------------------------------------------------------


def test_tags_are_renamed_merged_and_deleted(pages: FormBrowser, idle_api: Api) -> None:
    person(idle_api, tags=["old", "a/b <i>", "gone"])
    person(idle_api, SITI, tags=["a/b <i>"])

    pages.open("/ui/contacts/tags?tag=old").press("Rename", name="new")
    merged = pages.open("/ui/contacts/tags").follow("Change").press("Merge", into="NEW")
    deleted = pages.open("/ui/contacts/tags?tag=gone").press("Delete the tag")

    assert "The tag a/b <i> is merged into new, which has 2 contacts now." in merged.text
    assert "The tag gone is deleted." in deleted.text
    assert tags_of(idle_api) == {"new": 2}


@pytest.mark.parametrize(
    ("button", "fields", "fault"),
    [
        pytest.param("Rename", {"name": "vip"}, "Merge into it instead", id="taken"),
        pytest.param("Rename", {"name": "a,b"}, "give each tag separately", id="two"),
        pytest.param("Merge", {"into": "none"}, "There is no tag none.", id="unknown"),
        pytest.param("Merge", {"into": "OLD"}, "This is the same tag.", id="itself"),
    ],
)
def test_a_change_of_a_tag_that_does_not_fit_is_shown_again(
    pages: FormBrowser, idle_api: Api, button: str, fields: dict[str, Any], fault: str
) -> None:
    person(idle_api, tags=["old", "vip"])

    shown = pages.open("/ui/contacts/tags?tag=old").press(button, fields)

    assert (shown.status, fault in shown.text) == (400, True)
    assert tags_of(idle_api) == {"old": 1, "vip": 1}


def test_a_tag_that_does_not_exist_is_not_found_and_a_book_without_tags_says_so(pages: FormBrowser) -> None:
    assert pages.open("/ui/contacts/tags?tag=none").status == 404
    assert "There are no tags yet." in pages.open("/ui/contacts/tags").text


# --- a person --------------------------------------------------------------------------------------------------


def test_a_number_that_is_no_contact_can_be_looked_up_and_added(pages: FormBrowser) -> None:
    shown = pages.open("/ui/contacts/0812 0000 0003")

    assert (shown.status, "is not in the contact book" in shown.text) == (200, True)
    assert shown.follow("Add to contacts").find("[name=number]")["value"] == OTHER
    assert pages.open("/ui/contacts/abc").status == 404


def test_a_person_is_blocked_and_allowed_again_with_reasons_that_the_history_has(
    pages: FormBrowser, idle_api: Api
) -> None:
    person(idle_api)
    shown = pages.open(f"/ui/contacts/{BUDI}")
    assert "May be messaged" in shown.find("#opt-out .state").get_text()

    without = shown.press("Do not message again", reason=" ")
    blocked = shown.press("Do not message again", reason=HOSTILE)
    refused = blocked.press("Allow again", reason="")
    allowed = blocked.press("Allow again", reason="signed the form")

    assert (without.status, refused.status) == (400, 400)
    assert "Write the reason" in refused.text
    assert HOSTILE in blocked.find("#opt-out").get_text()
    assert "may be messaged again" in allowed.text
    history = [row.get_text(" ", strip=True) for row in allowed.follow("History of opt-outs").soup.select("main li")]
    assert ["signed the form" in history[0], HOSTILE in history[1]] == [True, True]
    assert idle_api.get("/blacklist").json()["total"] == 0


def test_a_number_can_be_blocked_on_one_connection_and_then_on_all(pages: FormBrowser, idle_api: Api) -> None:
    shown = pages.open(f"/ui/contacts/{BUDI}").press("Do not message again", reason="a", connection="sandbox")
    shown = shown.press("Do not message again", reason="b")

    assert [state.get_text() for state in shown.soup.select("#opt-out .state")] == ["Opted out", "Opted out of sandbox"]
    [everywhere, _] = shown.soup.select("#opt-out .entry")
    left = shown.press("Allow again", reason="again", connection="sandbox")
    assert [state.get_text() for state in left.soup.select("#opt-out .state")] == ["Opted out"]
    assert everywhere is not None
    assert pages.open(f"/ui/contacts/{OTHER}").press("Do not message again", reason="a", connection="x").status == 404


def test_the_messages_of_all_broadcasts_are_listed_page_by_page(
    api: Api, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_pages, "SHOWN_MESSAGES", 2)
    for place in range(3):
        body = draft(name=f"Promo {place}", recipients=[{"number": BUDI, "name": "Budi"}], connection="sandbox")
        assert api.post("/broadcast", json=body).status_code == 202
    until(lambda: len(api.get("/messages", params={"number": BUDI}).json()["items"]) == 3)

    shown = FormBrowser(api).open(f"/ui/contacts/{BUDI}")
    older = shown.follow("Older ones")

    assert [link.get_text() for link in shown.soup.select("tbody th a")] == ["Promo 2", "Promo 1"]
    [link] = older.soup.select("tbody th a")
    assert (link.get_text(), "/people/" in str(link["href"])) == ("Promo 0", True)
    assert older.follow("The newest").path == shown.path.replace("+", "%2B")


def test_a_contact_is_deleted_and_a_person_is_erased_once_the_number_is_typed(
    pages: FormBrowser, idle_api: Api
) -> None:
    person(idle_api)
    person(idle_api, SITI)

    deleted = pages.open(f"/ui/contacts/{BUDI}").press("Delete from the contact book")
    wrong = pages.open(f"/ui/contacts/{SITI}").press("Erase everything", typed=BUDI)
    assert idle_api.get(f"/contacts/{SITI}").status_code == 200
    erased = wrong.press("Erase everything", typed="0812 0000 0002")

    assert "is deleted from the contact book" in deleted.text
    assert (wrong.status, "not the number of this person" in wrong.text) == (400, True)
    assert (erased.path, "Everything about this person is erased" in erased.text) == ("/ui/contacts", True)
    assert SITI not in erased.response.text
    assert idle_api.get("/contacts").json()["total"] == 0


# --- who may do what -------------------------------------------------------------------------------------------


@pytest.fixture
def locked(host_settings: Settings) -> Iterator[Api]:
    """An application that has a key."""
    settings = host_settings.model_copy(update={"api_keys": [SecretStr(ADMIN)]})
    with opened_app(settings) as client:
        yield client


@pytest.mark.parametrize(
    ("scope", "acts"),
    [
        pytest.param("read", set(), id="read"),
        pytest.param("operate", {"Add tags", "Do not message again", "Delete from the contact book"}, id="operate"),
        pytest.param("admin", {"Add tags", "Do not message again", "Delete from the contact book", "Erase everything"}),
    ],
)
def test_acts_that_a_key_may_not_do_are_not_offered_and_refused(locked: Api, scope: str, acts: set[str]) -> None:
    key = locked.post("/keys", json={"name": "k", "scopes": [scope]}, headers=bearer(ADMIN)).json()["key"]
    assert locked.post("/contacts", json={"number": BUDI}, headers=bearer(ADMIN)).status_code == 201
    someone = FormBrowser(locked)
    someone.sign_in(key)

    shown = [someone.open(path) for path in ("/ui/contacts", f"/ui/contacts/{BUDI}", "/ui/opt-outs")]

    offered = {button.get_text(strip=True) for page in shown for button in page.soup.select("main button")}
    every = {"Add tags", "Do not message again", "Delete from the contact book", "Erase everything"}
    assert offered & every == acts
    if scope != "admin":
        token = {"csrfToken": [str(shown[0].find("meta[name=csrf-token]")["content"])], "typed": [BUDI]}
        assert someone.send(f"/ui/contacts/{BUDI}/erase", token).status == 403
    assert someone.open("/ui/contacts/import").status == (403 if scope == "read" else 200)
    assert locked.get(f"/contacts/{BUDI}", headers=bearer(ADMIN)).status_code == 200
