"""The blacklist: numbers that must not be messaged."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.contact import Reading, RejectedRow

DEFAULT_REASON = "opted out"
LONGEST_REASON = 500


class BlacklistDraft(Model):
    """A number to put on the blacklist."""

    number: str = Field(max_length=64, description="The phone number in any spelling, such as 0812-3456-7890.")
    reason: str = Field(
        DEFAULT_REASON,
        min_length=1,
        max_length=LONGEST_REASON,
        description="Why the number is listed: 1 to 500 characters.",
    )
    connection: str | None = Field(None, description="The only connection on which it is blocked; all if not given.")


class BlacklistEntry(Model):
    """A number on the blacklist."""

    number: str = Field(description="The phone number in E.164, such as +6281234567890.")
    connection: str | None = Field(description="The only connection on which it is blocked; null: all connections.")
    reason: str = Field(description="Why the number is listed.")
    source: str = Field(description="The user, API key, file or component that added it.")
    created_at: datetime = Field(description="When the number was listed (UTC).")


class BlacklistAct(Model):
    """An opt-out or opt-in of a number, in its history."""

    at: datetime = Field(description="When it was recorded (UTC).")
    act: str = Field(description="opt_out or opt_in.")
    actor: str = Field(description="The user, API key or component that made the change.")
    connection: str | None = Field(description="The only connection that it concerns; null: all connections.")
    reason: str | None = Field(description="The reason that was given; null: none.")


class BlacklistReport(Model):
    """The result of importing a file of numbers, or of a dry run. Every row counts as added, known or rejected."""

    filename: str | None = Field(description="Name of the file; null: it came without one.")
    reason: Said | None = Field(None, description="Why the file could not be read to its end.")
    whole: bool = Field(True, description="False: the dry run has read only the first rows.")
    rows: int = Field(0, description="Rows that were read, without the header.")
    added: int = Field(0, description="Numbers that were not listed before.")
    known: int = Field(0, description="Numbers that were listed already, or that occur earlier in the file.")
    rejected: int = Field(
        0,
        description="Rows without a valid number, and in a file with a column about consent, rows that do not say no.",
    )
    reasons: dict[Said, int] = Field(default_factory=dict, description="Number of rejected rows, by reason.")
    rejections: list[RejectedRow] = Field(default_factory=list, description="The first rejected rows.")
    columns: dict[Said, str] = Field(default_factory=dict, description="The meaning of each column of the file.")
    reading: Reading | None = Field(None, description="How the file was read; null before it was read.")
    notes: list[Said] = Field(
        default_factory=list, description="What the file holds beside, such as cells with several phone numbers."
    )


class LastMessage(Model):
    """The last message that a person got before an opt-out. It may be the cause."""

    message_id: str = Field(description="The id of the message.")
    job_id: str = Field(description="The id of its broadcast.")
    broadcast: str = Field(description="The name of the broadcast.")
