"""What turns need to know of a broadcast and of a connection, read once and kept."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from sqlalchemy import RowMapping

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.rendering.content import CompiledContent, compile_content

DAY = 86_400.0
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class BroadcastSnapshot:
    """The parts of a broadcast that never change once it was submitted."""

    id: int
    job_id: str
    draft: BroadcastDraft
    content: CompiledContent

    @classmethod
    def of(cls, row: RowMapping) -> "BroadcastSnapshot":
        draft = BroadcastDraft.model_validate_json(row["draft"])
        return cls(row["id"], row["job_id"], draft, compile_content(draft.message))

    @property
    def is_shared(self) -> bool:
        return len(self.draft.pool) > 1


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """A connection as it was at a moment; ``revision`` tells whether its sender must be made anew."""

    id: int
    name: str
    sender: str
    revision: int
    active: bool
    limits: Limits
    sealed_settings: bytes

    @classmethod
    def of(cls, row: RowMapping, *, now: float) -> "ConnectionSnapshot":
        return cls(
            id=row["id"],
            name=row["name"],
            sender=row["sender"],
            revision=row["revision"],
            active=row["state"] == ConnectionState.ACTIVE,
            limits=_limits_of_day(row["limits"], row["created_at"] // DAY, now // DAY),
            sealed_settings=row["settings"],
        )


@lru_cache(maxsize=1_024)
def _limits_of_day(text: str, first_day: float, today: float) -> Limits:
    """Parsed limits, the daily cap of a warm-up among the quotas; the same text comes several times a second.

    :param first_day: of the connection: a number whose age nobody gives is taken to be as young.
    """
    limits = Limits.model_validate_json(text)
    if limits.warm_up is None:
        return limits
    since = limits.warm_up.since
    began = first_day if since is None else since.toordinal() - EPOCH_ORDINAL
    cap = Quota(messages=limits.warm_up.cap(today - began), per_seconds=DAY)
    return Limits.model_validate({**dict(limits), "quotas": [*limits.quotas, cap]})
