"""A person in the contact book, their tags, and the files that people come in by."""

import re
import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.recipient import Scalar

LONGEST_NAME = 512
LONGEST_TAG = 100
LONGEST_VARIABLE = 200  # characters of a variable's name
MOST_NUMBERS = 100_000  # in one call
OWN_COLUMNS = ("number", "name", "tags")
"""What a contact has beside variables: no variable is called so."""

_BETWEEN_TAGS = re.compile(r":::|[,;|\n]")
_GOOGLE_MARKS = re.compile(r"(?:\*\s+)+")


def split_tags(text: str) -> list[str]:
    """The tags in one cell, also as Google Contacts writes them: ``* myContacts ::: Friends``."""
    return list(dict.fromkeys(filter(None, map(_plain_tag, _BETWEEN_TAGS.split(text)))))


def _plain_tag(text: str) -> str:
    text = text.strip()
    marks = _GOOGLE_MARKS.match(text)
    return text[marks.end() :] if marks else text


def _clean_tag(tag: str) -> str:
    """Only what a cell of a file can hold as one tag: an exported book can be imported again."""
    cleaned = _plain_tag(tag)
    if not cleaned:
        raise ValueError("a tag is not empty")
    if _BETWEEN_TAGS.search(cleaned):
        raise ValueError("a comma, semicolon, bar or line break stands between tags, not in one")
    return _without_controls(cleaned)


def _clean_name(name: str) -> str | None:
    return name.strip() or None


def _clean_variable(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned:
        raise ValueError("a variable has a name")
    if cleaned in OWN_COLUMNS:
        raise ValueError(f"{cleaned} is no variable, a contact has its own")
    return _without_controls(cleaned)


def _without_controls(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("no control characters")
    return text


Tag = Annotated[str, Field(max_length=LONGEST_TAG), AfterValidator(_clean_tag)]
ContactName = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_clean_name)]
VariableName = Annotated[str, Field(max_length=LONGEST_VARIABLE), AfterValidator(_clean_variable)]


class ContactPatch(Model):
    """A contact as given. When one is changed, what is left out stays as it is."""

    name: ContactName | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=100)
    variables: dict[VariableName, Scalar] = Field(default_factory=dict)


class ContactDraft(ContactPatch):
    """A contact with its number."""

    number: str = Field(max_length=64)


class ContactView(Model):
    number: str
    name: str | None
    tags: list[str]
    variables: dict[str, Scalar]
    source: str | None = Field(description="How the contact came in: a file's name, api, inbound.")
    created_at: datetime
    updated_at: datetime


class ErasureReport(Model):
    """What was erased of a person. What is not there any more is not counted again."""

    contact: bool = Field(description="Whether the number was in the contact book.")
    messages: int = Field(description="Messages whose number, name and variables were blanked.")
    cancelled: int = Field(description="Those among them that still waited, and will not be sent.")
    under_way: int = Field(description="Those that were just being sent; they are dropped unless they had left.")
    pending: int = Field(description="Those that keep the number until their audience is read: erase again then.")


class TagView(Model):
    name: str
    contacts: int = Field(description="How many contacts have it.")


class TagPatch(Model):
    name: Tag = Field(description="The new name.")


class TagMerge(Model):
    """The tags that become one with another."""

    sources: list[str] = Field(alias="from", min_length=1, max_length=1_000, description="They are gone after it.")


class ContactFilter(Model):
    """Contacts as a list chooses them; nothing given: everyone."""

    tag: str | None = None
    query: str | None = Field(None, alias="q", max_length=200, description="Part of a name or a number.")


class Tagging(Model):
    """Tags to put on contacts, or to take off them."""

    numbers: list[str] | None = Field(None, max_length=MOST_NUMBERS, description="Whose; or else give a filter.")
    filter: ContactFilter | None = None
    add: list[Tag] = Field(default_factory=list, max_length=100)
    remove: list[str] = Field(default_factory=list, max_length=100)

    @model_validator(mode="after")
    def _makes_sense(self) -> "Tagging":
        if (self.numbers is None) == (self.filter is None):
            raise ValueError("give either numbers or filter")
        if not (self.add or self.remove):
            raise ValueError("give tags to add or to remove")
        if both := set(self.add) & set(self.remove):
            raise ValueError(f"to add and to remove: {', '.join(sorted(both))}")
        return self


class TaggingReport(Model):
    """What a tagging did. A contact counts once for each tag it got or lost."""

    contacts: int = Field(description="How many were meant.")
    added: int
    removed: int
    unknown: int = Field(description="Numbers that are not in the contact book.")


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


class Reading(Model):
    """How a contact file was read. What does not apply to its kind is None."""

    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = Field(None, description="Of a workbook.")
    header_row: int | None = Field(None, description="The header's number in the file; None: it has none.")


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
    reading: Reading | None = Field(None, description="How the file was read; None: not yet.")
    samples: list[SampleRow] = Field(default_factory=list, description="The first rows of a dry run.")
    created_at: datetime
    finished_at: datetime | None = None
