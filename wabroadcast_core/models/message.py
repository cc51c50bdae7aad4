"""Messages: the content of a broadcast, one rendered message for a sender, one message as it is shown."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field, model_validator

from wabroadcast_core.models.base import Model, Said, matching
from wabroadcast_core.models.status import MessageStatus
from wabroadcast_core.models.waiting import WaitingFor
from wabroadcast_core.sentences import Sentence

WebAddress: TypeAlias = Annotated[
    str,
    *matching(r"^https?://\S+$", Sentence("no_web_address", "not a web address: begin it with https:// or http://")),
]
"""The type of an address in a model: a text that begins with ``http://`` or ``https://`` and has no spaces."""
NameOfTemplate: TypeAlias = Annotated[
    str,
    *matching(
        r"^[a-z0-9_]{1,512}$",
        Sentence("no_template_name", "not the name of a template: it has only small letters, digits and _"),
    ),
]
Language: TypeAlias = Annotated[
    str,
    *matching(
        r"^[A-Za-z]{2,3}(_[A-Za-z]{2,4})?$",
        Sentence("no_language", "not the code of a language: write it as id or en_US"),
    ),
]
MediaKind: TypeAlias = Literal["image", "document", "audio", "video"]
LONGEST_TEXT = 4_096  # characters; Meta's limit for a text body, the widest of the providers'
LONGEST_CAPTION = 1_024
LONGEST_PROVIDER_ID = 512  # characters


class TextContent(Model):
    """A text message."""

    type: Literal["text"] = Field(default="text", description="text: a message without a file.")
    text: str = Field(min_length=1, max_length=4 * LONGEST_TEXT, description="A Jinja template.")
    preview_url: bool = Field(
        default=False, description="Whether the message shows a preview of the first link in the text."
    )


class MediaSource(Model):
    """The file of a media message: a public URL or an upload, exactly one of them."""

    url: WebAddress | None = Field(
        default=None, max_length=2_048, description="The http or https address of the file: at most 2,048 characters."
    )
    upload_id: str | None = Field(default=None, description="The id of an upload, as `POST /uploads` returns it.")

    @model_validator(mode="after")
    def _check_one(self) -> "MediaSource":
        if (self.url is None) == (self.upload_id is None):
            raise ValueError(Sentence("one_file", "there is no file, or there are two: give either url or uploadId"))
        return self


class MediaContent(Model):
    """A message with a file."""

    type: MediaKind = Field(description="The kind of the file.")
    media: MediaSource = Field(description="Where the file is: an address or an upload.")
    caption: str | None = Field(default=None, max_length=4 * LONGEST_CAPTION, description="A Jinja template.")
    filename: str | None = Field(
        default=None,
        max_length=255,
        description="The name of a document as the recipient sees it, a Jinja template: at most 255 characters.",
    )


class TemplateName(Model):
    """A template that is registered with the provider. Every text in ``components`` is a Jinja template."""

    name: NameOfTemplate = Field(description="The name of the template at the provider, such as order_update.")
    language: Language = Field(description="The language of the template, such as id or en_US.")
    components: list[dict[str, Any]] = Field(
        default_factory=list, description="Its components and their parameters, as Meta's API names them."
    )


class TemplateContent(Model):
    """A message from a template that is registered with the provider."""

    type: Literal["template"] = Field(description="template: a message that the provider has approved.")
    template: TemplateName = Field(description="Which template, and its values.")


Content: TypeAlias = Annotated[TextContent | MediaContent | TemplateContent, Field(discriminator="type")]


@dataclass(slots=True)
class OutgoingMessage:
    """One rendered message, as a sender receives it.

    :param message_id: our id of the message, unique over all installations: at most 64 characters.
    :param number: the recipient's number in E.164, with the plus sign.
    :param type: text, image, document, audio, video or template.
    :param text: the rendered text, or the caption of a file; None if there is none.
    :param content: the other rendered fields. A text has ``previewUrl``; a file has ``media`` (``{"url": …}`` or
        ``{"uploadId": …}``) and ``filename``, which may be missing; a template has ``template`` with ``name``,
        ``language`` and ``components``.
    :param name: the name of the recipient, if it is known.
    :param variables: the variables of the recipient, by name.
    :param attempt: which attempt this is, from 1.
    """

    message_id: str
    number: str
    type: str
    text: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    attempt: int = 1


def short_id(provider_id: str | None) -> str | None:
    """Return a provider's id of a message or a person as it is stored: itself, or its digest if it is longer than any
    real one.

    The message was accepted, whatever its id is. Receipts find it by the digest too.
    """
    if provider_id is None or len(provider_id) <= LONGEST_PROVIDER_ID:
        return provider_id
    return f"sha256:{hashlib.sha256(provider_id.encode(errors='replace')).hexdigest()}"


@dataclass(slots=True)
class Accepted:
    """The provider's acceptance of a message.

    :param provider_id: the provider's id of the message, which its receipts carry.
    :param wa_id: the provider's id of the person, if it returns one.
    :param state: ``accepted``, or the provider's word for a message that it holds back.
    """

    provider_id: str | None = None
    wa_id: str | None = None
    state: str = "accepted"

    def __post_init__(self) -> None:
        if self.provider_id is not None and len(self.provider_id) > LONGEST_PROVIDER_ID:
            self.provider_id = short_id(self.provider_id)
        if isinstance(self.wa_id, str):
            self.wa_id = short_id(self.wa_id or None)


class MessageView(Model):
    """One message of a broadcast as it is shown."""

    message_id: str = Field(description="The id of the message: the job id, and the place in the audience from 0.")
    row: int | None = Field(
        default=None, description="The row of the file, or the place in `recipients` from 1, if asked for."
    )
    number: str = Field(description="The phone number in E.164; of a message that was skipped, as it was given.")
    name: str | None = Field(description="The name of the recipient; null: none.")
    status: MessageStatus
    reason: str | None = Field(
        description="Code of why it failed, waits or was skipped: `GET /reasons` explains it; null: none."
    )
    detail: Said | None = Field(description="More about the reason, such as the provider's words; null: nothing more.")
    attempts: int = Field(description="Attempts to send it so far.")
    batch: int = Field(description="The number of its batch; the first is 0.")
    connection: str | None = Field(description="The connection through which it goes or went; null: not chosen yet.")
    provider_id: str | None = Field(description="The provider's id of the message; null: none yet.")
    due_at: datetime | None = Field(description="The time before which it is not tried (UTC); null: there is none.")
    sent_at: datetime | None = Field(description="When it was sent (UTC); null: not yet.")
    delivered_at: datetime | None = Field(
        description="When it was delivered, by a receipt (UTC); null: no such receipt yet."
    )
    read_at: datetime | None = Field(description="When it was read, by a receipt (UTC); null: no such receipt yet.")
    waiting_for: WaitingFor | None = Field(default=None, description="Why it is not sent yet, and until when.")
