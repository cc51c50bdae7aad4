"""Contact files as people really have them: the detected columns, the contacts, and the rejected rows of each."""

import io
from collections.abc import Sequence
from dataclasses import asdict

import pytest

from tests.corpus.address_books import ADDRESS_BOOKS
from tests.corpus.sample import Person, Sample, Unreadable
from tests.corpus.sheets import SHEETS
from tests.corpus.texts import TEXTS
from tests.corpus.unreadable import UNREADABLE
from wabroadcast_core import FileError, SourceContext, file_kind
from wabroadcast_core.audience.import_rows import ContactChunk, ContactReader
from wabroadcast_plugins.contact_sources.csv import CsvSource
from wabroadcast_plugins.contact_sources.excel import ExcelSource

SAMPLES: Sequence[Sample] = [*TEXTS, *ADDRESS_BOOKS, *SHEETS]


@pytest.mark.parametrize("sample", [pytest.param(sample, id=sample.name) for sample in SAMPLES])
def test_a_file_is_read_as_its_author_meant_it(sample: Sample) -> None:
    source = open_source(sample.data, region=sample.region, mapping=dict(sample.mapping), sheet=sample.sheet)

    chunk = read_contacts(source, region=sample.region)

    assert source.columns is not None
    assert source.columns.understood() == sample.columns
    assert source.reading == sample.reading
    people = [asdict(Person(one.number, one.name, one.variables, one.tags)) for one in chunk.contacts.values()]  # type: ignore[arg-type]  # values from files are texts
    assert people == [asdict(person) for person in sample.people]
    assert [(row, column, reason) for row, column, reason, _ in chunk.rejections] == sample.rejected


@pytest.mark.parametrize("file", [pytest.param(file, id=file.name) for file in UNREADABLE])
def test_an_unreadable_file_is_one_clear_error(file: Unreadable) -> None:
    source = open_source(file.data)

    with pytest.raises(FileError, match=file.error):
        list(source.read())


def test_the_corpus_has_a_name_for_every_file() -> None:
    names = [*(sample.name for sample in SAMPLES), *(file.name for file in UNREADABLE)]

    assert len(set(names)) == len(names) >= 40


def read_contacts(source: CsvSource | ExcelSource, *, region: str) -> ContactChunk:
    (chunk,) = ContactReader(region=region, tags=()).chunks(source.read(), first=1, size=1_000)
    return chunk


def open_source(
    data: bytes, *, region: str = "ID", mapping: dict[str, str] | None = None, sheet: str | int | None = None
) -> CsvSource | ExcelSource:
    context = SourceContext(open_upload=lambda _: io.BytesIO(data), read_contacts=lambda *_: iter(()), region=region)
    settings = {"uploadId": "x", "mapping": mapping or {}}
    if file_kind(data[:8]) == "csv":
        return CsvSource(CsvSource.Settings.model_validate(settings), context)  # type: ignore[arg-type]
    return ExcelSource(ExcelSource.Settings.model_validate(settings | {"sheet": sheet}), context)  # type: ignore[arg-type]
