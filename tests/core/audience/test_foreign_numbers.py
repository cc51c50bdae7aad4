"""Lists of another country are recognised, and no number of them is taken without its country code."""

import pytest

from wabroadcast_core import NoNumbersError
from wabroadcast_core.audience.foreign_numbers import find_foreign
from wabroadcast_core.audience.tables import read_table

ITALIAN = [
    *("3471234501", "3281234502", "3391234503", "3401234504", "3451234505"),
    *("3661234506", "3201234507", "3331234508", "3921234509"),
]


@pytest.mark.parametrize(
    ("numbers", "region", "fitting"),
    [
        pytest.param(ITALIAN, "ID", "IT", id="italian"),
        pytest.param(["347 123 4501", "328-1234502", "(339) 1234503"], "ID", "IT", id="with-separators"),
        pytest.param(["393471234501", "393281234502", "393391234503"], "ID", "IT", id="codes-without-a-plus"),
        pytest.param(["9876543210", "8123456789", "7012345678", "9123456780"], "ID", "IN", id="one-fits-by-chance"),
        pytest.param(["2125550101", "6502530000", "3105550123", "4155550134"], "ID", "US", id="most-fit-as-landlines"),
        pytest.param(["81234567801", "81234567802", "85612345678"], "IT", "ID", id="indonesian-in-italy"),
    ],
)
def test_a_list_of_another_country_is_recognised(numbers: list[str], region: str, fitting: str) -> None:
    foreign = find_foreign(numbers, region=region)

    assert foreign is not None
    assert foreign.fitting[0] == fitting
    assert f"give the region {fitting}" in foreign.note()


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(["0812-3456-7801", "081234567802", "12"], id="mobiles"),
        pytest.param(["0217654321", "0217654322", "0215551234"], id="landlines"),
        pytest.param(["0217654321", "0217654322", "0215551234", "081234567801"], id="landlines-and-a-mobile"),
        pytest.param([f"+39{number}" for number in ITALIAN], id="with-a-plus"),
        pytest.param([f"0039{number}" for number in ITALIAN], id="with-the-international-prefix"),
        pytest.param(ITALIAN[:2], id="too-few-to-tell"),
        pytest.param(["-", "tidak ada", "n/a", "?"], id="no-numbers"),
    ],
)
def test_a_list_that_fits_or_shows_nothing_is_none(numbers: list[str]) -> None:
    assert find_foreign(numbers, region="ID") is None


def test_of_a_list_of_another_country_only_numbers_with_their_code_are_taken() -> None:
    numbers = [*ITALIAN, "+39 347 123 4599", "0039 347 123 4598", "https://wa.me/393471234597"]
    columns, rows = read_table(table("HP", numbers), region="ID")

    taken = [row.number for row in rows if row.fault is None]
    assert taken == numbers[-3:]
    assert columns.notes() == [columns.foreign and columns.foreign.note()]


def test_the_region_that_fits_takes_them_all() -> None:
    columns, rows = read_table(table("HP", ITALIAN), region="IT")

    assert [row.fault for row in rows] == [None] * len(ITALIAN)
    assert columns.notes() == []


def test_a_country_code_in_each_row_needs_no_region() -> None:
    rows = [["Nama", "Kode Negara", "HP"], *(["A", "39", number] for number in ITALIAN)]
    _, people = read_table(enumerate(rows, 1), region="ID")

    assert [row.number for row in people] == [f"+39{number}" for number in ITALIAN]


def test_numbers_that_no_column_is_found_for_name_the_region_that_fits() -> None:
    with pytest.raises(NoNumbersError, match=r"if column 2 is the number, .* give the region IT"):
        read_table(table("Telefono di casa", ITALIAN), region="ID")


def test_where_no_region_fits_each_row_has_its_own_fault() -> None:
    numbers = ["1234567", "12345678901234567", "3471234501", "0217654321", "99999999999"]
    _, rows = read_table(table("HP", numbers), region="ID")

    reasons = [row.fault.reason for row in rows if row.fault is not None]
    assert reasons[:2] == ["not in the numbering plan of its country"] * 2
    assert "write them with + and the country code" in reasons[3]


def table(header: str, numbers: list[str]) -> list[tuple[int, list[str]]]:
    return list(enumerate([["Nama", header], *(["A", number] for number in numbers)], 1))
