"""The rows and cells of a table that hold people: none is taken for a header, and none is lost without a word."""

import pytest

from wabroadcast_core.audience import several_numbers
from wabroadcast_core.audience.column_detection import find_columns
from wabroadcast_core.audience.tables import SAMPLE_ROWS, read_table
from wabroadcast_core.errors import FileError
from wabroadcast_core.models.recipient import AudienceRow

PHONE = "0812-3456-7890"
FIRST_ROW_TABLES = [
    pytest.param("Pelanggan,Kontak,Kode/Budi,0812345,A1/Siti,081234567801,A2", 1, id="a-short-number-first"),
    pytest.param("Customer,Contact,Code/Budi,,A1/Siti,081234567801,A2", 1, id="no-number-first"),
    pytest.param("Kunde,Quelle,Kontakt/Anna,WhatsApp,/Budi,Web,081234567801", 2, id="a-header-word-as-a-value"),
    pytest.param("Siapa,Lewat,Ke mana/Anna,HP,/Budi,Telepon,081234567801", 2, id="unknown-words"),
    pytest.param("Siapa,Ke mana,Kota/Anna,,Solo/Dodi,,/Budi,081234567801,Solo", 1, id="shorter-rows-first"),
    pytest.param("Kontak,Kode/0812,a/0813,b/081234567801,c", 0, id="few-of-the-contacts-are-numbers"),
    pytest.param("Nama,WA/Nama,HP/Budi,081234567801", 1, id="two-headers"),
]


@pytest.mark.parametrize(("table", "number"), FIRST_ROW_TABLES)
def test_the_first_row_of_a_table_is_its_header_and_every_other_row_is_read(table: str, number: int) -> None:
    rows = [line.split(",") for line in table.split("/")]

    columns, read = read_table(enumerate(rows, 1), region="ID")

    assert (columns.header_row, columns.numbers.first) == (0, number)
    assert [row.row for row in read] == list(range(2, len(rows) + 1))


@pytest.mark.parametrize(("table", "number"), FIRST_ROW_TABLES)
def test_titles_above_a_table_do_not_change_its_header(table: str, number: int) -> None:
    rows = [["Laporan"], [], ["Januari"], *(line.split(",") for line in table.split("/"))]

    columns = find_columns(rows, region="ID")

    assert (columns.header_row, columns.numbers.first) == (3, number)


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([["Produk", "Jenis"], ["Galaxy", "Phone"], ["Tab", "Tablet"]], id="phone"),
        pytest.param([["Kanal", "Alat"], ["WA", "Mobile"], ["SMS", "Phone"]], id="only-such-words"),
        pytest.param([["Kontak", "Nama"], ["a@example.com", "A"], ["b@example.com", "B"]], id="contacts-by-mail"),
    ],
)
def test_header_words_among_the_values_make_no_number_column(rows: list[list[str]]) -> None:
    with pytest.raises(FileError, match="no column holds phone numbers"):
        find_columns(rows, region="ID")


@pytest.mark.parametrize(
    ("table", "header", "number"),
    [
        pytest.param("Nama,No HP,,,,,/A,081234567801,x,x,x,x,x/B,,x,x,x,x,x", 0, 1, id="padded"),
        pytest.param("Nama,No HP/A,081234567801,x,x,x,x,x/B,,x,x,x,x,x", 0, 1, id="not-padded"),
        pytest.param("No HP/081234567801,x,x,x/,x,x,x", 0, 0, id="one-cell"),
        pytest.param("Nama,,No HP,,/A,x,081234567801,y,z/B,x,,y,z", 0, 2, id="gaps"),
        pytest.param("Nama,No HP,,,/A,,x,x,x/B,081234567801,x,x,x", 0, 1, id="no-number-first"),
        pytest.param("Absen 2026,,,,/Nama,No HP,,,/A,081234567801,x,x,x/B,,x,x,x", 1, 1, id="below-a-title"),
        pytest.param("Nama,No HP,,,/A,0812,x,x,x/B,0813,x,x,x", 0, 1, id="no-valid-number"),
    ],
)
def test_a_header_that_names_few_of_the_columns_is_no_title(table: str, header: int, number: int) -> None:
    rows = [line.split(",") for line in table.split("/")]

    columns, read = read_table(enumerate(rows, 1), region="ID", shifts=True)

    assert (columns.header_row, columns.numbers.first) == (header, number)
    assert [row.fault for row in read] == [None, None]
    assert columns.headers[number] == "No HP"


@pytest.mark.parametrize(
    "title",
    [
        pytest.param("Daftar Pelanggan 2026", id="a-title"),
        pytest.param("Daftar No HP Pelanggan,,,,", id="with-a-word-of-numbers"),
        pytest.param("Nomor WhatsApp", id="as-a-header-of-numbers"),
        pytest.param("Nomor WhatsApp,,Kelas,,", id="upper-part-of-a-header"),
        pytest.param("Cabang,Solo,,,", id="two-cells"),
    ],
)
def test_a_title_above_a_header_is_none(title: str) -> None:
    table = f"{title}/HP,Nama,Kelas,Kota,Kode/081234567801,A,x,x,x/081234567802,B,x,x,x"

    columns = find_columns([line.split(",") for line in table.split("/")], region="ID")

    assert columns.header_row == 1


@pytest.mark.parametrize("short", ["0812345", "0812", "62", "+62 8"])
def test_a_table_without_header_keeps_a_first_row_with_a_short_number(short: str) -> None:
    rows = _read([["Budi", short, "A1"], ["Siti", PHONE, "A2"], ["Ani", "081234567891", "A3"]])

    assert [(row.name, row.number) for row in rows] == [("Budi", short), ("Siti", PHONE), ("Ani", "081234567891")]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param("Budi,", id="empty"),
        pytest.param("Budi,,Solo", id="empty-with-more"),
        pytest.param("Budi", id="missing"),
        pytest.param("Budi,-,Solo", id="a-dash"),
        pytest.param(",,/Budi,?,Solo", id="after-an-empty-row"),
    ],
)
def test_a_table_without_header_keeps_a_first_row_without_a_number(first: str) -> None:
    lines = [*first.split("/"), "Siti,081234567801,Solo", "Ani,081234567802,Kudus"]

    rows = _read([line.split(",") for line in lines])

    assert [row.name for row in rows] == ["Budi", "Siti", "Ani"]


def test_a_header_of_unknown_words_is_reported_and_one_of_known_words_is_not() -> None:
    unknown, _ = read_table([(3, ["Budi", "tidak ada"]), (4, ["Siti", PHONE])], region="ID")
    known, _ = read_table([(3, ["Vorname", "Nomor HP"]), (4, ["Siti", PHONE])], region="ID")

    assert unknown.notes() == [
        "row 3 is read as the header: Budi, tidak ada. If it is a person, insert a header row above it"
    ]
    assert known.notes() == []


@pytest.mark.parametrize(
    "cell",
    [
        "081234567801 / 081345678902",
        "081234567801, +62 813-4567-8902",
        "0812-3456-7801 atau 0813-4567-8902",
        "HP 081234567801; WA 081345678902",
        "081234567801\n081345678902",
    ],
)
def test_a_cell_with_several_numbers_is_reported(cell: str) -> None:
    several = [["Nama", "HP"], ["Budi", PHONE], ["Siti", cell]]
    columns, rows = read_table(enumerate(several, 1), region="ID")

    assert [row.name for row in rows] == ["Budi", "Siti"]
    assert [note.partition(": ")[0] for note in columns.notes()] == [
        "1 cell holds several phone numbers, the first in row 3"
    ]


def test_a_cell_of_thousands_of_numbers_is_one_row_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []
    monkeypatch.setattr(several_numbers, "parse_number", lambda text, **_: parsed.append(text))
    columns, rows = read_table(enumerate([["HP"], [PHONE], ["081234567801/" * 5_000]], 1), region="ID")

    assert len(list(rows)) == 2
    assert (columns.notes(), parsed) == ([], [])


def test_cells_with_several_numbers_are_counted_to_the_end_of_the_file() -> None:
    cells = [PHONE] * 2 * SAMPLE_ROWS + ["081234567801/081345678902", "081234567803/081345678904"]
    columns, rows = read_table(enumerate([["HP"], *([cell] for cell in cells)], 1), region="ID")

    assert len(list(rows)) == len(cells)
    [note] = columns.notes()
    assert note.startswith(f"2 cells hold several phone numbers, the first in row {2 * SAMPLE_ROWS + 2}: ")


@pytest.mark.parametrize(
    "cell",
    ["081234567801", "081234567801 / +6281234567801", "081234567801 ext. 12345", "081234567801 NIK 33740101"],
)
def test_one_number_of_a_cell_is_not_reported(cell: str) -> None:
    columns, rows = read_table(enumerate([["HP"], [cell], [PHONE]], 1), region="ID")

    assert len(list(rows)) == 2
    assert columns.notes() == []


def test_every_number_of_a_line_that_holds_nothing_else_is_read() -> None:
    pairs = [["081234567801", "081234567802", " "], []] * SAMPLE_ROWS

    rows = _read([*pairs, ["081234567803", "081234567804", "081234567805", "12"]])

    assert [(row.number, row.row) for row in rows[:3]] == [
        ("081234567801", 1),
        ("081234567802", 1),
        ("081234567801", 3),
    ]
    assert [row.number for row in rows[-4:]] == ["081234567803", "081234567804", "081234567805", "12"]


@pytest.mark.parametrize(
    ("table", "titles"),
    [
        pytest.param("Nama,HP,,Nama,HP/A,081234567801,,B,081234567802", "HP (column 5) holds", id="two-tables"),
        pytest.param("A,081234567801,081234567802/B,081234567803,081234567804", "column 3 holds", id="no-header"),
        pytest.param(
            "Nama,HP,Istri,Anak/A,081234567801,081234567802,081234567803", "Istri, Anak hold", id="unknown-headers"
        ),
        pytest.param("Nama,HP,Telepon/A,081234567801,/B,,081234567802", "", id="one-number-a-row"),
        pytest.param("Nama,HP,No. Rekening/A,081234567801,081234567802", "", id="an-account"),
        pytest.param("Nama,HP,Kode/A,081234567801,12", "", id="other-digits"),
    ],
)
def test_columns_with_more_numbers_are_named(table: str, titles: str) -> None:
    columns = find_columns([line.split(",") for line in table.split("/")], region="ID")

    notes = columns.notes()

    assert [note.partition(" more phone")[0] for note in notes] == ([titles] if titles else [])


def _read(rows: list[list[str]]) -> list[AudienceRow]:
    _, read = read_table(enumerate(rows, 1), region="ID")
    return list(read)
