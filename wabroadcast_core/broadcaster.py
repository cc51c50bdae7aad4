"""The broadcaster: the object that a host embeds. All its methods are synchronous and may be called from any thread."""

import contextlib
import logging
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Self

import redis
from huey import Huey
from sqlalchemy import Engine

from wabroadcast_core.callbacks.listing import Callbacks
from wabroadcast_core.clock import SystemClock
from wabroadcast_core.context import Context
from wabroadcast_core.control.changes import ChangePublisher
from wabroadcast_core.engine.handlers import Handlers
from wabroadcast_core.errors import BroadcastError
from wabroadcast_core.inbound.intake import WebhookIntake
from wabroadcast_core.inbound.webhook_answers import WebhookAnswer, answer_webhook
from wabroadcast_core.keys import Keys
from wabroadcast_core.live.feed import LiveFeed
from wabroadcast_core.metrics.meters import Meters
from wabroadcast_core.metrics.shared_totals import MeterSharing, SharedTotals
from wabroadcast_core.opening import RedisAccess, check_given_parts, name_redis, name_store, open_store
from wabroadcast_core.pairing.pairing import Names, Pairing
from wabroadcast_core.pairing.redis_side import RedisSide
from wabroadcast_core.pairing.secret_key import check_secret_key
from wabroadcast_core.plugins import Plugins, build_plugins
from wabroadcast_core.queries import load_queries
from wabroadcast_core.queue.tasks import TaskQueue, create_huey
from wabroadcast_core.reasons.catalogue import Catalogue
from wabroadcast_core.redis_access.probe import RedisProbe, describe_failure
from wabroadcast_core.services.activity import ActivityLog
from wabroadcast_core.services.api_keys import ApiKeys
from wabroadcast_core.services.blacklist import Blacklist
from wabroadcast_core.services.broadcasts import Broadcasts
from wabroadcast_core.services.committed_work import CommittedWork
from wabroadcast_core.services.connections import Connections
from wabroadcast_core.services.contacts import Contacts
from wabroadcast_core.services.drafts import Drafts
from wabroadcast_core.services.known_keys import KnownKeys
from wabroadcast_core.services.metrics import Metrics
from wabroadcast_core.services.queries import Queries
from wabroadcast_core.services.sessions import Sessions
from wabroadcast_core.services.tags import Tags
from wabroadcast_core.services.uploads import Uploads
from wabroadcast_core.settings import Settings
from wabroadcast_core.store import callbacks as callback_store
from wabroadcast_core.store import due_work
from wabroadcast_core.store import installation as installation_store
from wabroadcast_core.store.integrity import check_at_start
from wabroadcast_core.vault import open_vault

log = logging.getLogger(__name__)

_NOT_STARTED: Final = "the broadcaster is not started: call start() first, or use it as a context manager"


class Broadcaster(Broadcasts):
    """The API of the core for a host.

    Its own methods are about broadcasts and their messages. Everything else has a namespace, which exists once the
    broadcaster has started; ``help(broadcaster.contacts)`` shows its methods:

    - ``connections``: the WhatsApp accounts that send
    - ``contacts``, ``tags``: the contact book, with import and export
    - ``blacklist``: numbers that must not be messaged
    - ``uploads``: files of audiences and messages
    - ``drafts``: broadcasts that are being written
    - ``queries``: the database queries that broadcasts may use
    - ``callbacks``: the events that are sent to the main server
    - ``activity``: who did what
    - ``live``: what is shown of broadcasts, whenever it changes
    - ``metrics``: what all processes have measured
    - ``webhooks``: the calls of providers, for a web server that cannot use :meth:`answer_webhook`
    - ``api_keys``, ``known_keys``, ``sessions``: with which a host checks its callers
    - ``reasons``: what the codes of failures mean; exists at once

    Nothing is opened before :meth:`start`.

    :param settings: by default those of the environment.
    :param huey: the host's Huey instance; by default one is created.
    :param db_engine: the host's SQLAlchemy engine; by default one is created from the settings.
    :param redis_client: the host's Redis client, without ``decode_responses``; by default one is created.
    :param plugins: plugins beside the installed ones: objects or modules with hooks, or just sender and contact source
        classes.
    :raises PluginError: a class is given in the place of an object, or the reverse; or a plugin cannot be used and
        ``plugins_strict`` is set, otherwise it is quarantined.
    :raises SetupError: a part of the host is of another type.
    """

    connections: Connections
    contacts: Contacts
    tags: Tags
    blacklist: Blacklist
    uploads: Uploads
    drafts: Drafts
    queries: Queries
    webhooks: WebhookIntake
    callbacks: Callbacks
    metrics: Metrics
    api_keys: ApiKeys
    activity: ActivityLog
    sessions: Sessions
    live: LiveFeed
    known_keys: KnownKeys

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        huey: Huey | None = None,
        db_engine: Engine | None = None,
        redis_client: redis.Redis | None = None,
        plugins: Iterable[object] = (),
    ) -> None:
        check_given_parts(huey=huey, db_engine=db_engine, redis_client=redis_client)
        self.settings = settings or Settings()
        self.plugins: Plugins = build_plugins(plugins, settings=self.settings, blocked=self.settings.blocked_plugins)
        self.reasons = Catalogue(self.plugins.senders)
        self.handlers = Handlers(lambda: self.context)
        self.meters = Meters()
        self._given_huey = huey
        self._given_db_engine = db_engine
        self._given_redis = redis_client
        self._context: Context | None = None
        self._starting = threading.Lock()

    # --- start and close ---------------------------------------------------------------------------------------

    def start(self) -> Self:
        """Open the store and Redis (or an embedded Valkey, if no address is set), and migrate the tables.

        Redis need not be reachable: submitted broadcasts wait for it. A second call does nothing, also where several
        threads call it at once.

        :returns: this broadcaster.
        :raises SetupError: this installation cannot start as it is configured.
        :raises UnavailableError: the store cannot be reached.
        """
        with self._starting:
            if self._context is None:
                self.plugins.log_quarantined()
                self._context = self._open()
                self._start_services(self._context)
        return self

    def _start_services(self, context: Context) -> None:
        self.connections = Connections(context)
        self.contacts = Contacts(context)
        self.tags = Tags(context)
        self.blacklist = Blacklist(context)
        self.uploads = Uploads(context)
        self.drafts = Drafts(context)
        self._committed_work = CommittedWork(context)
        self.queries = Queries(context)
        self.webhooks = WebhookIntake(context)
        self.callbacks = Callbacks(context)
        self._start_metrics(context)
        self.activity = ActivityLog(context)
        self.live = LiveFeed(context)
        database, clock = context.database, context.clock
        self.known_keys = KnownKeys(database, clock)
        self.sessions = Sessions(database, clock)
        self.api_keys = ApiKeys(database, clock, changed=self.known_keys.forget)
        try:
            self.connections.ensure_first()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop all work in this process, then close the store and Redis, except for those that the host passed in."""
        if self._context is None:
            return
        self.live.close()
        self.webhooks.close()
        self.handlers.stop()
        self.contacts.close()
        self._committed_work.close()
        self._sharing.close()
        self._changes.close()
        self.plugins.threads.close()
        context, self._context = self._context, None
        context.pairing.close()
        context.database.close()
        self._redis.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def context(self) -> Context:
        """The parts that the services share.

        :raises BroadcastError: the broadcaster has not been started.
        """
        if self._context is None:
            raise BroadcastError(_NOT_STARTED)
        return self._context

    def __getattr__(self, name: str) -> Any:
        """Refuse a namespace that does not exist yet.

        :raises BroadcastError: the broadcaster has not been started.
        """
        if name in Broadcaster.__annotations__:
            raise BroadcastError(_NOT_STARTED)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def check(self) -> dict[str, str]:
        """Write to the store and to Redis; return ``ok`` or the cause of the failure for ``store`` and ``redis``.

        A cause says what to do. It has no address and no secret in it.
        """
        return {"store": self._check_store(), "redis": self._check_redis()}

    def answer_webhook(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, *, query: str = ""
    ) -> WebhookAnswer:
        """Verify and store a provider's call, for a host with any web server. Needs no API key.

        :param path: the name of the connection, or a path that ends with it; it may have the query string.
        :param body: the raw bytes: signatures are computed over them.
        :param query: the query string, where the path does not have it.
        :returns: the status, the headers and the body to answer with.
        """
        most_bytes = self.settings.max_webhook_bytes
        return answer_webhook(
            self.webhooks, method, path, query=query, headers=headers, body=body, most_bytes=most_bytes
        )

    def has_due_work(self) -> bool:
        """Return whether any message, audience or callback is due now."""
        now = self.context.clock.now()
        with self.context.database.read() as conn:
            return due_work.has_due_work(conn, now=now) or callback_store.has_due(conn, now=now)

    # --- helpers -----------------------------------------------------------------------------------------------

    def _open(self) -> Context:
        settings = self.settings
        queries = load_queries(settings.queries, environment=os.environ) if settings.queries else {}
        with contextlib.ExitStack() as opened:  # closed again if anything does not fit
            database = open_store(settings, self._given_db_engine)
            opened.callback(database.close)
            key = settings.secret_key
            vault = open_vault(key.get_secret_value() if key else None, data_dir=settings.data_dir)
            check_at_start(database)
            database.ensure_schema(migrate=settings.migrate)
            check_secret_key(database, vault)
            self._redis = RedisAccess(settings, self._given_redis)
            opened.callback(self._redis.close)
            client, keys = self._redis.client, Keys(settings.namespace)
            names = Names(redis=name_redis(client, settings.namespace), store=name_store(database))
            pairing = Pairing(database, RedisSide(client, keys), names, life_seconds=settings.lease_seconds)
            pairing.start()
            opened.pop_all()
        self.tasks = self._open_queue(client)
        self._changes = ChangePublisher(client, keys)
        database.on_changed = self._changes.note
        return Context(
            settings=settings,
            database=database,
            redis=client,
            redis_breaker=self._redis.breaker,
            async_redis=self._redis.new_async,
            keys=keys,
            pairing=pairing,
            clock=SystemClock(),
            meters=self.meters,
            plugins=self.plugins,
            vault=vault,
            queries=queries,
            work_queue=self.tasks,
            changed=self._changed,
        )

    def _start_metrics(self, context: Context) -> None:
        totals = SharedTotals(context.redis, context.keys)
        self.metrics = Metrics(context, totals, self.tasks.huey)
        self._sharing = MeterSharing(self.meters, totals)
        self._sharing.start()

    def _open_queue(self, client: redis.Redis) -> TaskQueue:
        if self._given_huey is None:
            return TaskQueue(create_huey(self.settings.namespace, client), self.handlers)
        return TaskQueue(self._given_huey, self.handlers, check=client.ping)

    def _changed(self, keys: Sequence[int]) -> None:
        if self._context is not None:
            self._notify_changed(keys)

    def _check_store(self) -> str:
        try:
            with self.context.database.write() as conn:
                installation_store.probe_write(conn, now=self.context.clock.now())
        except BroadcastError as error:
            log.warning("the check of the store failed: %s", error)
            return getattr(error, "cause", None) or "the store cannot be reached: see the log"
        return "ok"

    def _check_redis(self) -> str:
        if (fault := self.context.pairing.fault) is not None:
            log.warning("the check of Redis failed: %s", fault)
            return "Redis and the store do not belong together: see the log"
        try:
            RedisProbe(self.context.keys).call(self.context.redis)
        except redis.RedisError as error:
            return describe_failure(error)
        return "ok"
