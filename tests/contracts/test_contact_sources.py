import contextlib
import io
import json
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import pytest
from pydantic import BaseModel

from wabroadcast_core import AudienceRow, Fault, NamedQuery, SourceContext
from wabroadcast_core.models.base import Model
from wabroadcast_core.testing import ContactSourceContract, source_context
from wabroadcast_plugins.contact_sources.contacts import ContactsSource
from wabroadcast_plugins.contact_sources.csv import CsvSource
from wabroadcast_plugins.contact_sources.database import DatabaseSource
from wabroadcast_plugins.contact_sources.excel import ExcelSource
from wabroadcast_plugins.contact_sources.inline import InlineSource

PEOPLE = [("Budi", "0812-3456-7890", "A1"), ("Siti", "6281234567891", "B2"), ("Rahma", "+62 812 3456 7892", "C3")]


def make_csv() -> bytes:
    rows = ["Nama;No. HP;Kode", *map(";".join, PEOPLE)]
    return "\r\n".join(rows).encode("utf-8-sig")


def make_workbook() -> bytes:
    workbook = openpyxl.Workbook()
    for row in [("Nama", "No. HP", "Kode"), *PEOPLE]:
        workbook.active.append(row)
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()


def make_lines() -> bytes:
    people = ({"number": number, "name": name, "variables": {"kode": code}} for name, number, code in PEOPLE)
    return "".join(json.dumps(person) + "\n" for person in people).encode()


class TestCsvSource(ContactSourceContract):
    source_class = CsvSource
    settings: ClassVar[dict[str, Any]] = {"uploadId": "u1"}
    rows = len(PEOPLE)

    def make_context(self) -> SourceContext:
        return source_context(uploads={"u1": make_csv()})


class TestExcelSource(ContactSourceContract):
    source_class = ExcelSource
    settings: ClassVar[dict[str, Any]] = {"uploadId": "u1"}
    rows = len(PEOPLE)

    def make_context(self) -> SourceContext:
        return source_context(uploads={"u1": make_workbook()})


class TestInlineSource(ContactSourceContract):
    source_class = InlineSource
    settings: ClassVar[dict[str, Any]] = {"uploadId": "u1"}
    rows = len(PEOPLE)

    def make_context(self) -> SourceContext:
        return source_context(uploads={"u1": make_lines()})


class TestContactsSource(ContactSourceContract):
    source_class = ContactsSource
    settings: ClassVar[dict[str, Any]] = {"tags": ["vip"]}
    rows = 2

    def make_context(self) -> SourceContext:
        tags = [{"vip"}, {"vip", "new"}, {"new"}]
        people = (AudienceRow(number, name, {"kode": code}) for name, number, code in PEOPLE)
        return source_context(contacts=zip(people, tags, strict=True))


class TestDatabaseSource(ContactSourceContract):
    source_class = DatabaseSource
    settings: ClassVar[dict[str, Any]] = {"query": "people", "parameters": {"first": "A"}}
    rows = len(PEOPLE)

    @pytest.fixture(autouse=True)
    def _shop(self, tmp_path: Path) -> None:
        self.path = tmp_path / "shop.db"
        with contextlib.closing(sqlite3.connect(self.path)) as shop, shop:
            shop.execute("CREATE TABLE people (name, phone, code)")
            shop.executemany("INSERT INTO people VALUES (?, ?, ?)", PEOPLE)

    def make_context(self) -> SourceContext:
        query = {
            "url": f"sqlite:///{self.path}",
            "sql": "SELECT * FROM people WHERE code >= :first",
            "parameters": {"first": "text"},
            "columns": {"phone": "number", "name": "name"},
        }
        return source_context(queries={"people": NamedQuery.model_validate(query)})


# the suite itself: it detects a source with every fault


class HoardingSource:
    """A source that breaks the contract in every way that the suite checks."""

    kind: ClassVar[str] = ""
    Settings: ClassVar[type[BaseModel]] = Model
    repeatable: ClassVar[bool] = True
    reads = 0

    def __init__(self, settings: Model, context: SourceContext) -> None:
        self._lent = settings, context
        type(self).reads += 1

    def check_settings(self) -> list[Fault]:
        return [Fault("mood", "bad")]

    def read(self) -> Iterable[AudienceRow]:
        return [AudienceRow(f"+6281234567{self.reads:02}", variables={"a": []}, row=row) for row in (2, 1)]  # type: ignore[dict-item]


class HoardingContract(ContactSourceContract):
    __test__ = False  # run by the test below, where it must fail
    source_class = HoardingSource
    rows = 3


@pytest.mark.parametrize(
    "check",
    [
        HoardingContract.test_its_kind_is_a_short_plain_word,
        HoardingContract.test_it_yields_its_rows,
        HoardingContract.test_its_check_finds_no_fault_in_valid_settings,
        HoardingContract.test_its_values_are_plain,
        HoardingContract.test_its_row_numbers_grow,
        HoardingContract.test_it_streams,
        HoardingContract.test_a_read_may_be_abandoned,
        HoardingContract.test_it_is_repeatable_if_it_declares_so,
    ],
)
def test_the_suite_detects_a_source_that_breaks_it(check: Any) -> None:
    with pytest.raises(AssertionError):
        check(HoardingContract())
