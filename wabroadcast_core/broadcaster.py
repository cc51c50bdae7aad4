"""The broadcaster: what a host embeds. One method per use case, all synchronous, to be called from any thread."""

import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Literal, Self, Unpack

import redis
import redis.asyncio as async_redis
from huey import Huey
from redis.backoff import NoBackoff
from redis.retry import Retry as RedisRetry
from sqlalchemy import Engine, text

from wabroadcast_core.audience.files import file_kind
from wabroadcast_core.audience.imports import ReadingChoices
from wabroadcast_core.audience.submission import AnyRecipient
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.context import Context
from wabroadcast_core.engine.handlers import Handlers
from wabroadcast_core.errors import BroadcastError, SetupError
from wabroadcast_core.inbound.intake import WebhookIntake
from wabroadcast_core.keys import Keys
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.blacklist import DEFAULT_REASON, BlacklistAct, BlacklistEntry, BlacklistReport
from wabroadcast_core.models.broadcast import (
    BroadcastDetail,
    BroadcastDraft,
    BroadcastPatch,
    BroadcastProgress,
    BroadcastSummary,
)
from wabroadcast_core.models.connection import ConnectionDraft, ConnectionKind, ConnectionTest, ConnectionView
from wabroadcast_core.models.contact import (
    ContactDraft,
    ContactView,
    ErasureReport,
    ImportReport,
    Tagging,
    TaggingReport,
    TagPatch,
    TagView,
)
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage, Page
from wabroadcast_core.models.preview import Preview
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.models.status import BroadcastStatus, ConnectionState, MessageStatus, Priority
from wabroadcast_core.models.upload import UploadView
from wabroadcast_core.plugins import Plugins, build_plugins
from wabroadcast_core.queries import QueryView, load_queries
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.queue.tasks import TaskQueue, create_huey
from wabroadcast_core.services.blacklist import BlacklistBook
from wabroadcast_core.services.broadcasts import BroadcastBook
from wabroadcast_core.services.connections import ConnectionBook
from wabroadcast_core.services.contacts import ContactBook
from wabroadcast_core.services.erasure import Erasure
from wabroadcast_core.services.tags import TagBook
from wabroadcast_core.settings import Settings
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store.database import Database, open_database
from wabroadcast_core.store.uploads import UploadWriter
from wabroadcast_core.vault import open_vault

log = logging.getLogger(__name__)

API = "api"  # the actor, where the host names none


class Broadcaster:
    """The engine's front door.

    A host may hand in its own Huey instance, SQLAlchemy engine and Redis client; without them they are made from the
    settings. Nothing is connected before :meth:`start`.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        huey: Huey | None = None,
        engine: Engine | None = None,
        redis_client: redis.Redis | None = None,
        plugins: Iterable[object] = (),
    ) -> None:
        self.settings = settings or Settings()
        self.plugins: Plugins = build_plugins(plugins, blocked=self.settings.blocked_plugins)
        self._given_huey = huey
        self._given_engine = engine
        self._given_redis = redis_client
        self._valkey: EmbeddedValkey | None = None
        self._context: Context | None = None
        self.handlers = Handlers(lambda: self.context)

    # --- life --------------------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Open the store and Redis (an embedded Valkey where no address is set), bring the tables up to date.

        :raises SetupError: this installation cannot start as it is configured.
        :raises UnavailableError: the store cannot be reached. Redis may be away: what is submitted waits for it.
        """
        if self._context is not None:
            return self
        settings = self.settings
        queries = load_queries(settings.queries, environment=os.environ) if settings.queries else {}
        database = self._open_database()
        vault_key = settings.secret_key
        vault = open_vault(vault_key.get_secret_value() if vault_key else None, data_dir=settings.data_dir)
        database.migrate()
        client, new_client = self._open_redis()
        self.tasks = TaskQueue(
            self._given_huey or create_huey(settings.namespace, client.connection_pool), self.handlers
        )
        self._context = Context(
            settings=settings,
            database=database,
            redis=client,
            async_redis=new_client,
            keys=Keys(settings.namespace),
            clock=SystemClock(),
            plugins=self.plugins,
            vault=vault,
            queries=queries,
            wakes=self.tasks,
            changed=self._changed,
        )
        self.broadcast_book = BroadcastBook(self._context)
        self.connection_book = ConnectionBook(self._context)
        self.connection_book.ensure_first()
        self.contact_book = ContactBook(self._context)
        self.tag_book = TagBook(self._context)
        self.blacklist_book = BlacklistBook(self._context)
        self.intake = WebhookIntake(self._context)
        return self

    def close(self) -> None:
        """Let go of everything; what runs in this process stops first."""
        if self._context is None:
            return
        self.intake.close()
        self.handlers.stop()
        self.contact_book.close()
        context, self._context = self._context, None
        context.database.close()
        if self._given_redis is None:
            context.redis.close()
        if self._valkey is not None:
            self._valkey.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def context(self) -> Context:
        """What the pieces share. :raises BroadcastError: before :meth:`start`."""
        if self._context is None:
            raise BroadcastError("the broadcaster is not started")
        return self._context

    def check(self) -> dict[str, str]:
        """Whether the store and Redis answer: ``ok``, or in what way they do not."""
        return {"store": self._try(self._ask_store), "redis": self._try(self.context.redis.ping)}

    # --- broadcasts --------------------------------------------------------------------------------------------

    def submit(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        idempotency_key: str | None = None,
        actor: str = API,
    ) -> BroadcastSummary:
        """Take in a broadcast. It is in the store when this returns, also while Redis is down.

        :param recipients: who gets it, streamed; otherwise the draft names a ``source``.
        :param idempotency_key: the same key and body again give the same broadcast.
        :raises InvalidInputError: :raises TemplateError: it does not fit.
        :raises ConflictError: the key came with another body before.
        """
        return self.broadcast_book.submit(draft, recipients, idempotency_key=idempotency_key, actor=actor)

    def preview(
        self,
        draft: BroadcastDraft | Mapping[str, Any],
        recipients: Iterable[AnyRecipient] | None = None,
        *,
        seconds: float = 20.0,
    ) -> Preview:
        """Say what a submit of this would do; nothing is stored, nothing is sent.

        :param seconds: how long the audience may be read; what is counted by then is shown.
        :raises InvalidInputError: :raises TemplateError: the submit would be refused.
        :raises SourceError: :raises FileError: the audience cannot be read.
        """
        return self.broadcast_book.preview(draft, recipients, seconds=seconds)

    def status(self, job_id: str) -> BroadcastProgress:
        """How far a broadcast is. :raises NotFoundError: there is none."""
        return self.broadcast_book.status(job_id)

    def broadcast(self, job_id: str) -> BroadcastDetail:
        """The whole of a broadcast. :raises NotFoundError: there is none."""
        return self.broadcast_book.get(job_id)

    def jobs(
        self,
        *,
        status: BroadcastStatus | None = None,
        priority: Priority | None = None,
        connection: str | None = None,
        query: str | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[BroadcastSummary]:
        """Broadcasts, newest first."""
        return self.broadcast_book.list(
            status=status, priority=priority, connection=connection, query=query, page=page, page_size=page_size
        )

    def pause(self, job_id: str, *, batch: int | None = None, actor: str = API) -> BroadcastSummary:
        """Let nothing of a broadcast (or of one batch) start any more, until it is resumed.

        :raises NotFoundError: :raises ConflictError: it is paused or ended.
        """
        return self.broadcast_book.transition(job_id, "pause", batch=batch, actor=actor)

    def resume(self, job_id: str, *, batch: int | None = None, actor: str = API) -> BroadcastSummary:
        """Go on with a paused broadcast or batch: nobody is sent to twice, nobody is forgotten.

        :raises NotFoundError: :raises ConflictError: it is not paused.
        """
        return self.broadcast_book.transition(job_id, "resume", batch=batch, actor=actor)

    def cancel(self, job_id: str, *, batch: int | None = None, actor: str = API) -> BroadcastSummary:
        """End a broadcast (or one batch): what did not leave yet never will.

        :raises NotFoundError: :raises ConflictError: it has ended.
        """
        return self.broadcast_book.transition(job_id, "cancel", batch=batch, actor=actor)

    def retry(
        self, job_id: str, *, status: MessageStatus = MessageStatus.FAILED, code: str | None = None, actor: str = API
    ) -> BroadcastSummary:
        """Try failed (or unknown) messages again; ``code`` picks those with one reason.

        :raises NotFoundError: :raises ConflictError: the broadcast was cancelled or could not be read.
        """
        return self.broadcast_book.retry(job_id, status=status, code=code, actor=actor)

    def reschedule(
        self, job_id: str, patch: BroadcastPatch | Mapping[str, Any], *, actor: str = API
    ) -> BroadcastSummary:
        """Change the time or the name of a broadcast that has not started.

        :raises NotFoundError: :raises InvalidInputError: the patch does not fit.
        :raises ConflictError: it has started.
        """
        wanted = patch if isinstance(patch, BroadcastPatch) else parse_model(BroadcastPatch, patch)
        return self.broadcast_book.reschedule(job_id, wanted, actor=actor)

    # --- messages ----------------------------------------------------------------------------------------------

    def messages(
        self,
        job_id: str,
        *,
        status: MessageStatus | None = None,
        reason: str | None = None,
        query: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> CursorPage[MessageView]:
        """What happened to whom, in the order of the audience.

        :raises NotFoundError: there is no such broadcast, or the cursor is not one of its messages.
        """
        return self.broadcast_book.messages(
            job_id, status=status, reason=reason, query=query, cursor=cursor, limit=limit
        )

    def pause_message(self, job_id: str, message_id: str, *, actor: str = API) -> MessageView:
        """:raises NotFoundError: :raises ConflictError: its status does not allow that."""
        return self.broadcast_book.transition_message(job_id, message_id, "pause", actor=actor)

    def resume_message(self, job_id: str, message_id: str, *, actor: str = API) -> MessageView:
        """:raises NotFoundError: :raises ConflictError: it is not paused."""
        return self.broadcast_book.transition_message(job_id, message_id, "resume", actor=actor)

    def cancel_message(self, job_id: str, message_id: str, *, actor: str = API) -> MessageView:
        """:raises NotFoundError: :raises ConflictError: its status does not allow that."""
        return self.broadcast_book.transition_message(job_id, message_id, "cancel", actor=actor)

    # --- connections -------------------------------------------------------------------------------------------

    def connections(self) -> list[ConnectionView]:
        return self.connection_book.list()

    def connection(self, name: str) -> ConnectionView:
        """:raises NotFoundError: there is none."""
        return self.connection_book.get(name)

    def connection_kinds(self) -> Sequence[ConnectionKind]:
        return self.connection_book.kinds()

    def save_connection(self, name: str, draft: ConnectionDraft | Mapping[str, Any]) -> ConnectionView:
        """Create or change a connection. :raises InvalidInputError: it does not fit."""
        wanted = draft if isinstance(draft, ConnectionDraft) else parse_model(ConnectionDraft, draft)
        return self.connection_book.save(name, wanted)

    def delete_connection(self, name: str) -> None:
        """:raises NotFoundError: :raises ConflictError: broadcasts name it."""
        self.connection_book.delete(name)

    def test_connection(self, name: str) -> ConnectionTest:
        """Ask the provider whether an account can send. :raises NotFoundError: there is none."""
        return self.connection_book.test(name)

    def pause_connection(self, name: str, *, actor: str = API) -> ConnectionView:
        """:raises NotFoundError: :raises ConflictError: it is paused already."""
        return self.connection_book.set_state(name, ConnectionState.PAUSED, actor=actor)

    def resume_connection(self, name: str, *, actor: str = API) -> ConnectionView:
        """:raises NotFoundError: :raises ConflictError: it is active already."""
        return self.connection_book.set_state(name, ConnectionState.ACTIVE, actor=actor)

    def take_webhook(self, connection: str, request: WebhookRequest) -> "Future[str | None]":
        """Take a provider's call: verified and stored once the future is done, worked through by a worker.

        :returns: a future of the text to answer a handshake with; of None for any other call. It may raise
            NotFoundError, WebhookRefusedError, or UnavailableError: the provider shall call again.
        """
        return self.intake.take(connection, request)

    # --- uploads -----------------------------------------------------------------------------------------------

    def save_upload(
        self, chunks: Iterable[bytes], *, filename: str | None = None, content_type: str | None = None
    ) -> UploadView:
        """Keep a file for later use; it streams into the store."""
        writer = UploadWriter(
            self.context.database,
            _new_id(),
            now=self.context.clock.now(),
            filename=filename,
            content_type=content_type,
        )
        head = b""
        try:
            for chunk in chunks:
                head = head or chunk[:4096]
                writer.write(chunk)
            writer.close()
        except BaseException:
            writer.discard()
            raise
        return UploadView(
            upload_id=writer.key,
            filename=filename,
            content_type=content_type,
            size=writer.size,
            kind=file_kind(head),
        )

    # --- contacts ----------------------------------------------------------------------------------------------

    def import_contacts(
        self,
        upload_id: str,
        *,
        tags: Iterable[str] = (),
        dry_run: bool = False,
        wait_seconds: float = 10.0,
        **choices: Unpack[ReadingChoices],
    ) -> ImportReport:
        """Take the people of an uploaded file into the contact book, as :meth:`ContactBook.import_contacts` says.

        :returns: the report; its status is ``running`` if it takes longer than ``wait_seconds``.
        :raises NotFoundError: there is no such upload. :raises InvalidInputError: an option does not fit.
        :raises FileError: nothing of the file can be read.
        """
        return self.contact_book.import_contacts(
            upload_id, tags=tags, dry_run=dry_run, wait_seconds=wait_seconds, **choices
        )

    def import_report(self, import_id: str) -> ImportReport:
        """How far an import is, or what became of it. :raises NotFoundError: there is none."""
        return self.contact_book.import_report(import_id)

    def import_errors(self, import_id: str) -> Iterator[bytes]:
        """The rejected rows as CSV, each with its reason. :raises NotFoundError: there is no such import."""
        return self.contact_book.import_errors(import_id)

    def contacts(
        self, *, tag: str | None = None, query: str | None = None, page: int = 1, page_size: int = 50
    ) -> Page[ContactView]:
        """Contacts in the order in which they came in."""
        return self.contact_book.list(tag=tag, query=query, page=page, page_size=page_size)

    def contact(self, number: str) -> ContactView:
        """:raises NotFoundError: there is none."""
        return self.contact_book.get(number)

    def save_contact(self, draft: ContactDraft | Mapping[str, Any], *, actor: str = API) -> ContactView:
        """Create or change a contact; what is left out stays as it is. :raises InputError: it does not fit."""
        return self.upsert_contact(draft, actor=actor)[0]

    def upsert_contact(self, draft: ContactDraft | Mapping[str, Any], *, actor: str = API) -> tuple[ContactView, bool]:
        """As :meth:`save_contact`. :returns: the contact, and whether it is new."""
        wanted = draft if isinstance(draft, ContactDraft) else parse_model(ContactDraft, draft)
        return self.contact_book.save(wanted, actor=actor)

    def delete_contact(self, number: str) -> None:
        """:raises NotFoundError: there is none."""
        self.contact_book.delete(number)

    def erase_contact(self, number: str, *, actor: str = API) -> ErasureReport:
        """Erase a person from the contact book, if they are in it, and from all messages; what waits is cancelled.

        Counts stay as they are. The blacklist and its history stay too: they keep the promise of silence.

        :raises NumberError: this is no number.
        """
        return Erasure(self.context, number).run(actor=actor)

    def export_contacts(
        self, file_format: Literal["csv", "xlsx"] = "csv", *, tag: str | None = None, query: str | None = None
    ) -> Iterator[bytes]:
        """Contacts as a file, in pieces: number, name, tags, then their variables. An import reads it back.

        :raises ConflictError: a file of this kind cannot hold them.
        """
        return self.contact_book.export(file_format, tag=tag, query=query)

    def tags(self) -> Sequence[TagView]:
        """All tags by name, each with how many contacts it has."""
        return self.tag_book.list()

    def rename_tag(self, name: str, *, to: str) -> TagView:
        """:raises NotFoundError: there is no such tag. :raises ConflictError: the other name is taken: merge them."""
        return self.tag_book.rename(name, to=parse_model(TagPatch, {"name": to}).name)

    def merge_tags(self, into: str, sources: Sequence[str]) -> TagView:
        """Let everyone with one of ``sources`` have ``into`` instead. :raises NotFoundError: a tag is not there."""
        return self.tag_book.merge(into, sources)

    def delete_tag(self, name: str) -> None:
        """Take a tag off all its contacts, who stay. :raises NotFoundError: there is none."""
        self.tag_book.delete(name)

    def tag_contacts(self, tagging: Tagging | Mapping[str, Any]) -> TaggingReport:
        """Put tags on contacts and take others off, by their numbers or by a filter.

        :raises InvalidInputError: it does not fit; nothing is changed.
        """
        return self.tag_book.tag(tagging if isinstance(tagging, Tagging) else parse_model(Tagging, tagging))

    def queries(self) -> list[QueryView]:
        """The queries that a broadcast may name as its audience, and what it has to give for them."""
        return [
            QueryView(name=name, description=query.description, parameters=query.parameters)
            for name, query in self.context.queries.items()
        ]

    # --- opt-outs ----------------------------------------------------------------------------------------------

    def blacklist(self, *, query: str | None = None, page: int = 1, page_size: int = 50) -> Page[BlacklistEntry]:
        """Numbers that must not be messaged, the latest first."""
        return self.blacklist_book.list(query=query, page=page, page_size=page_size)

    def block(
        self, number: str, *, reason: str = DEFAULT_REASON, connection: str | None = None, actor: str = API
    ) -> BlacklistEntry:
        """Never message a number again, on all connections or on one. What has not left yet is dropped.

        :raises NumberError: this is no number. :raises NotFoundError: there is no such connection.
        """
        return self.blacklist_book.block(number, reason=reason, connection=connection, actor=actor)

    def block_numbers(
        self, numbers: Iterable[str], *, reason: str = DEFAULT_REASON, connection: str | None = None, actor: str = API
    ) -> int:
        """As :meth:`block`, for many. :returns: how many were not listed before."""
        return self.blacklist_book.block_numbers(numbers, reason=reason, connection=connection, actor=actor)

    def unblock(self, number: str, *, connection: str | None = None, actor: str = API) -> None:
        """Allow a number again, on one connection or on all. :raises NotFoundError: it is not listed."""
        self.blacklist_book.unblock(number, connection=connection, actor=actor)

    def block_file(
        self,
        upload_id: str,
        *,
        reason: str = DEFAULT_REASON,
        connection: str | None = None,
        actor: str = API,
        **choices: Unpack[ReadingChoices],
    ) -> BlacklistReport:
        """As :meth:`block`, for the numbers of an uploaded file, as :meth:`BlacklistBook.block_file` says.

        :raises NotFoundError: no such upload or connection. :raises InvalidInputError: an option does not fit.
        :raises FileError: nothing of the file can be read.
        """
        return self.blacklist_book.block_file(upload_id, reason=reason, connection=connection, actor=actor, **choices)

    def blacklist_history(self, number: str) -> Sequence[BlacklistAct]:
        """How a number was listed and taken off, the oldest first. :raises NumberError: this is no number."""
        return self.blacklist_book.history(number)

    # --- for workers -------------------------------------------------------------------------------------------

    def has_due_work(self) -> bool:
        """Whether any message or audience is due just now."""
        with self.context.database.read() as conn:
            return broadcast_store.has_due_work(conn, now=self.context.clock.now())

    # --- helpers -----------------------------------------------------------------------------------------------

    def _changed(self, keys: Sequence[int]) -> None:
        if self._context is not None:
            self.broadcast_book.tell_changed(keys)

    def _open_database(self) -> Database:
        if self._given_engine is not None:
            return Database(self._given_engine, owned=False)
        url = self.settings.database_url
        return open_database(url.get_secret_value() if url else None, sqlite_path=self.settings.sqlite_path)

    def _open_redis(self) -> tuple[redis.Redis, Callable[[], async_redis.Redis]]:
        room = 2 * self.settings.turns + 16  # connections: each turn may ask twice at once; 100 are the default
        if self._given_redis is not None:
            given = self._given_redis
            if given.connection_pool.connection_kwargs.get("decode_responses"):
                raise SetupError("the Redis client handed in decodes answers: make it without decode_responses")
            options = given.connection_pool.connection_kwargs
            return given, lambda: async_redis.Redis(**_shared_options(options), max_connections=room)
        url = self.settings.redis_url
        if url is None:
            self._valkey = EmbeddedValkey(self.settings.data_dir)
            self._valkey.start()
        address = url.get_secret_value() if url else self._valkey.url if self._valkey else ""
        options = {"socket_timeout": 5, "socket_connect_timeout": 5, "retry": RedisRetry(NoBackoff(), 1)}
        client = redis.Redis.from_url(address, **options)
        return client, lambda: async_redis.Redis.from_url(address, max_connections=room)

    def _ask_store(self) -> None:
        with self.context.database.read() as conn:
            conn.execute(text("SELECT 1"))

    @staticmethod
    def _try(ask: Callable[[], object]) -> str:
        try:
            ask()
        except (BroadcastError, redis.RedisError) as error:
            return str(error) or type(error).__name__
        return "ok"


def _new_id() -> str:
    return str(uuid.uuid4())


def _shared_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """What a client for the event loop takes over from a host's own client."""
    names = {"host", "port", "db", "username", "password", "path", "credential_provider"}
    taken = {name for name in options if name in names or name.startswith("ssl_")}
    found = {name: options[name] for name in taken if options[name] is not None}
    found |= {"ssl": True} if any(name.startswith("ssl_") for name in found) else {}
    if "path" in found:
        found["unix_socket_path"] = found.pop("path")
    return found
