"""The intake of webhook calls: they are verified and stored before they are answered, many in one transaction.

A worker processes them later. So an answer is quick, a burst waits in the store, and no call that was answered is lost
when a process ends.
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
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.hookspecs import ParsesWebhooks
from wabroadcast_core.inbound.kept_calls import KeepsCalls, kept_call
from wabroadcast_core.inbound.refusals import RefusalLog
from wabroadcast_core.inbound.shared_webhooks import SharesWebhook
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.models.status import Rank
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import webhook_calls as call_store
from wabroadcast_core.transport.sender_contexts import SenderContexts, close_senders, make_sender

log = logging.getLogger(__name__)

MOST_TOGETHER = 500  # calls stored in one transaction


@dataclass(slots=True)
class _Lookup:
    connection: str  # its name
    answer: "Future[str | None]" = field(default_factory=Future, kw_only=True)


@dataclass(slots=True)
class _Call(_Lookup):
    request: WebhookRequest


class WebhookIntake:
    """Verifies and stores webhook calls in a thread of its own, which is started by the first call."""

    _calls: "SimpleQueue[_Lookup | None]"
    _thread: threading.Thread | None

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: frozenset[str] = frozenset()  # names of connections that were called
        self._await_first_call()
        renew_after_fork(self._await_first_call)

    def knows(self, connection: str) -> bool:
        """Return whether a connection of this name was called before; it may have been deleted since."""
        return connection in self._known

    def find(self, connection: str) -> "Future[str | None]":
        """Look a connection up, so that nothing of a call to an unknown one need be read. For any thread.

        :returns: a future. It raises NotFoundError if there is no such connection.
        """
        return self._put(_Lookup(connection))

    def take(self, connection: str, request: WebhookRequest) -> "Future[str | None]":
        """Verify and store a provider's call. May be called from any thread.

        :param connection: the name of the connection that is called.
        :returns: a future. Its result is the text to answer a handshake with, or None once the call is stored. It
            raises NotFoundError if there is no such connection or its sender accepts no calls, WebhookRefusedError if
            the call is not the provider's, and UnavailableError if the provider should try again later.
        """
        return self._put(_Call(connection, request))

    def _put(self, call: _Lookup) -> "Future[str | None]":
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="wabroadcast-webhooks", daemon=True)
                self._thread.start()
        self._calls.put(call)
        return call.answer

    def close(self) -> None:
        """Finish the calls that were taken, then end the thread."""
        self._calls.put(None)
        if self._thread is not None:
            self._thread.join()

    def _await_first_call(self) -> None:
        """Take calls from now on. In the child of a fork, its parent answers those that it took before."""
        self._calls = SimpleQueue()
        self._lock = threading.Lock()
        self._thread = None

    def _work(self) -> None:
        with closing(Verifiers(self._context)) as verifiers:
            while calls := self._next_calls():
                self._process(calls, verifiers)

    def _next_calls(self) -> list[_Lookup]:
        """Wait for a call. Return it with the others that wait, or an empty list if the intake is closed."""
        first = self._calls.get()
        calls = [] if first is None else [first]
        while calls and len(calls) < MOST_TOGETHER:
            try:
                call = self._calls.get_nowait()
            except Empty:
                break
            if call is None:
                self._calls.put(None)  # for the next round, after these calls
                break
            calls.append(call)
        return calls

    def _process(self, calls: Sequence[_Lookup], verifiers: "Verifiers") -> None:
        waiting = [call for call in calls if call.answer.set_running_or_notify_cancel()]
        try:
            snapshots = self._find_connections({call.connection for call in waiting})
            self._known |= snapshots.keys()
            found = [call for call in waiting if _is_found(call, snapshots)]
            verified = [
                (snapshot, call)
                for call in found
                if isinstance(call, _Call) and _verify(call, snapshot := snapshots[call.connection], verifiers)
            ]
            self._store(verified, also=self._concerned(verified, verifiers), verifiers=verifiers)
        except Exception as error:  # noqa: BLE001 - raised in the callers that wait for these calls
            for entry in waiting:
                if not entry.answer.done():
                    entry.answer.set_exception(error)

    def _find_connections(self, names: set[str]) -> dict[str, ConnectionSnapshot]:
        with self._context.database.read() as conn:
            rows = connection_store.find_connections(conn, names)
        return {row["name"]: ConnectionSnapshot.of(row, now=self._context.clock.now()) for row in rows}

    def _concerned(
        self, calls: Sequence[tuple[ConnectionSnapshot, _Call]], verifiers: "Verifiers"
    ) -> list[tuple[ConnectionSnapshot, _Call]]:
        """Return the calls with each other connection that they concern: providers may call one address for several."""
        shared = [(snapshot, call) for snapshot, call in calls if verifiers.is_shared(snapshot)]
        if not shared:
            return []
        with self._context.database.read() as conn:
            rows = connection_store.connections_of_kinds(conn, {snapshot.sender for snapshot, _ in shared})
        others = [ConnectionSnapshot.of(row, now=self._context.clock.now()) for row in rows]
        return [
            (other, call)
            for snapshot, call in shared
            for other in others
            if other.id != snapshot.id and other.sender == snapshot.sender and verifiers.concerns(other, call.request)
        ]

    def _store(
        self,
        calls: Sequence[tuple[ConnectionSnapshot, _Call]],
        *,
        also: Sequence[tuple[ConnectionSnapshot, _Call]],
        verifiers: "Verifiers",
    ) -> None:
        """Store calls, then answer them.

        :param also: the same calls with the other connections that they concern.
        """
        if not calls:
            return
        now, stored = self._context.clock.now(), [*calls, *also]
        kept = [(snapshot.id, verifiers.kept_call(snapshot, call.request)) for snapshot, call in stored]
        with self._context.database.write() as conn:
            call_store.insert_calls(conn, kept, now=now)
        for _, call in calls:
            call.answer.set_result(None)
        for key in {snapshot.id for snapshot, _ in stored}:
            self._context.work_queue.webhooks(key, rank=Rank.HIGH)


def _is_found(call: _Lookup, snapshots: Mapping[str, ConnectionSnapshot]) -> bool:
    """Return whether the connection of a call exists. If not, or if only that was asked, the call is answered."""
    is_found = call.connection in snapshots
    if not is_found:
        call.answer.set_exception(NotFoundError("connection", call.connection))
    elif not isinstance(call, _Call):
        call.answer.set_result(None)
    return is_found


def _verify(call: _Call, snapshot: ConnectionSnapshot, verifiers: "Verifiers") -> bool:
    """Verify a call.

    :returns: whether the call is to be stored. If not, it is answered here.
    """
    try:
        answer = verifiers.verify(snapshot, call.request)
    except BroadcastError as error:
        if isinstance(error, (WebhookRefusedError, NotFoundError)):
            verifiers.refusals.add(snapshot.name, error)
        call.answer.set_exception(error)
    except BaseException as error:  # noqa: BLE001 - whatever it is, other calls are verified
        log.error(  # noqa: TRY400 - the error's text may hold anything
            "connection %s: its sender failed to verify a webhook call; the call is refused: %s",
            snapshot.name,
            describe_fault(error),
        )
        reason = f"the call cannot be verified, because the sender failed: {type(error).__name__}"
        call.answer.set_exception(WebhookRefusedError(reason))
    else:
        if answer is None and call.request.method == "POST":
            return True
        call.answer.set_result(answer)
    return False


class Verifiers:
    """The senders that verify calls: one for each connection, made again when the connection changes.

    For one thread. The senders make no requests here; the event loop is only needed to create them.
    """

    def __init__(self, context: Context) -> None:
        self.refusals = RefusalLog(context.clock)
        self._context = context
        self._loop = asyncio.new_event_loop()
        self._contexts = SenderContexts(context.database, context.async_redis(), context.keys)  # makes no requests
        self._senders: dict[int, tuple[int, ParsesWebhooks]] = {}  # revision and sender, by connection id

    def verify(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> str | None:
        """Check that a call comes from the connection's provider.

        :returns: the text to answer a handshake with; None for any other call.
        :raises NotFoundError: the sender accepts no webhook calls.
        :raises WebhookRefusedError: the call does not come from the provider.
        :raises UnavailableError: the sender cannot be made.
        """
        return self._sender_of(snapshot).verify_webhook(request)

    def kept_call(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> WebhookRequest:
        """Return what is stored of a call that was verified for a connection, without its proof.

        A sender that fails here must not keep the other calls from being stored.
        """
        sender = self._sender_of(snapshot)
        if isinstance(sender, KeepsCalls):
            try:
                return sender.kept_call(request)
            except BaseException as error:  # noqa: BLE001 - whatever it is, the call is stored
                log.error(  # noqa: TRY400 - the error's text may hold anything
                    "connection %s: its sender failed to reduce a webhook call; its body is kept: %s",
                    snapshot.name,
                    describe_fault(error),
                )
        return kept_call(request)

    def is_shared(self, snapshot: ConnectionSnapshot) -> bool:
        """Return whether the provider of a connection that was verified may call it with the news of others."""
        return isinstance(self._sender_of(snapshot), SharesWebhook)

    def concerns(self, snapshot: ConnectionSnapshot, request: WebhookRequest) -> bool:
        """Return whether a call to another connection's address is proven news of this connection.

        A connection whose sender fails here must not keep the call from the others.
        """
        try:
            sender = self._sender_of(snapshot)
            if not isinstance(sender, SharesWebhook) or not sender.concerned_by(request):
                return False
            sender.verify_webhook(request)
        except WebhookRefusedError:
            return False  # of another app
        except BaseException as error:  # noqa: BLE001 - a bug of the sender, or its settings are broken
            name, fault = snapshot.name, describe_fault(error)
            log.warning("connection %s: a call to another address cannot be verified for it: %s", name, fault)
            return False
        return True

    def close(self) -> None:
        """Close the senders, their contexts and the event loop."""
        self._loop.run_until_complete(close_senders(sender for _, sender in self._senders.values()))
        self._loop.run_until_complete(self._contexts.close())
        self._loop.close()

    def _sender_of(self, snapshot: ConnectionSnapshot) -> ParsesWebhooks:
        known = self._senders.get(snapshot.id)
        if known is not None and known[0] == snapshot.revision:
            return known[1]
        try:
            sender = self._loop.run_until_complete(self._make(snapshot))
        except ConnectionDown as error:
            raise UnavailableError(f"the sender of connection {snapshot.name!r} cannot be made: {error}") from error
        if not isinstance(sender, ParsesWebhooks):
            raise NotFoundError("webhook of connection", snapshot.name, hint="its sender accepts no webhook calls")
        self._senders[snapshot.id] = (snapshot.revision, sender)
        if known is not None:
            self._loop.run_until_complete(close_senders([known[1]]))
        return sender

    async def _make(self, snapshot: ConnectionSnapshot) -> object:
        context = self._contexts.context_for(snapshot, receive=lambda _key, _events: None)
        return make_sender(self._context.plugins, self._context.vault, snapshot, context)
