"""Which messages a connection takes next: highest priority first, equal ones evenly, only what is released and open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, zip_longest
from typing import Any

from sqlalchemy import Connection, Row

from wabroadcast_core.pacing.pace import Candidate
from wabroadcast_core.pacing.send_windows import next_opening_of_all
from wabroadcast_core.snapshots import BroadcastSnapshot, ConnectionSnapshot
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.claims import ANY_ROUTE, Claimed, ClaimedRows
from wabroadcast_core.store.group_commit import UnitOfWork

NEVER = float("inf")


@dataclass(slots=True)
class DueWork:
    """What a connection has to do: who has due work now, and when the next work is due otherwise."""

    connection: ConnectionSnapshot | None  # unset: it is gone
    candidates: list[Candidate] = field(default_factory=list)
    rows: dict[int, Row[Any]] = field(default_factory=dict)  # of the candidates
    next_due: float = NEVER
    top_rank: int = 0

    @property
    def has_rates(self) -> bool:
        return any(candidate.rate is not None for candidate in self.candidates)


class Claims:
    """Looks and claims for connections, inside the store's transactions.

    :param snapshot_of: the snapshot of a broadcast, read through the given handle when it is not cached.
    """

    def __init__(
        self, *, snapshot_of: Callable[[Connection, int], BroadcastSnapshot | None], default_zone: str
    ) -> None:
        self._snapshot_of = snapshot_of
        self._default_zone = default_zone

    def look(self, unit: UnitOfWork, connection_id: int) -> DueWork:
        """What is due for a connection; batches whose time has come are released by it."""
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
                self._look_at(unit, due_work, broadcast, snapshot)
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
        """Look, and take up to ``amount`` messages. They are for :func:`in_order_of_sending`.

        :param caps: most messages by broadcast, where slots were given to broadcasts; others get none. Without it,
            broadcasts with a rate of their own get none: they have no slots.
        """
        due_work = self.look(unit, connection.id)
        if caps is None:
            caps = {candidate.broadcast_id: amount for candidate in due_work.candidates if candidate.rate is None}
        taken: dict[int, list[ClaimedRows]] = {}
        if due_work.connection is None or not due_work.candidates:
            return taken, due_work

        def take(candidate: Candidate, want: int) -> int:
            row = due_work.rows[candidate.broadcast_id]
            found = claim_store.claim_messages(
                unit.conn,
                broadcast_id=row.id,
                routes=self._routes(unit.conn, row.id, connection),
                released_batch=row.released_batch,
                amount=want,
                now=unit.now,
                worker_id=worker_id,
                connection_id=connection.id,
                retry_waits=row.retry > 0,
                changes=unit.changes,
            )
            taken.setdefault(row.id, []).extend(found)
            return sum(one.amount for one in found)

        served = share_out(due_work.candidates, amount, take, caps=caps)
        if len(due_work.candidates) > 1:
            broadcast_store.mark_served(unit.conn, served, now=unit.now)
        return taken, due_work

    def _look_at(self, unit: UnitOfWork, due_work: DueWork, row: Row[Any], snapshot: BroadcastSnapshot) -> None:
        connection = due_work.connection
        if connection is None:
            return
        due_work.top_rank = max(due_work.top_rank, row.rank)
        opens = self._opens_at(unit.now, snapshot, connection)
        if opens <= unit.now:
            row = self._release(unit, row, snapshot)
            opens = self._due_at(unit, row, snapshot, connection)
        if opens <= unit.now:
            due_work.candidates.append(Candidate(row.id, row.rank, snapshot.draft.rate, fresh=row.sent == 0))
            due_work.rows[row.id] = row
        else:
            due_work.next_due = min(due_work.next_due, opens)

    def _opens_at(self, now: float, snapshot: BroadcastSnapshot, connection: ConnectionSnapshot) -> float:
        windows = [
            window for window in (snapshot.draft.send_window, connection.limits.send_window) if window is not None
        ]
        if not windows:
            return now
        opens = next_opening_of_all(windows, now, default_zone=self._default_zone)
        return NEVER if opens is None else opens

    def _due_at(
        self, unit: UnitOfWork, row: Row[Any], snapshot: BroadcastSnapshot, connection: ConnectionSnapshot
    ) -> float:
        """When this broadcast, its windows being open, has a message for this connection: now, or later."""
        routes = self._routes(unit.conn, row.id, connection)
        if row.queued and self._has_released(unit.conn, row, snapshot, routes):
            return unit.now
        dues: list[float | None] = [row.next_release_at] if row.queued else []
        if row.retry:
            dues += [claim_store.next_retry_at(unit.conn, row.id, route=route) for route in routes]
        return min((due for due in dues if due is not None), default=NEVER)

    def _release(self, unit: UnitOfWork, row: Row[Any], snapshot: BroadcastSnapshot) -> Row[Any]:
        """Release the next batch when its time has come: counted from the release before it, one at a time."""
        batching = snapshot.draft.batching
        if batching is None or row.next_release_at is None or row.next_release_at > unit.now:
            return row
        return broadcast_store.release_batch(
            unit.conn,
            row.id,
            batch=row.released_batch + 1,
            next_release_at=unit.now + batching.interval_seconds,
        )

    def _has_released(self, conn: Connection, row: Row[Any], snapshot: BroadcastSnapshot, routes: list[int]) -> bool:
        if snapshot.draft.batching is None and not snapshot.is_shared:
            return True
        return claim_store.has_queued(conn, broadcast_id=row.id, routes=routes, released_batch=row.released_batch)

    def _routes(self, conn: Connection, broadcast_id: int, mine: ConnectionSnapshot) -> list[int]:
        """Whose messages this connection may take: its own, anybody's, and those of members that are down."""
        snapshot = self._snapshot_of(conn, broadcast_id)
        if snapshot is None or not snapshot.is_shared:
            return [ANY_ROUTE]
        return [mine.id, ANY_ROUTE, *(key for key in connection_store.inactive_keys(conn) if key != mine.id)]


def in_order_of_sending(candidates: Sequence[Candidate], taken: Mapping[int, Sequence[ClaimedRows]]) -> list[Claimed]:
    """The messages taken, by broadcast: a rank after the one above, inside a rank one of each broadcast in turn."""
    messages = {key: list(chain.from_iterable(one.unpack() for one in found)) for key, found in taken.items()}
    return next(iter(messages.values())) if len(messages) == 1 else interleave(candidates, messages)


def interleave(candidates: Sequence[Candidate], taken: Mapping[int, list[Claimed]]) -> list[Claimed]:
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
    """Share ``amount`` among candidates in their order: a rank gets what the rank above left, evenly inside a rank.

    :param take: takes up to so many messages of a candidate and says how many it got; fewer means that it has no more.
    :returns: the broadcasts that got more than another of their rank: next time that one comes first.
    """
    got_of: dict[int, int] = {}
    served: list[int] = []
    for _, ranked in groupby(candidates, key=lambda candidate: candidate.rank):
        group = list(ranked)
        rooms = [(candidate, amount if caps is None else caps.get(candidate.broadcast_id, 0)) for candidate in group]
        hungry = [(candidate, room) for candidate, room in rooms if room > 0]
        while amount > 0 and hungry:
            share, extra = divmod(amount, len(hungry))
            still: list[tuple[Candidate, int]] = []
            for place, (candidate, room) in enumerate(hungry):
                want = min(room, share + (1 if place < extra else 0))
                got = take(candidate, want) if want else 0
                amount -= got
                got_of[candidate.broadcast_id] = got_of.get(candidate.broadcast_id, 0) + got
                if got == want and room > got:
                    still.append((candidate, room - got))
            hungry = still
        shares = {candidate.broadcast_id: got_of.get(candidate.broadcast_id, 0) for candidate in group}
        served += [key for key, share in shares.items() if share > min(shares.values())]
    return served
