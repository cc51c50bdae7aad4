"""Who plainly says no in a column about consent is left out; what is doubtful is only reported."""

import pytest

from wabroadcast_core.audience.column_detection import find_columns
from wabroadcast_core.audience.consent import ConsentKind, consent_kind
from wabroadcast_core.audience.tables import read_table
from wabroadcast_core.broadcaster import Broadcaster


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        *((header, ConsentKind.GIVEN) for header in ("WhatsApp Opted", "Opt-in", "optIn", "Marketing Consent")),
        *((header, ConsentKind.GIVEN) for header in ("Subscribed", "Accepts Marketing", "Allow Broadcast", "Izin WA")),
        *((header, ConsentKind.GIVEN) for header in ("Bersedia dihubungi", "Setuju menerima promo")),
        *((header, ConsentKind.WITHDRAWN) for header in ("Opted Out", "Unsubscribed At", "Do Not Contact", "DNC")),
        *((header, ConsentKind.WITHDRAWN) for header in ("Jangan dihubungi", "has_opted_out")),
        *((header, ConsentKind.STATUS) for header in ("Status", "Subscription Status", "Status Pesanan")),
        *((header, ConsentKind.DOUBTFUL) for header in ("Email Opt In", "Accepts SMS Marketing", "Opt-in source")),
        *((header, None) for header in ("No", "No WA", "Accepted", "Berlangganan", "Kontak", "Info WA", "Pesan")),
    ],
)
def test_a_header_about_consent_is_recognised(header: str, kind: ConsentKind | None) -> None:
    assert consent_kind(header) is kind


@pytest.mark.parametrize(
    "header",
    [
        *("Berhenti langganan", "Tanggal berhenti langganan", "Stop", "Stop WA", "Blacklist", "Tanggal blacklist"),
        *("Tidak ingin dihubungi", "Tdk mau dihubungi lagi", "Jgn dihubungi", "Jangan hubungi lagi", "Jangan di-WA"),
        *("Tolak WA", "Menolak broadcast", "Tidak bersedia menerima pesan WA"),
    ],
)
def test_usual_indonesian_headers_say_who_wants_no_messages(header: str) -> None:
    assert consent_kind(header) is ConsentKind.WITHDRAWN


@pytest.mark.parametrize(
    "header",
    [
        *("Bersedia di-WA", "Bersedia menerima pesan WA (Ya/Tidak)", "Setuju menerima informasi melalui WhatsApp"),
        *("Apakah Anda bersedia menerima informasi melalui WhatsApp?", "Saya setuju menerima pesan WhatsApp"),
        *("Ijin dihubungi", "Ingin menerima promo", "Setuju dihubungi via WA"),
    ],
)
def test_usual_indonesian_headers_say_who_wants_messages(header: str) -> None:
    assert consent_kind(header) is ConsentKind.GIVEN


@pytest.mark.parametrize("header", ["Halte", "Stok", "Stopkontak", "Nama halte", "Dikirim", "Informasi", "Mau"])
def test_a_header_with_another_meaning_says_nothing_about_consent(header: str) -> None:
    assert consent_kind(header) is None


@pytest.mark.parametrize(
    "header",
    [
        *("Setuju", "Setuju harga", "Tanggal setuju kontrak", "Persetujuan via WA", "Izin usaha", "Alasan tolak"),
        *("Tanggal stop", "Bus stop", "Tanggal berhenti", "Jangan dihapus", "Mau pesan", "Tidak mau pesan", "Blokir"),
    ],
)
def test_a_header_that_is_perhaps_about_consent_leaves_no_one_out_and_gives_a_note(header: str) -> None:
    cells = ["ya", "tidak", "1", "x", "2024-05-01"]
    notes = find_columns([["HP", header], *(["081234567801", cell] for cell in cells)], region="ID").notes()

    assert consent_kind(header) is ConsentKind.DOUBTFUL
    assert faults(header, cells) == [None] * len(cells)
    assert [note.startswith(f"{header} may be about consent, but it is not plain enough") for note in notes] == [True]


@pytest.mark.parametrize(
    ("header", "cell"),
    [
        *(pytest.param("Opt-in", cell, id=f"consent-given-{cell}") for cell in ("Tidak, terima kasih", "No, thanks")),
        *(pytest.param("Opt-in", cell, id=f"consent-given-{cell}") for cell in ("Jangan", "jgn", "Tidak usah", "no.")),
        pytest.param("Opt-in", "tidak\u200b", id="consent-given-zero-width-space"),
        pytest.param("Opt-in", "\u200eTidak.\u00a0", id="consent-given-mark-and-no-break-space"),
        pytest.param("Opted out", "\u2714\ufe0f", id="consent-withdrawn-coloured-check-mark"),
        *(pytest.param("Opted out", cell, id=f"consent-withdrawn-{cell}") for cell in ("√", "☑", "✅", "stop")),
        *(
            pytest.param("Stop", cell, id=f"consent-withdrawn-{cell}")
            for cell in ("Ya, mohon", "berhenti", "12 Mei 2024")
        ),
        *(pytest.param("Status", cell, id=f"status-{cell}") for cell in ("Berhenti langganan", "Jangan hubungi lagi")),
    ],
)
def test_a_no_in_other_words_and_with_unseen_characters_is_plain(header: str, cell: str) -> None:
    assert faults(header, [cell]) == [("no_consent", header)]


@pytest.mark.parametrize("cell", ["tidak apa-apa", "Tidak masalah", "no problem", "Tidak, tidak apa2", "tidak tahu"])
def test_a_no_with_another_meaning_leaves_no_one_out_and_is_reported(cell: str) -> None:
    notes = find_columns([["HP", "Opt-in"], ["081234567801", cell]], region="ID").notes()

    assert faults("Opt-in", [cell]) == [None]
    assert ["not all of its cells are a plain yes or no" in note for note in notes] == [True]


@pytest.mark.parametrize("cell", ["\u2714\ufe0f", "√", "☑", "✅", "v", "Ya\u200b", "Ya, saya bersedia"])
def test_a_yes_in_other_words_and_with_unseen_characters_is_plain(cell: str) -> None:
    notes = find_columns([["HP", "Opt-in"], ["081234567801", cell]], region="ID").notes()

    assert faults("Opt-in", [cell]) == [None]
    assert ["not all of its cells are a plain yes or no" in note for note in notes] == [False]


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        pytest.param("WhatsApp Opted", "FALSE no 0 Tidak opted_out n", id="consent-given"),
        pytest.param("Opted Out", "TRUE yes 1 ya x 2024-05-01 01/05/2024", id="consent-withdrawn"),
        pytest.param("Status", "unsubscribed Unsubscribed OPTED-OUT dnc", id="status"),
    ],
)
def test_a_plain_no_leaves_the_person_out(header: str, cells: str) -> None:
    assert set(faults(header, cells.split())) == {("no_consent", header)}


@pytest.mark.parametrize(
    ("header", "cells"),
    [
        pytest.param("WhatsApp Opted", "TRUE yes 1 ya maybe pending x", id="consent-given"),
        pytest.param("Opted Out", "FALSE no 0 tidak opted_in -", id="consent-withdrawn"),
        pytest.param("Status", "no FALSE nonaktif berhenti blocked lunas active", id="status"),
        pytest.param("Email Opt In", "FALSE no unsubscribed", id="other-channel"),
        pytest.param("Berlangganan", "tidak no", id="a-product-perhaps"),
    ],
)
def test_anything_else_is_a_plain_variable(header: str, cells: str) -> None:
    assert faults(header, cells.split()) == [None] * len(cells.split())


@pytest.mark.parametrize(
    ("header", "cell", "note"),
    [
        pytest.param("WhatsApp Opted", "FALSE", "people who say no there are left out", id="applied"),
        pytest.param("WhatsApp Opted", "FALSE", "import this file to the blacklist too", id="advice"),
        pytest.param("WhatsApp Opted", "pending", "not all of its cells are a plain yes or no", id="unclear"),
        pytest.param("Status", "unsubscribed", "people who say no there are left out", id="status"),
        pytest.param("Status", "blocked", "may say who wants no messages, but it is not plain enough", id="perhaps"),
        pytest.param("Email Opt In", "FALSE", "may be about consent, but it is not plain enough", id="doubtful"),
        pytest.param("Status", "lunas", None, id="another-status"),
        pytest.param("Email Status", "active", None, id="no-one-says-no"),
    ],
)
def test_the_report_says_what_the_column_did(header: str, cell: str, note: str | None) -> None:
    notes = find_columns([["HP", header], ["081234567801", cell]], region="ID").notes()

    assert [note in found for found in notes if note] == ([True] if note else [])
    assert bool(notes) == bool(note)


def test_a_mapped_column_is_a_variable_whatever_it_says() -> None:
    table = [(1, ["HP", "Opt-in"]), (2, ["081234567801", "no"])]
    columns, rows = read_table(table, region="ID", mapping={"Opt-in": "opt_in"})

    assert [(row.variables, row.fault) for row in rows] == [({"opt_in": "no"}, None)]
    assert columns.notes() == []


def test_who_says_no_is_neither_imported_nor_messaged_but_can_be_blacklisted(broadcaster: Broadcaster) -> None:
    file = b"Nama,HP,WhatsApp Opted\nBudi,081234567801,TRUE\nSiti,081234567802,FALSE\n"
    upload_id = broadcaster.uploads.save([file], filename="people.csv").upload_id
    message = {"type": "text", "text": "Halo {{ name }} {{ whatsapp_opted }}"}
    draft = {"name": "Promo", "connection": "sandbox", "message": message}

    preview = broadcaster.preview({**draft, "source": {"type": "csv", "uploadId": upload_id}})
    report = broadcaster.contacts.import_file(upload_id)
    blacklisted = broadcaster.blacklist.add_file(upload_id)

    assert (preview.sendable, preview.skipped_by) == (1, {"no_consent": 1})
    assert (report.created, report.reasons) == (1, {"no consent: this column of the file says no": 1})
    assert [(row.row, row.column) for row in report.rejections] == [(3, "WhatsApp Opted")]
    assert (blacklisted.added, blacklisted.rejected) == (1, 1)
    assert [entry.number for entry in broadcaster.blacklist.list().items] == ["+6281234567802"]


def test_an_exported_contact_book_keeps_all_its_people() -> None:
    table = [(1, ["number", "name", "tags", "opt_in"]), (2, ["+6281234567801", "Budi", "", "no"])]
    _, rows = read_table(table, region="ID")

    assert [row.fault for row in rows] == [None]


def faults(header: str, cells: list[str]) -> list[tuple[str, str | None] | None]:
    """Return code and column of the fault of each row of a file with these cells."""
    table = [["HP", header], *([f"0812345678{n:02}", cell] for n, cell in enumerate(cells))]
    _, rows = read_table(list(enumerate(table, 1)), region="ID")
    return [None if row.fault is None else (str(row.fault.code), row.fault.column) for row in rows]
