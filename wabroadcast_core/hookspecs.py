"""The extension points of wabroadcast: first the protocols that plugin classes implement, then the hooks.

A plugin is a module or an object with hook implementations (:data:`hookimpl`). A module that needs settings has a
function ``create_plugin(settings)`` instead, which returns that object, or None to stay off. A sender and a contact
source are classes that a plugin names in ``wab_senders`` and ``wab_contact_sources``.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Protocol, runtime_checkable

import httpx
import pluggy
from pydantic import BaseModel

from wabroadcast_core.errors import Fault
from wabroadcast_core.media import MediaFile
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.notices import FinishedMessage, MessageReceipt
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.queries import NamedQuery

NAMESPACE = "wabroadcast"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


class ReadsContacts(Protocol):
    """A function that streams contacts of the contact book in a stable order."""

    def __call__(self, tags: Sequence[str], match: str, without: Sequence[str] = (), /) -> Iterator[AudienceRow]:
        """Yield the contacts that have any or all of ``tags`` and none of ``without``; a tag may have no contacts.

        :param tags: names of tags; an empty sequence selects every contact.
        :param match: ``any`` or ``all``: how many of ``tags`` a contact must have.
        :param without: names of tags that exclude a contact.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """The functions and settings that a contact source receives."""

    open_upload: Callable[[str], BinaryIO]
    """Opens an upload by its id as a seekable binary file; raises NotFoundError if no upload has this id."""
    read_contacts: ReadsContacts
    """Streams contacts of the contact book."""
    workbook_seconds: float = 120
    """The longest time that opening one workbook may take, with the wait for others, in seconds."""
    workbook_megabytes: int = 512
    """The most memory that reading one workbook may take, in megabytes."""
    region: str = "ID"
    """The region (ISO 3166-1 alpha-2) of numbers without a country code."""
    is_over: Callable[[], bool] = bool
    """Returns whether to end the reading. A source that reads many rows without yielding one calls it repeatedly."""
    queries: Mapping[str, NamedQuery] = field(default_factory=dict)
    """The database queries that the operator allows to broadcasts, by name."""


@runtime_checkable
class ContactSource(Protocol):
    """A plugin class that yields the recipients of one broadcast.

    A new instance is made for each read, in a worker, and also in the web process when a broadcast is submitted or
    previewed. The constructor must therefore not call a database or a provider.
    """

    kind: ClassVar[str]
    """The ``type`` that a broadcast's ``source`` names; unique among all installed contact sources."""
    Settings: ClassVar[type[BaseModel]]
    """The fields that a broadcast's ``source`` has beside ``type``."""
    repeatable: ClassVar[bool]
    """Whether every read yields the same rows in the same order.

    A read that continues after a crash skips the rows that are stored already. If the order may change between two
    reads, set this to False: the audience is then copied before it is used.
    """

    def __init__(self, settings: Any, context: SourceContext) -> None: ...

    # Optional attributes: region (the country of its numbers without a country code), columns (how a table was read,
    # set with the first row), notes (what a user should know) and empty_reason (why it has no recipients).

    def read(self) -> Iterable[AudienceRow]:
        """Stream the rows of the audience.

        Called in a worker, and in the web process for a preview. The memory used must not grow with the number of
        rows.

        :returns: the rows in the order of the source.
        :raises SourceError: the audience cannot be read to its end; the broadcast fails with this text as its reason.
        :raises FileError: the file of the audience cannot be read; the broadcast fails in the same way.
        """
        ...


@runtime_checkable
class ChecksSettings(Protocol):
    """A contact source that can check more than its ``Settings`` model can, for example against its context."""

    def check_settings(self) -> Sequence[Fault]:
        """Check the settings of this source.

        Called in the web process when a broadcast is submitted, and in a worker before the audience is read. It must
        be quick: do not call a database or a provider here.

        :returns: the faults, each with its path in the settings, such as ``parameters.city``; if there are any, the
            broadcast is refused.
        :raises Exception: counts as a bug of the plugin: the submit fails, and in a worker the broadcast.
        """
        ...


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
    """A shared client with keep-alive; its requests are made on the worker's event loop."""
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


class Hooks:
    """The hooks, in the order in which a broadcast meets them.

    A plugin implements any of them, marked with :data:`hookimpl`. All plugins that implement a hook are called, in
    pluggy's order: use ``tryfirst`` and ``trylast``. An implementation may leave out arguments and be a wrapper. Hooks
    are plain functions, not coroutines. A call that takes longer than ``WABROADCAST_PLUGIN_SECONDS`` counts as failed.
    """

    @hookspec
    def wab_senders(self) -> Sequence[type[Sender]]:  # type: ignore[empty-body]  # a specification
        """Return the sender classes of this plugin.

        Called once in each process (web and worker), when the plugin manager is built, outside any transaction.

        :returns: the classes; if one is faulty, or has a kind of another plugin, this plugin is quarantined.
        :raises Exception: this plugin is quarantined: the process starts without it.
        """

    @hookspec
    def wab_contact_sources(self) -> Sequence[type[ContactSource]]:  # type: ignore[empty-body]  # a specification
        """Return the contact source classes of this plugin.

        Called once in each process (web and worker), when the plugin manager is built, outside any transaction.

        :returns: the classes; if one is faulty, or has a kind of another plugin, this plugin is quarantined.
        :raises Exception: this plugin is quarantined: the process starts without it.
        """

    @hookspec
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
        """Return the numbers that must not be messaged, each with the reason.

        Called outside any transaction, on a thread: in the worker once per chunk while an audience is prepared, and
        again for the messages that are about to be sent; in the web process once per chunk of a preview. Before a
        send, an answer that takes longer than a tenth of a second may cost a connection some of its pace.

        :param numbers: distinct E.164 numbers: a chunk (``WABROADCAST_PREPARE_CHUNK``, by default at most 5,000) or
            the messages of one claim (``WABROADCAST_CLAIM_SIZE``, by default at most 1,000).
        :returns: reason by number, for the blocked numbers only; the results of all plugins are merged.
        :raises Exception: the chunk is not stored, or the messages are not sent, and it is tried again later. So a
            failing, hanging or quarantined plugin blocks rather than sends. A preview fails with its name.
        """

    @hookspec
    def wab_validate_numbers(self, numbers: Sequence[str], connection: str) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
        """Return the numbers that cannot be messaged, each with the reason.

        Called outside any transaction, on a thread, once per chunk: in the worker while an audience is prepared, in
        the web process for a preview.

        :param numbers: distinct E.164 numbers of a chunk (``WABROADCAST_PREPARE_CHUNK``, by default at most 5,000).
        :param connection: the name of the connection; of the first one if the broadcast has a pool.
        :returns: reason by number, for the unusable numbers only; the results of all plugins are merged.
        :raises Exception: logged with the plugin's name; its result is left out. A hanging plugin blocks, as above.
        """

    @hookspec
    def wab_before_send(self, message: OutgoingMessage) -> None:
        """Inspect or change one rendered message immediately before it is sent.

        Called in the worker, on its event loop, outside any transaction, once for each attempt. The message has
        its slot already, so return at once. Not called for automatic replies.

        :param message: the rendered message; may be changed in place.
        :raises SendError: the attempt ends as if the sender had raised this.
        :raises Exception: logged with the plugin's name; the message is sent.
        """

    @hookspec
    def wab_messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        """Receive the messages that need no more work.

        Called in the worker, on a thread, after the outcomes were committed, once for each group stored together. After
        a crash, a group may be missing. Messages skipped by the preparation, cancelled ones and tests are not passed.

        :param results: messages that are now sent, failed, skipped or unknown.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_receipts(self, receipts: Sequence[MessageReceipt]) -> None:
        """Receive the facts that providers report of messages after the send: delivered, read, failed.

        Called in the worker, on a thread, after the commit, once for each group stored together. Each fact of a message
        is passed once; ``sent`` settles an unknown outcome. After a crash, a group may be missing. Those of tests are
        not passed.

        :param receipts: in the order in which they came.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        """Receive a broadcast that was submitted or changed.

        Called after a submit, pause, resume, cancel, retry and reschedule, and when the status changes by itself: at
        the start, at the end, and when it is paused automatically. It is called in the process that made the change
        (web or worker), on a thread, after the commit. The caller waits, so return quickly.

        :param broadcast: the broadcast with its present status; tests are not passed.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_inbound(self, message: Inbound, connection: str) -> None:
        """Receive a message that a person wrote to a connection.

        Called in the worker, on a thread, after the message was processed and an opt-out in it was committed.

        :param message: the person's message; its number is empty if the person hides it and nothing shows it.
        :param connection: the name of the connection that received it.
        :raises Exception: logged with the plugin's name.
        """
