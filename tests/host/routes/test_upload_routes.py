"""The routes of uploads, and the health probes."""

from typing import Any

import pytest

from host_litestar.app import create_app


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
