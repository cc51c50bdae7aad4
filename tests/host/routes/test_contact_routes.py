"""The routes of contacts, tags and the blacklist."""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import openpyxl
import pytest

FILE = b"Nama;No. HP;Kota\nBudi;0812-0000-1001;Solo\nSiti;+62 812-0000-1002;Medan\nSalah;123;Bali\n"


def import_file(api: Any, content: bytes = FILE, /, **fields: Any) -> Any:
    return api.post("/contacts/import", files={"file": ("people.csv", content, "text/csv")}, data=fields)


def test_the_contacts_of_an_imported_file_are_in_the_contact_book(api: Any) -> None:
    answer = import_file(api, tags="vip, solo")

    assert answer.status_code == 200
    report = answer.json()
    assert (report["status"], report["rows"], report["created"], report["rejected"]) == ("done", 3, 2, 1)
    assert [(row["row"], row["reason"]) for row in report["rejections"]] == [(4, "too short")]
    listed = api.get("/contacts", params={"tag": "vip"}).json()
    assert {item["number"]: item["variables"] for item in listed["items"]} == {
        "+6281200001001": {"kota": "Solo"},
        "+6281200001002": {"kota": "Medan"},
    }
    assert api.get("/contacts", params={"q": "Siti"}).json()["total"] == 1


def test_the_rejected_rows_are_returned_as_csv(api: Any) -> None:
    import_id = import_file(api).json()["importId"]

    answer = api.get(f"/contacts/imports/{import_id}/errors")

    assert answer.headers["content-type"].startswith("text/csv")
    assert "too short" in answer.text
    assert api.get(f"/contacts/imports/{import_id}").json()["rejected"] == 1


def test_tags_may_be_repeated_and_columns_named(api: Any) -> None:
    answer = import_file(
        api, b"a;b\n0812-0000-1001;Budi\n", tags=["x", "y,z"], mapping='{"a": "number", "b": "name"}', region="ID"
    )

    assert answer.status_code == 200
    (contact,) = api.get("/contacts").json()["items"]
    assert (contact["name"], sorted(contact["tags"])) == ("Budi", ["x", "y", "z"])


def test_a_file_is_read_as_the_form_says(api: Any) -> None:
    file = "Nama^HP\nJosé^0812-0000-1001\n".encode("cp437")

    answer = import_file(api, file, delimiter="^", encoding="cp437", dryRun="true").json()
    refused = import_file(api, file, sheet="1")

    assert answer["reading"] == {"delimiter": "^", "encoding": "cp437", "sheet": None, "headerRow": 1}
    assert [sample["name"] for sample in answer["samples"]] == ["José"]
    assert (refused.status_code, [fault["path"] for fault in refused.json()["errors"]]) == (400, ["sheet"])


def test_without_a_worker_a_long_import_is_answered_202(idle_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wabroadcast_core.audience.import_threads.run_import", lambda *_, **__: None)
    monkeypatch.setattr("host_litestar.routes.contacts.IMPORT_SECONDS", 0.2)

    answer = import_file(idle_api)

    assert answer.status_code == 202
    assert answer.json()["importId"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"mapping": "{"}, "mapping"), ({"mapping": "[1]"}, "mapping"), ({"mapping": '{"a": 1}'}, "mapping")],
)
def test_an_invalid_mapping_is_named(idle_api: Any, fields: dict[str, str], path: str) -> None:
    answer = import_file(idle_api, FILE, **fields)

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"a;b\n1;2\n"], ids=["empty", "binary", "no-number-column"])
def test_an_unreadable_file_is_400(api: Any, content: bytes) -> None:
    answer = import_file(api, content)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_file")


def test_an_import_without_a_file_is_400(idle_api: Any) -> None:
    answer = idle_api.post("/contacts/import", files={"tags": (None, "x")})

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == ["file"]


def test_a_blacklisted_number_is_skipped(
    api: Any, submit: Callable[..., dict[str, Any]], until: Callable[..., Any]
) -> None:
    blocked = api.post("/blacklist", json={"number": "0812-0000-1001", "reason": "asked by mail"})

    job_id = submit("0812-0000-1001")["jobId"]

    assert (blocked.status_code, blocked.json()["number"]) == (201, "+6281200001001")
    until(lambda: api.get(f"/broadcast/{job_id}/status").json()["skippedBy"] == {"blacklisted": 1})
    assert api.get("/blacklist", params={"q": "1001"}).json()["total"] == 1
    assert api.delete("/blacklist/0812-0000-1001").status_code == 204
    assert api.delete("/blacklist/0812-0000-1001").status_code == 404
    assert api.post("/blacklist", json={"number": "123"}).status_code == 400


# --- contacts --------------------------------------------------------------------------------------------------

BUDI = {"number": "0812-0000-1001", "name": "Budi", "tags": ["vip"], "variables": {"kode": "A1"}}


def test_a_contact_is_created_shown_changed_and_deleted(idle_api: Any) -> None:
    made = idle_api.post("/contacts", json=BUDI)
    again = idle_api.post("/contacts", json={"number": "+6281200001001", "name": "Pak Budi"})
    changed = idle_api.put("/contacts/0812-0000-1001", json={"tags": ["lama"]})
    shown = idle_api.get("/contacts/" + quote("+6281200001001", safe=""))

    assert [answer.status_code for answer in (made, again, changed, shown)] == [201, 200, 200, 200]
    contact = shown.json()
    assert (contact["name"], contact["tags"], contact["variables"]) == ("Pak Budi", ["lama"], {"kode": "A1"})
    assert contact["source"] == "api"
    assert contact["createdAt"] == made.json()["createdAt"] < contact["updatedAt"]
    assert idle_api.delete("/contacts/0812-0000-1001").status_code == 204
    assert idle_api.delete("/contacts/0812-0000-1001").status_code == 404
    assert idle_api.get("/contacts/0812-0000-1001").status_code == 404


def test_a_contact_can_be_created_with_put(idle_api: Any) -> None:
    answer = idle_api.put("/contacts/0812-0000-1001", json={"name": "Budi"})

    assert (answer.status_code, answer.json()["number"]) == (201, "+6281200001001")


@pytest.mark.parametrize(
    ("method", "path", "body", "fault"),
    [
        ("POST", "/contacts", {"number": "0812-0000-1001", "tags": ["a,b"]}, "tags.0"),
        ("POST", "/contacts", {"name": "Budi"}, "number"),
        ("PUT", "/contacts/0812-0000-1001", {"number": "0812-0000-1002"}, "number"),
        ("PUT", f"/contacts/{'1' * 65}", {"name": "Budi"}, "number"),
        ("POST", "/contacts/tag", {"numbers": ["12"], "add": ["x"]}, "numbers.0"),
        ("POST", "/contacts/tags/vip/merge", {"from": []}, "from"),
        ("PUT", "/contacts/tags/vip", {"name": " "}, "name"),
        ("GET", "/contacts/export?format=pdf", None, "format"),
    ],
)
def test_an_invalid_field_is_named(idle_api: Any, method: str, path: str, body: Any, fault: str) -> None:
    answer = idle_api.request(method, path, json=body)

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [fault]


def test_a_person_is_erased_with_and_without_a_contact(idle_api: Any) -> None:
    idle_api.post("/contacts", json=BUDI)

    first = idle_api.delete("/contacts/0812-0000-1001", params={"erase": "true"})
    second = idle_api.delete("/contacts/0812-0000-1001", params={"erase": "true"})

    nothing = {"contact": False, "messages": 0, "cancelled": 0, "underWay": 0, "pending": 0} | dict.fromkeys(
        ("drafts", "unreadDrafts"), 0
    )
    assert (first.status_code, first.json()) == (200, nothing | {"contact": True})
    assert (second.status_code, second.json()) == (200, nothing)
    assert idle_api.delete("/contacts/nobody", params={"erase": "true"}).status_code == 400


# --- exports ---------------------------------------------------------------------------------------------------


def test_contacts_are_exported_as_csv_and_as_a_workbook(idle_api: Any) -> None:
    idle_api.post("/contacts", json=BUDI)
    idle_api.post("/contacts", json={"number": "0812-0000-1002", "name": "=Siti"})

    text = idle_api.get("/contacts/export")
    book = idle_api.get("/contacts/export", params={"format": "xlsx", "tag": "vip", "q": "bud"})

    assert text.headers["content-type"] == "text/csv; charset=utf-8"
    assert text.headers["content-disposition"] == 'attachment; filename="contacts.csv"'
    assert text.content.decode("utf-8-sig").splitlines() == [
        "number,name,tags,kode",
        "+62 8120 0001 001,Budi,vip,A1",
        "+62 8120 0001 002,'=Siti,,",
    ]
    assert book.headers["content-disposition"] == 'attachment; filename="contacts.xlsx"'
    (sheet,) = openpyxl.load_workbook(io.BytesIO(book.content)).worksheets
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["number", "name", "tags", "kode"],
        ["+6281200001001", "Budi", "vip", "A1"],
    ]


# --- tags ------------------------------------------------------------------------------------------------------


def test_tags_are_listed_renamed_merged_and_deleted(idle_api: Any) -> None:
    for position, tags in enumerate((["a"], ["a", "b"], ["c"])):
        idle_api.post("/contacts", json={"number": f"0812-0000-100{position}", "tags": tags})

    renamed = idle_api.put("/contacts/tags/a", json={"name": "x y"})
    taken = idle_api.put("/contacts/tags/b", json={"name": "x y"})
    merged = idle_api.post("/contacts/tags/x%20y/merge", json={"from": ["b", "c"]})

    assert (renamed.status_code, renamed.json()) == (200, {"name": "x y", "contacts": 2})
    assert (taken.status_code, taken.json()["code"]) == (409, "conflict")
    assert "merge" in taken.json()["detail"]
    assert (merged.status_code, merged.json()) == (200, {"name": "x y", "contacts": 3})
    assert idle_api.get("/contacts/tags").json()["items"] == [{"name": "x y", "contacts": 3}]
    assert idle_api.delete("/contacts/tags/x%20y").status_code == 204
    assert idle_api.get("/contacts/tags").json() == {"items": [], "total": 0, "page": 1, "pageSize": 1}
    assert idle_api.get("/contacts").json()["total"] == 3
    for gone in (idle_api.delete("/contacts/tags/a"), idle_api.put("/contacts/tags/a", json={"name": "b"})):
        assert gone.status_code == 404


def test_contacts_are_tagged_by_number_and_by_filter(idle_api: Any) -> None:
    idle_api.post("/contacts", json=BUDI)

    by_number = idle_api.post("/contacts/tag", json={"numbers": ["081200001001", "081200001002"], "add": ["x"]})
    by_filter = idle_api.post(
        "/contacts/tag", json={"filter": {"tag": "vip", "q": "budi"}, "add": ["y"], "remove": ["vip"]}
    )

    assert (by_number.status_code, by_number.json()) == (
        200, {"contacts": 1, "added": 1, "removed": 0, "unknown": 1},
    )  # fmt: skip
    assert by_filter.json() == {"contacts": 1, "added": 1, "removed": 1, "unknown": 0}
    assert idle_api.get("/contacts/081200001001").json()["tags"] == ["x", "y"]


# --- the blacklist ---------------------------------------------------------------------------------------------


def test_a_file_is_added_to_the_blacklist_with_a_report(idle_api: Any) -> None:
    answer = idle_api.post(
        "/blacklist/import", files={"file": ("stop.csv", FILE, "text/csv")}, data={"reason": "left", "region": "ID"}
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "filename": "stop.csv",
        "reason": None,
        "rows": 3,
        "added": 2,
        "known": 0,
        "rejected": 1,
        "reasons": {"too short": 1},
        "rejections": [{"row": 4, "column": "number", "reason": "too short"}],
        "columns": {"Nama": "name", "No. HP": "number", "Kota": "kota"},
        "notes": [],
        "reading": {"delimiter": ";", "encoding": "utf-8", "headerRow": 1, "sheet": None},
        "whole": True,
    }
    assert {item["reason"] for item in idle_api.get("/blacklist").json()["items"]} == {"left"}


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"mapping": "[1]"}, "mapping"), ({"reason": "x" * 501}, "reason"), ({"region": "XX"}, "region")],
)
def test_an_invalid_field_of_a_blacklist_import_is_named(idle_api: Any, fields: dict[str, str], path: str) -> None:
    answer = idle_api.post("/blacklist/import", files={"file": ("stop.csv", FILE, "text/csv")}, data=fields)

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]
    assert idle_api.get("/blacklist").json()["total"] == 0


def test_opting_in_again_is_part_of_the_history(idle_api: Any) -> None:
    idle_api.post("/blacklist", json={"number": "0812-0000-1001", "reason": "asked by mail"})
    idle_api.delete("/blacklist/0812-0000-1001")

    answer = idle_api.get("/blacklist/0812-0000-1001/history").json()

    assert answer["total"] == 2
    assert [(act["act"], act["actor"], act["reason"]) for act in answer["items"]] == [
        ("opt_out", "api", "asked by mail"),
        ("opt_in", "api", None),
    ]
    assert idle_api.get("/blacklist/12/history").status_code == 400
