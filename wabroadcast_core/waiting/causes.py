"""Chooses the cause for which a broadcast, a message or a connection waits.

Of several causes at once the one that ends last decides. A pool waits for the connection that may go on first.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from wabroadcast_core.context import Context
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, Priority, Purpose, Rank
from wabroadcast_core.models.waiting import (
    BatchInterval,
    HigherPriority,
    PluginQuarantined,
    Preparing,
    RetryLater,
    Sending,
    Starting,
    WaitingFor,
)
from wabroadcast_core.waiting import timing
from wabroadcast_core.waiting.facts import Facts
from wabroadcast_core.waiting.limits import ConnectionFacts, full_rate, used_up
from wabroadcast_core.waiting.pauses import broadcast_pause, connection_pause, message_pause, rest_pause
from wabroadcast_core.waiting.timing import AwaitedAttempt, NothingLeft

Row = Mapping[Any, Any]
DueCause = BatchInterval | AwaitedAttempt | None

NOT_STARTED: Final = (BroadcastStatus.SCHEDULED, BroadcastStatus.QUEUED)
AT_WORK: Final = frozenset({"rate", "adaptive", "broadcast_rate", "sending", "starting"})  # messages leave now
NEVER: Final = float("inf")
PREPARED_WITHIN: Final = 10.0  # seconds; if an audience takes longer, the store may be at fault


class WaitingCauses:
    """Finds the causes for one request.

    :param conn: a read transaction.
    """

    def __init__(self, context: Context, conn: Connection) -> None:
        self.facts = Facts(context, conn)
        self.default_zone = context.settings.timezone  # of send windows without one
        self._conn = conn
        self._ahead: dict[tuple[int, int], HigherPriority | None] = {}

    def of_broadcast(self, broadcast: Row) -> WaitingFor | None:
        """Return why a broadcast waits; None if it has ended or has nothing left to send.

        :param broadcast: its row of the table ``broadcasts``.
        """
        if broadcast["status"] == BroadcastStatus.PAUSED:
            return broadcast_pause(broadcast, self.facts.pauser_of_broadcast(broadcast))
        if broadcast["status"] in NOT_STARTED:
            return self._before_start(broadcast)
        if broadcast["status"] != BroadcastStatus.PROCESSING:
            return None
        if broadcast["queued"] + broadcast["retry"] + broadcast["processing"]:
            return self._soonest(broadcast, lambda connection: self._next_due(broadcast, connection))
        if not broadcast["prepared"]:
            return self._preparing(broadcast)
        return rest_pause(broadcast, self.facts.pauses_of_parts(broadcast)) if broadcast["paused"] else None

    def of_message(self, broadcast: Row, message: Row) -> WaitingFor | None:
        """Return why a message waits; None if it has ended.

        :param message: its row of the table ``messages``.
        """
        match message["status"]:
            case MessageStatus.PAUSED:
                return message_pause(message, self.facts.pauses_of_parts(broadcast))
            case MessageStatus.UNKNOWN if message["due_at"] is not None:
                return RetryLater(reason=message["reason"], until=as_utc(message["due_at"]))
            case MessageStatus.QUEUED | MessageStatus.RETRY | MessageStatus.PROCESSING:
                return self._of_open_message(broadcast, message)
        return None

    def of_connection(self, row: Any) -> WaitingFor | None:
        """Return why the messages of a connection wait; None if none do.

        :param row: its row of the table ``connections``.
        """
        connection = self.facts.connection(row)
        if pause := self._pause_of(connection):
            return pause
        found: WaitingFor | None = None
        for broadcast in self.facts.broadcasts_on(row["id"]):
            try:
                cause = self._on(broadcast, connection, due=self._next_due(broadcast, connection))
            except NothingLeft:
                continue
            if found is None or ends_at(cause) < ends_at(found):
                found = cause
            if found.code in AT_WORK:
                break
        return found

    # --- a broadcast and its messages --------------------------------------------------------------------------------

    def _before_start(self, broadcast: Row) -> WaitingFor:
        scheduled = timing.schedule(broadcast, now=self._now(broadcast))
        return scheduled or self._preparing(broadcast)

    def _preparing(self, broadcast: Row) -> WaitingFor:
        connection = self.facts.pool(broadcast)[0]
        if unable := self._unable(connection):
            return unable
        if put_off := self.facts.put_off(broadcast["id"]):
            until = as_utc(put_off.retry_at) if put_off.retry_at > connection.pace.now else None
            return RetryLater(reason=put_off.code, detail=put_off.detail, until=until)
        began_at = broadcast["started_at"] or 0.0
        if began_at < connection.pace.now - PREPARED_WITHIN and (fault := self.facts.refused_write()) is not None:
            return fault
        return Preparing(rows=broadcast["prepared_rows"])

    def _of_open_message(self, broadcast: Row, message: Row) -> WaitingFor | None:
        if broadcast["status"] != BroadcastStatus.PROCESSING and message["status"] != MessageStatus.PROCESSING:
            return self.of_broadcast(broadcast)
        due = self._due_of_message(broadcast, message)
        if message["status"] == MessageStatus.PROCESSING:
            through = self._connection_of(broadcast, message["connection_id"])
            return self._unable(through) or Sending(connection=through.name)
        return self._soonest(broadcast, lambda _: due, route=message["route"])

    def _due_of_message(self, broadcast: Row, message: Row) -> DueCause:
        if message["status"] == MessageStatus.QUEUED:
            return timing.awaited_batch(broadcast, self.facts.draft(broadcast), message["batch"])
        due_at = message["due_at"]
        if due_at is None or due_at <= self._now(broadcast):
            return None
        return timing.awaited_attempt(due_at, message["reason"])

    def _connection_of(self, broadcast: Row, connection_id: int | None) -> ConnectionFacts:
        pool = self.facts.pool(broadcast)
        return next((one for one in pool if one.row["id"] == connection_id), pool[0])

    def _soonest(self, broadcast: Row, due_on: Callable[[ConnectionFacts], DueCause], *, route: int = 0) -> WaitingFor:
        """Return the cause of the connection that may go on first.

        :param due_on: returns why no message is due for a connection.
        :param route: the connection that must send the message, unless it is paused; 0: any of the pool.
        """
        pool = self.facts.pool(broadcast)
        routed = [one for one in pool if one.row["id"] == route and not self._pause_of(one)]
        found: list[WaitingFor] = []
        for connection in routed or pool:
            try:
                found.append(self._on(broadcast, connection, due=due_on(connection)))
            except NothingLeft:
                continue
        if found:
            return min(found, key=ends_at)
        return self._unable(pool[0]) or self._under_way(broadcast, pool[0])

    def _next_due(self, broadcast: Row, connection: ConnectionFacts) -> DueCause:
        """Return why no message of a broadcast is due for a connection.

        :raises NothingLeft: all are claimed.
        """
        draft, routes = self.facts.draft(broadcast), self.facts.routes(broadcast, connection.row["id"])
        return timing.next_due(self._conn, broadcast, draft, routes=routes, now=connection.pace.now)

    # --- a broadcast on one connection -------------------------------------------------------------------------------

    def _on(self, broadcast: Row, connection: ConnectionFacts, *, due: DueCause) -> WaitingFor:
        """Return why a broadcast waits on one connection."""
        if pause := self._pause_of(connection):
            return pause
        waits: list[WaitingFor | None] = [due, self._closed_window(broadcast, connection)]
        if self.facts.redis_fault is None:
            waits += used_up(connection)
        if known := [wait for wait in waits if wait is not None]:
            return max(known, key=ends_at)
        draft = self.facts.draft(broadcast)
        return (
            self._unable(connection)
            or self._higher_priority(broadcast, connection)
            or full_rate(connection, broadcast_id=broadcast["id"], own=draft.rate)
            or self._under_way(broadcast, connection)
        )

    def _pause_of(self, connection: ConnectionFacts) -> WaitingFor | None:
        if connection.is_active:
            return None
        return connection_pause(connection.row, self.facts.pauser_of_connection(connection.row))

    def _closed_window(self, broadcast: Row, connection: ConnectionFacts) -> WaitingFor | None:
        return timing.closed_window(
            self.facts.draft(broadcast),
            connection.limits,
            connection=connection.name,
            now=connection.pace.now,
            default_zone=self.default_zone,
        )

    def _unable(self, connection: ConnectionFacts) -> WaitingFor | None:
        """Return what keeps the installation from work: Redis, a plugin, or that no worker is alive."""
        stop = self.facts.context.plugins.stop
        stopped = None if stop is None else PluginQuarantined(reason=stop)
        return self.facts.redis_fault or stopped or self.facts.missing_worker(connection.pace)

    def _higher_priority(self, broadcast: Row, connection: ConnectionFacts) -> HigherPriority | None:
        """Return the broadcast of a higher priority that the connection sends first."""
        key = (broadcast["id"], connection.row["id"])
        if key not in self._ahead:
            self._ahead[key] = self._find_ahead(broadcast, connection)
        return self._ahead[key]

    def _find_ahead(self, broadcast: Row, connection: ConnectionFacts) -> HigherPriority | None:
        for other in self.facts.broadcasts_on(connection.row["id"]):
            if other["rank"] <= broadcast["rank"]:
                break
            if other["purpose"] != Purpose.TEST and self._takes_all(other, connection):  # a test is one message
                return HigherPriority(
                    connection=connection.name,
                    job_id=other["job_id"],
                    name=other["name"],
                    priority=Priority[Rank(other["rank"]).name],
                )
        return None

    def _takes_all(self, other: Row, connection: ConnectionFacts) -> bool:
        """Return whether a broadcast has due messages and takes all slots: its own rate, if any, leaves none."""
        if _is_slower(self.facts.draft(other), connection) or self._closed_window(other, connection):
            return False
        try:
            return self._next_due(other, connection) is None
        except NothingLeft:
            return False

    def _under_way(self, broadcast: Row, connection: ConnectionFacts) -> WaitingFor:
        """Return that nothing but the provider or the store is waited for."""
        if self.facts.is_quiet(connection) and (fault := self.facts.refused_write()) is not None:
            return fault
        return Sending(connection=connection.name) if broadcast["processing"] else Starting()

    def _now(self, broadcast: Row) -> float:
        return self.facts.pool(broadcast)[0].pace.now


def ends_at(cause: WaitingFor) -> float:
    """Return when a cause ends (UNIX seconds), for comparison: 0 if messages leave now, infinity if it is not known."""
    if cause.code in AT_WORK:
        return 0.0
    if isinstance(cause, HigherPriority):
        return 1.0  # soon, as a rule: before anything that has to be waited for
    return NEVER if cause.until is None else cause.until.timestamp()


def _is_slower(draft: BroadcastDraft, connection: ConnectionFacts) -> bool:
    own, rate = draft.rate, connection.limits.rate
    return own is not None and (rate is None or own.per_second < rate.per_second)
