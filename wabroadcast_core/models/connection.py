"""One WhatsApp account or number that can send."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.pacing import Jitter, Quota, Rate, SendWindow, WarmUp, WarmUpStep
from wabroadcast_core.models.status import ConnectionState

CONNECTION_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"


class Limits(Model):
    """How fast and when a connection may send. Without ``rate`` it sends as fast as its sender answers."""

    rate: Rate | None = None
    quotas: list[Quota] = Field(default_factory=list, max_length=8)
    jitter: Jitter | None = None
    per_recipient: Rate | None = Field(None, description="For messages to the same person, over all broadcasts.")
    warm_up: WarmUp | None = Field(None, description="A daily cap that grows with the age of the number.")
    send_window: SendWindow | None = None
    lanes: int = Field(1, ge=1, le=16, description="Turns at once over all processes.")
    check_numbers: bool = Field(True, description="Ask who is on WhatsApp before a send, where the sender can say.")

    @field_validator("quotas")
    @classmethod
    def _each_window_once(cls, quotas: list[Quota]) -> list[Quota]:
        """Of two quotas for one window the smaller one counts."""
        smallest: dict[float, Quota] = {}
        for quota in quotas:
            known = smallest.get(quota.per_seconds)
            if known is None or quota.messages < known.messages:
                smallest[quota.per_seconds] = quota
        return list(smallest.values())


HUMAN_PACE = Limits(
    jitter=Jitter(min_seconds=5, max_seconds=15),
    quotas=[Quota(messages=1_500, per_seconds=86_400)],
    warm_up=WarmUp(
        steps=[
            WarmUpStep(from_day=0, messages=20),
            WarmUpStep(from_day=4, messages=50),
            WarmUpStep(from_day=8, messages=100),
            WarmUpStep(from_day=15, messages=200),
            WarmUpStep(from_day=31, messages=1_500),
        ]
    ),
)
"""What a gateway starts with whose use can cost the number: the gaps, ceiling and steps that people report to hold."""


class ConnectionDraft(Limits):
    """A connection as an operator gives it. Limits that are left out are the sender's own; null means none."""

    sender: str
    settings: dict[str, Any] = Field(default_factory=dict)


class ConnectionView(Limits):
    """A connection as it is shown: secrets are left out."""

    name: str
    sender: str
    settings: dict[str, Any]
    state: ConnectionState
    state_reason: str | None
    state_since: datetime


class ConnectionKind(Model):
    """A kind of sender that is installed."""

    kind: str
    settings_schema: dict[str, Any]


class ConnectionTest(Model):
    """What a provider says of an account just now."""

    state: Literal["up", "down", "unknown"]
    reason: str
