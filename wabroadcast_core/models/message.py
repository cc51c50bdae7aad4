"""What is sent: the message of a broadcast as submitted, one person's message as listed, one as handed to a sender."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.status import MessageStatus

MediaKind: TypeAlias = Literal["image", "document", "audio", "video"]
LONGEST_TEXT = 4_096  # characters; Meta's limit for a text body, the widest of the providers'
LONGEST_CAPTION = 1_024


class TextContent(Model):
    type: Literal["text"] = "text"
    text: str = Field(min_length=1, max_length=4 * LONGEST_TEXT, description="A Jinja template.")
    preview_url: bool = False


class MediaSource(Model):
    """A public link, or an earlier upload: exactly one of the two."""

    url: str | None = Field(None, pattern=r"^https?://\S+$", max_length=2_048)
    upload_id: str | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "MediaSource":
        if (self.url is None) == (self.upload_id is None):
            raise ValueError("give either url or uploadId")
        return self


class MediaContent(Model):
    type: MediaKind
    media: MediaSource
    caption: str | None = Field(None, max_length=4 * LONGEST_CAPTION, description="A Jinja template.")
    filename: str | None = Field(None, max_length=255)


class TemplateName(Model):
    """A message template registered with the provider; every text in ``components`` is a Jinja template."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = Field(pattern=r"^[A-Za-z]{2,3}(_[A-Za-z]{2,4})?$")
    components: list[dict[str, Any]] = Field(default_factory=list)


class TemplateContent(Model):
    type: Literal["template"]
    template: TemplateName


Content: TypeAlias = Annotated[TextContent | MediaContent | TemplateContent, Field(discriminator="type")]


@dataclass(slots=True)
class OutgoingMessage:
    """One person's message, rendered, as a sender gets it."""

    message_id: str  # ours: unique over all installations, at most 64 characters
    number: str  # E.164 with the plus
    type: str
    text: str | None = None  # the rendered text or caption
    content: Mapping[str, Any] = field(default_factory=dict)  # the rendered rest: media, filename, template
    name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 1


@dataclass(slots=True)
class Accepted:
    """The provider took the message. ``wa_id``: the id it knows the person by, if it said so."""

    provider_id: str | None = None
    wa_id: str | None = None
    state: str = "accepted"  # or what the provider calls a message it holds back


class MessageView(Model):
    """What happened to one recipient."""

    message_id: str
    number: str
    name: str | None
    status: MessageStatus
    reason: str | None
    detail: str | None
    attempts: int
    batch: int
    connection: str | None
    provider_id: str | None
    due_at: datetime | None
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
