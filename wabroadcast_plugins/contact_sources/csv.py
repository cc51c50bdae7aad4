"""Recipients from a text table, in the CSV dialects that Excel, Google Sheets and databases write.

Hooks: wab_contact_sources. Settings: uploadId, mapping, region, delimiter, encoding, headerRow.
"""

from collections.abc import Generator
from typing import ClassVar

from pydantic import BaseModel, Field, field_validator

from wabroadcast_core import (
    AudienceRow,
    Columns,
    ContactSource,
    Model,
    Reading,
    Region,
    Sentence,
    SourceContext,
    hookimpl,
    read_table,
)
from wabroadcast_plugins.contact_sources.csv_dialect import CYRILLIC, WESTERN
from wabroadcast_plugins.contact_sources.csv_table import CsvTable


class CsvSettings(Model):
    """Which upload to read, and how."""

    upload_id: str
    mapping: dict[str, str] = Field(
        default_factory=dict,
        description="What columns mean: from a header or a position (from 1) to number, name, tags, a variable's name, "
        "or an empty text to ignore the column.",
    )
    region: Region | None = Field(
        None, description="Country of numbers without a country code, as ID; the installation's if not given."
    )
    delimiter: str | None = Field(
        None, min_length=1, max_length=1, description="Character between cells; detected if not given."
    )
    encoding: str | None = Field(None, description="Text encoding, such as utf-8; detected if not given.")
    header_row: int | None = Field(
        None, ge=0, description="Number of the header row in the file; 0: there is none; detected if not given."
    )

    @field_validator("encoding")
    @classmethod
    def _check_encoding(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            text = "there is no such text encoding: give utf-8 or windows-1252, for example"
            raise ValueError(Sentence("no_encoding", text)) from None
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _check_delimiter(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '\r\n"\0':
            text = "the delimiter is a line end, a quotation mark or a NUL: give a comma, semicolon, tab or similar"
            raise ValueError(Sentence("no_delimiter", text))
        return delimiter


class CsvSource:
    """The contact source for CSV files."""

    kind: ClassVar[str] = "csv"
    Settings: ClassVar[type[BaseModel]] = CsvSettings
    repeatable: ClassVar[bool] = True
    empty_reason: ClassVar[str] = Sentence("only_header", "the file has no rows below its header")

    def __init__(self, settings: CsvSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self.region = settings.region or context.region
        """The country of numbers without a country code."""
        self.columns: Columns | None = None
        """The meaning of each column; set when the first row has been read."""
        self.reading: Reading | None = None
        """The delimiter, encoding and header row in use; set at the same moment."""
        self.notes: list[str] = []
        """What was assumed about the file; set at the same moment."""

    def read(self) -> Generator[AudienceRow, None, None]:
        with self._context.open_upload(self._settings.upload_id) as file:
            table = CsvTable(file, delimiter=self._settings.delimiter, encoding=self._settings.encoding)
            self.columns, rows = read_table(
                table,
                region=self.region,
                mapping=self._settings.mapping,
                shifts=True,
                header_row=self._settings.header_row,
                is_over=self._context.is_over,
            )
            self.reading = Reading(
                delimiter=table.delimiter,
                encoding=table.encoding.removesuffix("-sig"),
                header_row=self.columns.header_number,
            )
            if self._settings.encoding is None and (note := _encoding_note(table)):
                self.notes = [note]
            yield from rows


def _encoding_note(table: CsvTable) -> str | None:
    if table.encoding in {WESTERN, CYRILLIC}:
        text = (
            "the file is not UTF-8: it was read as {encoding}. If letters look wrong, give its encoding, or save"
            " it as UTF-8"
        )
        return Sentence("encoding_guessed", text, encoding=table.encoding)
    return None


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [CsvSource]
