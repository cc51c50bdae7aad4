"""Webhook calls as they come in: verified and stored before they are answered, many in one transaction.

What they say is worked through later, in a worker. So an answer is quick, a burst waits in the store, and what a
provider was told is kept outlives every process.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, ConnectionDown, NotFoundError, UnavailableError, WebhookRefusedError
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.models.status import Rank
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.transport.sender_contexts import SenderContexts, make_sender

log = logging.getLogger(__name__)

MOST_TOGETHER = 500


@dataclass(slots=True)
class _Call:
    connection: str
    request: WebhookRequest
    answer: "Future[str | None]" = field(default_factory=Future)


class WebhookIntake:
    """One thread that takes calls in; started with the first one. :meth:`take` may be called from any thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def take(self, connection: str, request: WebhookRequest) -> "Future[str | None]":
        """Take a provider's call.

        :returns: a future: the text to answer a handshake with; None once a call is stored. It raises NotFoundError
            (no such connection, or its sender takes no calls), WebhookRefusedError, or UnavailableError: the provider
            shall try again.
        """
        call = _Call(connection, request)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="wabroadcast-webhooks", daemon=True)
                self._thread.start()
        self._calls.put(call)
        return call.answer

    def close(self) -> None:
        """Finish what was taken, then end the thread."""
        self._calls.put(None)
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        with closing(Verifiers(self._context)) as verifiers:
            while calls := self._next_calls():
                self._take_all(calls, verifiers)

    def _next_calls(self) -> list[_Call]:
        """All that wait, at least one; empty: no more will come."""
        first = self._calls.get()
        calls = [] if first is None else [first]
        while calls and len(calls) < MOST_TOGETHER:
            try:
                call = self._calls.get_nowait()
            except Empty:
                break
            if call is None:
                self._calls.put(None)  # seen again once these are done
                break
            calls.append(call)
        return calls

    def _take_all(self, calls: Sequence[_Call], verifiers: "Verifiers") -> None:
        waiting = [call for call in calls if call.answer.set_running_or_notify_cancel()]
        try:
            snapshots = self._find_connections({call.connection for call in waiting})
            good = [
                (snapshot, call) for call in waiting if (snapshot := _verified(call, snapshots, verifiers)) is not None
            ]
            self._store(good)
        except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits these calls
            for call in waiting:
                if not call.answer.done():
                    call.answer.set_exception(error)

    def _find_connections(self, names: set[str]) -> dict[str, ConnectionSnapshot]:
        with self._context.database.read() as conn:
            rows = connection_store.find_connections(conn, names)
        return {row["name"]: ConnectionSnapshot.of(row, now=self._context.clock.now()) for row in rows}

    def _store(self, calls: Sequence[tuple[ConnectionSnapshot, _Call]]) -> None:
        if not calls:
            return
        now = self._context.clock.now()
        with self._context.database.write() as conn:
            call_store.insert_calls(conn, [(snapshot.id, call.request) for snapshot, call in calls], now=now)
        for _, call in calls:
            call.answer.set_result(None)
        for key in {snapshot.id for snapshot, _ in calls}:
            self._context.work_queue.webhooks(key, rank=Rank.HIGH)


def _verified(
    call: _Call, snapshots: Mapping[str, ConnectionSnapshot], verifiers: "Verifiers"
) -> ConnectionSnapshot | None:
    """The connection of a call that is to be stored; all others are answered here."""
    snapshot = snapshots.get(call.connection)
    if snapshot is None:
        call.answer.set_exception(NotFoundError("connection", call.connection))
        return None
    try:
        said = verifiers.verify(snapshot, call.request)
    except BroadcastError as error:
        call.answer.set_exception(error)
    except Exception as error:
        log.exception("the sender of connection %s failed to verify a webhook", call.connection)
        call.answer.set_exception(WebhookRefusedError(f"the call cannot be verified: {type(error).__name__}"))
    else:
        if said is None and call.request.method == "POST":
            return snapshot
        call.answer.set_result(said)
    return None


class Verifiers:
    """The senders that verify calls: one a connection, made anew when it changes. For one thread; they ask nobody."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._lending = SenderContexts(context.database, context.async_redis(), context.keys)
        self._made: dict[int, tuple[int, ParsesWebhooks]] = {}

    def verify(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> str | None:
        """:raises NotFoundError: its sender takes no calls. :raises WebhookRefusedError: :raises UnavailableError:"""
        return self._sender_of(snapshot).verify_webhook(request)

    def close(self) -> None:
        self._loop.run_until_complete(self._lending.close())
        self._loop.close()

    def _sender_of(self, snapshot: ConnectionSnapshot) -> ParsesWebhooks:
        made = self._made.get(snapshot.id)
        if made is not None and made[0] == snapshot.revision:
            return made[1]
        try:
            sender = self._loop.run_until_complete(self._make(snapshot))
        except ConnectionDown as error:
            raise UnavailableError(f"connection {snapshot.name!r} is not set up: {error}") from error
        if not isinstance(sender, ParsesWebhooks):
            raise NotFoundError("webhook of connection", snapshot.name)
        self._made[snapshot.id] = (snapshot.revision, sender)
        return sender

    async def _make(self, snapshot: ConnectionSnapshot) -> object:
        context = self._lending.context_for(snapshot, receive=lambda _key, _news: None)
        return make_sender(self._context.plugins, self._context.vault, snapshot, context)
