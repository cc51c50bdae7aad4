"""The messages that a connection claims next.

The highest priority comes first, and equal priorities share evenly. Only released batches and open send windows count.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, zip_longest
from typing import Any

from sqlalchemy import Connection, Row

from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.pacing.send_windows import next_opening_of_all, windows_of
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.claims import ANY_ROUTE, Claimed, ClaimedRows
from wabroadcast_core.store.group_commit import UnitOfWork

NEVER = float("inf")


@dataclass(slots=True)
class DueWork:
    """The due work of a connection: the broadcasts with due messages, and the time at which others have some."""

    connection: ConnectionSnapshot | None  # None: it was deleted
    candidates: list[Candidate] = field(default_factory=list)  # broadcasts with due work, in the order of claiming
    rows: dict[int, Row[Any]] = field(default_factory=dict)  # the candidates' rows by broadcast id
    next_due: float = NEVER  # when another broadcast has due work (UNIX seconds; steady time in turns)
    top_rank: int = 0  # the highest rank among all broadcasts, due or not

    @property
    def has_rates(self) -> bool:
        """Whether any candidate has a rate of its own."""
        return any(candidate.rate is not None for candidate in self.candidates)


class Claims:
    """Finds and claims due messages of connections, inside the store's transactions.

    :param snapshot_of: returns the snapshot of a broadcast by its id, read through the given handle if not cached.
    :param default_zone: the time zone of send windows without one, as an IANA name.
    """

    def __init__(
        self, *, snapshot_of: Callable[[Connection, int], BroadcastSnapshot | None], default_zone: str
    ) -> None:
        self._snapshot_of = snapshot_of
        self._default_zone = default_zone

    def look(self, unit: UnitOfWork, connection_id: int) -> DueWork:
        """Return the due work of a connection, and release the batches whose time has come."""
        row = connection_store.get_connection(unit.conn, connection_id)
        if row is None:
            return DueWork(None)
        connection = ConnectionSnapshot.of(row, now=unit.now)
        if not connection.active:
            return DueWork(connection)
        due_work = DueWork(connection)
        for broadcast in broadcast_store.active_broadcasts(unit.conn, connection_id):
            snapshot = self._snapshot_of(unit.conn, broadcast.id)
            if snapshot is not None:
                self._add_broadcast(unit, due_work, broadcast, snapshot)
        return due_work

    def claim(
        self,
        unit: UnitOfWork,
        connection: ConnectionSnapshot,
        *,
        worker_id: int,
        amount: int,
        caps: Mapping[int, int] | None = None,
    ) -> tuple[dict[int, list[ClaimedRows]], DueWork]:
        """Look for due work, and claim at most ``amount`` messages of it.

        :param caps: the most messages by broadcast id, if slots were given to broadcasts; other broadcasts get none.
            Without it, broadcasts with a rate of their own get none, because they have no slots.
        :returns: the claimed rows by broadcast id, for :func:`in_order_of_sending`, and the due work.
        """
        due_work = self.look(unit, connection.id)
        if caps is None:
            caps = {candidate.broadcast_id: amount for candidate in due_work.candidates if candidate.rate is None}
        taken: dict[int, list[ClaimedRows]] = {}
        if due_work.connection is None or not due_work.candidates:
            return taken, due_work

        def take(candidate: Candidate, requested: int) -> int:
            row = due_work.rows[candidate.broadcast_id]
            found = claim_store.claim_messages(
                unit.conn,
                broadcast_id=row.id,
                routes=self._routes(unit.conn, row.id, connection),
                released_batch=row.released_batch,
                amount=requested,
                now=unit.now,
                worker_id=worker_id,
                connection_id=connection.id,
                retry_waits=row.retry > 0,
                changes=unit.changes,
            )
            taken.setdefault(row.id, []).extend(found)
            unit.claimed_from.add(row.id)
            return sum(rows.amount for rows in found)

        served = share_out(due_work.candidates, amount, take, caps=caps)
        if len(due_work.candidates) > 1:
            broadcast_store.mark_served(unit.conn, served, now=unit.now)
        return taken, due_work

    def _add_broadcast(self, unit: UnitOfWork, due_work: DueWork, row: Row[Any], snapshot: BroadcastSnapshot) -> None:
        """Add a broadcast to the due work: as a candidate, or with the time at which it has due messages."""
        connection = due_work.connection
        if connection is None:
            return
        due_work.top_rank = max(due_work.top_rank, row.rank)
        due_at = self._windows_open_at(unit.now, snapshot, connection)
        if due_at <= unit.now:
            row = self._release(unit, row, snapshot)
            due_at = self._due_at(unit, row, snapshot, connection)
        if due_at <= unit.now:
            due_work.candidates.append(Candidate(row.id, row.rank, snapshot.draft.rate, fresh=row.sent == 0))
            due_work.rows[row.id] = row
        else:
            due_work.next_due = min(due_work.next_due, due_at)

    def _windows_open_at(self, now: float, snapshot: BroadcastSnapshot, connection: ConnectionSnapshot) -> float:
        """Return when the send windows of the broadcast and the connection are both open: now, or later, or never."""
        windows = windows_of(snapshot.draft, connection.limits)
        if not windows:
            return now
        opens_at = next_opening_of_all(windows, now, default_zone=self._default_zone)
        return NEVER if opens_at is None else opens_at

    def _due_at(
        self, unit: UnitOfWork, row: Row[Any], snapshot: BroadcastSnapshot, connection: ConnectionSnapshot
    ) -> float:
        """Return when this broadcast has a due message for this connection, if its windows are open: now or later."""
        routes = self._routes(unit.conn, row.id, connection)
        if row.queued and self._has_due_message(unit.conn, row, snapshot, routes):
            return unit.now
        dues: list[float | None] = [row.next_release_at] if row.queued else []
        if row.retry:
            dues += [claim_store.next_retry_at(unit.conn, row.id, route=route) for route in routes]
        return min((due for due in dues if due is not None), default=NEVER)

    def _release(self, unit: UnitOfWork, row: Row[Any], snapshot: BroadcastSnapshot) -> Row[Any]:
        """Release the next batch if its time has come, which is one interval after the release before. Return the row.

        Only one batch is released at a time.
        """
        batching = snapshot.draft.batching
        if batching is None or row.next_release_at is None or row.next_release_at > unit.now:
            return row
        return broadcast_store.release_batch(
            unit.conn,
            row.id,
            batch=row.released_batch + 1,
            next_release_at=unit.now + batching.interval_seconds,
        )

    def _has_due_message(self, conn: Connection, row: Row[Any], snapshot: BroadcastSnapshot, routes: list[int]) -> bool:
        if snapshot.draft.batching is None and not snapshot.is_shared:
            return True
        return claim_store.has_queued(conn, broadcast_id=row.id, routes=routes, released_batch=row.released_batch)

    def _routes(self, conn: Connection, broadcast_id: int, mine: ConnectionSnapshot) -> list[int]:
        """Return the routes whose messages this connection may claim.

        They are its own route, the messages without a route, and the routes of connections that are not active.
        """
        snapshot = self._snapshot_of(conn, broadcast_id)
        if snapshot is None or not snapshot.is_shared:
            return [ANY_ROUTE]
        return [mine.id, ANY_ROUTE, *(key for key in connection_store.inactive_keys(conn) if key != mine.id)]


def in_order_of_sending(candidates: Sequence[Candidate], taken: Mapping[int, Sequence[ClaimedRows]]) -> list[Claimed]:
    """Return claimed messages in the order of sending.

    A higher rank comes first. Inside a rank, the broadcasts alternate, one message each.

    :param taken: the claimed rows by broadcast id.
    """
    messages = {key: list(chain.from_iterable(rows.unpack() for rows in found)) for key, found in taken.items()}
    return next(iter(messages.values())) if len(messages) == 1 else interleave(candidates, messages)


def interleave(candidates: Sequence[Candidate], taken: Mapping[int, list[Claimed]]) -> list[Claimed]:
    """Return messages with the highest rank first, and inside a rank one of each broadcast in turn.

    :param candidates: the broadcasts, highest rank first.
    :param taken: the messages by broadcast id.
    """
    ordered: list[Claimed] = []
    for _, group in groupby(candidates, key=lambda candidate: candidate.rank):
        rows = [taken.get(candidate.broadcast_id, []) for candidate in group]
        ordered += (message for round_ in zip_longest(*rows) for message in round_ if message is not None)
    return ordered


def share_out(
    candidates: Sequence[Candidate],
    amount: int,
    take: Callable[[Candidate, int], int],
    *,
    caps: Mapping[int, int] | None = None,
) -> list[int]:
    """Share ``amount`` messages among candidates.

    Each rank gets the messages that the rank above left. Inside a rank they are shared evenly.

    :param candidates: the broadcasts, highest rank first; the first ones of a rank get the remainder of a division.
    :param take: takes up to so many messages of a candidate and returns how many it has taken; fewer than requested
        means that the candidate has no more.
    :param caps: the most messages by broadcast id; other broadcasts get none.
    :returns: the broadcasts that got more messages than another one of their rank, which comes first the next time.
    """
    totals: dict[int, int] = {}
    served: list[int] = []
    for _, ranked in groupby(candidates, key=lambda candidate: candidate.rank):
        group = list(ranked)
        capped = [(candidate, amount if caps is None else caps.get(candidate.broadcast_id, 0)) for candidate in group]
        remaining = [(candidate, cap) for candidate, cap in capped if cap > 0]
        while amount > 0 and remaining:
            share, extra = divmod(amount, len(remaining))
            next_round: list[tuple[Candidate, int]] = []
            for place, (candidate, cap) in enumerate(remaining):
                requested = min(cap, share + (1 if place < extra else 0))
                taken = take(candidate, requested) if requested else 0
                amount -= taken
                totals[candidate.broadcast_id] = totals.get(candidate.broadcast_id, 0) + taken
                if taken == requested and cap > taken:
                    next_round.append((candidate, cap - taken))
            remaining = next_round
        shares = {candidate.broadcast_id: totals.get(candidate.broadcast_id, 0) for candidate in group}
        served += [key for key, share in shares.items() if share > min(shares.values())]
    return served
