import pytest

from wabroadcast_core.audience.files import file_kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param(b"PK\x03\x04\x14\x00\x06\x00", "excel", id="xlsx-or-ods"),
        pytest.param(b"PK\x05\x06", "excel", id="empty-zip"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel", id="xls-or-encrypted"),
        pytest.param(b"Nama;No. HP", "csv", id="text"),
        pytest.param(b"\xff\xfeN\x00a\x00", "csv", id="utf-16"),
        pytest.param(b"", "csv", id="empty"),
    ],
)
def test_the_kind_of_a_file_is_detected_from_its_content(head: bytes, kind: str) -> None:
    assert file_kind(head) == kind
