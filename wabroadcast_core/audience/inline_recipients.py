"""Recipients that a caller passes with a broadcast or a draft, checked and written as lines of an upload."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final, TypeAlias

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError, to_json

from wabroadcast_core.errors import Fault, InvalidInputError
from wabroadcast_core.models.base import faults_of
from wabroadcast_core.models.plain_values import are_plain
from wabroadcast_core.models.recipient import LONGEST_NAME, LONGEST_NUMBER, AudienceRow, Recipient, usual_length
from wabroadcast_core.sentences import pack_sentence
from wabroadcast_core.store.sql import as_json

INLINE_TYPE: Final = "application/x-ndjson"  # content type of the uploads that store inline recipients
FLUSH_LINES: Final = 1_000  # lines that are written to an upload at once
MOST_FAULTS: Final = 100
_FIELDS: Final = Recipient.model_fields.keys()
_NONE: Final[dict[str, Any]] = {}

AnyRecipient: TypeAlias = Mapping[str, Any] | Recipient | AudienceRow


def inline_rows(recipients: Iterable[AnyRecipient]) -> Iterator[AudienceRow]:
    """Yield inline recipients as rows.

    :raises InvalidInputError: a recipient is invalid.
    """
    for index, item in enumerate(recipients):
        try:
            recipient = _read(item)
        except ValidationError as error:
            raise InvalidInputError(faults_of(error, prefix=f"recipients.{index}")) from error
        fault = item.fault if isinstance(item, AudienceRow) else None
        yield AudienceRow(recipient.number, recipient.name, recipient.variables, index + 1, fault)


def recipient_faults(recipients: Iterable[AnyRecipient]) -> Sequence[Fault]:
    """Return what is wrong with inline recipients; at most ``MOST_FAULTS`` faults."""
    try:
        for _ in recipient_lines(recipients, set()):
            pass
    except InvalidInputError as error:
        return error.faults
    return ()


def recipient_lines(recipients: Iterable[AnyRecipient], variables: set[str]) -> Iterator[bytes]:
    """Yield each recipient as a line of JSON.

    :param variables: receives the names of the recipients' variables.
    :raises InvalidInputError: some recipients are invalid; at most ``MOST_FAULTS`` faults are named.
    """
    faults: list[Fault] = []
    for index, item in enumerate(recipients):
        if (line := _usual_line(item, variables)) is not None:
            if not faults:
                yield line
            continue
        try:
            recipient = _read(item)
        except ValidationError as error:
            faults += faults_of(error, prefix=f"recipients.{index}")
            if len(faults) >= MOST_FAULTS:
                break
            continue
        variables.update(recipient.variables)
        if not faults:
            yield _line(recipient, item)
    if faults:
        raise InvalidInputError(faults[:MOST_FAULTS])


def row_line(row: AudienceRow) -> bytes:
    """Return a row as a line of an upload of recipients; it keeps the fault of a damaged row."""
    fields: dict[str, Any] = {"number": row.number, "name": row.name, "variables": row.all_variables}
    if row.fault is not None:
        fields["fault"] = asdict(replace(row.fault, reason=pack_sentence(row.fault.reason)))
    try:
        return to_json(fields) + b"\n"
    except PydanticSerializationError:  # half a surrogate pair: it is replaced, as in the store
        return as_json(fields).encode() + b"\n"


def in_blocks(lines: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield lines joined into blocks of so many."""
    block: list[bytes] = []
    for line in lines:
        block.append(line)
        if len(block) >= size:
            yield b"".join(block)
            block.clear()
    if block:
        yield b"".join(block)


def _usual_line(item: AnyRecipient, names: set[str]) -> bytes | None:
    """Return the line of a recipient that has texts of usual length only, as nearly all have.

    It is the line that the model gives, in about half of the time.

    :param names: receives the names of its variables.
    :returns: None for any other recipient, valid or not.
    """
    if type(item) is not dict or not item.keys() <= _FIELDS or not _is_usual(item):
        return None
    name, variables = item.get("name"), item.get("variables")
    fields = {"number": item["number"]}
    if name is not None:
        fields["name"] = name
    if variables:
        fields["variables"] = variables
        names.update(variables)
    try:
        return to_json(fields) + b"\n"
    except PydanticSerializationError:  # half a surrogate pair
        return None


def _is_usual(item: Mapping[str, Any]) -> bool:
    """Return whether a recipient is valid and has texts of usual length only; False for some others too."""
    number, name, variables = item.get("number"), item.get("name"), item.get("variables", _NONE)
    return (
        type(number) is str
        and len(number) <= LONGEST_NUMBER
        and (name is None or (type(name) is str and len(name) <= LONGEST_NAME))
        and type(variables) is dict
        and are_plain(variables)
        and usual_length(variables) is not None
    )


def _read(item: AnyRecipient) -> Recipient:
    """Return what a caller passes as a recipient.

    :raises ValidationError: it is not valid.
    """
    if isinstance(item, Recipient):
        return item
    if isinstance(item, AudienceRow):
        item = {"number": item.number, "name": item.name, "variables": item.all_variables}
    return Recipient.model_validate(item)


def _line(recipient: Recipient, item: AnyRecipient) -> bytes:
    fault = item.fault if isinstance(item, AudienceRow) else None
    if fault is None:
        with contextlib.suppress(PydanticSerializationError):  # half a surrogate pair in a variable
            return recipient.model_dump_json(exclude_defaults=True, by_alias=True).encode() + b"\n"
    return row_line(AudienceRow(recipient.number, recipient.name, recipient.variables, fault=fault))
