"""Lists of broadcasts, and how many there are of each status."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from sqlalchemy import Connection, RowMapping

from wabroadcast_core.context import Context
from wabroadcast_core.models.broadcast import BroadcastIndex, ListedBroadcast
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import UNFINISHED_BROADCASTS, BroadcastStatus, Priority
from wabroadcast_core.services.views import listed_of
from wabroadcast_core.store import broadcast_lists
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.waiting.causes import WaitingCauses


class BroadcastLists(ABC):
    """The methods of :class:`Broadcaster` for lists of broadcasts. The broadcaster inherits them."""

    @property
    @abstractmethod
    def context(self) -> Context:
        """The parts that the services share."""

    def list(
        self,
        *,
        status: BroadcastStatus | None = None,
        priority: Priority | None = None,
        connection: str | None = None,
        query: str | None = None,
        id_prefix: str | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> Page[ListedBroadcast]:
        """Return a page of broadcasts, newest first, each with the cause for which it waits.

        :param connection: the name of a connection that the broadcast uses.
        :param query: part of a name, or the beginning of a job id.
        :param id_prefix: the beginning of a job id.
        """
        with self.context.database.read() as conn:
            rows, total = broadcast_lists.list_broadcasts(
                conn,
                status=status,
                rank=None if priority is None else priority.rank,
                connection_name=connection,
                query=query,
                id_prefix=id_prefix,
                offset=(page - 1) * page_size,
                limit=page_size,
            )
            items = self._listed(conn, rows)
        return Page(items=items, total=total, page=page, page_size=page_size)

    def index(
        self,
        *,
        statuses: AbstractSet[BroadcastStatus] = frozenset(BroadcastStatus),
        connection: str | None = None,
        query: str | None = None,
        page: int = 1,
        page_size: int = 50,
    ) -> BroadcastIndex:
        """Return a page of broadcasts, newest first, and how many of the selection have each status.

        :param statuses: which broadcasts the page has; the numbers are of all statuses.
        :param connection: the name of a connection that the broadcast uses.
        :param query: part of a name, or the beginning of a job id.
        """
        with self.context.database.read() as conn:
            found = broadcast_lists.count_broadcasts(conn, connection_name=connection, query=query)
            counts = {status: found.get(status, 0) for status in BroadcastStatus}
            total = sum(counts[status] for status in statuses)
            rows = broadcast_lists.page_of_broadcasts(
                conn,
                statuses=statuses,
                connection_name=connection,
                query=query,
                offset=(page - 1) * page_size,
                limit=page_size if total else 0,
            )
            items = self._listed(conn, rows)
        listed = Page[ListedBroadcast](items=items, total=total, page=page, page_size=page_size)
        return BroadcastIndex(page=listed, counts=counts)

    def _listed(self, conn: Connection, rows: Sequence[RowMapping]) -> Sequence[ListedBroadcast]:
        pools = broadcast_store.pools_of(conn, [row["id"] for row in rows]) if rows else {}
        causes = WaitingCauses(self.context, conn)
        causes.facts.load_pools(row for row in rows if row["status"] in UNFINISHED_BROADCASTS)
        causes.facts.load_pausers(rows)
        return [listed_of(row, pools[row["id"]], waiting_for=causes.of_broadcast(row)) for row in rows]
