"""A person in the contact book."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.recipient import Scalar


class ContactDraft(Model):
    number: str = Field(max_length=64)
    name: str | None = Field(None, max_length=512)
    tags: list[str] = Field(default_factory=list, max_length=100)
    variables: dict[str, Scalar] = Field(default_factory=dict)


class ContactView(Model):
    number: str
    name: str | None
    tags: list[str]
    variables: dict[str, Scalar]
    source: str | None = Field(description="How the contact came in: a file's name, api, inbound.")
    created_at: datetime
    updated_at: datetime


class RejectedRow(Model):
    """A row that could not be taken: its number in the file (the first line is 1), its column, the reason."""

    row: int
    column: str | None
    reason: str


class ImportReport(Model):
    """What became of a contact file."""

    import_id: str
    status: str
    filename: str | None
    rows: int
    created: int
    updated: int
    rejected: int
    rejections: list[RejectedRow] = Field(description="The first ones; the rest are in the errors file.")
    columns: dict[str, str] = Field(description="What each column of the file was understood as.")
