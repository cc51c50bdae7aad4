"""Which messages a connection takes next: highest priority first, equal ones evenly, only what is released and open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, zip_longest
from typing import Any

from sqlalchemy import Connection, Row

from wabroadcast_core.pacing.pace import Rival
from wabroadcast_core.pacing.send_windows import next_opening_of_all
from wabroadcast_core.snapshots import BroadcastBrief, ConnectionBrief
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store import claims as claim_store
from wabroadcast_core.store import connections as connection_store
from wabroadcast_core.store.claims import ANY_ROUTE, Claimed, Taken
from wabroadcast_core.store.group_commit import Unit

NEVER = float("inf")


@dataclass(slots=True)
class Outlook:
    """What a connection has to do: who has due work now, and when the next work is due otherwise."""

    connection: ConnectionBrief | None  # unset: it is gone
    rivals: list[Rival] = field(default_factory=list)
    rows: dict[int, Row[Any]] = field(default_factory=dict)  # of the rivals
    next_due: float = NEVER
    top_rank: int = 0

    @property
    def has_rates(self) -> bool:
        return any(rival.rate is not None for rival in self.rivals)


class Claims:
    """Looks and claims for connections, inside the store's transactions.

    :param brief_of: the brief of a broadcast, read through the given database connection when it is not known yet.
    """

    def __init__(self, *, brief_of: Callable[[Connection, int], BroadcastBrief | None], default_zone: str) -> None:
        self._brief_of = brief_of
        self._default_zone = default_zone

    def look(self, unit: Unit, connection_id: int) -> Outlook:
        """What is due for a connection; batches whose time has come are released by it."""
        row = connection_store.get_connection(unit.connection, connection_id)
        if row is None:
            return Outlook(None)
        connection = ConnectionBrief.of(row, now=unit.now)
        if not connection.active:
            return Outlook(connection)
        outlook = Outlook(connection)
        for candidate in broadcast_store.candidates(unit.connection, connection_id):
            brief = self._brief_of(unit.connection, candidate.id)
            if brief is not None:
                self._look_at(unit, outlook, candidate, brief)
        return outlook

    def claim(
        self,
        unit: Unit,
        connection: ConnectionBrief,
        *,
        worker_id: int,
        amount: int,
        caps: Mapping[int, int] | None = None,
    ) -> tuple[dict[int, list[Taken]], Outlook]:
        """Look, and take up to ``amount`` messages. They are for :func:`in_order_of_sending`.

        :param caps: most messages by broadcast, where slots were given to broadcasts; others get none. Without it,
            broadcasts with a rate of their own get none: they have no slots.
        """
        outlook = self.look(unit, connection.id)
        if caps is None:
            caps = {rival.broadcast_id: amount for rival in outlook.rivals if rival.rate is None}
        taken: dict[int, list[Taken]] = {}
        if outlook.connection is None or not outlook.rivals:
            return taken, outlook

        def take(rival: Rival, want: int) -> int:
            row = outlook.rows[rival.broadcast_id]
            found = claim_store.claim_messages(
                unit.connection,
                broadcast_id=row.id,
                routes=self._routes(unit.connection, row.id, connection),
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

        served = share_out(outlook.rivals, amount, take, caps=caps)
        if len(outlook.rivals) > 1:
            broadcast_store.mark_served(unit.connection, served, now=unit.now)
        return taken, outlook

    def _look_at(self, unit: Unit, outlook: Outlook, row: Row[Any], brief: BroadcastBrief) -> None:
        connection = outlook.connection
        if connection is None:
            return
        outlook.top_rank = max(outlook.top_rank, row.rank)
        opens = self._opens_at(unit.now, brief, connection)
        if opens <= unit.now:
            row = self._release(unit, row, brief)
            opens = self._due_at(unit, row, brief, connection)
        if opens <= unit.now:
            outlook.rivals.append(Rival(row.id, row.rank, brief.draft.rate, fresh=row.sent == 0))
            outlook.rows[row.id] = row
        else:
            outlook.next_due = min(outlook.next_due, opens)

    def _opens_at(self, now: float, brief: BroadcastBrief, connection: ConnectionBrief) -> float:
        windows = [window for window in (brief.draft.send_window, connection.limits.send_window) if window is not None]
        if not windows:
            return now
        opens = next_opening_of_all(windows, now, default_zone=self._default_zone)
        return NEVER if opens is None else opens

    def _due_at(self, unit: Unit, row: Row[Any], brief: BroadcastBrief, connection: ConnectionBrief) -> float:
        """When this broadcast, its windows being open, has a message for this connection: now, or later."""
        routes = self._routes(unit.connection, row.id, connection)
        if row.queued and self._has_released(unit.connection, row, brief, routes):
            return unit.now
        dues: list[float | None] = [row.next_release_at] if row.queued else []
        if row.retry:
            dues += [claim_store.next_retry_at(unit.connection, row.id, route=route) for route in routes]
        return min((due for due in dues if due is not None), default=NEVER)

    def _release(self, unit: Unit, row: Row[Any], brief: BroadcastBrief) -> Row[Any]:
        """Release the next batch when its time has come: counted from the release before it, one at a time."""
        batching = brief.draft.batching
        if batching is None or row.next_release_at is None or row.next_release_at > unit.now:
            return row
        return broadcast_store.release_batch(
            unit.connection,
            row.id,
            batch=row.released_batch + 1,
            next_release_at=unit.now + batching.interval_seconds,
        )

    def _has_released(self, connection: Connection, row: Row[Any], brief: BroadcastBrief, routes: list[int]) -> bool:
        if brief.draft.batching is None and not brief.is_shared:
            return True
        return claim_store.has_queued(connection, broadcast_id=row.id, routes=routes, released_batch=row.released_batch)

    def _routes(self, connection: Connection, broadcast_id: int, mine: ConnectionBrief) -> list[int]:
        """Whose messages this connection may take: its own, anybody's, and those of members that are down."""
        brief = self._brief_of(connection, broadcast_id)
        if brief is None or not brief.is_shared:
            return [ANY_ROUTE]
        return [mine.id, ANY_ROUTE, *(key for key in connection_store.inactive_keys(connection) if key != mine.id)]


def in_order_of_sending(rivals: Sequence[Rival], taken: Mapping[int, Sequence[Taken]]) -> list[Claimed]:
    """The messages taken, by broadcast: a rank after the one above, inside a rank one of each broadcast in turn."""
    messages = {key: list(chain.from_iterable(one.unpack() for one in found)) for key, found in taken.items()}
    return next(iter(messages.values())) if len(messages) == 1 else interleave(rivals, messages)


def interleave(rivals: Sequence[Rival], taken: Mapping[int, list[Claimed]]) -> list[Claimed]:
    ordered: list[Claimed] = []
    for _, group in groupby(rivals, key=lambda rival: rival.rank):
        rows = [taken.get(rival.broadcast_id, []) for rival in group]
        ordered += (message for round_ in zip_longest(*rows) for message in round_ if message is not None)
    return ordered


def share_out(
    rivals: Sequence[Rival],
    amount: int,
    take: Callable[[Rival, int], int],
    *,
    caps: Mapping[int, int] | None = None,
) -> list[int]:
    """Share ``amount`` among rivals in their order: a rank gets what the rank above left, evenly inside a rank.

    :param take: takes up to so many messages of a rival and says how many it got; fewer means that it has no more.
    :returns: the broadcasts that got more than another of their rank: next time that one comes first.
    """
    got_of: dict[int, int] = {}
    served: list[int] = []
    for _, ranked in groupby(rivals, key=lambda rival: rival.rank):
        group = list(ranked)
        rooms = [(rival, amount if caps is None else caps.get(rival.broadcast_id, 0)) for rival in group]
        hungry = [(rival, room) for rival, room in rooms if room > 0]
        while amount > 0 and hungry:
            share, extra = divmod(amount, len(hungry))
            still: list[tuple[Rival, int]] = []
            for place, (rival, room) in enumerate(hungry):
                want = min(room, share + (1 if place < extra else 0))
                got = take(rival, want) if want else 0
                amount -= got
                got_of[rival.broadcast_id] = got_of.get(rival.broadcast_id, 0) + got
                if got == want and room > got:
                    still.append((rival, room - got))
            hungry = still
        shares = {rival.broadcast_id: got_of.get(rival.broadcast_id, 0) for rival in group}
        served += [key for key, share in shares.items() if share > min(shares.values())]
    return served
