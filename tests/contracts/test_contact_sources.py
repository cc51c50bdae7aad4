import contextlib
import io
import json
import sqlite3
from pathlib import Path
from typing import Any, ClassVar

import openpyxl
import pytest

from wabroadcast_core import AudienceRow, NamedQuery, SourceContext
from wabroadcast_core.testing import ContactSourceContract, sample_csv, sample_rows, source_context
from wabroadcast_plugins.contact_sources.contacts import ContactsSource
from wabroadcast_plugins.contact_sources.csv import CsvSource
from wabroadcast_plugins.contact_sources.database import DatabaseSource
from wabroadcast_plugins.contact_sources.excel import ExcelSource
from wabroadcast_plugins.contact_sources.inline import InlineSource
from wabroadcast_plugins.contact_sources.vcard import VcardSource

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

    def make_long_context(self, rows: int) -> SourceContext:
        return source_context(uploads={"u1": sample_csv(rows)})


def make_cards(rows: int) -> bytes:
    cards = (
        f"BEGIN:VCARD\nVERSION:3.0\nFN:{row.name}\nTEL;TYPE=CELL:{row.number}\nNOTE:{row.variables['note']}\nEND:VCARD\n"
        for row in sample_rows(rows)
    )
    return "".join(cards).encode()


class TestVcardSource(ContactSourceContract):
    source_class = VcardSource
    settings: ClassVar[dict[str, Any]] = {"uploadId": "u1"}
    rows = 3
    long_rows = (1_000, 3_000)

    def make_context(self) -> SourceContext:
        return self.make_long_context(3)

    def make_long_context(self, rows: int) -> SourceContext:
        return source_context(uploads={"u1": make_cards(rows)})


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

    def make_long_context(self, rows: int) -> SourceContext:
        people = ({"number": row.number, "variables": row.variables} for row in sample_rows(rows))
        return source_context(uploads={"u1": "".join(json.dumps(person) + "\n" for person in people).encode()})


class TestContactsSource(ContactSourceContract):
    source_class = ContactsSource
    settings: ClassVar[dict[str, Any]] = {"tags": ["vip"]}
    rows = 2

    def make_context(self) -> SourceContext:
        tags = [{"vip"}, {"vip", "new"}, {"new"}]
        people = (AudienceRow(number, name, {"kode": code}) for name, number, code in PEOPLE)
        return source_context(contacts=zip(people, tags, strict=True))

    def make_long_context(self, rows: int) -> SourceContext:
        return source_context(contacts=((row, {"vip"}) for row in sample_rows(rows)))


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

    def make_long_context(self, rows: int) -> SourceContext:
        with contextlib.closing(sqlite3.connect(self.path)) as shop, shop:
            shop.execute("DELETE FROM people")
            people = ((row.name, row.number, f"A{row.variables['note']}") for row in sample_rows(rows))
            shop.executemany("INSERT INTO people VALUES (?, ?, ?)", people)
        return self.make_context()

    def make_context(self) -> SourceContext:
        query = {
            "url": f"sqlite:///{self.path}",
            "sql": "SELECT * FROM people WHERE code >= :first",
            "parameters": {"first": "text"},
            "columns": {"phone": "number", "name": "name"},
        }
        return source_context(queries={"people": NamedQuery.model_validate(query)})
