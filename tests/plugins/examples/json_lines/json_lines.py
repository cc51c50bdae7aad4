"""Recipients from an uploaded JSON Lines file, as databases and logs export it: one JSON object on each line.

Hooks: wab_contact_sources. Settings: uploadId, numberField, nameField.

Each other field with a plain value becomes a variable. Lines are read one after the other, so the file may be long.
"""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO, ClassVar

from pydantic import BaseModel, Field

from wabroadcast_core import LONGEST_ROW, AudienceRow, ContactSource, FileError, Model, SourceContext, hookimpl

PLAIN = (str, int, float, bool)


class JsonLinesSettings(Model):
    """What a broadcast's ``source`` gives beside ``type``."""

    upload_id: str = Field(description="The id of the uploaded file.")
    number_field: str = Field("number", description="The field that has the phone number.")
    name_field: str = Field("name", description="The field that has the name.")


class JsonLinesSource:
    """The contact source for JSON Lines files."""

    kind: ClassVar[str] = "json-lines"
    Settings: ClassVar[type[BaseModel]] = JsonLinesSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: JsonLinesSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context

    def read(self) -> Iterator[AudienceRow]:
        with self._context.open_upload(self._settings.upload_id) as upload:
            for row, line in enumerate(_read_lines(upload), 1):
                if self._context.is_over():
                    return
                if line.strip():
                    yield self._row_of(_parse_line(line, row=row), row=row)

    def _row_of(self, fields: dict[str, Any], *, row: int) -> AudienceRow:
        plain = {key: value for key, value in fields.items() if isinstance(value, PLAIN)}
        number = str(plain.pop(self._settings.number_field, ""))
        name = str(plain.pop(self._settings.name_field, ""))
        return AudienceRow(number, name or None, plain, row=row)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [JsonLinesSource]


def _read_lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file; of a line that is too long, only the part that shows this."""
    while line := file.readline(LONGEST_ROW + 1):
        yield line


def _parse_line(line: bytes, *, row: int) -> dict[str, Any]:
    if len(line) > LONGEST_ROW:
        raise FileError(f"the line is longer than {LONGEST_ROW} bytes: shorten it", row=row)
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        raise FileError("the line is not JSON in UTF-8: export the file again", row=row) from None
    if not isinstance(fields, dict):
        raise FileError("the line is not a JSON object: write one object on each line", row=row)
    return fields
