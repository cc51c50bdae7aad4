"""Snapshots: immutable copies of the row of a broadcast or a connection, as workers use them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import RowMapping

from wabroadcast_core.models.broadcast import BroadcastDraft
from wabroadcast_core.models.connection import Limits
from wabroadcast_core.models.pacing import Quota, WarmUp
from wabroadcast_core.models.recipient import Variables
from wabroadcast_core.models.status import TEST, ConnectionState, Purpose
from wabroadcast_core.rendering.content import CompiledContent, Rendered, compile_content

DAY = 86_400.0
EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class BroadcastSnapshot:
    """The parts of a broadcast that do not change after its submit."""

    id: int
    job_id: str
    draft: BroadcastDraft
    content: CompiledContent
    purpose: Purpose = Purpose.BROADCAST

    @classmethod
    def of(cls, row: RowMapping) -> "BroadcastSnapshot":
        """Build a snapshot from a row of the table ``broadcasts``."""
        draft = BroadcastDraft.model_validate_json(row["draft"])
        return cls(row["id"], row["job_id"], draft, compile_content(draft.message), Purpose(row["purpose"]))

    def render(self, *, number: str, name: str | None, variables: Variables) -> Rendered:
        """Render the message of one recipient. The text of a test has the number of the person it is rendered for.

        :raises NotRendered: it cannot be rendered from these variables.
        """
        if self.purpose is TEST:
            number = str(variables.get("number") or number)
        return self.content.render(number=number, name=name, variables=variables)

    @property
    def is_shared(self) -> bool:
        """Whether several connections share the broadcast."""
        return len(self.draft.pool) > 1


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """A connection at one moment.

    ``revision`` grows each time the connection is saved; its sender must then be built again.
    """

    id: int
    name: str
    sender: str
    revision: int
    active: bool
    limits: Limits
    sealed_settings: bytes

    @classmethod
    def of(cls, row: RowMapping, *, now: float) -> "ConnectionSnapshot":
        """Build a snapshot from a row of the table ``connections``.

        :param now: the present time (UNIX seconds, UTC); it decides the daily cap of a warm-up.
        """
        return cls(
            id=row["id"],
            name=row["name"],
            sender=row["sender"],
            revision=row["revision"],
            active=row["state"] == ConnectionState.ACTIVE,
            limits=_limits_of_day(row["limits"], row["created_at"] // DAY, now // DAY),
            sealed_settings=row["settings"],
        )


@dataclass(frozen=True, slots=True)
class WarmUpDay:
    """The warm-up of a connection on one day."""

    day: int  # age of the number in days
    limit: int
    binds: bool  # it is the smallest limit of a day; else a quota of the connection is
    rises_at: float | None  # when the next step begins (UNIX seconds, UTC); None after the last step
    next_limit: int

    @classmethod
    def of(cls, row: Mapping[Any, Any], *, now: float) -> "WarmUpDay | None":
        """Return the warm-up of a connection today; None if it has none.

        :param row: of the table ``connections``.
        :param now: the present time (UNIX seconds, UTC).
        """
        limits = Limits.model_validate_json(row["limits"])
        if limits.warm_up is None:
            return None
        began = _first_day(limits.warm_up, row["created_at"] // DAY)
        day = max(0, int(now // DAY - began))
        following = next((step for step in limits.warm_up.steps if step.from_day > day), None)
        limit = limits.warm_up.cap(day)
        return cls(
            day=day,
            limit=limit,
            binds=all(quota.messages > limit for quota in limits.quotas if quota.per_seconds == DAY),
            rises_at=None if following is None else (began + following.from_day) * DAY,
            next_limit=limit if following is None else following.messages,
        )


def _first_day(warm_up: WarmUp, created: float) -> float:
    """Return the first day of a number, as days since 1970.

    :param created: the day on which the connection was created, which counts if the warm-up has no ``since``.
    """
    return created if warm_up.since is None else warm_up.since.toordinal() - EPOCH_ORDINAL


@lru_cache(maxsize=1_024)
def _limits_of_day(text: str, first_day: float, today: float) -> Limits:
    """Parse limits and add today's cap of the warm-up to the quotas.

    Cached, because the same text is parsed several times a second.

    :param first_day: the day on which the connection was created, as days since 1970; the first day of a number
        whose warm-up has no ``since``.
    :param today: the present day, as days since 1970.
    """
    limits = Limits.model_validate_json(text)
    if limits.warm_up is None:
        return limits
    cap = Quota(messages=limits.warm_up.cap(today - _first_day(limits.warm_up, first_day)), per_seconds=DAY)
    return Limits.model_validate({**dict(limits), "quotas": [*limits.quotas, cap]})
