"""How fast one turn may expect to send: the connection's pace, less what other turns take of it."""

import math
from typing import Final

from wabroadcast_core.models.connection import Limits
from wabroadcast_core.pacing.pace import UNLIMITED, Slots, Spacing, is_paced

FOLLOWED: Final = 0.2  # of a newly observed share
LEAST_SHARE: Final = 0.02
FAR: Final = 0.5  # seconds
GROWTH: Final = 1.5  # of the share, when the turn got all slots that it asked for


class PaceForecast:
    """The expected pace of one turn."""

    def __init__(self, limits: Limits) -> None:
        self._share = 1.0  # of the connection's pace that this turn gets
        self._factor = 1.0
        self._left_at: float | None = None  # when a reservation last left messages without a slot
        self._follow(limits)

    def follow(self, limits: Limits) -> None:
        """Take over the connection's limits, where they have changed."""
        if limits is not self._limits:
            self._follow(limits)

    def _follow(self, limits: Limits) -> None:
        self._limits = limits
        self.is_paced = is_paced(limits)
        self.most_at_once = min((quota.messages for quota in limits.quotas), default=UNLIMITED)
        interval = Spacing.of(limits.rate).interval
        if limits.jitter is not None:
            interval = max(interval, (limits.jitter.min_seconds + limits.jitter.max_seconds) / 2)
        self._nominal = 1 / interval if interval else math.inf
        self.may_be_far = bool(limits.quotas) or interval > FAR  # the next slot may be seconds away

    @property
    def per_second(self) -> float:
        """Messages a second; infinite without a rate."""
        return self._nominal * self._factor * self._share

    def learn(self, slots: Slots, *, requested: int, now: float) -> None:
        """Learn from a reservation: fewer slots than requested show the pace, all of them that it may be higher.

        The pace shows between two reservations that both left messages without a slot.
        """
        self._factor = slots.factor
        if len(slots.times) >= requested:
            self._left_at = None
            self._share = min(1.0, GROWTH * self._share)
            return
        before, self._left_at = self._left_at, now
        if before is not None and now > before and math.isfinite(self._nominal):
            observed = len(slots.times) / (self._nominal * self._factor * (now - before))
            self._share += FOLLOWED * (min(1.0, observed) - self._share)
            self._share = max(LEAST_SHARE, self._share)
