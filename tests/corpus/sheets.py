"""Workbooks, as Excel, Google Sheets, LibreOffice and old systems write them."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import openpyxl
from openpyxl.worksheet.filters import FilterColumn, Filters

from tests.corpus.sample import EMPTY, NO_DIGITS, Person, Sample
from tests.corpus.texts import ANI, BUDI, TUTI
from tests.corpus.workbooks import old_workbook, open_document, raw_rows, raw_workbook, saved, workbook
from wabroadcast_core import Reading

NAME_AND_NUMBER = {"Nama": "name", "No HP": "number"}
FIRST = Reading(sheet="Sheet", header_row=1)
FIRST_A = Reading(sheet="A", header_row=1)


def sheets(**rows: Iterable[Iterable[Any]]) -> Any:
    """An openpyxl workbook of these sheets."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, cells in rows.items():
        page = book.create_sheet(title)
        for values in cells:
            page.append(list(values))
    return book


def typed_cells() -> bytes:
    return workbook(
        [
            ["Nama", "No HP", "Lahir", "Poin", "Aktif", "NIK"],
            ["Budi", 6281234567890.0, dt.date(1990, 12, 1), 3.0, True, 3273012345678901],
            ["Ani", 81311112222, dt.datetime(2026, 12, 1, 8, 30), 0.1 + 0.2, False, None],  # noqa: DTZ001 - a cell knows no zone
            ["Tuti", "0852 9999 8888", None, None, None, "3273012345678902"],
            ["Eka", dt.date(2024, 5, 21), None, None, None, None],
        ]
    )


def merged_header() -> bytes:
    book = sheets(
        Siswa=[
            ["DATA SISWA 2026"],
            [],
            ["No", "Nama Siswa", "Kontak", None, "Kelas"],
            [None, None, "No HP", "Surel", None],
            [1, "Budi", "081234567890", "b@x", "5A"],
            [2, "Ani", "081311112222", None, None],
        ]
    )
    for merged in ("A1:E1", "A3:A4", "B3:B4", "C3:D3", "E3:E4", "E5:E6"):
        book.worksheets[0].merge_cells(merged)
    return saved(book)


def filtered() -> bytes:
    book = sheets(Data=[["Nama", "No HP"], ["Budi", "081234567890"], ["Ani", "081311112222"], ["Tuti", "085299998888"]])
    page = book.worksheets[0]
    page.auto_filter.ref = "A1:B4"
    page.auto_filter.filterColumn.append(FilterColumn(colId=0, filters=Filters(filter=["Budi", "Tuti"])))
    page.row_dimensions[3].hidden = True
    return saved(book)


def hidden_by_hand() -> bytes:
    book = sheets(
        Rahasia=[["Nama", "No HP"], ["Eka", "081299990000"]],
        Data=[["Nama", "Kode", "No HP"], ["Budi", "A1", "081234567890"], ["Ani", "B2", "081311112222"]],
    )
    book["Rahasia"].sheet_state = "hidden"
    book["Data"].row_dimensions[3].hidden = True
    book["Data"].column_dimensions["B"].hidden = True
    return saved(book)


def formulas() -> bytes:
    """As Google Sheets and Excel keep them: the last result beside the formula; a program may leave none."""
    results = [
        '<c r="A2" t="str"><f>UPPER("budi")</f><v>BUDI</v></c><c r="B2"><f>6281234567890</f><v>6281234567890</v></c>',
        '<c r="A3" t="str"><f>"Ani"</f><v>Ani</v></c><c r="B3" t="str"><f>"0813"&amp;C3</f><v>081311112222</v></c>',
        '<c r="A4" t="str"><f>"Tuti"</f><v>Tuti</v></c><c r="B4" t="e"><f>VLOOKUP(1,C:C,1)</f><v>#N/A</v></c>',
        '<c r="A5" t="inlineStr"><is><t>Eka</t></is></c><c r="B5"><f>"0812"&amp;"99990000"</f></c>',
    ]
    rows = "".join(f'<row r="{row}">{cells}</row>' for row, cells in enumerate(results, 2))
    return raw_workbook(raw_rows(["Nama", "No HP"]) + rows)


def rich_text() -> bytes:
    strings = (
        "<sst><si><t>Nama</t></si><si><t>No HP</t></si><si><r><t>Bu</t></r><r><rPr><b/></rPr><t>di</t></r></si>"
        '<si><t xml:space="preserve"> 0812 3456 7890 </t></si></sst>'
    )
    rows = "".join(
        f'<row r="{row}"><c r="A{row}" t="s"><v>{first}</v></c><c r="B{row}" t="s"><v>{first + 1}</v></c></row>'
        for row, first in ((1, 0), (2, 2))
    )
    return raw_workbook(rows, strings=strings)


def two_sheets() -> bytes:
    return saved(
        sheets(
            Petunjuk=[["Isi nomor WhatsApp pada lembar berikut"], ["Jangan mengubah judul kolom"]],
            Data=[["Nama", "No HP"], ["Budi", "081234567890"]],
            Lama=[["Nama", "No HP"], ["Ani", "081311112222"]],
        )
    )


SHEETS = [
    Sample(
        "typed-cells",
        typed_cells(),
        NAME_AND_NUMBER | {"Lahir": "lahir", "Poin": "poin", "Aktif": "aktif", "NIK": "nik"},
        [
            Person(BUDI, "Budi", {"lahir": "1990-12-01", "poin": "3", "aktif": "TRUE", "nik": "3273012345678901"}),
            Person(ANI, "Ani", {"lahir": "2026-12-01 08:30", "poin": "0.3", "aktif": "FALSE"}),
            Person(TUTI, "Tuti", {"nik": "3273012345678902"}),
        ],
        [(5, "number", "a date")],
        FIRST,
    ),
    Sample(
        "titles-and-a-header-over-two-rows",
        merged_header(),
        {"No": "no", "Nama Siswa": "name", "No HP": "number", "Surel": "surel", "Kelas": "kelas"},
        [
            Person(BUDI, "Budi", {"no": "1", "surel": "b@x", "kelas": "5A"}),
            Person(ANI, "Ani", {"no": "2", "kelas": "5A"}),
        ],
        reading=Reading(sheet="Siswa", header_row=4),
    ),
    Sample(
        "rows-that-a-filter-hides",
        filtered(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi"), Person(TUTI, "Tuti")],
        [(3, None, "the row is hidden by a filter in the workbook: clear the filter to include it")],
        Reading(sheet="Data", header_row=1),
    ),
    Sample(
        "rows-columns-and-sheets-hidden-by-hand",
        hidden_by_hand(),
        {"Nama": "name", "Kode": "kode", "No HP": "number"},
        [Person(BUDI, "Budi", {"kode": "A1"}), Person(ANI, "Ani", {"kode": "B2"})],
        reading=Reading(sheet="Data", header_row=1),
    ),
    Sample(
        "a-sheet-of-instructions-first",
        two_sheets(),
        NAME_AND_NUMBER,
        [Person(BUDI, "Budi")],
        reading=Reading(sheet="Data", header_row=1),
    ),
    Sample(
        "a-sheet-that-is-asked-for",
        two_sheets(),
        NAME_AND_NUMBER,
        [Person(ANI, "Ani")],
        reading=Reading(sheet="Lama", header_row=1),
        sheet="lama",
    ),
    Sample(
        "formulas-with-and-without-results",
        formulas(),
        NAME_AND_NUMBER,
        [Person(BUDI, "BUDI"), Person(ANI, "Ani")],
        [(4, "number", EMPTY), (5, "number", EMPTY)],
        FIRST_A,
    ),
    Sample("rich-text-and-blanks", rich_text(), NAME_AND_NUMBER, [Person(BUDI, "Budi")], reading=FIRST_A),
    Sample(
        "a-table-far-from-the-corner",
        workbook([[], [], [None, None, "Daftar"], [None, None, "Nama", "No HP"], [None, None, "Budi", "081234567890"]]),
        {"column 1": "column_1", "column 2": "column_2"} | NAME_AND_NUMBER,
        [Person(BUDI, "Budi")],
        reading=Reading(sheet="Sheet", header_row=4),
    ),
    Sample(
        "remarks-beside-the-table",
        workbook([["Nama", "No HP"], ["Budi", "081234567890", "sudah bayar"], ["Ani", "081311112222"]]),
        NAME_AND_NUMBER | {"column 3": "column_3"},
        [Person(BUDI, "Budi", {"column_3": "sudah bayar"}), Person(ANI, "Ani")],
        reading=FIRST,
    ),
    Sample(
        "a-text-file-that-became-one-column",
        workbook([["Nama,No HP,Kota"], ["Budi,081234567890,Solo"], ['"Ani, S.Pd",081311112222,Bogor'], ["Tuti,0852"]]),
        {"Nama": "name", "No HP": "number", "Kota": "kota"},
        [Person(BUDI, "Budi", {"kota": "Solo"}), Person(ANI, "Ani, S.Pd", {"kota": "Bogor"})],
        [(4, "number", "too short")],
        FIRST,
    ),
    Sample(
        "no-header-in-a-workbook",
        workbook([["Budi", 81234567890], ["Ani", 81311112222]]),
        {"column 1": "name", "column 2": "number"},
        [Person(BUDI, "Budi"), Person(ANI, "Ani")],
        reading=Reading(sheet="Sheet"),
    ),
    Sample(
        "words-for-no-number",
        workbook([["Nama", "HP", "Telepon Rumah"], ["Budi", "-", "081234567890"], ["Ani", "tidak ada", None]]),
        {"Nama": "name", "HP": "number", "Telepon Rumah": "telepon_rumah"},
        [Person(BUDI, "Budi", {"telepon_rumah": "081234567890"})],
        [(3, "number", NO_DIGITS)],
        FIRST,
    ),
    Sample(
        "an-old-xls",
        old_workbook([["Nama", "No HP", "Kota"], ["Zoë", 6281234567890.0, "Solo"], ["Ani", "0813 1111 2222", ""]]),
        NAME_AND_NUMBER | {"Kota": "kota"},
        [Person(BUDI, "Zoë", {"kota": "Solo"}), Person(ANI, "Ani")],
        reading=FIRST_A,
    ),
    Sample(
        "an-open-document",
        open_document(
            [["Nama", "No HP"], ["", ""], ["Żółć", 6281234567890.0], ["Ani", "0813 1111 2222"]], hidden={4: "filter"}
        ),
        NAME_AND_NUMBER,
        [Person(BUDI, "Żółć")],
        [(4, None, "the row is hidden by a filter in the workbook: clear the filter to include it")],
        FIRST_A,
    ),
]
