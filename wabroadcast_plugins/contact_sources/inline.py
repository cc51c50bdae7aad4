"""Recipients from the body of a submit, which the core stores as an upload with one JSON object a line.

The copy of an audience that cannot be read twice is such an upload too; it keeps the faults of its rows.

Hooks: wab_contact_sources. Settings: uploadId.
"""

import io
import itertools
import json
from collections.abc import Iterator
from typing import Any, ClassVar, TextIO

from pydantic import BaseModel, TypeAdapter
from pydantic_core import from_json

from wabroadcast_core import (
    LONGEST_ROW,
    AudienceRow,
    ContactSource,
    FileError,
    Model,
    RowFault,
    Sentence,
    SourceContext,
    hookimpl,
)

_FAULT = TypeAdapter(RowFault)


class InlineSettings(Model):
    """Where the core stored the recipients."""

    upload_id: str


class InlineSource:
    """The contact source for recipients in the body of a submit."""

    kind: ClassVar[str] = "inline"
    Settings: ClassVar[type[BaseModel]] = InlineSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: InlineSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context

    def read(self) -> Iterator[AudienceRow]:
        with self._context.open_upload(self._settings.upload_id) as upload:
            lines = io.TextIOWrapper(upload, "utf-8", newline="\n")
            for row in itertools.count(1):
                line = _read_line(lines, row=row)
                if not line:
                    return
                yield _parse_line(line, row=row)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [InlineSource]


def _read_line(lines: TextIO, *, row: int) -> str:
    try:
        return lines.readline(8 * LONGEST_ROW)
    except UnicodeDecodeError:
        text = "the line is no text in UTF-8: write the file in UTF-8"
        raise FileError(Sentence("line_not_utf8", text), row=row) from None


def _read_json(line: str) -> Any:
    """Parse a line in half of the time of the standard library, which parses the lines that are refused here."""
    try:
        return from_json(line)
    except ValueError:
        return json.loads(line)


def _parse_line(line: str, *, row: int) -> AudienceRow:
    try:
        recipient = _read_json(line)
        fault = _FAULT.validate_python(recipient["fault"]) if "fault" in recipient else None
        return AudienceRow(recipient["number"], recipient.get("name"), recipient.get("variables") or {}, row, fault)
    except (ValueError, TypeError, LookupError, AttributeError):
        text = "the line is not a recipient: it must be a JSON object with a number"
        raise FileError(Sentence("no_recipient_line", text), row=row) from None
