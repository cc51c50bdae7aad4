import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.audience.country_codes import OTHER_COUNTRY, UNKNOWN_CODE, join_country_code
from wabroadcast_core.audience.headers import is_country_code
from wabroadcast_core.audience.tables import read_table
from wabroadcast_core.errors import NumberError
from wabroadcast_core.models.recipient import AudienceRow

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
ALONE = ["0123456789", "081234567801"]
JOINED = ["+60123456789", "+6281234567801"]


@pytest.mark.parametrize(
    ("code", "number", "expected"),
    [
        ("62", "0812-3456-7890", "+6281234567890"),
        ("1", "8123456789", "+18123456789"),
        ("60", "123456789", "+60123456789"),
        ("63", "9171234567", "+639171234567"),
        ("63", "639171234567", "+639171234567"),
        ("+91", "9171234567", "+919171234567"),
        ("0060", "0123456789", "+60123456789"),
        ("60.0", "123456789", "+60123456789"),
        ("MY", "012-345 6789", "+60123456789"),
        ("Malaysia (+60)", "123456789", "+60123456789"),
        ("1-868", "620 1234", "+18686201234"),
        ("65", "+65 9123 4567", "+6591234567"),
        ("Indonesia", "+65 9123 4567", "+6591234567"),
        ("ID", "0065 9123 4567", "+6591234567"),
        ("Malaysia", "0123456789", "+60123456789"),
        ("Amerika Serikat", "6502530000", "+16502530000"),
        ("USA", "(650) 253-0000", "+16502530000"),
        ("uk", "07911 123456", "+447911123456"),
        ("Myanmar", "09 212 3456", "+9592123456"),
        ("Trinidad and Tobago", "868 620 1234", "+18686201234"),
        ("", "0812", "0812"),
        (" - ", "081234567890", "081234567890"),
    ],
)
def test_a_country_code_and_a_number_make_one(code: str, number: str, expected: str) -> None:
    assert join_country_code(code, number, region="ID") == expected


@pytest.mark.parametrize(
    ("code", "number", "reason"),
    [
        ("60", "+6281234567890", OTHER_COUNTRY),
        ("65", "081234567890", "not in the numbering plan of its country"),
        ("60", "81", "too short"),
        ("999", "081234567890", UNKNOWN_CODE),
        ("0", "081234567890", UNKNOWN_CODE),
        ("Wakanda", "081234567890", UNKNOWN_CODE),
    ],
)
def test_a_number_that_does_not_fit_its_code_is_refused(code: str, number: str, reason: str) -> None:
    with pytest.raises(NumberError) as error:
        join_country_code(code, number, region="ID")

    assert error.value.reason in {reason, "too long"}


@given(st.sampled_from(COUNTRIES), st.sampled_from(["{}", "+{}", "00{}", "(+{})", "{}.0"]))
def test_the_number_of_any_country_is_read_by_its_code(country: str, form: str) -> None:
    example = phonenumbers.example_number_for_type(country, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return
    national = phonenumbers.national_significant_number(example)
    code = form.format(example.country_code)

    try:
        number = join_country_code(code, national, region="ID")
    except NumberError:
        return
    assert number.startswith(f"+{example.country_code}")


@pytest.mark.parametrize(
    "header",
    [
        "Country Code",
        "country_code",
        "countryCode",
        "dial_code",
        "Kode Negara",
        "Phone Country Code",
        "ISD",
    ],
)
def test_a_header_names_country_codes(header: str) -> None:
    assert is_country_code(header)


@pytest.mark.parametrize(
    "header",
    [
        "Kode",
        "Code",
        "Country",
        "Kode Negara + No HP",
        "Phone Number (with country code)",
        "Address Country Code",
        "CC",
    ],
)
def test_a_header_names_something_else_than_country_codes(header: str) -> None:
    assert not is_country_code(header)


@pytest.mark.parametrize("header", ["Phone Code", "Prefix", "Phone Prefix", "Kode HP"])
@pytest.mark.parametrize(
    ("codes", "numbers"),
    [
        pytest.param(["60", "+62"], JOINED, id="country-codes"),
        pytest.param(["0060", "62.0"], JOINED, id="dialled-and-from-a-spreadsheet"),
        pytest.param(["Mr", "Dr"], ALONE, id="titles"),
        pytest.param(["My", "ID"], ALONE, id="letters-of-countries-too"),
        pytest.param(["021", "0274"], ALONE, id="area-codes"),
        pytest.param(["A60", "B62"], ALONE, id="other-codes"),
        pytest.param(["", ""], ALONE, id="empty"),
        pytest.param(["6" * 5_000, "1" * 5_000], ALONE, id="thousands-of-digits"),
    ],
)
def test_codes_of_phones_are_read_as_their_cells_show(header: str, codes: list[str], numbers: list[str]) -> None:
    read = _read([f"Name,{header},Phone", f"A,{codes[0]},{ALONE[0]}", f"B,{codes[1]},{ALONE[1]}"])

    assert [row.number for row in read] == numbers
    assert [row.fault for row in read] == [None, None]


def test_a_country_code_of_thousands_of_digits_is_an_unknown_one() -> None:
    [row] = _read(["Name,Country Code,Phone", f"A,{'6' * 5_000},081234567801"])

    assert row.fault is not None
    assert row.fault.reason == UNKNOWN_CODE


def test_titles_of_people_named_as_a_prefix_lose_no_person() -> None:
    read = _read(["Prefix,Nama,HP", "Mr,A,081234567801", "Mrs,B,081234567802"])

    assert [(row.number, row.variables["prefix"], row.fault) for row in read] == [
        ("081234567801", "Mr", None),
        ("081234567802", "Mrs", None),
    ]


@pytest.mark.parametrize(
    "header", ["Country", "Negara", "country_iso", "Billing Country", "Default Address Country Code", "Land"]
)
def test_a_number_is_read_by_the_country_of_its_row(header: str) -> None:
    read = _read(
        [f"Name,{header},Phone", "A,US,6502530000", "B,Indonesia,081234567801", "C,SG,081234567802", "D,,0812"]
    )

    assert [row.number for row in read] == ["+16502530000", "+6281234567801", "081234567802", "0812"]
    assert [row.fault is None for row in read] == [True, True, False, True]


def test_countries_do_not_make_a_column_of_row_numbers_the_phone_number() -> None:
    read = _read(["Nomor,Nama,Negara,Kontak", "1,A,Malaysia,+60123456789", "2,B,Indonesia,081234567801"])

    assert [row.number for row in read] == ["+60123456789", "+6281234567801"]


def test_a_list_of_another_country_is_found_beside_an_empty_country_column() -> None:
    numbers = ["3471234501", "3281234502", "3391234503", "3401234504"]

    read = _read(["Nome,Country,Cell", *(f"A,,{number}" for number in numbers), "B,IT,3661234505"])

    assert [row.fault is None for row in read] == [False] * 4 + [True]


def test_a_table_with_country_codes_is_read() -> None:
    rows = ["Name,Country Code,Phone Number", "B,1,8123456789", "C,60,123456789", "D,62,+60123456789", "E,,0812"]

    read = _read(rows)

    assert [row.number for row in read] == ["+18123456789", "+60123456789", "+60123456789", "0812"]
    assert [row.fault.reason if row.fault else None for row in read] == [None, None, OTHER_COUNTRY, None]
    assert [row.variables.get("country_code") for row in read] == ["1", "60", "62", None]


@pytest.mark.parametrize("header", ["Number", "phone", "WhatsApp", "Mobile Number"])
def test_the_column_of_foreign_numbers_is_found_by_its_header(header: str) -> None:
    (row,) = _read([f"{header},dial_code,name", "9171234567,63,A"])

    assert (row.number, row.name) == ("+639171234567", "A")


def test_the_code_of_a_row_chooses_among_its_numbers() -> None:
    (row,) = _read(["Kode Negara,WA,HP", "60,81,0123456789"])

    assert row.number == "+60123456789"


def _read(lines: list[str]) -> list[AudienceRow]:
    _, rows = read_table(enumerate([line.split(",") for line in lines], 1), region="ID")
    return list(rows)
