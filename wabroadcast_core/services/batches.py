"""The batches of a broadcast: how far each of them is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

from wabroadcast_core.context import Context
from wabroadcast_core.models.base import as_utc
from wabroadcast_core.models.broadcast import BatchView, BroadcastDraft
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import OPEN_MESSAGES, BroadcastStatus, MessageStatus
from wabroadcast_core.services.lookups import broadcast_row
from wabroadcast_core.store import messages as message_store


class Batches(ABC):
    """The methods of :class:`Broadcaster` for batches. The broadcaster inherits them."""

    @property
    @abstractmethod
    def context(self) -> Context:
        """The parts that the services share."""

    def batches(self, job_id: str, *, page: int = 1, page_size: int = 50) -> Page[BatchView]:
        """Return a page of the batches of a broadcast, in their order; none if it is not sent in batches.

        :raises NotFoundError: no broadcast has this id.
        """
        with self.context.database.read() as conn:
            row = broadcast_row(conn, job_id)
            batching = BroadcastDraft.model_validate_json(row["draft"]).batching
            last = message_store.last_batch(conn, row["id"]) if batching else None
            if batching is None or last is None:
                return Page(items=[], total=0, page=page, page_size=page_size)
            first = (page - 1) * page_size
            counts = message_store.count_batches(conn, row["id"], first=first, end=first + page_size)
        items = [_view(row, *batch, interval=batching.interval_seconds) for batch in counts.items()]
        return Page(items=items, total=last + 1, page=page, page_size=page_size)


def _view(row: Mapping[Any, Any], batch: int, counts: dict[str, int], *, interval: float) -> BatchView:
    ahead = batch - row["released_batch"]
    state = _state_of(counts, waiting=ahead > 0)
    due = row["next_release_at"] if row["status"] == BroadcastStatus.PROCESSING else None  # a pause moves it
    return BatchView(
        batch=batch,
        state=state,
        size=sum(counts.values()),
        counts=counts,
        releases_at=as_utc(due + (ahead - 1) * interval) if state == "waiting" and due is not None else None,
    )


def _state_of(
    counts: Mapping[str, int], *, waiting: bool
) -> Literal["waiting", "released", "paused", "cancelled", "ended"]:
    opened = sum(counts.get(status, 0) for status in OPEN_MESSAGES)
    if not opened:
        return "cancelled" if counts.keys() == {MessageStatus.CANCELLED} else "ended"
    if counts.get(MessageStatus.PAUSED) == opened:
        return "paused"
    return "waiting" if waiting else "released"
