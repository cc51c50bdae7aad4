"""What the plugin class of a sender implements, and what it gets; its optional abilities are protocols of their own."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import httpx
from pydantic import BaseModel

from wabroadcast_core.media import MediaFile
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a sender can do. Broadcasts are checked against it when they are submitted."""

    types: frozenset[str] = frozenset({"text"})
    text_length: int = 4_096  # characters
    caption_length: int = 1_024  # characters
    caption_types: frozenset[str] = frozenset({"image", "document", "video"})  # media kinds with which it is shown
    media_bytes: Mapping[str, int] = field(default_factory=dict)  # largest file, in bytes, by media kind
    media_types: Mapping[str, frozenset[str]] = field(default_factory=dict)  # MIME types by media kind; absent: any
    limits: Limits = field(default_factory=Limits)  # of a new connection whose operator gives none
    ban_risk: bool = False  # an unofficial gateway: a human pace is on by default
    client_message_ids: bool = False  # the provider stores our message id and can look a message up by it after a crash
    number_check: bool = False  # the sender implements ChecksNumbers
    simulated: bool = False  # it reaches no real phone, so a connection of another sender is preferred to it
    test_numbers: Mapping[str, str] = field(default_factory=dict)  # E.164: how a message ends, where that is simulated


class Cache(Protocol):
    """Short texts of one connection that all processes share. Any entry may disappear at any moment."""

    async def get(self, key: str) -> str | None:
        """Return the value of ``key``, or None if the cache does not have it."""
        ...

    async def put(self, key: str, value: str, *, seconds: float) -> None:
        """Store a value for at most ``seconds``."""
        ...


@dataclass(frozen=True, slots=True)
class SenderContext:
    """The clients and functions that a sender receives: one context for each connection and process."""

    connection: str
    """The name of the connection."""
    http: httpx.AsyncClient
    """A client with keep-alive for this connection; its requests are made on the worker's event loop.

    Headers that are set on it are those of this connection only. Leave it open: once closed, it makes no requests.
    """
    receive: Callable[[Sequence[Receipt | Inbound | ConnectionEvent]], None]
    """Passes on events that the provider reports otherwise than by a webhook; may be called from any thread."""
    log: logging.Logger
    """The logger of this kind of sender. Write no secret to it, and at INFO no phone number and no message text."""
    load_media: Callable[[Mapping[str, Any]], Awaitable[MediaFile]]
    """Loads the file that a message's ``content["media"]`` names by uploadId or url; one file is read once for many
    messages.

    :raises BadMessage: no upload has this id, the address is not a public one, or the file is too large.
    :raises Temporary: the file cannot be fetched at the moment.
    """
    cache: Cache
    """A cache that all processes share for this connection."""


@runtime_checkable
class Sender(Protocol):
    """A plugin class that sends through one provider, for one connection.

    An instance is made in a worker for each connection, and again when its settings change, and in the web process to
    verify webhooks and to test the connection. An ``async def aclose(self)`` is called when it is no longer used.
    """

    kind: ClassVar[str]
    """The ``sender`` that a connection names; unique among all installed senders."""
    Settings: ClassVar[type[BaseModel]]
    """The fields of a connection's ``settings``. Declare secrets as ``SecretStr``: the settings are encrypted at rest,
    and secrets are never shown."""
    capabilities: ClassVar[Capabilities]

    # Optional: reasons (ReasonTexts), what its codes mean and what to do: {"en": {"code": ("meaning", "action")}}.
    def __init__(self, settings: Any, context: SenderContext) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Send one message, once. Do not retry here: retries are decided by the outcome.

        Called on the worker's event loop; must not block it.

        :param message: the rendered message.
        :returns: the provider's id of the message, where it has one.
        :raises SendError: one of Temporary, Rejected, BadMessage, Throttled, ConnectionDown, OutcomeUnknown.
            Any other exception counts as a bug of the plugin: the message fails with the exception's type.
        """
        ...


@runtime_checkable
class ChecksNumbers(Protocol):
    """A sender that can check which numbers are on WhatsApp; it sets ``number_check`` in its capabilities."""

    async def check_numbers(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Return which numbers are on WhatsApp, as the provider reports it.

        Called on the worker's event loop before a send; must not block it.

        :param numbers: E.164 numbers, at most 50.
        :returns: True or False by number; a number without an answer is left out.
        :raises SendError: the provider cannot answer at the moment. ConnectionDown and Throttled end the send as if
            ``send`` had raised them; after any other SendError the message is sent unchecked.
        """
        ...


@runtime_checkable
class FindsMessages(Protocol):
    """A sender whose provider stores our message ids and can look a message up by its id.

    It sets ``client_message_ids`` in its capabilities.
    """

    async def find_message(self, message_id: str, number: str) -> Accepted | None:
        """Look up a message whose outcome is unknown.

        Called on the worker's event loop, a minute or more after the send; must not block it.

        :param message_id: our id of the message, as ``send`` received it.
        :param number: the recipient's number in E.164.
        :returns: what the provider knows of the message, or None if it certainly never arrived; it is then sent again.
        :raises SendError: the provider cannot answer at the moment; the message stays unknown and is looked up again.
        """
        ...


@runtime_checkable
class ParsesWebhooks(Protocol):
    """A sender whose provider calls our webhook.

    Both methods are synchronous and must return quickly: they must not call a database or a provider.
    """

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        """Check that a call comes from the provider.

        Called in the web process for each call, before it is stored. Compare secrets in constant time, and compute
        signatures over the raw bytes of the body.

        :param request: the call as it came.
        :returns: the text to answer with if the call is only a handshake; None if the call is to be stored.
        :raises WebhookRefusedError: the call does not come from the provider.
        """
        ...

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        """Parse a stored call.

        Called in a worker, inside a transaction, which may be repeated. The provider's calls may also be repeated,
        and out of order.

        :param request: the call without its query and headers but ``content-type``, or what ``kept_call`` has kept.
        :returns: the events of the call; an empty list if it holds none of interest.
        :raises Exception: logged with the connection's name; the call is dropped.
        """
        ...


@runtime_checkable
class ChecksConnection(Protocol):
    """A sender that can check whether its account is able to send, without sending."""

    async def check_connection(self) -> ConnectionEvent:
        """Request the state of the account from the provider.

        Called in the web process when an operator tests the connection, and now and then on the worker's event loop
        while the connection is paused as ``disconnected``: it is resumed when the account is ``up``.

        :returns: ``up`` or ``down``, with the reason.
        :raises SendError: the provider cannot be reached or refuses the request; shown to the operator as ``down``.
        """
        ...
