"""The webhook calls of an API: the proof that they are the API's, and the receipts and messages in them."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, model_validator

from wabroadcast_core import (
    Inbound,
    Model,
    Receipt,
    Rejected,
    Sentence,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_plugins.senders.http_api.calls import HeaderName
from wabroadcast_plugins.senders.http_api.matches import Condition
from wabroadcast_plugins.senders.http_api.paths import ManyPathText, Path, PathText
from wabroadcast_plugins.senders.shared.jids import person_in
from wabroadcast_plugins.senders.shared.lenient_json import as_text, document_in, time_of
from wabroadcast_plugins.senders.shared.refusals import safe_detail
from wabroadcast_plugins.senders.shared.setting_types import Matches
from wabroadcast_plugins.senders.shared.signatures import Algorithm, is_signed, same_text

ReceiptKind = Literal["sent", "delivered", "read", "failed"]
SecretName = Annotated[
    str,
    Matches(
        r"^[A-Za-z][A-Za-z0-9_]{0,63}$",
        Sentence("secret_name_form", "the name must be letters, digits and _, beginning with a letter"),
    ),
]
SecretReference = Annotated[SecretName, Field(description="The name of an entry of `secrets`.")]


class HeaderProof(Model):
    """A header of the call must be the secret."""

    kind: Literal["header"]
    header: HeaderName
    prefix: str = Field("", description="Text before the secret, such as `Bearer `.")
    secret: SecretReference

    def holds(self, request: WebhookRequest, secret: str) -> bool:
        """Check whether a call carries the proof."""
        return same_text(request.headers.get(self.header.lower(), ""), self.prefix + secret)


class QueryProof(Model):
    """A query parameter of the called address must be the secret."""

    kind: Literal["query"]
    parameter: str = Field("token", min_length=1)
    secret: SecretReference

    def holds(self, request: WebhookRequest, secret: str) -> bool:
        """Check whether a call carries the proof."""
        return same_text(request.query.get(self.parameter, ""), secret)


class HmacProof(Model):
    """A header of the call must be the hexadecimal HMAC of its body."""

    kind: Literal["hmac"]
    header: HeaderName
    prefix: str = Field("", description="Text before the digits, such as `sha256=`.")
    algorithm: Algorithm = "sha256"
    secret: SecretReference

    def holds(self, request: WebhookRequest, secret: str) -> bool:
        """Check whether a call carries the proof."""
        return is_signed(request, secret, header=self.header, prefix=self.prefix, algorithm=self.algorithm)


Proof = Annotated[HeaderProof | QueryProof | HmacProof, Field(discriminator="kind")]


class Events(Model):
    """Which parts of a call are events, and the paths of their values. All other paths start at an event."""

    events: ManyPathText | None = Field(
        None,
        description="Path of the events, with `*` for every item of a list: entry.*.statuses.*; if not given, the "
        "whole call is one event.",
    )
    when: list[Condition] = Field(
        default_factory=list, max_length=16, description="Only events for which all of these conditions hold."
    )
    unless: list[Condition] = Field(
        default_factory=list, max_length=16, description="Only events for which none of these conditions holds."
    )
    provider_id: PathText | None = Field(None, description="Path of the API's message id.")
    time: PathText | None = Field(
        None, description="Path of the time: seconds, milliseconds or a date; if not given, the time of the call."
    )

    def find(self, document: Any) -> Iterator[Any]:
        """Yield the events of a call; a list of events counts as its items."""
        found = [document] if self.events is None else Path.parse(self.events, many=True).find_all(document)
        for part in found:
            for event in part if isinstance(part, list) else [part]:
                if all(each.holds(event) for each in self.when) and not any(each.holds(event) for each in self.unless):
                    yield event


def _usual_statuses() -> dict[str, ReceiptKind]:
    return {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}


class ReceiptEvents(Events):
    """The events that are receipts."""

    message_id: PathText | None = Field(None, description="Path of our message id, if the API returns it.")
    status: PathText = Field(description="Path of the status.")
    statuses: dict[str, ReceiptKind] = Field(
        default_factory=_usual_statuses,
        description="The meaning of each status, in upper or lower case; other statuses are ignored.",
    )
    reason: PathText | None = Field(None, description="Path of the reason of a failure.")

    @model_validator(mode="after")
    def _check_message_path(self) -> Self:
        if self.provider_id is None and self.message_id is None:
            text = "providerId and messageId are missing: give the path of the message's id with one of them"
            raise ValueError(Sentence("receipt_without_id", text))
        return self

    def read(self, document: Any) -> Iterator[Receipt]:
        """Yield the receipts in a call."""
        kinds = {word.lower(): kind for word, kind in self.statuses.items()}
        for event in self.find(document):
            kind = kinds.get(_text_at(event, self.status).lower())
            if kind is None:
                continue
            message_id, provider_id = _text_at(event, self.message_id), _text_at(event, self.provider_id)
            if not (message_id or provider_id):
                continue
            error = Rejected("failed", safe_detail(_text_at(event, self.reason))) if kind == "failed" else None
            at = time_of(_value_at(event, self.time))
            yield Receipt(kind, at, message_id=message_id or None, provider_id=provider_id or None, error=error)


class InboundEvents(Events):
    """The events that are messages from people."""

    number: PathText = Field(description="Path of the person's number.")
    text: PathText = Field(description="Path of the text.")
    reply_to: PathText | None = Field(None, description="Path of the API's id of the message that is answered.")

    def read(self, document: Any) -> Iterator[Inbound]:
        """Yield the messages from people in a call."""
        for event in self.find(document):
            if person := person_in(_value_at(event, self.number)):
                yield Inbound(
                    person[0],
                    _text_at(event, self.text),
                    time_of(_value_at(event, self.time)),
                    provider_id=_text_at(event, self.provider_id) or None,
                    reply_to=_text_at(event, self.reply_to) or None,
                    wa_id=person[1],
                )


class Webhook(Model):
    """The webhook calls of an API."""

    proof: Proof = Field(description="How a call proves that it is the API's; without proof, anyone could make calls.")
    receipts: ReceiptEvents | None = None
    inbound: InboundEvents | None = None

    @model_validator(mode="after")
    def _check_events(self) -> Self:
        if self.receipts is None and self.inbound is None:
            text = "receipts and inbound are missing: give one of them, or both"
            raise ValueError(Sentence("webhook_without_events", text))
        return self

    def verify(self, request: WebhookRequest, secrets: Mapping[str, SecretStr]) -> None:
        """Check the proof of a call.

        :raises WebhookRefusedError: the proof is wrong or missing.
        """
        if not self.proof.holds(request, secrets[self.proof.secret].get_secret_value()):
            raise WebhookRefusedError(
                f"the call's proof ({self.proof.kind}) is missing or wrong: compare webhook.proof and the secret "
                f"{self.proof.secret!r} with the settings of the API"
            )

    def read(self, request: WebhookRequest) -> list[Receipt | Inbound]:
        """Return the receipts and the messages in a call."""
        document = document_in(request)
        receipts = self.receipts.read(document) if self.receipts else ()
        inbound = self.inbound.read(document) if self.inbound else ()
        return [*receipts, *inbound]


def _value_at(event: Any, path: str | None) -> Any:
    return None if path is None else Path.parse(path).find(event)


def _text_at(event: Any, path: str | None) -> str:
    return as_text(_value_at(event, path))
