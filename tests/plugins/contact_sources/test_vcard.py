"""The contact source for vCard files."""

import io
import tracemalloc
from pathlib import Path

import pytest

from wabroadcast_core import AudienceRow, FileError
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.testing import sample_rows, source_context
from wabroadcast_core.testing import senders as null_plugin
from wabroadcast_core.testing.engine import await_end, running_engine
from wabroadcast_plugins.contact_sources.vcard import VcardSettings, VcardSource


def read(content: bytes | str, *, region: str | None = None) -> list[AudienceRow]:
    data = content if isinstance(content, bytes) else content.encode()
    context = source_context(uploads={"u1": data})
    return list(VcardSource(VcardSettings(upload_id="u1", region=region), context).read())


def card(*lines: str, version: str = "3.0") -> str:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""])


def test_a_card_is_a_recipient_with_its_name_and_variables() -> None:
    google = card(
        "FN:Budi Santoso",
        "N:Santoso;Budi;;;",
        "EMAIL;TYPE=INTERNET;TYPE=HOME:budi@example.com",
        "TEL;TYPE=CELL:+62 812-3456-7890",
        "ORG:Toko Maju\\, Tbk;Penjualan",
        "TITLE:Manajer",
        "CATEGORIES:vip,myContacts",
    )

    (row,) = read(google)

    assert (row.number, row.name, row.row) == ("+62 812-3456-7890", "Budi Santoso", 1)
    assert row.variables == {
        "first_name": "Budi",
        "last_name": "Santoso",
        "organization": "Toko Maju, Tbk, Penjualan",
        "title": "Manajer",
        "email": "budi@example.com",
        "categories": "vip,myContacts",
    }


@pytest.mark.parametrize(
    ("phones", "number"),
    [
        pytest.param(["TEL:1", "TEL:2"], "1", id="the-first"),
        pytest.param(["TEL;TYPE=HOME:1", "TEL;TYPE=CELL:2"], "2", id="the-mobile-one"),
        pytest.param(["TEL;HOME:1", "TEL;CELL;PREF:2"], "2", id="types-of-2.1"),
        pytest.param(["TEL;TYPE=HOME:1", "TEL;TYPE=WORK,PREF:2"], "2", id="the-preferred-one"),
        pytest.param(["TEL;TYPE=WORK;PREF=1:1", 'TEL;TYPE="cell,voice":2'], "2", id="mobile-before-preferred"),
        pytest.param(["TEL;type=CELL:1", "TEL;TYPE=WhatsApp:2"], "2", id="whatsapp-before-mobile"),
        pytest.param(["TEL;TYPE=FAX:1", "TEL:2"], "2", id="no-fax"),
        pytest.param(["item1.TEL;type=pref:1", "item1.X-ABLabel:_$!<Mobile>!$_"], "1", id="group-of-apple"),
        pytest.param(["TEL;VALUE=uri;TYPE=cell:tel:+62-812;ext=5"], "+62-812", id="uri-of-4.0"),
        pytest.param(['TEL;X-LABEL="a:b":1'], "1", id="colon-in-quotation-marks"),
        pytest.param([], "", id="none"),
    ],
)
def test_the_number_that_fits_is_chosen(phones: list[str], number: str) -> None:
    assert [row.number for row in read(card("FN:Budi", *phones))] == [number]


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        pytest.param(["FN:Budi"], "Budi", id="full-name"),
        pytest.param(["N:Santoso;Budi"], "Budi Santoso", id="parts-only"),
        pytest.param(["FN:", "N:;Budi;;;"], "Budi", id="empty-full-name"),
        pytest.param(["FN:Bu", " di"], "Budi", id="folded"),
        pytest.param(["FN:Bu\\,\\;di\\nS"], "Bu,;di S", id="escapes"),
        pytest.param(
            ["FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Andr=C3=A9 =", "Lef=C3=A8vre"], "André Lefèvre", id="qp"
        ),
        pytest.param(["FN;CHARSET=ISO-8859-1;ENCODING=QUOTED-PRINTABLE:Andr=E9"], "André", id="other-charset"),
        pytest.param(["FN:José", "PHOTO;ENCODING=b:AAAA", " BBBB", " FN:CCCC"], "José", id="photo"),
        pytest.param(["NOTE;ENCODING=QUOTED-PRINTABLE:a=", "FN:Siti=", "FN:Agus", "FN:Budi"], "Budi", id="qp-note"),
        pytest.param([], None, id="none"),
    ],
)
def test_a_name_is_read_as_it_is_written(lines: list[str], name: str | None) -> None:
    assert [row.name for row in read(card(*lines, "TEL:1"))] == [name]


def test_a_fold_within_a_character_and_a_byte_order_mark_are_read() -> None:
    whole = card("FN:José", "TEL:1").encode()
    split = whole.replace("é".encode(), "é".encode()[:1] + b"\r\n " + "é".encode()[1:])

    assert [row.name for row in read(b"\xef\xbb\xbf" + split)] == ["José"]


def test_rows_are_the_lines_at_which_cards_begin() -> None:
    assert [row.row for row in read(card("TEL:1") + "\n" + card("TEL:2").replace("\r\n", "\n"))] == [1, 6]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param("BEGIN:VCARD\nTEL:1\n", "row 1: the vCard that begins here has no end", id="cut"),
        pytest.param("BEGIN:VCARD\nTEL:1\nBEGIN:VCARD\nEND:VCARD", "row 1: the vCard that begins here", id="no-end"),
        pytest.param("TEL:1\n", "row 1: the line is outside of a vCard", id="outside"),
        pytest.param(b"BEGIN:VCARD\nFN:\xff\xfe\nEND:VCARD", "row 2: the line is no text in UTF-8", id="latin"),
        pytest.param("BEGIN:VCARD\nFN;CHARSET=X-NONE:a\nEND:VCARD", "row 2: the line is no text", id="charset"),
        pytest.param(card("TEL:1").encode("utf-16"), "the file is text in UTF-16: save it in UTF-8", id="utf-16"),
        pytest.param(b"x" * 600_000, "row 1: the line is too long", id="long-line"),
        pytest.param("BEGIN:VCARD\nFN:a\n" + " x\n" * 150_000, "row 2: the line is too long", id="long-fold"),
        pytest.param("BEGIN:VCARD\n" + "TEL:1\n" * 20_000, "row 1: the vCard that begins here is too long", id="card"),
    ],
)
def test_a_file_that_is_no_vcard_is_refused_with_the_row(content: bytes | str, fault: str) -> None:
    with pytest.raises(FileError) as raised:
        read(content)

    assert str(raised.value).startswith(fault)


def test_a_file_without_a_card_has_no_rows() -> None:
    assert read("") == read("name,number\r\nBudi,0812\r\n") == []


def test_a_photo_takes_no_memory() -> None:
    photo = card("TEL:1", "PHOTO;ENCODING=b:AAAA", *[" " + "B" * 75] * 40_000).encode()
    context = source_context(uploads={"u1": photo})
    rows = VcardSource(VcardSettings(upload_id="u1"), context).read()

    tracemalloc.start()
    found = list(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert len(found) == 1
    assert peak < len(photo) / 4


def test_many_cards_are_read_in_their_order() -> None:
    cards = "".join(card(f"FN:{row.name}", f"TEL;TYPE=CELL:{row.number}") for row in sample_rows(500))

    assert [row.number for row in read(cards)] == [row.number for row in sample_rows(500)]


@pytest.mark.slow
def test_a_broadcast_goes_to_the_people_of_a_vcard_file(tmp_path: Path) -> None:
    people = card("FN:Budi Santoso", "N:Santoso;Budi", "TEL;TYPE=CELL:0812-0000-1001") + card("FN:No Number")
    with running_engine(tmp_path, null_plugin) as broadcaster:
        broadcaster.connections.save("main", {"sender": "null"})
        upload = broadcaster.uploads.save(io.BytesIO(people.encode()), filename="people.vcf")
        source = {"type": "vcard", "uploadId": upload.upload_id}
        message = {"type": "text", "text": "Halo {{ first_name }}"}

        job = broadcaster.submit({"name": "Cards", "message": message, "source": source, "connection": "main"})
        counts = await_end(broadcaster, job.job_id).counts
        sent = broadcaster.messages(job.job_id, status=MessageStatus.SENT).items

    assert (counts.sent, counts.skipped) == (1, 1)
    assert [(message.number, message.name) for message in sent] == [("+6281200001001", "Budi Santoso")]
