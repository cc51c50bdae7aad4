"""The preview of a broadcast, before anything is stored or sent."""

from datetime import datetime
from typing import Any

from pydantic import Field

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.contact import Reading


class PreviewMessage(Model):
    """The message of one real recipient, as it would be sent."""

    number: str = Field(description="The phone number in E.164, such as +6281234567890.")
    name: str | None = Field(description="The name of the recipient; null: none.")
    text: str | None = Field(description="The text or caption.")
    content: dict[str, Any] = Field(description="The other fields: media, file name, template.")


class MessageLimits(Model):
    """The limits of one connection of the pool for this type of message."""

    connection: str = Field(description="The name of the connection.")
    sender: str = Field(description="The kind of its sender.")
    text_length: int = Field(description="Most characters of the text or caption.")
    media_bytes: int | None = Field(
        description="Size of the largest file, in bytes; null: no limit is known, or the message has no file."
    )


class Preview(Model):
    """The numbers of recipients that would and would not receive the message, with the reasons."""

    complete: bool = Field(description="Whether the whole audience was read; false: the time was up before.")
    total: int = Field(description="Recipients that were read.")
    sendable: int = Field(description="Recipients that would get a message.")
    skipped: int = Field(description="Recipients that would get none.")
    skipped_by: dict[str, int] = Field(description="Skipped recipients by reason.")
    missing_variables: dict[str, int] = Field(description="Number of recipients without a value, by variable.")
    variables: list[str] = Field(description="The variables that the message uses.")
    messages: list[PreviewMessage] = Field(description="The messages of the first recipients.")
    limits: list[MessageLimits] = Field(description="The limits of each connection of the pool for this message.")
    notes: list[Said] = Field(
        default_factory=list, description="What a person should know about the audience, such as a foreign region."
    )
    starts_at: datetime | None = Field(
        description="When the first message would leave, with windows and used quotas counted in; null if unknown, "
        "because the connections are paused."
    )
    finishes_at: datetime | None = Field(
        description="The end, with limits, windows and batches counted in; null if unknown, as where no limit, window "
        "or batch decides it."
    )


class PlacedPreview(PreviewMessage):
    """The message of one person, with the place of that person."""

    place: int = Field(description="The place among those who get a message, from 1.")


class ListedPerson(Model):
    """A person of an audience in a short list."""

    row: int = Field(description="The row of the file, or the place in the audience from 1.")
    number: str = Field(description="The number in E.164; of a row that is skipped, as it was given.")
    name: str | None = Field(description="The name of the person; null: none.")
    detail: Said | None = Field(description="More about why the row is skipped; null: nothing more.")


class PreviewColumn(Model):
    """A column of an audience file, as it is understood."""

    title: Said = Field(description="The header; of a column without one, its position.")
    meanings: list[str] = Field(description="number, name or names of variables; empty: the column is ignored.")
    sample: str = Field(description="The cell of the first row.")


class PeoplePreview(Preview):
    """A preview with some of its people, and how a file was understood."""

    chosen: PlacedPreview | None = Field(description="The person who was asked for; null: nobody gets a message.")
    longest: PlacedPreview | None = Field(description="The person with the longest text.")
    shortest: PlacedPreview | None = Field(description="The person with the shortest text.")
    emptiest: PlacedPreview | None = Field(description="The person with the fewest values for the text.")
    listed: list[ListedPerson] = Field(description="The first people with the reason that was asked for.")
    offered: dict[str, int] = Field(description="Variables of the audience, each with the number of rows without it.")
    columns: list[PreviewColumn] = Field(description="The columns of a file; empty for another audience.")
    reading: Reading | None = Field(description="How a file was read; null for another audience.")
    region: str = Field(description="The country of numbers without a country code.")
