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

    ``at`` is a UNIX timestamp (seconds, UTC). ``message_id`` is our id and ``provider_id`` the provider's: at least
    one of them is set. ``number`` and ``wa_ids`` are the recipient's, as far as the provider reports them: the ids by
    which WhatsApp knows a person may come later without the number.
    """

    kind: ReceiptKind
    at: float
    message_id: str | None = None
    provider_id: str | None = None
    error: SendError | None = None  # the reason, if the kind is failed
    number: str | None = None  # E.164
    wa_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "provider_id", short_id(self.provider_id))


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message that a person wrote to a connection."""

    number: str  # E.164; empty if the person hides it and nothing shows whose the id is
    text: str
    at: float  # UNIX timestamp (seconds, UTC)
    provider_id: str | None = None  # the provider's id of this message
    reply_to: str | None = None  # the provider's id of the message that the person answered
    payload: str | None = None  # of a pressed button
    preference: Literal["stop", "resume"] | None = None  # the person's marketing preference, set in WhatsApp itself
    wa_id: str | None = None  # WhatsApp's id of the person, where it is no number

    def __post_init__(self) -> None:
        object.__setattr__(self, "reply_to", short_id(self.reply_to))


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """A report that a connection is up or down."""

    state: Literal["up", "down"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A provider's webhook call as it came. ``body`` has its raw bytes, over which signatures are computed."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    form: Mapping[str, str] = field(default_factory=dict)


ProviderEvents = Sequence[Receipt | Inbound | ConnectionEvent]
