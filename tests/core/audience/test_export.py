"""Export of the contact book to a file, and import of that file."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text as sql

from wabroadcast_core import ConflictError, Settings
from wabroadcast_core.audience import export, export_workbook
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.contact import LONGEST_TAG, fold_tag
from wabroadcast_core.store import contacts as contact_store
from wabroadcast_core.store.contacts import NewContact

Person = dict[str, Any]


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def table(broadcaster: Broadcaster, **options: Any) -> list[list[str]]:
    data = b"".join(broadcaster.contacts.export(**options))
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_every_contact_is_a_row_and_every_variable_a_column(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081200000001", "name": "Budi", "tags": ["vip", "lama"]})
    broadcaster.contacts.save({"number": "081200000002", "variables": {"kota": "Solo", "poin": 7, "aktif": True}})
    broadcaster.contacts.save({"number": "081200000003", "variables": {"kota": None, "orderId": "A1", "kosong": ""}})

    assert table(broadcaster) == [
        ["number", "name", "tags", "aktif", "kosong", "kota", "{{ orderId }}", "poin"],
        ["+62 8120 0000 001", "Budi", "lama, vip", "", "", "", "", ""],
        ["+62 8120 0000 002", "", "", "True", "", "Solo", "", "7"],
        ["+62 8120 0000 003", "", "", "", "", "", "A1", ""],
    ]


def test_a_file_has_the_contacts_that_the_list_shows(broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contact_store, "PAGE", 2)
    for place in range(7):
        tags = ["even"] if place % 2 == 0 else []
        fields = {"name": f"Orang {place}", "tags": tags, "variables": {f"v{place}": "x"}}
        broadcaster.contacts.save({"number": f"0812{place:08d}", **fields})

    assert [row[1] for row in table(broadcaster)[1:]] == [f"Orang {place}" for place in range(7)]
    assert [row[1] for row in table(broadcaster, tag="even")[1:]] == ["Orang 0", "Orang 2", "Orang 4", "Orang 6"]
    assert table(broadcaster, tag="even", query="ang 4") == [
        ["number", "name", "tags", "v4"],
        ["+62 8120 0000 004", "Orang 4", "even", "x"],
    ]
    assert table(broadcaster, tag="gone") == [["number", "name", "tags"]]


def test_no_cell_is_a_formula_and_the_number_keeps_its_plus(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081200000001", "name": "=1+1", "tags": ["-x"], "variables": {"a": "@b"}})

    (row,) = table(broadcaster)[1:]
    book = openpyxl.load_workbook(io.BytesIO(b"".join(broadcaster.contacts.export("xlsx"))))

    assert row == ["+62 8120 0000 001", "'=1+1", "'-x", "'@b"]
    cells = next(book.worksheets[0].iter_rows(min_row=2))
    assert [cell.value for cell in cells] == ["+6281200000001", *row[1:]]
    assert {cell.data_type for cell in cells} == {"s"}


def test_of_too_many_variables_for_a_file_the_most_frequent_are_exported(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(export, "MOST_VARIABLES", 2)
    broadcaster.contacts.save({"number": "081200000001", "tags": ["a"], "variables": {"a": 1, "c": 2}})
    broadcaster.contacts.save({"number": "081200000002", "variables": {"b": 3, "c": 4}})

    assert table(broadcaster) == [
        ["number", "name", "tags", "a", "c"],
        ["+62 8120 0000 001", "", "a", "1", "2"],
        ["+62 8120 0000 002", "", "", "", "4"],
    ]
    assert "the 2 most frequent are exported" in caplog.text
    caplog.clear()
    assert table(broadcaster, tag="a")[0] == ["number", "name", "tags", "a", "c"]
    assert caplog.text == ""


def test_a_float_is_exported_as_a_spreadsheet_prints_it(broadcaster: Broadcaster) -> None:
    broadcaster.contacts.save({"number": "081200000001", "variables": {"total": 1500000.0, "sum": 0.1 + 0.2}})

    assert table(broadcaster)[1][3:] == ["0.3", "1500000"]


@pytest.mark.parametrize(("limit", "value"), [("MOST_ROWS", 2), ("LONGEST_CELL", 13)])
def test_too_much_for_a_sheet_is_refused_and_leaves_no_file(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, value: int
) -> None:
    monkeypatch.setattr(export_workbook, limit, value)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    for place in range(3):
        broadcaster.contacts.save({"number": f"0812{place:08d}", "name": "Budi"})

    with pytest.raises(ConflictError, match="CSV"):
        broadcaster.contacts.export("xlsx")

    assert list((tmp_path / "scratch").iterdir()) == []
    assert len(table(broadcaster)) == 4


@pytest.mark.parametrize("started", ["sqlite"], indirect=True)
def test_the_memory_for_a_csv_file_does_not_grow_with_its_length(broadcaster: Broadcaster) -> None:
    def peak(people: int) -> int:
        with broadcaster.context.database.write() as conn:
            contacts = [NewContact(f"+62812{place:08d}", f"Orang {place}", {"kota": "Solo"}) for place in range(people)]
            contact_store.upsert_contacts(conn, contacts, source="test", now=1.0)
        tracemalloc.start()
        size = sum(map(len, broadcaster.contacts.export()))
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > 20 * people
        return used

    few = peak(4_000)

    assert peak(12_000) < 1.5 * few


# --- export and import -----------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t'=+-@,;|\"{}"), max_size=12).map(
    str.strip
)
TAGS = TEXTS.filter(lambda text: not set(text) & set(",;|\n\t") and ":::" not in text and text not in {"", "*"}).map(
    lambda text: text.lstrip("* ")
)
NAMES = st.sampled_from(
    ["kota", "orderId", "No. Kamar", "hp", "telepon", "nama", "tag", "first_name", "081234567890", "=1", "}} x", "a_2"]
)
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.integers(0, 99_999_999).map("+62812{:08d}".format),
            "name": TEXTS.map(lambda text: text or None),
            "tags": st.lists(TAGS.map(fold_tag).filter(bool), max_size=3, unique=True).map(sorted),
            "variables": st.dictionaries(NAMES, TEXTS.filter(bool), max_size=4),
        }
    ),
    max_size=4,
    unique_by=lambda person: str(person["number"]),
)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broadcaster]:
    """One contact book for all examples. It has no Redis, which imports do not need."""
    directory = tmp_path_factory.mktemp("book")
    with Broadcaster(Settings(data_dir=directory, redis_url="redis://127.0.0.1:1/0")) as broadcaster:
        yield broadcaster


def empty(book: Broadcaster) -> None:
    with book.context.database.write() as conn:
        for name in ("contact_tags", "tags", "contacts"):
            conn.execute(sql(f"DELETE FROM {name}"))


def everyone(book: Broadcaster) -> list[Person]:
    views = [item.model_dump(include={"number", "name", "tags", "variables"}) for item in book.contacts.list().items]
    return sorted(views, key=lambda person: str(person["number"]))


def import_again(book: Broadcaster, data: bytes) -> None:
    report = book.contacts.import_file(book.uploads.save([data]).upload_id)
    assert (report.status, report.rejected) == ("done", 0), report


def check_round_trip(book: Broadcaster, people: list[Person], file_format: Any) -> None:
    empty(book)
    for person in people:
        book.contacts.save(person)
    before = everyone(book)
    data = b"".join(book.contacts.export(file_format))

    import_again(book, data)
    assert everyone(book) == before  # imported into the same book

    empty(book)
    import_again(book, data)
    assert everyone(book) == before  # imported into an empty book


@settings(deadline=None, max_examples=15, suppress_health_check=list(HealthCheck))
@given(people=PEOPLE)
def test_an_exported_csv_file_restores_the_book(book: Broadcaster, people: list[Person]) -> None:
    check_round_trip(book, people, "csv")


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(people=PEOPLE)
def test_an_exported_workbook_restores_the_book(book: Broadcaster, people: list[Person]) -> None:
    check_round_trip(book, people, "xlsx")


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param("Jl. A; No 1\nKota; Bogor\nKec; X", id="lines-with-another-delimiter"),
        pytest.param("#N/A", id="an-error-of-excel"),
        pytest.param("_x0041_ is no A", id="an-escape-of-excel"),
        pytest.param(f"a bell \x07 and \x0b between {'words ' * 9}!", id="control-characters"),
        pytest.param("one\rtwo\r\nthree", id="line-ends"),
        pytest.param("'='+'", id="apostrophes"),
        pytest.param("00123", id="leading-zeros"),
        pytest.param("1e5", id="looks-like-a-number"),
        pytest.param("TRUE", id="looks-like-a-boolean"),
        pytest.param("😀 e\u0301 \u202eabc", id="beyond-latin"),
        pytest.param("a  b", id="spaces-inside"),
    ],
)
def test_values_that_files_often_damage_are_restored(book: Broadcaster, value: str, file_format: str) -> None:
    people = [
        {"number": f"+62812{place:08d}", "name": value, "tags": [], "variables": {"a": value}} for place in (1, 2)
    ]
    check_round_trip(book, people, file_format)

    assert [person["variables"] for person in everyone(book)] == [{"a": value}] * 2


def test_values_of_other_types_are_restored_as_texts(book: Broadcaster) -> None:
    empty(book)
    book.contacts.save({"number": "081200000001", "variables": {"poin": 7, "rata": 1.5, "aktif": True, "kosong": None}})
    data = b"".join(book.contacts.export())
    empty(book)

    import_again(book, data)

    assert book.contacts.get("081200000001").variables == {"poin": "7", "rata": "1.5", "aktif": "True"}


def test_a_book_that_a_spreadsheet_saved_again_is_imported(book: Broadcaster) -> None:
    empty(book)
    text = "number;name;tags;telepon;{{ orderId }};No. Kamar\n6281200000001;Budi;a, b;0811222333;X1;12\n"

    import_again(book, text.encode())

    assert everyone(book) == [
        {
            "number": "+6281200000001",
            "name": "Budi",
            "tags": ["a", "b"],
            "variables": {"telepon": "0811222333", "orderId": "X1", "no_kamar": "12"},
        }
    ]


def test_the_longest_tag_is_restored(book: Broadcaster) -> None:
    person: Person = {
        "number": "+6281200000001",
        "name": None,
        "tags": ["'" + "=" * (LONGEST_TAG - 1)],
        "variables": {},
    }

    check_round_trip(book, [person], "csv")

    assert json.loads(json.dumps(everyone(book))) == [person]
