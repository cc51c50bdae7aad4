"""What turns need to know of a broadcast and of a connection, read once and kept."""

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import RowMapping

from wabroadcast_core.delivery.render import CompiledContent, compile_content
from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.status import ConnectionState


@dataclass(frozen=True, slots=True)
class BroadcastBrief:
    """The parts of a broadcast that never change once it was submitted."""

    id: int
    job_id: str
    draft: BroadcastDraft
    content: CompiledContent

    @classmethod
    def of(cls, row: RowMapping) -> "BroadcastBrief":
        draft = BroadcastDraft.model_validate_json(row["draft"])
        return cls(row["id"], row["job_id"], draft, compile_content(draft.message))

    @property
    def is_shared(self) -> bool:
        return len(self.draft.pool) > 1


@dataclass(frozen=True, slots=True)
class ConnectionBrief:
    """A connection as it was at a moment; ``revision`` tells whether its sender must be made anew."""

    id: int
    name: str
    sender: str
    revision: int
    active: bool
    limits: Limits
    sealed_settings: bytes

    @classmethod
    def of(cls, row: RowMapping) -> "ConnectionBrief":
        return cls(
            id=row["id"],
            name=row["name"],
            sender=row["sender"],
            revision=row["revision"],
            active=row["state"] == ConnectionState.ACTIVE,
            limits=_limits(row["limits"]),
            sealed_settings=row["settings"],
        )


@lru_cache(maxsize=1_024)
def _limits(text: str) -> Limits:
    """Parsed limits; the same text comes several times a second."""
    return Limits.model_validate_json(text)
