"""The routes of uploads, and the health probes."""

import contextlib
import sqlite3
from typing import Any

import pytest

from host_litestar.app import create_app
from wabroadcast_core import Settings


def test_an_uploaded_file_can_be_the_audience(idle_api: Any) -> None:
    content = b"Nama;No. HP\nBudi;0812-0000-1001\n"

    answer = idle_api.post("/uploads", files={"file": ("people.csv", content, "text/csv")})

    assert answer.status_code == 201
    upload = answer.json()
    assert (upload["filename"], upload["size"], upload["kind"]) == ("people.csv", len(content), "csv")
    body = {
        "name": "x",
        "message": {"type": "text", "text": "hi"},
        "source": {"type": "csv", "uploadId": upload["uploadId"]},
    }
    assert idle_api.post("/broadcast", json=body).status_code == 202


@pytest.mark.parametrize(
    "sent",
    [{"files": {"other": ("a", b"1")}}, {"json": {}}, {"content": b""}],
    ids=["another-part", "json", "nothing"],
)
def test_an_upload_without_its_file_is_400(idle_api: Any, sent: dict[str, Any]) -> None:
    answer = idle_api.post("/uploads", **sent)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")


def test_an_upload_over_the_limit_is_413(host_settings: Any) -> None:
    from litestar.testing import TestClient

    small = host_settings.model_copy(update={"max_body_bytes": 10_000})
    with TestClient(create_app(small), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        answer = client.post("/uploads", files={"file": ("a.csv", b"1" * 20_000)})

    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0", "image", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0\0", "image", id="jpeg"),
        pytest.param(b"\0\0\0\x18ftypmp42\0", "video", id="mp4"),
        pytest.param(b"ID3\x04\0\0", "audio", id="mp3"),
        pytest.param(b"%PDF-1.7\n", "document", id="pdf"),
        pytest.param(b"PK\x03\x04..word/document.xml", "document", id="docx"),
        pytest.param(b"PK\x03\x04..xl/workbook.xml", "excel", id="xlsx"),
        pytest.param(b"ID3,Nama\n1,Budi\n", "csv", id="text-that-begins-as-an-mp3"),
        pytest.param("Nama,HP\n".encode("utf-16"), "csv", id="utf-16"),
        pytest.param(b"", "csv", id="empty"),
    ],
)
def test_the_kind_of_an_upload_is_what_it_can_be_used_as(idle_api: Any, content: bytes, kind: str) -> None:
    assert idle_api.post("/uploads", files={"file": ("a", content)}).json()["kind"] == kind


def test_an_upload_can_be_deleted(idle_api: Any) -> None:
    upload = idle_api.post("/uploads", files={"file": ("a.csv", b"nama,hp\n")}).json()["uploadId"]

    assert idle_api.delete(f"/uploads/{upload}").status_code == 204
    assert idle_api.delete(f"/uploads/{upload}").status_code == 404


@pytest.mark.parametrize(
    ("path", "file", "fields", "status"),
    [
        pytest.param("/contacts/import", b"nama,hp\nBudi,081200001001\n", {"dryRun": "true"}, 200, id="dry-run"),
        pytest.param("/contacts/import", b"a,b\nc,d\n", {"region": "XX"}, 400, id="refused-import"),
        pytest.param("/contacts/import", b"\x00\x01", {"dryRun": "true"}, 400, id="refused-dry-run"),
        pytest.param("/blacklist/import", b"hp\n081200001001\n", {}, 200, id="blacklist"),
    ],
)
def test_a_file_that_is_read_once_is_not_kept(
    idle_api: Any, host_settings: Settings, path: str, file: bytes, fields: dict[str, str], status: int
) -> None:
    answer = idle_api.post(path, files={"file": ("a.csv", file)}, data=fields)

    assert answer.status_code == status
    with contextlib.closing(sqlite3.connect(host_settings.sqlite_path)) as store:
        assert store.execute("SELECT count(*) FROM uploads").fetchone() == (0,)
        assert store.execute("SELECT count(*) FROM upload_chunks").fetchone() == (0,)
