from itertools import islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.audience.column_detection import find_columns
from wabroadcast_core.audience.columns import Columns
from wabroadcast_core.audience.tables import SAMPLE_ROWS, read_table
from wabroadcast_core.errors import FileError, NoNumbersError
from wabroadcast_core.models.contact import split_tags
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.models.slug import make_slug

PHONE = "0812-3456-7890"


@pytest.mark.parametrize(
    "header",
    [
        *("nomor", "Nomor HP", "No HP", "no. wa", "NO.HP", "No. WA Aktif", "nomor whatsapp", "Nomor Telepon/WA"),
        *("telepon", "No. Telp", "HP", "ponsel", "Handphone", "NoHP", "nohp", "no_hp", "No HP 1"),
        *("phone", "Phone Number", "phone_number", "phoneNumber", "mobile", "Mobile Number", "WhatsApp", "Whats App"),
        *("WhatsApp Number (62)", "msisdn", "Number", "Phone 1 - Value", "Mobile Phone", "Primary Phone", "Cell Phone"),
    ],
)
def test_a_header_names_the_number_column(header: str) -> None:
    rows = [["Nama", "Jumlah", header], ["Budi", "081200000000", PHONE]]

    columns = find_columns(rows, region="ID")

    assert (columns.header_row, columns.numbers.first) == (0, 2)


@pytest.mark.parametrize(
    "header",
    [
        *("Phone 1 - Type", "Phone 1 - Label", "Merk HP", "Nama HP", "No", "No. Rekening", "Nomor Induk", "Home Fax"),
        *("Phone Bill", "WA Group", "Assistant's Phone", "Company Main Phone"),
    ],
)
def test_a_header_about_something_else_is_a_variable(header: str) -> None:
    columns = find_columns([[header, "HP"], ["081200000000", PHONE]], region="ID")

    assert columns.numbers.columns == (1,)


@pytest.mark.parametrize(
    ("header", "name"),
    [
        pytest.param(["HP", "Nama"], "b", id="nama"),
        pytest.param(["HP", "Nama Lengkap", "Nama Panggilan"], "b", id="nama-lengkap"),
        pytest.param(["HP", "Company Name", "Full Name"], "c", id="full-name"),
        pytest.param(["HP", "customer_name"], "b", id="customer-name"),
        pytest.param(["HP", "Last Name", "First Name"], "c b", id="outlook"),
        pytest.param(["HP", "First Name", "Middle Name", "Last Name"], "b c d", id="google"),
        pytest.param(["HP", "Name", "Given Name", "Family Name"], "b", id="older-google"),
        pytest.param(["HP", "Nama Produk"], None, id="a-product"),
        pytest.param(["HP", "Nama Bank", "File Name", "Nama Hewan"], None, id="other-things"),
        pytest.param(["HP", "Nama Produk", "Nama Nasabah"], "c", id="a-customer-beside-a-product"),
        pytest.param(["HP", "Nama Lengkap (wajib diisi)"], "b", id="a-remark"),
        pytest.param(["HP", "Nama (sesuai KTP)"], "b", id="as-on-the-card"),
        pytest.param(["HP", "Nama Orang Tua"], "b", id="parents"),
        pytest.param(["HP", "Student Name"], "b", id="student"),
        pytest.param(["HP", "Company Name"], "b", id="company"),
        pytest.param(["HP", "Nama Toko", "Nama Nasabah"], "c", id="a-customer-before-a-shop"),
        pytest.param(["HP", "Nama Orang Tua", "Nama Siswa"], "c", id="surely-before-likely"),
        pytest.param(["HP", "Kode", "Pelanggan"], "c", id="a-word-for-people-alone"),
    ],
)
def test_headers_name_the_name_columns(header: list[str], name: str | None) -> None:
    cells = [PHONE, "b", "c", "d"][: len(header)]

    (row,) = _read([header, cells])

    assert row.name == name


@pytest.mark.parametrize(
    ("rows", "header_row", "number", "name"),
    [
        pytest.param([["Nama", "HP"], ["Budi", PHONE]], 0, 1, 0, id="header-first"),
        pytest.param([["Data Pelanggan"], [], ["No", "Nama", "HP"], ["1", "B", PHONE]], 2, 2, 1, id="title-above"),
        pytest.param(
            [["Nomor WhatsApp Pelanggan"], ["Nama", "Nomor WA"], ["B", PHONE]], 1, 1, 0, id="title-of-header-words"
        ),
        pytest.param(
            [["Hotline 021-5551234"], ["Nama", "Nomor WA"], ["B", PHONE]], 1, 1, 0, id="title-with-a-phone-number"
        ),
        pytest.param([["Budi", PHONE], ["Ani", "081234567891"]], None, 1, 0, id="no-header"),
        pytest.param([[PHONE], ["081234567891"]], None, 0, None, id="numbers-alone"),
        pytest.param([[PHONE, "HP"], ["081234567891", "HP"], ["-", "HP"]], None, 0, 1, id="header-word-in-the-data"),
        pytest.param([["Orang", "Kontak"], ["Budi", PHONE]], 0, 1, None, id="unknown-header-words"),
        pytest.param([["Daftar"], ["Budi", PHONE, "A1"]], None, 1, 0, id="title-without-header"),
        pytest.param([["Nomor", "HP"], ["1", PHONE], ["2", PHONE]], 0, 1, None, id="nomor-counts-the-rows"),
        pytest.param(
            [["Periode:", "Mei"], ["No", "Nama", "HP", "Kota"], ["1", "B", PHONE, "x"]],
            1,
            2,
            1,
            id="lines-of-two-above",
        ),
        pytest.param([["Daftar"], ["Siapa", "Ke mana"], ["Budi", PHONE]], 1, 1, None, id="title-of-unknown-words"),
        pytest.param([["Nomor WA"], ["Nama", "HP"], ["B", "6.28E+12"]], 1, 1, 0, id="title-and-damaged-numbers"),
        pytest.param([["", "HP"], ["Budi", "0812345"], ["Ani", PHONE]], 0, 1, None, id="a-column-without-header"),
        pytest.param([["Nama", "HP"]], 0, 1, 0, id="header-alone"),
        pytest.param([["Nama", "HP"], ["Budi", "6.28E+12"]], 0, 1, 0, id="all-numbers-damaged"),
        pytest.param([["HP", "Telepon", "No WA"], ["", "", PHONE]], 0, 2, None, id="whatsapp-before-others"),
        pytest.param([["Nama", "Tgl", "X"], ["B", "20240101", PHONE]], 0, 2, 0, id="by-content-not-a-date"),
    ],
)
def test_the_columns_of_a_table_are_detected_from_its_first_rows(
    rows: list[list[str]], header_row: int | None, number: int, name: int | None
) -> None:
    columns = find_columns(rows, region="ID")

    assert columns.header_row == header_row
    assert columns.numbers.first == number
    assert columns.names == (() if name is None else (name,))


def test_the_other_columns_are_variables_named_by_their_slug() -> None:
    header = ["Nama", "No. HP", "No. Kamar", "Kode", "kode", "", "Prénom", "2024", "Number", "房间"]

    (row,) = _read([header, ["Budi", PHONE, *"abcdefgh"]])

    assert row == AudienceRow(
        PHONE,
        "Budi",
        {
            "no_kamar": "a",
            "kode": "b",
            "kode_2": "c",
            "column_6": "d",
            "prenom": "e",
            "column_2024": "f",
            "number_2": "g",
            "房间": "h",
        },
        row=2,
    )


@pytest.mark.parametrize("header", ["Tags", "tag", "Grup", "Group", "Label", "Labels", "Group Membership", "Kelompok"])
def test_a_column_of_groups_is_also_the_variable_tags(header: str) -> None:
    (row,) = _read([["HP", header], [PHONE, "vip, lama"]])

    assert row.variables == {make_slug(header): "vip, lama", "tags": "vip, lama"}


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        pytest.param("vip, lama;vip", ["vip", "lama"], id="list-with-doubles"),
        pytest.param("* myContacts ::: Teman Lama", ["myContacts", "Teman Lama"], id="google"),
        pytest.param(" , ", [], id="nothing"),
    ],
)
def test_tags_are_split(text: str, tags: list[str]) -> None:
    assert split_tags(text) == tags


def test_an_empty_cell_yields_no_variable_and_an_empty_row_nothing() -> None:
    rows = [["Nama", "HP", "Kode"], ["Budi", PHONE, " "], ["", " "], [], ["", "", "A"], ["Ani"]]

    read = _read(rows)

    assert read == [
        AudienceRow(PHONE, "Budi", {}, row=2),
        AudienceRow("", None, {"kode": "A"}, row=5),
        AudienceRow("", "Ani", {}, row=6),
    ]


def test_another_phone_column_is_used_where_the_first_is_empty() -> None:
    rows = [["Name", "Mobile Phone", "Home Phone"], ["A", "0811", "021"], ["B", "", "021"]]

    assert [row.number for row in _read(rows)] == ["0811", "021"]


@pytest.mark.parametrize(
    ("rows", "numbers"),
    [
        pytest.param([["No HP", "WA"], [PHONE, "1"], ["0813", "0"]], [PHONE, "0813"], id="flags"),
        pytest.param([["No HP", "WA"], [PHONE, "ya"], ["", "tidak"]], [PHONE, ""], id="flags-in-words"),
        pytest.param([["WA", "Kontak"], ["1", PHONE], ["0", ""]], [PHONE, ""], id="flags-alone-and-an-unknown-header"),
        pytest.param([["HP", "Telepon"], ["12345", PHONE], ["0812", "021"]], [PHONE, "0812"], id="too-short"),
        pytest.param([["WA", "HP"], ["6.28E+12", PHONE], ["0812****890", PHONE]], [PHONE, PHONE], id="damaged"),
        pytest.param([["HP 1", "HP 2"], ["0812", PHONE], ["021-5551234", PHONE]], [PHONE, PHONE], id="equal-ranks"),
        pytest.param([["HP", "Telepon"], ["021-5551234", PHONE]], ["021-5551234"], id="the-better-one-is-valid"),
        pytest.param(
            [
                ["Phone 1 - Label", "Phone 1 - Value", "Phone 2 - Label", "Phone 2 - Value"],
                ["Mobile", "0812", "Home", PHONE],
                ["Mobile", PHONE, "Work Fax", "0813-3333-4444"],
            ],
            [PHONE, PHONE],
            id="google",
        ),
    ],
)
def test_a_better_column_without_a_number_does_not_hide_another(rows: list[list[str]], numbers: list[str]) -> None:
    assert [row.number for row in _read(rows)] == numbers


@given(st.permutations(["WA", "HP", "Telepon", "Home Phone"]), st.integers(0, 3))
def test_the_only_valid_number_of_a_row_is_found_in_any_column(headers: list[str], place: int) -> None:
    cells = ["1234"] * 4
    cells[place] = PHONE

    (row,) = _read([headers, cells])

    assert row.number == PHONE


def test_a_column_of_flags_is_a_variable() -> None:
    columns = find_columns([["Nama", "No HP", "WA"], ["A", PHONE, "1"], ["B", "0813", "0"]], region="ID")

    assert columns.understood() == {"Nama": "name", "No HP": "number", "WA": "wa"}


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        pytest.param({"Kontak Darurat": "number"}, ("0899", "Budi", {"hp": "0811"}), id="by-header"),
        pytest.param({"kontak_darurat": "number"}, ("0899", "Budi", {"hp": "0811"}), id="by-slug"),
        pytest.param({"3": "number"}, ("0899", "Budi", {"hp": "0811"}), id="by-place"),
        pytest.param(
            {"nama": "Panggilan"}, ("0811", None, {"panggilan": "Budi", "kontak_darurat": "0899"}), id="variable"
        ),
        pytest.param({"nama": "", "3": ""}, ("0811", None, {}), id="ignored"),
        pytest.param({"3": "name"}, ("0811", "0899", {"nama": "Budi"}), id="name"),
        pytest.param({"3": "tags"}, ("0811", "Budi", {"tags": "0899"}), id="tags"),
        pytest.param({"3": "nama", "nama": "x"}, ("0811", None, {"nama": "0899", "x": "Budi"}), id="exchanged"),
    ],
)
def test_the_operators_mapping_takes_precedence(
    mapping: dict[str, str], expected: tuple[str, str | None, dict[str, str]]
) -> None:
    rows = [["Nama", "HP", "Kontak Darurat"], ["Budi", "0811", "0899"]]

    (row,) = _read(rows, mapping)

    assert (row.number, row.name, row.variables) == expected


def test_a_mapping_finds_the_header_row_by_its_words() -> None:
    (row,) = _read([["Laporan", ""], ["Siapa", "Ke mana"], ["Budi", "0811"]], {"Ke mana": "number", "siapa": "name"})

    assert row == AudienceRow("0811", "Budi", {}, row=3)


def test_a_header_in_braces_names_a_variable_unchanged() -> None:
    rows = [["HP", "{{ orderId }}", "{{ No. Kamar }}", "{{hp}}", "{{ name }}"], [PHONE, "a", "b", "0811", "d"]]

    (row,) = _read(rows)

    assert row == AudienceRow(PHONE, None, {"orderId": "a", "No. Kamar": "b", "hp": "0811"}, row=2)


def test_the_columns_of_an_exported_book_are_not_guessed() -> None:
    rows = [["number", "name", "tags", "wa", "nama", "grup"], ["12", "Budi", "vip", PHONE, "x", "y"]]

    (row,) = _read(rows)

    assert row == AudienceRow("12", "Budi", {"tags": "vip", "wa": PHONE, "nama": "x", "grup": "y"}, row=2)


@pytest.mark.parametrize(("cell", "text"), [("'=1+1", "=1+1"), ("'+62", "+62"), ("'Aisyah", "'Aisyah"), ("'", "'")])
def test_the_mark_that_protects_a_cell_is_removed(cell: str, text: str) -> None:
    (row,) = _read([["HP", "Nama", "Kota"], [PHONE, cell, cell]])

    assert (row.name, row.variables) == (text, {"kota": text})


@pytest.mark.parametrize("key", ["Tidak Ada", "0", "4", ""])
def test_a_mapping_that_names_no_column_is_refused(key: str) -> None:
    with pytest.raises(FileError, match="mapping names the column"):
        find_columns([["Nama", "HP", "X"], ["Budi", PHONE, "x"]], region="ID", mapping={key: "number"})


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param([["Nama", "Alamat"], ["Budi", "Jl. Melati 5"]], "holds phone numbers.* Nama, Alamat", id="none"),
        pytest.param([["Tahun", "Harga"], ["2024", "1500000"]], "no column holds phone numbers", id="other-digits"),
        pytest.param([], "holds no rows", id="no-rows"),
        pytest.param([[], [" "]], "holds no rows", id="only-blank-rows"),
    ],
)
def test_a_table_without_phone_numbers_is_refused(rows: list[list[str]], words: str) -> None:
    with pytest.raises(FileError, match=words):
        find_columns(rows, region="ID")


def test_the_detected_columns_are_reported_by_header() -> None:
    rows = [["First Name", "HP", "Grup", "", "Kode", "Kode"], ["A", PHONE, "vip", "x", "y", "z"]]

    columns = find_columns(rows, region="ID", mapping={"6": ""})

    assert columns.understood() == {
        "First Name": "name, first_name",
        "HP": "number",
        "Grup": "grup, tags",
        "column 4": "column_4",
        "Kode": "kode",
        "Kode (column 6)": "",
    }


def test_a_table_streams() -> None:
    taken = 0

    def endless() -> "list[str]":
        nonlocal taken
        taken += 1
        return ["Budi", PHONE]

    rows = ((row, endless()) for row, _ in enumerate(repeat(None), 1))

    _, read = read_table(rows, region="ID")

    assert len(list(islice(read, 200))) == 200
    assert taken == 200
    assert SAMPLE_ROWS < 200


@given(st.lists(st.text(max_size=8), min_size=1, max_size=8))
def test_every_column_has_its_own_variable_name_that_a_template_can_use(headers: list[str]) -> None:
    columns = find_columns(
        [["HP", *headers], [PHONE, *repeat("x", len(headers))]], region="ID", mapping={"1": "number"}
    )

    slugs = [slug for _, slug in columns.variables]
    assert len(set(slugs)) == len(slugs)
    assert all(slug.isidentifier() for slug in slugs)


@given(st.lists(st.lists(st.text(max_size=6), max_size=5), max_size=6))
def test_any_table_is_read_or_refused(rows: list[list[str]]) -> None:
    try:
        read = _read(rows)
    except FileError:
        return
    assert all(isinstance(row, AudienceRow) for row in read)


def test_a_position_with_its_word_names_the_column_whatever_the_headers_are() -> None:
    rows = [["3", "2", "1"], ["Budi", "x", PHONE]]

    columns = find_columns(rows, region="ID", mapping={"column 3": "number", "Column 1": "name"})

    assert columns.understood() == {"3": "name", "2": "column_2", "1": "number"} | {"2": columns.understood()["2"]}


def _read(rows: list[list[str]], mapping: dict[str, str] | None = None) -> list[AudienceRow]:
    columns, read = read_table(enumerate(rows, 1), region="ID", mapping=mapping)
    assert isinstance(columns, Columns)
    return list(read)


@pytest.mark.parametrize("role", ["Number", "NUMBER", " number "])
def test_a_mapped_role_is_read_in_any_case(role: str) -> None:
    columns = find_columns([["A", "B"], [PHONE, "x"]], region="ID", mapping={"A": role, "B": "Name"})

    assert (columns.numbers.columns, columns.names) == ((0,), (1,))


@pytest.mark.parametrize(
    ("header", "slug"),
    [
        pytest.param("\u0928\u093e\u092e", "\u0928\u093e\u092e", id="vowel-signs"),
        pytest.param("\u0928\u093e\u092e - A", "\u0928\u093e\u092e_a", id="a-separator-after-a-sign"),
        pytest.param("\u0e17\u0e35\u0e48 \u0e41", "\u0e17\u0e35\u0e48_\u0e41", id="tone-marks"),
        pytest.param("Caf\xe9 -- no.", "cafe_no", id="accents"),
        pytest.param("\u093e", "", id="a-sign-alone"),
    ],
)
def test_a_slug_keeps_the_signs_of_a_word(header: str, slug: str) -> None:
    assert make_slug(header) == slug


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        pytest.param('["vip"]', ["vip"], id="one"),
        pytest.param('["vip", "lama; baru"]', ["vip", "lama", "baru"], id="several"),
        pytest.param('["vip"', ['["vip"'], id="no-list"),
        pytest.param("[1, 2]", ["[1", "2]"], id="not-of-texts"),
    ],
)
def test_a_json_list_of_tags_is_read(cell: str, tags: list[str]) -> None:
    assert split_tags(cell) == tags


def test_a_first_row_that_is_longer_than_the_table_is_no_fault_of_ours() -> None:
    rows = [("Catatan",), (";", *[""] * 40), *[("lain",)] * 40]

    with pytest.raises(NoNumbersError, match="no column holds phone numbers"):
        find_columns(rows, region="ID", shifts=True)
