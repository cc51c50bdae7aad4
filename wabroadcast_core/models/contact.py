"""A person in the contact book, and the files that people come in by."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.recipient import Scalar

LONGEST_NAME = 512
LONGEST_TAG = 100


def _clean_tag(tag: str) -> str:
    cleaned = tag.strip()
    if not cleaned:
        raise ValueError("a tag is not empty")
    return cleaned


Tag = Annotated[str, Field(max_length=LONGEST_TAG), AfterValidator(_clean_tag)]


class ContactDraft(Model):
    """A contact as given. When one is changed, what is left out stays as it is."""

    number: str = Field(max_length=64)
    name: str | None = Field(None, max_length=LONGEST_NAME)
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    variables: dict[str, Scalar] = Field(default_factory=dict)


class ContactView(Model):
    number: str
    name: str | None
    tags: list[str]
    variables: dict[str, Scalar]
    source: str | None = Field(description="How the contact came in: a file's name, api, inbound.")
    created_at: datetime
    updated_at: datetime


class TagView(Model):
    name: str
    contacts: int = Field(description="How many contacts have it.")


class ImportStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # the file could not be read to its end; what was read before that is in the book


OPEN_IMPORTS = (ImportStatus.QUEUED, ImportStatus.RUNNING)


class RejectedRow(Model):
    """A row that could not be taken: its number in the file (the first line is 1), its column, the reason."""

    row: int
    column: str | None
    reason: str


class SampleRow(Model):
    """A row as it was understood."""

    number: str
    name: str | None
    tags: list[str]
    variables: dict[str, Scalar]


class ImportReport(Model):
    """What became of a contact file, or would: rows are created, updated or rejected, and nothing else."""

    import_id: str | None = Field(description="None: a dry run, nothing was stored.")
    status: str = Field(description="queued, running, done or failed; a dry run that is running saw the first rows.")
    reason: str | None = Field(None, description="Why it failed.")
    filename: str | None
    rows: int
    created: int
    updated: int
    rejected: int
    reasons: dict[str, int] = Field(default_factory=dict, description="How many rows were rejected, by reason.")
    rejections: list[RejectedRow] = Field(description="The first ones; the rest are in the errors file.")
    columns: dict[str, str] = Field(description="What each column of the file was understood as.")
    samples: list[SampleRow] = Field(default_factory=list, description="The first rows of a dry run.")
    created_at: datetime
    finished_at: datetime | None = None
