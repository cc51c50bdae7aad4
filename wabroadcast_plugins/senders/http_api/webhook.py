"""The calls that an API makes: how they prove where they come from, and what they say."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from wabroadcast_core import (
    Inbound,
    Model,
    Receipt,
    Rejected,
    WebhookRefusedError,
    WebhookRequest,
)
from wabroadcast_plugins.senders.http_api.calls import HeaderName
from wabroadcast_plugins.senders.http_api.matches import Condition
from wabroadcast_plugins.senders.http_api.paths import ManyPathText, Path, PathText
from wabroadcast_plugins.senders.shared.jids import number_of
from wabroadcast_plugins.senders.shared.lenient_json import as_text, document_in, time_of
from wabroadcast_plugins.senders.shared.refusals import shown
from wabroadcast_plugins.senders.shared.signatures import Algorithm, is_signed, same_text

ReceiptKind = Literal["sent", "delivered", "read", "failed"]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
SecretReference = Annotated[SecretName, Field(description="The name of an entry of `secrets`.")]


class HeaderProof(Model):
    """A header of the call is the secret."""

    kind: Literal["header"]
    header: HeaderName
    prefix: str = Field("", description="Stands before the secret, such as `Bearer `.")
    secret: SecretReference

    def holds(self, request: WebhookRequest, secret: str) -> bool:
        return same_text(request.headers.get(self.header.lower(), ""), self.prefix + secret)


class QueryProof(Model):
    """The address called has the secret in its query."""

    kind: Literal["query"]
    parameter: str = Field("token", min_length=1)
    secret: SecretReference

    def holds(self, request: WebhookRequest, secret: str) -> bool:
        return same_text(request.query.get(self.parameter, ""), secret)


class HmacProof(Model):
    """A header of the call is the hexadecimal HMAC of its body."""

    kind: Literal["hmac"]
    header: HeaderName
    prefix: str = Field("", description="Stands before the digits, such as `sha256=`.")
    algorithm: Algorithm = "sha256"
    secret: SecretReference

    def holds(self, request: WebhookRequest, secret: str) -> bool:
        return is_signed(request, secret, header=self.header, prefix=self.prefix, algorithm=self.algorithm)


Proof = Annotated[HeaderProof | QueryProof | HmacProof, Field(discriminator="kind")]


class Events(Model):
    """Which parts of a call are meant, and where their facts stand; all other paths begin at such a part."""

    events: ManyPathText | None = Field(
        None, description="Where they stand, `*` for every item of a list: entry.*.statuses.*; else the whole call."
    )
    when: list[Condition] = Field(default_factory=list, max_length=16, description="All of these hold.")
    unless: list[Condition] = Field(default_factory=list, max_length=16, description="None of these holds.")
    provider_id: PathText | None = Field(None, description="The API's id of the message.")
    time: PathText | None = Field(None, description="Seconds, milliseconds or a date; else the time of the call.")

    def find(self, document: Any) -> Iterator[Any]:
        """The parts of a call that are meant; a list counts as its items."""
        found = [document] if self.events is None else Path.parse(self.events, many=True).find_all(document)
        for part in found:
            for event in part if isinstance(part, list) else [part]:
                if all(each.holds(event) for each in self.when) and not any(each.holds(event) for each in self.unless):
                    yield event


def _usual_words() -> dict[str, ReceiptKind]:
    return {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}


class ReceiptEvents(Events):
    """What became of a message."""

    message_id: PathText | None = Field(None, description="Our id of the message, where the API gives it back.")
    status: PathText
    statuses: dict[str, ReceiptKind] = Field(
        default_factory=_usual_words,
        description="What its words mean, in whatever case; words that are not here mean nothing.",
    )
    reason: PathText | None = Field(None, description="Why it failed.")

    @model_validator(mode="after")
    def _names_the_message(self) -> Self:
        if self.provider_id is None and self.message_id is None:
            raise ValueError("say with providerId or messageId where the message's id stands")
        return self

    def read(self, document: Any) -> Iterator[Receipt]:
        kinds = {word.lower(): kind for word, kind in self.statuses.items()}
        for event in self.find(document):
            kind = kinds.get(_at(event, self.status).lower())
            message_id, provider_id = _at(event, self.message_id), _at(event, self.provider_id)
            if kind is None or not (message_id or provider_id):
                continue
            error = Rejected("failed", shown(_at(event, self.reason))) if kind == "failed" else None
            at = time_of(_value_at(event, self.time))
            yield Receipt(kind, at, message_id=message_id or None, provider_id=provider_id or None, error=error)


class InboundEvents(Events):
    """What people write."""

    number: PathText
    text: PathText
    reply_to: PathText | None = Field(None, description="The API's id of the message answered.")

    def read(self, document: Any) -> Iterator[Inbound]:
        for event in self.find(document):
            if number := number_of(_value_at(event, self.number)):
                yield Inbound(
                    number,
                    _at(event, self.text),
                    time_of(_value_at(event, self.time)),
                    provider_id=_at(event, self.provider_id) or None,
                    reply_to=_at(event, self.reply_to) or None,
                )


class Webhook(Model):
    """The calls of an API."""

    proof: Proof = Field(description="How a call shows that it is the API's: without one, anybody could make it.")
    receipts: ReceiptEvents | None = None
    inbound: InboundEvents | None = None

    @model_validator(mode="after")
    def _hears_something(self) -> Self:
        if self.receipts is None and self.inbound is None:
            raise ValueError("say what is read from the calls: receipts, inbound, or both")
        return self

    def verify(self, request: WebhookRequest, secrets: Mapping[str, SecretStr]) -> None:
        """:raises WebhookRefusedError: the proof is wrong or missing."""
        if not self.proof.holds(request, secrets[self.proof.secret].get_secret_value()):
            raise WebhookRefusedError(f"the call lacks the proof of this connection ({self.proof.kind})")

    def read(self, request: WebhookRequest) -> list[Receipt | Inbound]:
        document = document_in(request)
        receipts = self.receipts.read(document) if self.receipts else ()
        inbound = self.inbound.read(document) if self.inbound else ()
        return [*receipts, *inbound]


def _value_at(event: Any, path: str | None) -> Any:
    return None if path is None else Path.parse(path).find(event)


def _at(event: Any, path: str | None) -> str:
    return as_text(_value_at(event, path))
