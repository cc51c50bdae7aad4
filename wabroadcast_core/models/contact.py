"""Contacts: people in the contact book, their tags, and the import of contact files."""

import json
import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator, model_validator

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.plain_values import plain_variables
from wabroadcast_core.models.recipient import LONGEST_NAME, LONGEST_VARIABLE, Scalar, SizeLimited
from wabroadcast_core.sentences import Sentence

LONGEST_TAG = 100
MOST_TAGS = 100  # of one contact in one call or row
MOST_NUMBERS = 100_000  # in one call
OWN_COLUMNS = ("number", "name", "tags")
"""The fields of a contact beside its variables. No variable may have one of these names."""

_TAG_SEPARATORS = re.compile(r":::|[,;|\n]")
_LONGEST_LIST = 65_536  # characters of a JSON list of tags
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf"})  # controls, and signs such as zero-width spaces
_INVISIBLE = re.compile("[\ufe00-\ufe0f]")  # variants of the sign before them
_GOOGLE_MARKS = re.compile(r"(?:\*\s+)+")


def split_tags(text: str) -> list[str]:
    """Return the tags in one cell, also as Google Contacts writes them, ``* myContacts ::: Friends``, or as JSON."""
    texts = _read_list(text.strip())
    parts = [part for item in texts for part in _TAG_SEPARATORS.split(item.replace("\0", ""))]
    return distinct_tags(tag for tag in map(_strip_marks, parts) if fold_tag(tag))


def fold_tag(tag: str) -> str:
    """Return what is the same for all spellings of a tag: without case, width, composition and invisible signs."""
    if tag.isascii() and tag.isprintable():
        return " ".join(tag.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", tag).casefold())
    spaced = " ".join(_INVISIBLE.sub("", folded).split())
    seen = "".join(sign for sign in spaced if unicodedata.category(sign) not in _INVISIBLE_CATEGORIES)
    return " ".join(seen.split())


def distinct_tags(tags: Iterable[str]) -> list[str]:
    """Return each tag once, in the first of its spellings."""
    found: dict[str, str] = {}
    for tag in tags:
        found.setdefault(fold_tag(tag), tag)
    return list(found.values())


def _read_list(text: str) -> list[str]:
    """Return the texts of a JSON list; any other text alone."""
    try:
        items = json.loads(text) if text.startswith("[") and len(text) <= _LONGEST_LIST else None
    except (ValueError, RecursionError):
        items = None
    return items if isinstance(items, list) and all(isinstance(item, str) for item in items) else [text]


def _strip_marks(text: str) -> str:
    text = text.strip()
    marks = _GOOGLE_MARKS.match(text)
    return text[marks.end() :] if marks else text


def _clean_tag(tag: str) -> str:
    """Accept only what a cell of a file can hold as one tag, so that an exported book can be imported again."""
    cleaned = _strip_marks(tag)
    if not fold_tag(cleaned):
        raise ValueError(Sentence("tag_empty", "the tag is empty"))
    if _TAG_SEPARATORS.search(cleaned):
        text = "the tag contains a comma, semicolon, bar, ::: or line break: give each tag separately"
        raise ValueError(Sentence("several_tags", text))
    return _refuse_controls(cleaned)


def _clean_name(name: str) -> str | None:
    return name.strip() or None


def _clean_variable(name: str) -> str:
    cleaned = " ".join(name.split())
    if not cleaned:
        raise ValueError(Sentence("variable_without_name", "the name of the variable is empty"))
    if cleaned in OWN_COLUMNS:
        text = "{name!r} is a field of the contact itself: set that field, or choose another name"
        raise ValueError(Sentence("own_field", text, name=cleaned))
    return _refuse_controls(cleaned)


def _refuse_controls(text: str) -> str:
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError(Sentence("control_character", "the text contains a control character: remove it"))
    return text


Tag = Annotated[str, Field(max_length=LONGEST_TAG), AfterValidator(_clean_tag)]
ContactName = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(_clean_name)]
VariableName = Annotated[str, Field(max_length=LONGEST_VARIABLE), AfterValidator(_clean_variable)]


class ContactPatch(Model):
    """The fields of a contact that a caller sets. In a change, fields that are left out keep their values."""

    name: ContactName | None = Field(
        default=None, description="The name of the person: at most 512 characters; null: none."
    )
    tags: list[Tag] = Field(
        default_factory=list,
        max_length=MOST_TAGS,
        description="Tags of the contact: at most 100, each with at most 100 characters.",
    )
    variables: Annotated[dict[VariableName, Scalar], SizeLimited] = Field(
        default_factory=dict, description='Values for the texts of messages, by name: {"kode": "A1"}.'
    )

    _read_variables = field_validator("variables", mode="before")(plain_variables)


class ContactDraft(ContactPatch):
    """A contact to create, with its number."""

    number: str = Field(max_length=64, description="The phone number in any spelling, such as 0812-3456-7890.")


class ContactView(Model):
    """A contact as it is shown."""

    number: str = Field(description="The phone number in E.164, such as +6281234567890.")
    name: str | None = Field(description="The name of the person; null: none.")
    tags: list[str] = Field(description="The tags of the contact.")
    variables: dict[str, Scalar] = Field(description="Values for the texts of messages, by name.")
    source: str | None = Field(description="Where the contact was created: the name of a file, api, or inbound.")
    created_at: datetime = Field(description="When the contact was created (UTC).")
    updated_at: datetime = Field(description="When the contact was changed the last time (UTC).")


class ErasureReport(Model):
    """The result of erasing a person. Data that an earlier call erased is not counted again."""

    contact: bool = Field(description="Whether the number was in the contact book.")
    messages: int = Field(description="Messages whose number, name and variables were deleted.")
    cancelled: int = Field(description="Those of them that were waiting and will not be sent.")
    under_way: int = Field(
        description="Those of them that were being sent; they are dropped unless the request had left."
    )
    pending: int = Field(
        description="Those of them that keep the number until their audience has been read: erase again after that."
    )
    drafts: int = Field(
        default=0, description="Drafts whose audience had the person; it is a list without the person now."
    )
    unread_drafts: int = Field(
        default=0,
        description="Drafts whose audience cannot be read, so that it was not searched: delete them, or their files.",
    )


class TagView(Model):
    """A tag as it is shown."""

    name: str = Field(description="In its first spelling: case, width and invisible signs make no other tag.")
    contacts: int = Field(description="Number of contacts with this tag.")


class TagPatch(Model):
    """The change of a tag's name."""

    name: Tag = Field(description="The new name.")


class TagMerge(Model):
    """The tags to merge into another one."""

    sources: list[str] = Field(
        alias="from", min_length=1, max_length=1_000, description="The tags to merge; they are deleted."
    )


class ContactFilter(Model):
    """A selection of contacts. Without any field it selects all contacts."""

    tag: str | None = Field(default=None, description="Only contacts with this tag.")
    query: str | None = Field(default=None, alias="q", max_length=200, description="Part of a name or a number.")


class Tagging(Model):
    """Tags to add to contacts, or to remove from them."""

    numbers: list[str] | None = Field(
        default=None,
        max_length=MOST_NUMBERS,
        fail_fast=True,
        description="The numbers of the contacts; give either these or a filter.",
    )
    filter: ContactFilter | None = Field(default=None, description="Selects the contacts; give either this or numbers.")
    add: list[Tag] = Field(default_factory=list, max_length=MOST_TAGS, description="Tags to add: at most 100.")
    remove: list[str] = Field(default_factory=list, max_length=MOST_TAGS, description="Tags to remove: at most 100.")

    @model_validator(mode="after")
    def _check_fields(self) -> "Tagging":
        if (self.numbers is None) == (self.filter is None):
            text = "the contacts are not selected, or selected twice: give either numbers or filter"
            raise ValueError(Sentence("one_selection", text))
        if not (self.add or self.remove):
            raise ValueError(Sentence("no_tags", "there are no tags: give tags to add or to remove"))
        removed = set(map(fold_tag, self.remove))
        if both := [tag for tag in self.add if fold_tag(tag) in removed]:
            raise ValueError(
                Sentence("tags_both_ways", "tags to add and to remove at once: {tags}", tags=", ".join(sorted(both)))
            )
        return self


class TaggingReport(Model):
    """The result of a tagging. A contact counts once for each tag that it received or lost."""

    contacts: int = Field(description="Number of selected contacts.")
    added: int = Field(description="Tags that contacts received.")
    removed: int = Field(description="Tags that contacts lost.")
    unknown: int = Field(description="Numbers that are not in the contact book.")


class ImportStatus(StrEnum):
    """The status of an import."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"  # the file could not be read to its end; the rows before that are in the contact book


OPEN_IMPORTS = (ImportStatus.QUEUED, ImportStatus.RUNNING)


class RejectedRow(Model):
    """A row that could not be imported: its number in the file (the first line is 1), its column and the reason."""

    row: int = Field(description="The number of the row in the file; the first line is 1.")
    column: Said | None = Field(description="The column at fault; null: the whole row.")
    reason: Said = Field(description="Why the row was rejected.")


class SampleRow(Model):
    """A row of a file as it will be imported."""

    number: str = Field(description="The phone number in E.164, such as +6281234567890.")
    name: str | None = Field(description="The name of the person; null: none.")
    tags: list[str] = Field(description="The tags of the row and of the import.")
    variables: dict[str, Scalar] = Field(description="Values for the texts of messages, by name.")


class FileRow(Model):
    """A row of a file as the file has it, with its fault if it would be rejected."""

    row: int = Field(description="The number of the row in the file; the first line is 1.")
    cells: list[str] = Field(description="The cells of the row: at most 100, each with at most 200 characters.")
    column: Said | None = Field(default=None, description="The column at fault; null: none, or the whole row.")
    reason: Said | None = Field(default=None, description="Why the row would be rejected; null: it would not.")


class Reading(Model):
    """How a contact file was read. Fields that do not apply to its kind are null."""

    delimiter: str | None = Field(default=None, description="The character between the cells of a text file.")
    encoding: str | None = Field(default=None, description="The encoding of a text file, such as utf-8.")
    sheet: str | None = Field(default=None, description="The sheet of a workbook.")
    header_row: int | None = Field(
        default=None, description="The number of the header row in the file; null: no header."
    )


class ImportReport(Model):
    """The result of a contact import or of a dry run. Every row counts as created, updated or rejected."""

    import_id: str | None = Field(description="Null for a dry run, which stores nothing.")
    status: str = Field(
        description="queued, running, done or failed; a dry run with running has read only the first rows."
    )
    reason: Said | None = Field(default=None, description="Why the import failed.")
    filename: str | None = Field(description="Name of the file; null: it came without one.")
    rows: int = Field(description="Rows that were read so far, without the header.")
    created: int = Field(description="Contacts that are new.")
    updated: int = Field(description="Rows of contacts that exist already, or that occur earlier in the file.")
    rejected: int = Field(description="Rows that could not be imported.")
    reasons: dict[Said, int] = Field(default_factory=dict, description="Number of rejected rows, by reason.")
    rejections: list[RejectedRow] = Field(description="The first rejected rows; all of them are in the errors file.")
    columns: dict[Said, str] = Field(description="The meaning of each column of the file.")
    reading: Reading | None = Field(default=None, description="How the file was read; null before it was read.")
    notes: list[Said] = Field(
        default_factory=list, description="What the file holds beside, such as columns with more phone numbers."
    )
    samples: list[SampleRow] = Field(default_factory=list, description="The first rows of a dry run.")
    file_rows: list[FileRow] = Field(
        default_factory=list,
        description="Of a dry run: the first rows, then the first rejected ones, as the file has them.",
    )
    created_at: datetime = Field(description="When the import was requested (UTC).")
    finished_at: datetime | None = Field(
        default=None, description="When the import ended (UTC); null: not yet, or it is a dry run."
    )
