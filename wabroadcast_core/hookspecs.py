"""The extension points, in the order a broadcast meets them: two kinds of plugin class, then the hooks."""

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
from wabroadcast_core.models.receipt import ConnectionEvent, Inbound, Receipt, WebhookRequest
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.queries import NamedQuery

NAMESPACE = "wabroadcast"
hookspec = pluggy.HookspecMarker(NAMESPACE)
hookimpl = pluggy.HookimplMarker(NAMESPACE)


class ReadsContacts(Protocol):
    """Streams contacts of the contact book in a stable order."""

    def __call__(self, tags: Sequence[str], match: str, without: Sequence[str] = (), /) -> Iterator[AudienceRow]:
        """Those who have any or all of ``tags``, and none of ``without``. A tag that nobody has is no error.

        :param tags: none: everyone. :param match: ``any`` or ``all``.
        """
        ...


@dataclass(frozen=True, slots=True)
class SourceContext:
    """What the engine lends to a contact source."""

    open_upload: Callable[[str], BinaryIO]
    """Open an upload by its id as a seekable binary file. :raises NotFoundError: there is none."""
    read_contacts: ReadsContacts
    workbook_seconds: float = 120
    workbook_megabytes: int = 2_048
    region: str = "ID"
    """The country of numbers that name none."""
    queries: Mapping[str, NamedQuery] = field(default_factory=dict)
    """What the operator lets broadcasts ask databases, by name."""


@runtime_checkable
class ContactSource(Protocol):
    """Yields the recipients of one broadcast.

    Made anew for each read, in a worker, and in the web process when a broadcast is submitted: making one asks
    nobody. When a read is taken up again after a crash, the engine skips the rows it has; a source whose order may
    change between two reads says ``repeatable = False`` and is copied before it is used.
    """

    kind: ClassVar[str]
    Settings: ClassVar[type[BaseModel]]
    """The fields that a broadcast's ``source`` has beside ``type``."""
    repeatable: ClassVar[bool]

    def __init__(self, settings: Any, context: SourceContext) -> None: ...

    def read(self) -> Iterable[AudienceRow]:
        """Stream the rows; memory must not grow with their number.

        :raises SourceError: the audience cannot be read (to its end); the broadcast fails with these words.
        :raises FileError: likewise, for a file.
        """
        ...


@runtime_checkable
class ChecksSettings(Protocol):
    """A contact source that can say more about its settings than their model: it knows what it was lent."""

    def check_settings(self) -> Sequence[Fault]:
        """Called in the web process when a broadcast is submitted, and in a worker before it is read. Ask nobody: a
        database or a provider that is slow would hold up the submit.

        :returns: what does not fit, each path counted from the settings: ``parameters.city``. None: read may be called.
        """
        ...


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a sender can do; checked before a broadcast starts."""

    types: frozenset[str] = frozenset({"text"})
    text_length: int = 4_096  # characters
    caption_length: int = 1_024
    media_bytes: Mapping[str, int] = field(default_factory=dict)  # largest file by media kind
    media_types: Mapping[str, frozenset[str]] = field(default_factory=dict)  # MIME types by media kind; else any
    limits: Limits = field(default_factory=Limits)  # of a new connection, where its operator gives none
    ban_risk: bool = False  # an unofficial gateway: a human pace is on by default
    client_message_ids: bool = False  # the provider takes our id and can be asked for it after a crash
    number_check: bool = False


class Cache(Protocol):
    """Short texts of one connection that all processes share. Any may be gone at any moment: it is a cache."""

    async def get(self, key: str) -> str | None: ...
    async def put(self, key: str, value: str, *, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class SenderContext:
    """What the engine lends to a sender: one per connection and process."""

    connection: str
    http: httpx.AsyncClient
    """A shared client with keep-alive; its requests are made on the worker's event loop."""
    receive: Callable[[Sequence[Receipt | Inbound | ConnectionEvent]], None]
    """Hand over what a provider told other than by a webhook; may be called from any thread."""
    log: logging.Logger
    load_media: Callable[[Mapping[str, Any]], Awaitable[MediaFile]]
    """The file that a message's ``content["media"]`` names, by uploadId or url; the same file is read once for many.

    :raises BadMessage: there is no such upload, the address is not a public one, the file is too large.
    :raises Temporary: it cannot be fetched just now.
    """
    kept: Cache


@runtime_checkable
class Sender(Protocol):
    """Talks to one provider for one connection."""

    kind: ClassVar[str]
    Settings: ClassVar[type[BaseModel]]
    """Secrets as ``SecretStr``; they are encrypted at rest and never shown."""
    capabilities: ClassVar[Capabilities]

    def __init__(self, settings: Any, context: SenderContext) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Send one message, once: the engine decides about retries.

        Called on the worker's event loop; must not block it.

        :raises SendError: one of Temporary, Rejected, BadMessage, Throttled, ConnectionDown, OutcomeUnknown.
            Anything else counts as a bug of the plugin: the message fails with the exception's type.
        """
        ...


@runtime_checkable
class ChecksNumbers(Protocol):
    """A sender that can say who is on WhatsApp; its capabilities say ``number_check``."""

    async def check_numbers(self, numbers: Sequence[str]) -> Mapping[str, bool]:
        """Ask the provider. What it did not answer for is left out.

        :param numbers: E.164 numbers, at most 50.
        :raises SendError: it cannot be asked just now; nothing is concluded from that.
        """
        ...


@runtime_checkable
class FindsMessages(Protocol):
    """A sender whose provider takes our ids and can be asked for one; its capabilities say ``client_message_ids``."""

    async def find_message(self, message_id: str, number: str) -> Accepted | None:
        """Ask what became of a send whose answer got lost, a minute later or more. None: it surely never arrived.

        :raises SendError: it cannot be said just now.
        """
        ...


@runtime_checkable
class ParsesWebhooks(Protocol):
    """A sender whose provider calls back. Both methods are synchronous, quick, and ask nobody."""

    def verify_webhook(self, request: WebhookRequest) -> str | None:
        """Called in the web process for each call, before it is taken: refuse whoever is not the provider.

        Compare secrets in constant time, and signatures over the raw bytes.

        :returns: the text to answer with, where the call is a handshake and nothing more; None: take it.
        :raises WebhookRefusedError: it is not the provider's.
        """
        ...

    def parse_webhook(self, request: WebhookRequest) -> list[Receipt | Inbound | ConnectionEvent]:
        """Called in a worker with what was taken. What is of no interest yields nothing; the provider's calls may be
        repeated and out of order.

        :raises Exception: logged with the connection's name; the call is dropped.
        """
        ...


@runtime_checkable
class ChecksConnection(Protocol):
    """A sender that can say whether its account is able to send, without sending."""

    async def check_connection(self) -> ConnectionEvent:
        """Ask the provider. :raises SendError: it cannot be reached, or refuses us."""
        ...


@dataclass(frozen=True, slots=True)
class FinishedMessage:
    """What became of one message, as plugins are told."""

    message_id: str
    job_id: str
    number: str
    status: str
    reason: str | None
    connection: str | None


class Hooks:
    """The hooks, in the order a broadcast meets them."""

    @hookspec
    def wab_senders(self) -> Sequence[type[Sender]]:  # type: ignore[empty-body]  # a specification
        """Name the sender classes of this plugin.

        Called once, when the plugin manager is built.

        :returns: the classes; two plugins that claim one kind are an error that names both.
        """

    @hookspec
    def wab_contact_sources(self) -> Sequence[type[ContactSource]]:  # type: ignore[empty-body]  # a specification
        """Name the contact source classes of this plugin.

        Called once, when the plugin manager is built.

        :returns: the classes; two plugins that claim one kind are an error that names both.
        """

    @hookspec
    def wab_blacklisted(self, numbers: Sequence[str]) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
        """Say which of these numbers must not be messaged, and why.

        Called in the worker, outside any transaction: per chunk while an audience is prepared, and again
        for the messages about to be sent. What takes longer than a tenth of a second there may cost a connection
        some of its pace.

        :param numbers: E.164 numbers, at most 5,000, no doubles.
        :returns: reason by number, for the blocked ones only; what several plugins return is united.
        :raises Exception: the chunk is not sent and tried again later: when in doubt, nobody is messaged.
        """

    @hookspec
    def wab_validate_numbers(self, numbers: Sequence[str], connection: str) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
        """Say which of these numbers cannot be messaged, and why.

        Called in the worker, outside any transaction, per chunk while an audience is prepared.

        :param numbers: E.164 numbers, at most 5,000, no doubles.
        :param connection: the name of the connection, of the first one where a pool is used.
        :returns: reason by number, for the unusable ones only; what several plugins return is united.
        :raises Exception: logged with the plugin's name; its opinion is left out.
        """

    @hookspec
    def wab_before_send(self, message: OutgoingMessage) -> None:
        """Look at, or change, one rendered message just before it leaves.

        Called in the worker's event loop for each message: return at once.

        :param message: may be changed in place.
        :raises SendError: the message ends as if its sender had raised this.
        :raises Exception: logged with the plugin's name; the message goes on.
        """

    @hookspec
    def wab_messages_finished(self, results: Sequence[FinishedMessage]) -> None:
        """Hear what became of messages.

        Called in the worker after the outcomes were stored, per chunk; after a crash a chunk may be left out.

        :param results: messages that reached a final status.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_broadcast_changed(self, broadcast: BroadcastSummary) -> None:
        """Hear that a broadcast has a new status.

        Called after the change was stored, in the web process or the worker.

        :param broadcast: as it is now.
        :raises Exception: logged with the plugin's name.
        """

    @hookspec
    def wab_inbound(self, message: Inbound, connection: str) -> None:
        """Hear what a person wrote.

        Called in the worker after opt-outs were handled.

        :param message: the person's message.
        :param connection: the connection it came to.
        :raises Exception: logged with the plugin's name.
        """
