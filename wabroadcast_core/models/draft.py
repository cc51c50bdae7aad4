"""Drafts: broadcasts that are being written, and the result of an undo."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from wabroadcast_core.errors import Fault
from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.broadcast import LONGEST_HOLD, LONGEST_NAME, BroadcastSummary
from wabroadcast_core.models.recipient import Recipient

LONGEST_PART = 4_096  # characters of a text beside the message
LONGEST_LIST = 100


class DraftFields(Model):
    """The fields of a submit, each of which may be missing or unfinished: they are checked when it is submitted."""

    name: str | None = Field(None, max_length=LONGEST_NAME, description="The name of the broadcast.")
    message: dict[str, Any] | None = Field(None, description="The message of a submit, as far as it is written.")
    source: dict[str, Any] | None = Field(None, description="The source of the audience, as in a submit.")
    connection: str | list[str] | None = Field(None, description="The name of a connection, or a list of names.")
    priority: str | None = Field(None, max_length=LONGEST_PART, description="high, normal or low.")
    scheduled_at: str | None = Field(None, max_length=LONGEST_PART, description="RFC 3339, as in a submit.")
    batching: dict[str, Any] | None = Field(None, description="The batches, as in a submit.")
    rate: dict[str, Any] | None = Field(None, description="A rate of its own, as in a submit.")
    retry: dict[str, Any] | None = Field(None, description="When a message is tried again, as in a submit.")
    send_window: dict[str, Any] | None = Field(None, description="Hours in which messages may start, as in a submit.")
    on_unknown: str | None = Field(None, max_length=LONGEST_PART, description="hold or resend, as in a submit.")
    callback_url: str | None = Field(
        None, max_length=LONGEST_PART, description="The address for notifications, as in a submit."
    )
    callback_events: list[str] | None = Field(
        None, max_length=LONGEST_LIST, description="What its callbacks report, as in a submit."
    )
    hold_seconds: float | None = Field(
        None, ge=0, le=LONGEST_HOLD, description="It starts no sooner than so many seconds after its submit."
    )


class DraftBody(DraftFields):
    """The fields of a draft, with its recipients."""

    recipients: list[Recipient] | None = Field(
        None, description="The audience; a long list is returned as `source` instead, which a change may send back."
    )


class DraftFault(Model):
    """What a submit of a draft would refuse now."""

    path: str = Field(description="Dotted path of the field.")
    message: Said = Field(description="What is wrong, and the way out.")
    code: str | None = Field(None, description="Stable name of the fault, for programs; null: a plugin's own fault.")

    @classmethod
    def of(cls, fault: Fault) -> Self:
        """Return a fault as a draft shows it."""
        return cls(path=fault.path, message=fault.message, code=fault.code)


class ListedDraft(Model):
    """A draft in a list."""

    draft_id: str = Field(description="The id of the draft.")
    name: str | None = Field(description="The name of the broadcast; null while it has none.")
    version: int = Field(description="Grows with each change; the header `ETag` has it too.")
    owner: str = Field(description="Who created it: the name of the API key, or the component.")
    created_at: datetime = Field(description="When it was created.")
    changed_at: datetime = Field(description="When it was changed last.")
    changed_by: str = Field(description="Who changed it last.")
    job_id: str | None = Field(description="The broadcast that it was submitted as; null while it can be changed.")


class DraftView(ListedDraft):
    """A draft with its fields."""

    broadcast: DraftBody = Field(description="The fields of the broadcast, as far as they are written.")
    faults: list[DraftFault] = Field(
        description="What is missing or wrong in the fields; a preview checks message, people and connection too."
    )


class UndoResult(Model):
    """The result of an undo: a draft if no message has left, else a paused broadcast."""

    undone: bool = Field(description="Whether it is a draft again, and certainly no message has left.")
    draft_id: str | None = Field(description="The draft that it has become.")
    left: int = Field(description="Messages that have left, or may have; 0 if it was undone.")
    under_way: int = Field(description="Those of them whose outcome was still awaited.")
    broadcast: BroadcastSummary = Field(description="The broadcast after the undo.")
