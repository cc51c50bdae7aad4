"""Events that providers report: receipts, messages from people, changes of a connection's state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from wabroadcast_core.errors import SendError
from wabroadcast_core.models.message import short_id

ReceiptKind: TypeAlias = Literal["sent", "delivered", "read", "failed"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A report that a message was sent, delivered or read, or that it failed later.

    :param kind: sent, delivered, read or failed.
    :param at: when that was, in UNIX seconds (UTC).
    :param message_id: our id of the message; this one, the next one, or both are set.
    :param provider_id: the provider's id of the message.
    :param error: why it failed: the error that ``send`` would have raised, usually ``Rejected``.
    :param number: the recipient's number in E.164, where the provider reports it.
    :param wa_ids: WhatsApp's ids of the recipient, where the provider reports them: they may come later without the
        number.
    """

    kind: ReceiptKind
    at: float
    message_id: str | None = None
    provider_id: str | None = None
    error: SendError | None = None
    number: str | None = None
    wa_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider_id", short_id(self.provider_id))
        if self.wa_ids:
            object.__setattr__(self, "wa_ids", tuple(short_id(wa_id) for wa_id in self.wa_ids if wa_id))


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that a person wrote to a connection. The core finds the stop words in it.

    :param number: the person's number in E.164; empty if the person hides it and nothing shows whose the id is.
    :param text: what the person wrote; empty for a picture and the like.
    :param at: when that was, in UNIX seconds (UTC).
    :param provider_id: the provider's id of this message.
    :param reply_to: the provider's id of the message that the person answered.
    :param payload: that of a pressed button.
    :param preference: the person's marketing preference, set in WhatsApp itself.
    :param wa_id: WhatsApp's id of the person, where it is no number.
    """

    number: str
    text: str
    at: float
    provider_id: str | None = None
    reply_to: str | None = None
    payload: str | None = None
    preference: Literal["stop", "resume"] | None = None
    wa_id: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "reply_to", short_id(self.reply_to))
        object.__setattr__(self, "wa_id", short_id(self.wa_id or None))


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """A report that a connection is up or down.

    :param state: ``up`` if the account can send. A connection that is ``down`` is paused until it is ``up``.
    :param reason: why it is down, for the operator.
    """

    state: Literal["up", "down"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A provider's webhook call as it came.

    :param method: GET or POST.
    :param query: the parameters of the address.
    :param headers: the headers; their names are in lower case.
    :param body: the raw bytes of the body, over which signatures are computed.
    :param form: the fields of the body, if it is a form.
    """

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    form: Mapping[str, str] = field(default_factory=dict)


ProviderEvents = Sequence[Receipt | Inbound | ConnectionEvent]
