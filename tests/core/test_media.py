import io
import zipfile

import pytest

from wabroadcast_core.media import HEAD_BYTES, fits, media_type


def _office(folder: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as parts:
        parts.writestr("[Content_Types].xml", "<Types/>")
        parts.writestr(f"{folder}/document.xml", "<x/>")
    return archive.getvalue()


OGG = b"OggS\0\x02" + bytes(22)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        pytest.param(b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg", id="jpeg"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(8), "image/png", id="png"),
        pytest.param(b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp", id="webp"),
        pytest.param(b"\0\0\0\x18ftypmp42" + bytes(8), "video/mp4", id="mp4"),
        pytest.param(b"\0\0\0\x18ftyp3gp5" + bytes(8), "video/3gpp", id="3gp"),
        pytest.param(b"\0\0\0\x18ftypM4A " + bytes(8), "audio/mp4", id="m4a"),
        pytest.param(OGG + b"\x01\x13OpusHead", "audio/ogg; codecs=opus", id="opus"),
        pytest.param(OGG + b"\x01\x1e\x01vorbis", "audio/ogg", id="vorbis"),
        pytest.param(b"ID3\x03" + bytes(8), "audio/mpeg", id="mp3-with-tags"),
        pytest.param(b"\xff\xfb\x90\x64", "audio/mpeg", id="mp3"),
        pytest.param(b"\xff\xf1\x50\x80", "audio/aac", id="aac"),
        pytest.param(b"#!AMR\n", "audio/amr", id="amr"),
        pytest.param(b"%PDF-1.7\n", "application/pdf", id="pdf"),
        pytest.param(
            _office("word"), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", id="docx"
        ),
        pytest.param(_office("xl"), "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", id="xlsx"),
        pytest.param(b"Halo, ini daftar harga", "text/plain", id="text"),
        pytest.param(b"\x7fELF\x02\x01\x01\0", "application/octet-stream", id="program"),
        pytest.param(b"", "application/octet-stream", id="empty"),
    ],
)
def test_the_first_bytes_determine_the_type(head: bytes, kind: str) -> None:
    assert media_type(head) == kind


def test_the_file_name_decides_only_between_types_that_share_a_container() -> None:
    old_office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

    assert media_type(old_office, filename="prices.XLS") == "application/vnd.ms-excel"
    assert media_type(old_office, filename="letter.doc") == "application/msword"
    assert media_type(b"MZ\x90\0", filename="photo.jpg") == "application/octet-stream"


def test_a_text_may_be_cut_off_within_a_character() -> None:
    assert media_type(("é" * HEAD_BYTES).encode()[: HEAD_BYTES - 1]) == "text/plain"
    assert media_type(("a" + "é" * HEAD_BYTES).encode()[:HEAD_BYTES]) == "text/plain"


def test_a_type_with_a_codec_fits_where_the_type_without_one_does() -> None:
    assert fits("audio/ogg; codecs=opus", frozenset({"audio/ogg"}))
    assert fits("audio/ogg; codecs=opus", frozenset({"audio/ogg; codecs=opus"}))
    assert not fits("audio/ogg", frozenset({"audio/ogg; codecs=opus"}))
