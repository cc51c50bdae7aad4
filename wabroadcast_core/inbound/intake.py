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
from queue import Empty, SimpleQueue
from typing import TypeAlias

from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.errors import BroadcastError, NotFoundError, WebhookRefusedError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.inbound.call_answers import CallAnswers, Reply, TakenCall
from wabroadcast_core.inbound.call_notes import CallNotes
from wabroadcast_core.inbound.refusals import RefusalLog
from wabroadcast_core.inbound.verifiers import Verifiers
from wabroadcast_core.models.receipt import WebhookRequest
from wabroadcast_core.models.status import Rank
from wabroadcast_core.plugin_faults import describe_fault
from wabroadcast_core.snapshots import ConnectionSnapshot
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store import webhook_calls as call_store

log = logging.getLogger(__name__)

MOST_TOGETHER = 500  # calls stored in one transaction


class WebhookIntake:
    """Verifies and stores webhook calls in a thread of its own, which is started by the first call."""

    _calls: "SimpleQueue[TakenCall | None]"
    _thread: threading.Thread | None

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: frozenset[str] = frozenset()  # names of connections that were called
        self._await_first_call()
        renew_after_fork(self._await_first_call)

    def knows(self, connection: str) -> bool:
        """Return whether a connection of this name was called before; it may have been deleted since."""
        return connection in self._known

    def find(self, connection: str) -> "Future[Reply]":
        """Look a connection up, so that nothing of a call to an unknown one need be read. For any thread.

        :returns: a future. It raises NotFoundError if there is no such connection.
        """
        answer: Future[Reply] = Future()
        self._put(TakenCall(connection, None, answer))
        return answer

    def take(self, connection: str, request: WebhookRequest) -> "Future[Reply]":
        """Verify and store a provider's call. May be called from any thread.

        :param connection: the name of the connection that is called.
        :returns: a future. Its result is the text to answer a handshake with, or None once the call is stored. It
            raises NotFoundError if there is no such connection or its sender accepts no calls, WebhookRefusedError if
            the call is not the provider's, and UnavailableError if the provider should try again later.
        """
        answer: Future[Reply] = Future()
        self._put(TakenCall(connection, request, answer))
        return answer

    def take_on_loop(self, connection: str, request: WebhookRequest) -> "asyncio.Future[Reply]":
        """Verify and store a provider's call, as :meth:`take` does. Called on an event loop.

        :returns: a future of the running loop.
        """
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._put(TakenCall(connection, request, answer))
        return answer

    def _put(self, call: TakenCall) -> None:
        if self._thread is None:
            self._start()
        self._calls.put(call)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="wabroadcast-webhooks", daemon=True)
                self._thread.start()

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
        with closing(_CallStorage(self._context)) as storage:
            while calls := self._next_calls():
                self._known |= storage.process(calls)

    def _next_calls(self) -> list[TakenCall]:
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


class _CallStorage:
    """Verifies, stores and answers the calls of one batch after the other. For one thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._verifiers = Verifiers(context)
        self._refusals = RefusalLog(context.clock)
        self._notes = CallNotes(context.redis, context.keys, context.clock)
        self._answers = CallAnswers()

    def close(self) -> None:
        """Close the senders that have verified calls."""
        self._verifiers.close()

    def process(self, calls: Sequence[TakenCall]) -> frozenset[str]:
        """Verify, store and answer calls.

        :returns: the names of the connections that were called and exist.
        """
        waiting = [call for call in calls if _is_awaited(call)]
        snapshots: dict[str, ConnectionSnapshot] = {}
        try:
            with self._context.database.read() as conn:
                snapshots = self._find_connections(conn, {call.connection for call in waiting})
                verified = self._verify_calls(waiting, snapshots)
                also = self._concerned(conn, verified)
            self._answers.pass_on()  # those that need not wait for the others to be stored
            self._store(verified, also=also)
            self._notes.write()
        except Exception as error:  # noqa: BLE001 - raised in the callers that wait for these calls
            for call in waiting:
                if not call.is_answered:
                    self._answers.fail(call, error)
            self._answers.pass_on()
        return frozenset(snapshots)

    def _find_connections(self, conn: Connection, names: set[str]) -> dict[str, ConnectionSnapshot]:
        rows, now = connection_store.find_connections(conn, names), self._context.clock.now()
        return {row["name"]: ConnectionSnapshot.of(row, now=now) for row in rows}

    def _verify_calls(
        self, calls: Sequence[TakenCall], snapshots: Mapping[str, ConnectionSnapshot]
    ) -> list["_VerifiedCall"]:
        """Return the calls that are to be stored, each with its connection. The others are answered."""
        verified: list[_VerifiedCall] = []
        for call in calls:
            snapshot = snapshots.get(call.connection)
            if snapshot is None:
                self._answers.fail(call, NotFoundError("connection", call.connection))
            elif call.request is None:
                self._answers.reply(call, None)
            elif self._verify(call, snapshot, call.request):
                verified.append((snapshot, call, call.request))
        return verified

    def _verify(self, call: TakenCall, snapshot: ConnectionSnapshot, request: WebhookRequest) -> bool:
        """Verify a call.

        :returns: whether the call is to be stored. If not, it is answered here.
        """
        try:
            reply = self._verifiers.verify(snapshot, request)
        except BroadcastError as error:
            if isinstance(error, (WebhookRefusedError, NotFoundError)):
                self._refusals.add(snapshot.name, error)
                self._notes.add(snapshot.id, refusal=str(error))
            self._answers.fail(call, error)
        except BaseException as error:  # noqa: BLE001 - whatever it is, other calls are verified
            log.error(  # noqa: TRY400 - the error's text may hold anything
                "connection %s: its sender failed to verify a webhook call; the call is refused: %s",
                snapshot.name,
                describe_fault(error),
            )
            reason = f"the call cannot be verified, because the sender failed: {type(error).__name__}"
            self._notes.add(snapshot.id, refusal=reason)
            self._answers.fail(call, WebhookRefusedError(reason))
        else:
            self._notes.add(snapshot.id)
            if reply is None and request.method == "POST":
                return True
            self._answers.reply(call, reply)
        return False

    def _concerned(self, conn: Connection, calls: Sequence["_VerifiedCall"]) -> list["_VerifiedCall"]:
        """Return the calls with each other connection that they concern: providers may call one address for several."""
        called = {snapshot.id: snapshot for snapshot, _, _ in calls}
        kinds = {snapshot.sender for snapshot in called.values() if self._verifiers.is_shared(snapshot)}
        if not kinds:
            return []
        rows, now = connection_store.connections_of_kinds(conn, kinds), self._context.clock.now()
        others = [ConnectionSnapshot.of(row, now=now) for row in rows]
        return [
            (other, call, request)
            for snapshot, call, request in calls
            for other in others
            if other.id != snapshot.id and other.sender == snapshot.sender and self._verifiers.concerns(other, request)
        ]

    def _store(self, calls: Sequence["_VerifiedCall"], *, also: Sequence["_VerifiedCall"]) -> None:
        """Store calls, then answer them.

        :param also: the same calls with the other connections that they concern.
        """
        if not calls:
            return
        stored = [*calls, *also]
        kept = [(snapshot.id, self._verifiers.kept_call(snapshot, request)) for snapshot, _, request in stored]
        with self._context.database.write() as conn:
            call_store.insert_calls(conn, kept, now=self._context.clock.now())
        for _, call, _ in calls:
            self._answers.reply(call, None)
        self._answers.pass_on()
        for key in {snapshot.id for snapshot, _, _ in stored}:
            self._context.work_queue.webhooks(key, rank=Rank.HIGH)


_VerifiedCall: TypeAlias = tuple[ConnectionSnapshot, TakenCall, WebhookRequest]


def _is_awaited(call: TakenCall) -> bool:
    """Return whether the caller still waits."""
    return not isinstance(call.answer, Future) or call.answer.set_running_or_notify_cancel()
