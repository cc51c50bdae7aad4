"""A number that must not be messaged."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.contact import RejectedRow

DEFAULT_REASON = "opted out"
LONGEST_REASON = 500


class BlacklistDraft(Model):
    number: str = Field(max_length=64)
    reason: str = Field(DEFAULT_REASON, min_length=1, max_length=LONGEST_REASON)
    connection: str | None = Field(None, description="Only on this connection; on every one if not given.")


class BlacklistEntry(Model):
    number: str
    connection: str | None = Field(description="None: on every connection.")
    reason: str
    source: str = Field(description="Who or what listed it.")
    created_at: datetime


class BlacklistAct(Model):
    """Somebody opted out, or in again."""

    at: datetime
    act: str = Field(description="opt_out or opt_in.")
    actor: str = Field(description="Who or what did it.")
    connection: str | None = Field(description="None: on every connection.")
    reason: str | None


class BlacklistReport(Model):
    """What became of a file of numbers: rows are added, known or rejected, and nothing else."""

    filename: str | None
    reason: str | None = Field(None, description="Why the file could not be read to its end.")
    rows: int = 0
    added: int = Field(0, description="Numbers that were not listed before.")
    known: int = Field(0, description="Numbers that were listed already, or came before in the file.")
    rejected: int = 0
    reasons: dict[str, int] = Field(default_factory=dict, description="How many rows were rejected, by reason.")
    rejections: list[RejectedRow] = Field(default_factory=list, description="The first ones.")
    columns: dict[str, str] = Field(default_factory=dict, description="What each column was understood as.")
