"""What a broadcast would do, before anything of it is stored or sent."""

from datetime import datetime
from typing import Any

from pydantic import Field

from wabroadcast_core.models.base import Model


class PreviewMessage(Model):
    """One real recipient's message as it would be sent."""

    number: str
    name: str | None
    text: str | None = Field(description="The text or caption.")
    content: dict[str, Any] = Field(description="The rest: media, file name, template.")


class CarrierLimits(Model):
    """What one connection of the pool can carry of such a message."""

    connection: str
    sender: str
    text_length: int = Field(description="Characters of the text or caption.")
    media_bytes: int | None = Field(description="Largest file; None: no limit is known, or there is no file.")


class Preview(Model):
    """How many would get it, how many not and why."""

    complete: bool = Field(description="Whether the whole audience was looked at; otherwise time was up.")
    total: int
    sendable: int
    skipped: int
    skipped_by: dict[str, int]
    missing_variables: dict[str, int] = Field(description="How many lack each variable.")
    variables: list[str] = Field(description="The names that the message asks for.")
    messages: list[PreviewMessage]
    limits: list[CarrierLimits]
    starts_at: datetime
    finishes_at: datetime | None = Field(description="Under the present limits and windows, where that can be said.")
