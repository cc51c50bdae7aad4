"""Each check of the suite of contact sources detects its fault, and says how to mend it; no other check fails."""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from tests.contracts.faults import faults_found
from wabroadcast_core import AudienceRow, ContactSource, Fault, FileError, SourceContext
from wabroadcast_core.models.base import Model
from wabroadcast_core.testing import ContactSourceContract, sample_rows, source_context

log = logging.getLogger(__name__)


class SoundSettings(Model):
    upload_id: str
    password: SecretStr = SecretStr("open sesame")


class SoundSource:
    """A source without a fault: a file with a number and a text on each line."""

    kind: ClassVar[str] = "sound"
    Settings: ClassVar[type[BaseModel]] = SoundSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: SoundSettings, context: SourceContext) -> None:
        self.settings, self.context = settings, context

    def check_settings(self) -> list[Fault]:
        return []

    def lines(self) -> Iterator[bytes]:
        with self.context.open_upload(self.settings.upload_id) as upload:
            yield from upload

    def read(self) -> Iterable[AudienceRow]:
        for row, line in enumerate(self.lines(), 1):
            yield self.parse(line, row)

    def parse(self, line: bytes, row: int) -> Any:
        try:
            number, text = line.decode().split(" ", 1)
        except ValueError:
            raise FileError("the line is not a number and a text", row=row) from None
        return AudienceRow(number, variables={"text": text}, row=row)


def make_file(rows: int) -> bytes:
    return "".join(f"{row.number} {row.variables['note']}\n" for row in sample_rows(rows)).encode()


class SoundContract(ContactSourceContract):
    __test__ = False  # run by the tests below
    source_class: ClassVar[type[ContactSource]] = SoundSource
    settings: ClassVar[Mapping[str, Any]] = {"uploadId": "u1"}
    rows = 3

    def make_context(self) -> SourceContext:
        return source_context(uploads={"u1": make_file(3)})


class StreamedContract(SoundContract):
    """The contract with the check of memory, which takes long."""

    def make_long_context(self, rows: int) -> SourceContext:
        return source_context(uploads={"u1": make_file(rows)})


def fault_of(source: type[Any]) -> dict[str, str]:
    return faults_found(type("Contract", (SoundContract,), {"source_class": source}))


def test_a_sound_source_passes() -> None:
    assert faults_found(StreamedContract) == {}


class BadKind(SoundSource):
    kind = "A Source"


class NotRepeatable(SoundSource):
    repeatable: ClassVar[Any] = "yes"


class OneRowShort(SoundSource):
    def read(self) -> Iterable[AudienceRow]:
        yield from list(super().read())[1:]


class YieldsDicts(SoundSource):
    def parse(self, line: bytes, row: int) -> Any:
        found = super().parse(line, row)
        return {"number": found.number}


class RefusesItself(SoundSource):
    def check_settings(self) -> list[Fault]:
        return [Fault("uploadId", "the day is wrong")]


class NumericNumber(SoundSource):
    def parse(self, line: bytes, row: int) -> Any:
        found = super().parse(line, row)
        return AudienceRow(int(found.number), row=row)  # type: ignore[arg-type]  # the fault


class NestedVariable(SoundSource):
    def parse(self, line: bytes, row: int) -> Any:
        found = super().parse(line, row)
        return AudienceRow(found.number, variables={"orders": [1, 2]}, row=row)  # type: ignore[dict-item]  # the fault


class CountsDown(SoundSource):
    def parse(self, line: bytes, row: int) -> Any:
        found = super().parse(line, row)
        found.row = 10 - row
        return found


class ReturnsList(SoundSource):
    def read(self) -> Iterable[AudienceRow]:
        return list(super().read())


class CollectsRows(SoundSource):
    def read(self) -> Iterable[AudienceRow]:
        yield from list(super().read())


class ReadsWholeFile(SoundSource):
    def lines(self) -> Iterator[bytes]:
        with self.context.open_upload(self.settings.upload_id) as upload:
            yield from upload.read().splitlines()


class KeepsIterator(SoundSource):
    kept: ClassVar[Iterator[bytes] | None] = None

    def lines(self) -> Iterator[bytes]:
        if KeepsIterator.kept is None:
            KeepsIterator.kept = super().lines()
        return KeepsIterator.kept


class SharesIterator(SoundSource):
    """Two reads at the same time share an iterator; a read after another one is right."""

    shared: ClassVar[Iterator[bytes] | None] = None

    def lines(self) -> Iterator[bytes]:
        if SharesIterator.shared is None:
            SharesIterator.shared = super().lines()
        try:
            yield from SharesIterator.shared
        finally:
            SharesIterator.shared = None


class ReadOnce(SoundSource):
    """Only the first of two complete reads yields rows."""

    is_read: ClassVar[bool] = False

    def read(self) -> Iterable[AudienceRow]:
        if ReadOnce.is_read:
            return
        yield from super().read()
        ReadOnce.is_read = True


class Shuffled(SoundSource):
    reads: ClassVar[Iterator[int]] = count()

    def parse(self, line: bytes, row: int) -> Any:
        found = super().parse(line, row)
        return AudienceRow(found.number, variables={"read": next(self.reads)}, row=row)


class HidesMissingUpload(SoundSource):
    def lines(self) -> Iterator[bytes]:
        try:
            yield from super().lines()
        except Exception:  # noqa: BLE001 - the fault
            return


class OtherErrorForMissing(SoundSource):
    def lines(self) -> Iterator[bytes]:
        try:
            yield from super().lines()
        except Exception as error:
            raise KeyError(self.settings.upload_id) from error


class FailsOnDamage(SoundSource):
    def parse(self, line: bytes, row: int) -> Any:
        number, text = line.decode().split(" ", 1)
        return AudienceRow(number, variables={"text": text}, row=row)


class QuotesNumber(SoundSource):
    number = ""

    def parse(self, line: bytes, row: int) -> Any:
        try:
            found = super().parse(line, row)
        except FileError:
            raise FileError(f"the line after {self.number} is damaged", row=row) from None
        self.number = found.number
        return found


class LogsNumber(SoundSource):
    def parse(self, line: bytes, row: int) -> Any:
        found = super().parse(line, row)
        log.info("read %s", found.number)
        return found


class LogsSettings(SoundSource):
    def read(self) -> Iterable[AudienceRow]:
        log.debug("settings %s", json.dumps({"password": self.settings.password.get_secret_value()}))
        yield from super().read()


YIELDS = "it yields its rows"
DAMAGED = "a damaged upload raises a broadcast error"
MISSING = "a missing upload raises a broadcast error"
LOG = "its log contains no secret and no number"
PLAIN = "its values are plain"
TWICE = "it can be read twice"
ABANDONED = "a read may be abandoned"
TOGETHER = "two reads at the same time do not disturb each other"
REPEATABLE = "it is repeatable if it declares so"

FAULTS: Mapping[type[Any], tuple[set[str], str]] = {
    BadKind: ({"its kind is a short plain word", "its class can be registered"}, "kind is not a lower-case"),
    NotRepeatable: ({"its class can be registered"}, "repeatable is not True or False"),
    OneRowShort: ({YIELDS, TWICE, ABANDONED, TOGETHER}, "yields 2 rows instead of 3"),
    RefusesItself: (
        {"its check finds no fault in valid settings"},
        r"check_settings refuses .*\(uploadId\): correct it",
    ),
    NumericNumber: ({PLAIN}, "row 1: number is int: yield it as a text"),
    NestedVariable: ({PLAIN}, "row 1: a variable is list: yield a text, a number"),
    CountsDown: ({"its row numbers grow"}, "give the line of the file, from 1, or leave it out"),
    ReturnsList: ({"it streams"}, "read returned list, which grows with the audience: make it a generator"),
    ReadOnce: ({TWICE}, "in a second read .* it yields 0 rows instead of 3: keep no iterator or file in the class"),
    SharesIterator: ({TOGETHER}, "while another read runs .* keep no iterator or file in the class"),
    Shuffled: ({REPEATABLE}, r"keep the order \(ORDER BY\), or set False"),
    HidesMissingUpload: ({MISSING}, "no error was raised for an upload that does not exist: let NotFoundError pass"),
    OtherErrorForMissing: ({MISSING}, r"KeyError at .*: let NotFoundError of open_upload pass"),
    FailsOnDamage: ({DAMAGED}, r"UnicodeDecodeError at .*test_faulty_contact_sources.py:\d+.*: raise FileError"),
    QuotesNumber: ({DAMAGED}, "the text of a FileError contains a phone number or a secret: name the row"),
    LogsNumber: ({LOG}, "contains a phone number: leave it out, or mask it"),
    LogsSettings: ({LOG}, "the log contains a secret: log the name of the setting instead"),
}


@pytest.mark.parametrize("source", FAULTS, ids=lambda source: source.__name__)
def test_a_fault_is_detected_by_its_check_alone(source: type[Any]) -> None:
    ReadOnce.is_read = False
    checks, text = FAULTS[source]

    found = fault_of(source)

    assert checks <= found.keys()
    assert found.keys() == checks or source is ReadOnce
    assert all(re.search(text, found[check]) for check in checks), found


def test_a_source_that_yields_something_else_is_a_fault() -> None:
    assert "it yields dict: yield AudienceRow" in fault_of(YieldsDicts)[YIELDS]


def test_an_iterator_that_a_class_keeps_is_a_fault() -> None:
    assert "keep no iterator or file in the class" in fault_of(KeepsIterator)[TWICE]


@pytest.mark.parametrize("source", [CollectsRows, ReadsWholeFile])
def test_a_source_that_holds_its_audience_is_a_fault(source: type[Any]) -> None:
    contract = type("Contract", (StreamedContract,), {"source_class": source})

    with pytest.raises(AssertionError, match=r"memory grows by \d{3,} bytes a row: .* Yield each row as soon as"):
        contract().test_its_memory_does_not_grow_with_the_audience()
