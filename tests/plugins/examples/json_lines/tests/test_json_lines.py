import json
from typing import Any, ClassVar

import pytest
from json_lines import JsonLinesSettings, JsonLinesSource

from wabroadcast_core import LONGEST_ROW, AudienceRow, FileError, SourceContext
from wabroadcast_core.testing import SAMPLE_NUMBERS, ContactSourceContract, sample_rows, source_context


class TestJsonLinesSource(ContactSourceContract):
    source_class = JsonLinesSource
    settings: ClassVar[dict[str, Any]] = {"uploadId": "u1", "numberField": "phone"}
    rows = 3

    def make_context(self) -> SourceContext:
        return self.make_long_context(3)

    def make_long_context(self, rows: int) -> SourceContext:
        people = ({"phone": row.number, "name": row.name, **row.variables} for row in sample_rows(rows))
        lines = (f"{json.dumps(person)}\n" for person in people)
        return source_context(uploads={"u1": "".join(lines).encode()})


def read(file: bytes) -> list[AudienceRow]:
    settings = JsonLinesSettings(upload_id="u1")
    return list(JsonLinesSource(settings, source_context(uploads={"u1": file})).read())


def test_plain_fields_are_variables_and_the_row_is_that_of_the_file() -> None:
    person = {"number": SAMPLE_NUMBERS[0], "name": "Budi", "code": "A1", "points": 7, "address": {"city": "Bogor"}}

    (row,) = read(b"\n" + json.dumps(person).encode())

    assert row == AudienceRow(SAMPLE_NUMBERS[0], "Budi", {"code": "A1", "points": 7}, row=2)


def test_a_person_without_a_number_is_a_row_that_is_skipped_later() -> None:
    assert [row.number for row in read(b'{"name": "Budi"}\n{"number": null}\n')] == ["", ""]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 60_000, "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'"' + b"a" * LONGEST_ROW, "longer than"),
    ],
    ids=["cut", "not-utf-8", "nested", "list", "long"],
)
def test_a_damaged_line_is_named(line: bytes, reason: str) -> None:
    with pytest.raises(FileError, match=reason) as raised:
        read(b'{"number": "1"}\n' + line)

    assert raised.value.row == 2
