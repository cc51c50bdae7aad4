"""The contact book and the blacklist over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from wabroadcast_core.broadcaster import Broadcaster

FILE = b"Nama;No. HP;Kota\nBudi;0812-0000-1001;Solo\nSiti;+62 812-0000-1002;Medan\nSalah;123;Bali\n"


def import_file(api: Any, content: bytes = FILE, /, **fields: Any) -> Any:
    return api.post("/contacts/import", files={"file": ("people.csv", content, "text/csv")}, data=fields)


def test_an_imported_file_is_in_the_contact_book(api: Any) -> None:
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


def test_the_rejected_rows_come_as_csv(api: Any) -> None:
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


def test_without_a_worker_a_long_import_is_answered_202(still_api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Broadcaster.import_contacts
    monkeypatch.setattr(
        Broadcaster, "import_contacts", lambda self, *given, **options: whole(self, *given, wait_seconds=0, **options)
    )

    answer = import_file(still_api)

    assert answer.status_code == 202
    assert answer.json()["importId"]


@pytest.mark.parametrize(
    ("fields", "path"),
    [({"mapping": "{"}, "mapping"), ({"mapping": "[1]"}, "mapping"), ({"mapping": '{"a": 1}'}, "mapping")],
)
def test_a_mapping_that_is_none_is_named(still_api: Any, fields: dict[str, str], path: str) -> None:
    answer = import_file(still_api, FILE, **fields)

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == [path]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"a;b\n1;2\n"], ids=["empty", "binary", "no-number-column"])
def test_a_file_nobody_can_read_is_400(api: Any, content: bytes) -> None:
    answer = import_file(api, content)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_file")


def test_an_import_without_a_file_is_400(still_api: Any) -> None:
    answer = still_api.post("/contacts/import", files={"tags": (None, "x")})

    assert answer.status_code == 400
    assert [error["path"] for error in answer.json()["errors"]] == ["file"]


def test_who_is_blacklisted_is_not_sent_to(
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
