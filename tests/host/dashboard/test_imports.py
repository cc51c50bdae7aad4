"""The import of contacts on pages: how a file is understood, its run and its result."""

import re
from typing import Any

import pytest

from host_litestar.dashboard import contact_imports
from tests.host.dashboard.pages import Files, FormBrowser, ShownPage
from tests.host.installations import Api
from wabroadcast_core.audience.import_threads import ImportThreads

HOSTILE = "<img src=x onerror=alert(1)>"
FILE = f"Nama;No. HP;Kota\nBudi;0812-0000-0001;Solo\n{HOSTILE};12;{HOSTILE}\nSiti;081200000002;Bandung\n"


def upload(pages: FormBrowser, content: str | bytes, *, name: str = "people.csv", **fields: str) -> ShownPage:
    data = content.encode() if isinstance(content, str) else content
    files: Files = {"file": (name, data, "application/octet-stream")}
    return pages.open("/ui/contacts/import").press("Upload and look", fields, files=files)


def numbers(api: Api, **query: str) -> list[str]:
    return [one["number"] for one in api.get("/contacts", params=query).json()["items"]]


def tiles(shown: ShownPage) -> list[str]:
    return [tile.get_text(strip=True) for tile in shown.soup.select(".tile b")]


def test_a_file_is_shown_as_it_is_understood_before_anything_is_stored(pages: FormBrowser, idle_api: Api) -> None:
    shown = upload(pages, FILE, name=f"{HOSTILE}.csv")

    assert (shown.status, tiles(shown)) == (200, ["3", "2", "0", "1"])
    assert [cell.get_text(" ", strip=True) for cell in shown.soup.select("td.faulty")] == ["12 ✕ too short"]
    assert [row.get_text(strip=True) for row in shown.soup.select("tbody th")] == ["2", "3", "4"]
    assert shown.find("[name='column.2'] [selected]")["value"] == "number"
    assert "Detected: semicolon ;" in shown.text
    assert HOSTILE in shown.find("main").get_text()
    assert numbers(idle_api) == []


def test_a_file_is_imported_with_tags_and_its_rejected_rows_are_a_file(pages: FormBrowser, idle_api: Api) -> None:
    result = upload(pages, FILE, tags="new, vip").press("Import 2 rows").when_imported()

    assert result.path.startswith("/ui/contacts/imports/")
    assert "Done: 2 rows were imported, 1 rejected." in result.text
    assert numbers(idle_api, tag="vip") == ["+6281200000001", "+6281200000002"]
    rejected = idle_api.get(result.link("Download 1 rejected row")).text
    assert "too short" in rejected
    assert HOSTILE in rejected


def test_the_meaning_of_columns_and_the_reading_can_be_changed(pages: FormBrowser, idle_api: Api) -> None:
    shown = upload(pages, "Nama,Rumah,Kantor,3\nJosé,0812-0000-0001,0812-0000-0002,x\n".encode("latin-1"))

    changed = shown.press("Read again with these choices", column__2="", column__3="number", column__4="tags",
                          encoding="iso-8859-1", region="id", tags="vip")  # fmt: skip
    again = changed.press("Read again with these choices", column__2="rumah")

    assert "c3=number" in changed.path
    assert "c2=-" in changed.path
    assert "c1=" not in changed.path
    assert changed.find("[name='column.2'] [selected]")["value"] == ""
    assert again.find("[name='column.3'] [selected]")["value"] == "number"
    assert again.press("Import 1 row").status == 200
    [found] = idle_api.get("/contacts").json()["items"]
    assert (found["number"], found["name"], found["tags"]) == ("+6281200000002", "José", ["vip", "x"])
    assert found["variables"] == {"rumah": "0812-0000-0001"}


def test_an_import_does_not_run_with_choices_whose_result_was_not_shown(pages: FormBrowser, idle_api: Api) -> None:
    shown = upload(pages, FILE).press("Import 2 rows", column__3="")

    assert "The choices have changed." in shown.text
    assert "c3=-" in shown.path
    assert numbers(idle_api) == []
    assert shown.press("Import 2 rows").status == 200
    assert idle_api.get("/contacts").json()["items"][0]["variables"] == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("Nama;Alamat\nBudi;Jl. Melati\n", "No column holds phone numbers.", id="no-numbers"),
        pytest.param(b"%PDF-1.7\n\x00\x01", "This file cannot be read. this is a PDF document", id="pdf"),
        pytest.param("Nama;HP\n", "No row can be imported.", id="header-only"),
    ],
)
def test_a_file_that_is_not_understood_says_what_was_tried(pages: FormBrowser, content: str | bytes, says: str) -> None:
    shown = upload(pages, content)

    assert says in shown.text
    assert not shown.soup.select("button.main")
    if "row" not in says:
        assert "Kind of file: " in shown.find(".notice.danger").get_text()
        assert "Country of numbers without a code: ID" in shown.text


def test_the_columns_of_a_file_without_numbers_can_still_be_chosen(pages: FormBrowser) -> None:
    shown = upload(pages, "Nama;Alamat\nBudi;ask\nSiti;-\nAni;-\nTuti;081200000002\n")
    assert [option["value"] for option in shown.soup.select("fieldset [selected]")][:2] == ["nama", "alamat"]

    mapped = shown.press("Read again with these choices", column__2="number")

    assert tiles(mapped) == ["4", "1", "0", "3"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        pytest.param({"region": "xx"}, "region", id="region"),
        pytest.param({"encoding": "none"}, "encoding", id="encoding"),
        pytest.param({"sheet": "2"}, "sheet", id="sheet-of-a-text"),
        pytest.param({"tags": "x" * 101}, "tags", id="tag"),
    ],
)
def test_a_choice_that_does_not_fit_is_named_at_its_field(
    pages: FormBrowser, fields: dict[str, Any], path: str
) -> None:
    shown = upload(pages, FILE).press("Read again with these choices", fields)

    assert shown.find(f"[name={path}]")["aria-invalid"] == "true"
    assert not shown.soup.select("button.main")


def test_a_form_without_a_file_or_with_an_empty_one_is_shown_again(pages: FormBrowser, halaman: FormBrowser) -> None:
    missing = pages.open("/ui/contacts/import").press("Upload and look", tags="vip")

    assert (missing.status, missing.find("[name=tags]")["value"]) == (400, "vip")
    assert "No file is chosen." in missing.text
    assert "The file is empty." in upload(pages, b"").text
    kosong: Files = {"file": ("x.csv", b"", "text/csv")}
    assert "Berkas ini kosong." in halaman.open("/ui/contacts/import").press("Unggah dan periksa", files=kosong).text


def test_a_file_that_is_given_up_is_deleted(pages: FormBrowser, idle_api: Api) -> None:
    shown = upload(pages, FILE)

    left = shown.press("Delete this file and choose another")

    assert (left.path, "Nothing was imported." in left.text) == ("/ui/contacts/import", True)
    gone = pages.open(shown.path)
    assert (gone.status, gone.follow("Choose a file").path) == (404, "/ui/contacts/import")
    assert pages.send(shown.path, {"do": ["run"], "shown": ["delimiter=&encoding=&kind=&region=&sheet="]}).status == 404
    assert idle_api.delete(f"/uploads/{shown.path.split('/')[-1].partition('?')[0]}").status_code == 404


def test_a_long_file_is_looked_at_in_part_and_imported_as_a_whole(
    pages: FormBrowser, idle_api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = upload_long(pages, monkeypatch)

    assert re.search(r"This is a long file: the first [\d,]+ rows were checked", shown.text)
    monkeypatch.setattr(contact_imports, "RUN_SECONDS", 60.0)
    assert "Done: 3,000 rows were imported." in shown.press("Import the whole file").when_imported().text
    assert idle_api.get("/contacts").json()["total"] == 3_000


def upload_long(pages: FormBrowser, monkeypatch: pytest.MonkeyPatch, *, end: str = "") -> ShownPage:
    """Upload a file of 3,000 rows whose dry run has no time for all of them."""
    monkeypatch.setattr(contact_imports, "LOOK_SECONDS", -1.0)
    return upload(pages, "Nama,HP\n" + "".join(f"Orang,0812{place:08}\n" for place in range(3_000)) + end)


def test_the_progress_is_shown_until_the_end_and_a_damaged_file_says_what_is_stored(
    pages: FormBrowser, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, started = upload_long(pages, monkeypatch, end='Siti,"081300000002\n'), []
    with monkeypatch.context() as held:
        held.setattr(ImportThreads, "start", lambda self, key, **_: started.append((self, key)))
        running = shown.press("Import the whole file")

    assert "Importing: 0 rows so far." in running.text
    assert running.find("noscript meta[http-equiv=refresh]")
    part = pages.open(str(running.find("[data-part]")["data-part"]))
    assert part.soup.select("[data-running] progress")
    assert not part.soup.select("html")

    [(threads, key)] = started
    threads.start(key, wait_seconds=60.0)
    ended = pages.open(running.path)
    assert "The import stopped. row 3002" in ended.text
    assert "3,000 rows before that are stored." in ended.text
    assert not ended.soup.select("noscript, [data-part]")
    assert pages.open("/ui/contacts/imports/none").status == 404


def test_a_file_that_is_damaged_near_its_beginning_is_named_with_its_row(pages: FormBrowser) -> None:
    shown = upload(pages, 'Nama;HP\nBudi;081200000001\nSiti;"081200000002\n')

    assert "This file cannot be read. row 3, column 2" in shown.text
    assert not shown.soup.select("button.main")
