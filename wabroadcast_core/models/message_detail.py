"""One message as a whole, and messages that were found by a number."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.broadcast import Act
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.reason import Reason
from wabroadcast_core.models.status import AttemptOutcome


class Attempt(Model):
    """One attempt to send a message, or equal ones that followed each other."""

    at: datetime = Field(description="When it began; of several, the first.")
    attempt: int = Field(description="Number of the attempt; throttled ones keep the number of the next one.")
    connection: str | None = Field(description="The connection of the attempt; null: not known.")
    outcome: AttemptOutcome
    reason: str | None = Field(description="Code of why it did not succeed; null: none.")
    detail: Said | None = Field(description="The provider's words.")
    times: int = Field(description="How many equal attempts followed each other.")
    last_at: datetime | None = Field(description="When the last of them began, where there are several.")


class MessageReceipt(Model):
    """What the provider reported of a message after it was sent."""

    kind: Literal["sent", "delivered", "read", "failed"] = Field(description="What the provider reported.")
    at: datetime = Field(description="When it happened, by the provider (UTC).")
    reason: str | None = Field(default=None, description="Code of why it failed; null: none.")
    detail: Said | None = Field(default=None, description="The provider's words; null: none.")


class FoundMessage(MessageView):
    """A message that was found by its number, with its broadcast."""

    job_id: str = Field(description="The id of its broadcast.")
    broadcast: str = Field(description="The name of the broadcast.")


class MessageDetail(FoundMessage):
    """One message with its text, its attempts and its receipts."""

    type: str = Field(description="The type of the message: text, image, document, audio, video or template.")
    text: str | None = Field(description="The rendered text or caption, before a plugin changed it.")
    content: dict[str, Any] = Field(description="The other rendered fields: media, filename or template.")
    not_rendered: Said | None = Field(description="Why there is no text and no content.")
    variables: dict[str, Any] = Field(description="The variables of the recipient, by name.")
    attempt_log: list[Attempt] = Field(description="The attempts, oldest first.")
    receipts: list[MessageReceipt] = Field(description="What the provider reported after the message was sent.")
    acts: list[Act] = Field(description="Acts on the message, its batch and its broadcast; the latest ones.")
    explanation: Reason | None = Field(description="What the reason means, and what to do.")
