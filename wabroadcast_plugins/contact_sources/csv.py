"""Recipients from a text table: CSV as Excel, Google Sheets and databases write it.

Hooks: wab_contact_sources. Settings: uploadId, mapping, delimiter, encoding.
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
    SourceContext,
    hookimpl,
    read_table,
)
from wabroadcast_plugins.contact_sources.csv_table import CsvTable


class CsvSettings(Model):
    upload_id: str
    mapping: dict[str, str] = Field(default_factory=dict, description="Column (header or place) to its meaning.")
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="Detected if not given.")
    encoding: str | None = Field(None, description="Detected if not given.")

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str | None) -> str | None:
        try:
            "".encode(encoding or "utf-8")
        except LookupError:
            raise ValueError("no such text encoding") from None
        return encoding

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and delimiter in '\r\n"\0':
            raise ValueError("cannot be a line end or a quotation mark")
        return delimiter


class CsvSource:
    kind: ClassVar[str] = "csv"
    Settings: ClassVar[type[BaseModel]] = CsvSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: CsvSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self.columns: Columns | None = None
        """What the columns were taken for, once the first row was read."""
        self.reading: Reading | None = None
        """How the file is read, from then on."""

    def read(self) -> Generator[AudienceRow, None, None]:
        with self._context.open_upload(self._settings.upload_id) as file:
            table = CsvTable(file, delimiter=self._settings.delimiter, encoding=self._settings.encoding)
            self.columns, rows = read_table(
                table, region=self._context.region, mapping=self._settings.mapping, shifts=True
            )
            self.reading = Reading(
                delimiter=table.delimiter,
                encoding=table.encoding.removesuffix("-sig"),
                header_row=self.columns.header_number,
            )
            yield from rows


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [CsvSource]
