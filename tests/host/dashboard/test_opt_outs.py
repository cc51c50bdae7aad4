"""The pages of opt-outs: list, add, and the import of files."""

from typing import Any

import pytest

from host_litestar.dashboard import opt_outs
from tests.host.dashboard.pages import Files, FormBrowser, ShownPage
from tests.host.installations import Api

HOSTILE = "<img src=x onerror=alert(1)>"
FILE = f"Nama;No. HP\nBudi;0812-0000-0001\n{HOSTILE};12\nSiti;081200000002\n"


def upload(pages: FormBrowser, content: str, **fields: str) -> ShownPage:
    files: Files = {"file": ("stop.csv", content.encode(), "text/csv")}
    return pages.open("/ui/opt-outs/import").press("Upload and look", fields, files=files)


def listed(api: Api) -> dict[str, str]:
    return {one["number"]: one["reason"] for one in api.get("/blacklist").json()["items"]}


def test_a_number_is_added_found_and_opened_to_allow_it_again(pages: FormBrowser, idle_api: Api) -> None:
    empty = pages.open("/ui/opt-outs")
    assert "No one has opted out." in empty.text

    empty.press("Do not message this number", number="0812-0000-0001", reason=HOSTILE)
    added = empty.press("Do not message this number", number="0812-0000-0002", connection="sandbox")
    found = added.press("Filter", q="onerror")

    assert "+6281200000002 will not be messaged again." in added.text
    assert [row.get_text(strip=True) for row in found.soup.select("tbody th")] == ["+6281200000001"]
    assert HOSTILE in found.find("tbody").get_text()
    assert "No number matches." in pages.open("/ui/opt-outs?q=nothing").text
    found.follow("+6281200000001").press("Allow again", reason="asked")
    assert listed(idle_api) == {"+6281200000002": "opted out"}


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        pytest.param({"number": "abc"}, "the phone number is not valid (contains no phone number)", id="number"),
        pytest.param({"number": "081200000001", "connection": "none"}, "no connection none", id="connection"),
        pytest.param({"number": "081200000001", "reason": "x" * 501}, "at most 500 characters", id="reason"),
    ],
)
def test_an_opt_out_that_does_not_fit_is_shown_again(
    pages: FormBrowser, idle_api: Api, fields: dict[str, Any], fault: str
) -> None:
    shown = pages.open("/ui/opt-outs").press("Do not message this number", fields)

    assert (shown.status, fault in shown.text) == (400, True)
    assert shown.find("details[open] [name=number]")["value"] == fields["number"]
    assert listed(idle_api) == {}


def test_known_reasons_and_sources_are_said_in_the_language_of_the_page(halaman: FormBrowser, idle_api: Api) -> None:
    for place, reason in enumerate(["opted out", "wrote a stop word", "kata orangnya"]):
        idle_api.post("/blacklist", json={"number": f"08120000000{place}", "reason": reason})

    shown = halaman.open("/ui/opt-outs").find("tbody").get_text()

    assert ["tidak mau dihubungi" in shown, "membalas dengan kata berhenti" in shown] == [True, True]
    assert ["kata orangnya" in shown, "semua koneksi" in shown] == [True, True]


def test_a_file_is_shown_as_it_is_understood_and_then_its_numbers_are_blocked(
    pages: FormBrowser, idle_api: Api
) -> None:
    idle_api.post("/blacklist", json={"number": "081200000002", "reason": "before"})

    shown = upload(pages, FILE, reason=HOSTILE)

    assert [tile.get_text(strip=True) for tile in shown.soup.select(".tile b")] == ["3", "1", "1", "1"]
    assert "too short" in shown.find("main table").get_text()
    assert listed(idle_api) == {"+6281200000002": "before"}
    done = shown.press("Add 1 number to the opt-outs")
    assert "1 number was added. Listed already: 1. Rejected rows: 1." in done.text
    assert listed(idle_api) == {"+6281200000001": HOSTILE, "+6281200000002": "before"}
    assert pages.open(shown.path).status == 404  # the file is not needed any more


def test_choices_are_shown_before_they_run_and_a_file_can_be_given_up(pages: FormBrowser, idle_api: Api) -> None:
    shown = upload(pages, "Rumah;Kantor\n081200000001;081200000002\n")

    changed = shown.press("Add 1 number to the opt-outs", column__2="number", column__1="")
    assert "The choices have changed." in changed.text
    again = changed.press("Read again with these choices", delimiter="comma")
    assert again.find("[name=delimiter] [selected]")["value"] == "comma"
    assert listed(idle_api) == {}
    assert "Nothing was imported." in changed.press("Delete this file and choose another").text
    assert pages.open(changed.path).follow("Choose a file").path == "/ui/opt-outs/import"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("Nama\nBudi\n", "This file cannot be read.", id="no-numbers"),
        pytest.param("", "The file is empty.", id="empty"),
        pytest.param("Nama;HP\nBudi;12\n", "There is no new number in this file.", id="only-rejected"),
    ],
)
def test_a_file_that_blocks_nobody_says_why(pages: FormBrowser, content: str, says: str) -> None:
    assert says in upload(pages, content).text


def test_a_long_file_is_looked_at_in_part(pages: FormBrowser, idle_api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opt_outs, "LOOK_SECONDS", -1.0)

    shown = upload(pages, "HP\n" + "".join(f"0812{place:08}\n" for place in range(3_000)))

    assert "This is a long file" in shown.text
    assert "3,000 numbers were added" in shown.press("Add all numbers of the file to the opt-outs").text
    assert idle_api.get("/blacklist").json()["total"] == 3_000
