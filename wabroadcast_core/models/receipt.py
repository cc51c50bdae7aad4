"""What providers say later: receipts, messages from people, news of a connection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from wabroadcast_core.errors import SendError


@dataclass(frozen=True, slots=True)
class Receipt:
    """A message got on, or failed after all. ``at`` is a UNIX timestamp (seconds, UTC).

    ``message_id`` is ours and ``provider_id`` theirs: at least one is there.
    """

    kind: Literal["sent", "delivered", "read", "failed"]
    at: float
    message_id: str | None = None
    provider_id: str | None = None
    error: SendError | None = None  # why, with failed


@dataclass(frozen=True, slots=True)
class Inbound:
    """A person wrote to a connection."""

    number: str  # E.164
    text: str
    at: float
    provider_id: str | None = None
    reply_to: str | None = None  # the provider's id of the message answered
    payload: str | None = None  # of a button
    preference: Literal["stop", "resume"] | None = None  # set in WhatsApp itself


@dataclass(frozen=True, slots=True)
class ConnectionEvent:
    """A connection came up or went down."""

    state: Literal["up", "down"]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A provider's call as it came: the signature is over ``body``, byte by byte."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in lower case
    body: bytes = b""
    form: Mapping[str, str] = field(default_factory=dict)


ProviderEvents = Sequence[Receipt | Inbound | ConnectionEvent]
