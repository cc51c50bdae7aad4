"""Values of recipients as programs have them: the same from a contact source, a list of recipients and a contact."""

from collections import UserString
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from typing import Any
from uuid import UUID

import pytest

from wabroadcast_core.audience.inline_recipients import inline_rows
from wabroadcast_core.audience.source_reader import SourceReader
from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.contact import ContactDraft
from wabroadcast_core.models.plain_values import a_type
from wabroadcast_core.models.recipient import AudienceRow, Recipient
from wabroadcast_core.plugins.threads import PluginThreads


class Seat(StrEnum):
    VIP = "vip"


class OldSeat(str, Enum):  # noqa: UP042 - as programs for older Pythons have it
    VIP = "vip"


class Floor(IntEnum):
    UPPER = 2


class Missing(datetime):
    """A time that is none, as pandas has it: it equals nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = datetime.__hash__


PLAIN = [
    (date(2026, 1, 31), "2026-01-31"),
    (datetime(2026, 1, 31, 8, 0, tzinfo=UTC), "2026-01-31T08:00:00+00:00"),
    (datetime(2026, 1, 31, 8, 30, tzinfo=timezone(timedelta(hours=7))), "2026-01-31T08:30:00+07:00"),
    (Missing(2026, 1, 31), None),
    (time(8, 30), "08:30:00"),
    (Decimal(150000), 150000),
    (Decimal("1250000.50"), 1250000.5),
    (Decimal("0.12345678901234567"), "0.12345678901234567"),
    (Decimal("1E+900"), "1E+900"),
    (Decimal("1E-900"), "1E-900"),
    (Decimal("NaN"), None),
    (float("inf"), None),
    (UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (Seat.VIP, "vip"),
    (OldSeat.VIP, "vip"),
    (Floor.UPPER, 2),
    ("A1", "A1"),
    (3, 3),
    (0.25, 0.25),
    (False, False),
    (None, None),
]
ODD = [{1}, [1], (1,), {"a": 1}, b"a", object(), timedelta(1), Fraction(1, 3), UserString("a"), 1j]


def from_source(variables: Any) -> Mapping[str, Any]:
    rows = [AudienceRow("081200001001", "Budi", variables)]
    with SourceReader(lambda: rows, kind="shop", seconds=5, threads=PluginThreads(), owner="shop") as reader:
        [row] = reader.take(1)
    if row.fault is not None:
        raise InvalidInputError([Fault("variables", row.fault.reason)])
    return row.variables


def from_list(variables: Any) -> Mapping[str, Any]:
    return next(inline_rows([{"number": "081200001001", "variables": variables}])).variables


def from_rows(variables: Any) -> Mapping[str, Any]:
    return next(inline_rows([AudienceRow("081200001001", None, variables)])).variables


def from_model(variables: Any) -> Mapping[str, Any]:
    return parse_model(Recipient, {"number": "081200001001", "variables": variables}).variables


def from_contact(variables: Any) -> Mapping[str, Any]:
    return parse_model(ContactDraft, {"number": "081200001001", "variables": variables}).variables


WAYS = pytest.mark.parametrize("read", [from_source, from_list, from_rows, from_model, from_contact])
Read = Callable[[Any], Mapping[str, Any]]


@WAYS
def test_values_are_made_plain_and_keep_their_type_where_they_are(read: Read) -> None:
    for given, plain in PLAIN:
        value = read({"x": given})["x"]

        assert (value, type(value)) == (plain, type(plain)), repr(given)


@WAYS
def test_a_value_of_another_type_is_one_fault_that_names_variable_and_type(read: Read) -> None:
    for given in ODD:
        with pytest.raises(InvalidInputError) as raised:
            read({"kode": "A1", "born": given})

        [fault] = raised.value.faults
        assert fault.message == f"the variable 'born' is {a_type(given)}: give a text, a number, true or false"
        assert fault.path.endswith("variables")


@WAYS
def test_no_variables_are_none(read: Read) -> None:
    assert read(None) == {}


@dataclass
class Person:
    name: str


@WAYS
@pytest.mark.parametrize("given", [["born"], "born", Person("Budi"), 7])
def test_variables_that_are_no_values_by_name_are_one_fault(read: Read, given: object) -> None:
    with pytest.raises(InvalidInputError) as raised:
        read(given)

    [fault] = raised.value.faults
    assert fault.message == f"the variables are {a_type(given)}: give values by name"
