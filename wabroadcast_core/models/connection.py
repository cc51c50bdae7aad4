"""Connections: WhatsApp accounts or numbers that can send."""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field, field_validator

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.pacing import Jitter, Quota, Rate, SendWindow, WarmUp, WarmUpStep
from wabroadcast_core.models.status import BroadcastStatus, ConnectionState, Purpose
from wabroadcast_core.models.waiting import ConnectionPaused, WaitingFor

CONNECTION_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"


class Limits(Model):
    """The limits of a connection: how fast and when it may send.

    Without ``rate`` it sends as fast as its sender answers.
    """

    rate: Rate | None = Field(default=None, description="Most starts in a window, spread evenly; null: no limit.")
    quotas: list[Quota] = Field(
        default_factory=list, max_length=8, description="Most starts in longer windows, spread in any way; at most 8."
    )
    jitter: Jitter | None = Field(default=None, description="A random gap between one start and the next; null: none.")
    per_recipient: Rate | None = Field(
        default=None, description="Limit of messages to the same person, over all broadcasts."
    )
    warm_up: WarmUp | None = Field(default=None, description="A daily limit that grows with the age of the number.")
    send_window: SendWindow | None = Field(
        default=None, description="The hours of the day in which messages may start; null: all."
    )
    lanes: int = Field(default=1, ge=1, le=16, description="Most turns at once, over all processes.")
    check_numbers: bool = Field(
        default=True,
        description="Whether a number is checked to be on WhatsApp before a send, if the sender can do that.",
    )

    @field_validator("quotas")
    @classmethod
    def _keep_smallest(cls, quotas: list[Quota]) -> list[Quota]:
        """Keep one quota for each length of window: the smallest."""
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
"""The default limits of an unofficial gateway, whose use can get the number banned.

The gaps, the quota and the steps are those that users of such gateways report as safe.
"""


class ConnectionDraft(Limits):
    """A connection as an operator saves it. A limit that is left out is the sender's default; null means no limit."""

    sender: str = Field(description="The kind of sender, such as whatsapp-cloud; `GET /connections/kinds` lists all.")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="The settings of this kind of sender, by its `settingsSchema`."
    )


class _LimitUse(Model):
    free_at: datetime | None = Field(description="When a message may start again; null if one may now.")


class RateUse(_LimitUse):
    """The use of a connection's rate."""

    used: float = Field(description="Messages that started in one window, as the mean of the last seconds.")
    limit: int = Field(description="Most starts in the window.")
    per_seconds: float = Field(description="Length of the window, in seconds.")


class QuotaUse(_LimitUse):
    """The use of a quota."""

    used: int = Field(description="Messages that started in the window that ends now.")
    limit: int = Field(description="Most starts in the window.")
    per_seconds: float = Field(description="Length of the window, in seconds.")


class WarmUpUse(_LimitUse):
    """The use of the daily limit of a new number."""

    day: int = Field(description="Age of the number in days, as in `fromDay`.")
    used: int = Field(description="Messages that started and count against the limit now.")
    limit: int = Field(description="Most messages a day at this age.")


class RefusedCall(Model):
    """A webhook call that was refused, such as one without the provider's signature."""

    at: datetime = Field(description="When it was refused (UTC).")
    reason: str = Field(description="Why it was refused.")


class PastTest(Model):
    """The last test of a connection."""

    at: datetime = Field(description="When the connection was tested (UTC).")
    state: Literal["up", "down", "unknown"] = Field(description="What the test found, as in the answer of a test.")
    reason: Said = Field(description="What the provider reported, in words.")


class ConnectionUse(Model):
    """What is used of a connection's limits now."""

    today: int = Field(description="Messages that started since midnight, in the time zone of the installation.")
    rate: RateUse | None = Field(description="Use of the rate; null: there is no rate.")
    quotas: list[QuotaUse] = Field(description="Use of each quota.")
    warm_up: WarmUpUse | None = Field(description="Use of the warm-up; null: there is no warm-up.")
    factor: float | None = Field(
        description="Share of the rate that is used: less than 1 after the provider throttled; null without Redis."
    )
    cool_down_until: datetime | None = Field(description="Until when the provider requires a pause.")
    last_receipt_at: datetime | None = Field(description="When the last receipt of the provider was processed.")
    last_call_at: datetime | None = Field(
        default=None,
        description="When the provider last called the webhook address, to a few seconds; null: not in 90 days, or "
        "Redis does not know.",
    )
    refused_call: RefusedCall | None = Field(
        default=None,
        description="The last call to the webhook address that was refused; null: none in 90 days, or unknown.",
    )


class ConnectionView(Limits):
    """A connection as it is shown, without secrets."""

    name: str = Field(description="The name of the connection.")
    sender: str = Field(description="The kind of its sender.")
    settings: dict[str, Any] = Field(description="The settings of its sender, without secrets.")
    default: bool = Field(default=False, description="Whether a broadcast that names no connection uses it.")
    state: ConnectionState
    state_reason: Said | None = Field(description="Why it is in this state; null: there is no special cause.")
    state_since: datetime = Field(description="Since when it is in this state (UTC).")
    problem: Said | None = Field(description="What is wrong with the connection beside its state.")
    waiting_for: WaitingFor | None = Field(description="Why its messages wait, and until when; null if none do.")
    use: ConnectionUse
    last_test: PastTest | None = Field(
        default=None, description="The last test of the connection; null: none in 90 days, or Redis does not know."
    )


class ConnectionDay(Model):
    """What a connection sent on one day. A message that fails after it was sent is counted in both."""

    day: date = Field(description="The day, in the time zone that was asked for.")
    sent: int = Field(description="Messages that the provider accepted.")
    failed: int = Field(description="Messages that failed.")
    delivered: int = Field(description="Messages that were delivered, by receipts.")
    read: int = Field(description="Messages that were read, by receipts.")


class ConnectionChoice(Model):
    """A connection among those that a broadcast may use."""

    name: str = Field(description="The name of the connection.")
    sender: str = Field(description="The kind of its sender.")
    state: ConnectionState
    default: bool = Field(description="Whether a broadcast that names no connection uses it.")


class UsingBroadcast(Model):
    """A broadcast that has not ended and uses a connection, which therefore cannot be deleted."""

    job_id: str = Field(description="The id of the broadcast.")
    name: str = Field(description="Its name.")
    status: BroadcastStatus
    purpose: Purpose


class ConnectionDetails(Model):
    """A connection with what is known of it beside its state."""

    connection: ConnectionView
    days: list[ConnectionDay] = Field(description="What it sent on each of the last days, the present one last.")
    used_by: list[UsingBroadcast] = Field(description="The newest broadcasts that use it, at most 10.")
    waiting: int = Field(description="Messages of running broadcasts that wait; for a pool, all of its messages.")
    stored_secrets: list[str] = Field(description="The settings whose secrets are stored, by their names.")


class ConnectionKind(Model):
    """An installed kind of sender, with the JSON schema of its settings."""

    kind: str = Field(description="The name of the kind: the `sender` of a connection.")
    settings_schema: dict[str, Any] = Field(description="The JSON schema of the `settings` of a connection.")
    takes_webhooks: bool = Field(description="Whether its provider may call `/webhooks/` and the connection's name.")
    reports_state: bool = Field(description="Whether it can report the state of its account without sending.")


class ConnectionTest(Model):
    """The result of a connection test: the state of the account as its provider reports it now."""

    state: Literal["up", "down", "unknown"] = Field(
        description="up: the account can send; down: it cannot; unknown: the provider does not say."
    )
    reason: Said = Field(description="What the provider reports, in words.")
    paused: ConnectionPaused | None = Field(
        default=None,
        description="The pause, if the connection is paused: then it sends nothing, whatever its state is.",
    )
