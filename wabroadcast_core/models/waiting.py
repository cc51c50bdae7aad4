"""Why something waits: one model for each cause, distinguished by ``code``."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.pacing import Jitter, Rate
from wabroadcast_core.models.status import Priority


class _Cause(Model):
    until: datetime | None = Field(None, description="When this cause ends; null if that is not known.")


class _ConnectionCause(_Cause):
    connection: str


# --- the broadcast -----------------------------------------------------------------------------------------------


class Scheduled(_Cause):
    """The broadcast starts later."""

    code: Literal["scheduled"] = "scheduled"


class Preparing(_Cause):
    """The audience is being read, and no message is ready yet."""

    code: Literal["preparing"] = "preparing"
    rows: int = Field(description="Rows of the audience that are stored so far.")


class BroadcastPaused(_Cause):
    """The broadcast is paused."""

    code: Literal["broadcast_paused"] = "broadcast_paused"
    by: str | None = Field(description="Who paused it; `engine` if that was automatic.")
    reason: str | None
    since: datetime | None


class MessagesPaused(_Cause):
    """All messages that are left were paused one by one, or with their batch."""

    code: Literal["messages_paused"] = "messages_paused"
    messages: int
    by: str | None = Field(description="Who paused the latest of them.")


class BatchInterval(_Cause):
    """The next batch is not released yet."""

    code: Literal["batch_interval"] = "batch_interval"
    batch: int


class BroadcastRate(_Cause):
    """The broadcast is sent as fast as its own rate allows."""

    code: Literal["broadcast_rate"] = "broadcast_rate"
    rate: Rate


class HigherPriority(_ConnectionCause):
    """The connection sends a broadcast of a higher priority first."""

    code: Literal["higher_priority"] = "higher_priority"
    job_id: str
    name: str
    priority: Priority


# --- the messages ------------------------------------------------------------------------------------------------


class RetryLater(_Cause):
    """The next attempt is later."""

    code: Literal["retry"] = "retry"
    reason: str | None = Field(description="Why the attempt before did not succeed.")


class RecipientGap(_Cause):
    """The last message to the same person is too recent."""

    code: Literal["recipient_gap"] = "recipient_gap"


class NewContacts(_Cause):
    """The connection may not message new contacts for a time."""

    code: Literal["new_contacts"] = "new_contacts"


class NumberCheck(_Cause):
    """The number was not found on WhatsApp, and is checked a second time."""

    code: Literal["number_check"] = "number_check"


class Sending(_ConnectionCause):
    """All messages that may start have started: their provider has not answered yet."""

    code: Literal["sending"] = "sending"


# --- the connection ----------------------------------------------------------------------------------------------


class SendWindowClosed(_ConnectionCause):
    """The send window of the broadcast or of the connection is closed."""

    code: Literal["send_window"] = "send_window"


class ConnectionPaused(_ConnectionCause):
    """The connection is paused."""

    code: Literal["connection_paused"] = "connection_paused"
    by: str | None = Field(description="Who paused it; `engine` if that was automatic.")
    reason: str | None
    since: datetime


class QuotaUsed(_ConnectionCause):
    """A quota of the connection is used up."""

    code: Literal["quota"] = "quota"
    used: int
    limit: int
    per_seconds: float


class WarmUpUsed(_ConnectionCause):
    """The daily limit of a new number is used up."""

    code: Literal["warm_up"] = "warm_up"
    day: int = Field(description="Age of the number in days, as in `fromDay`.")
    used: int
    limit: int


class CoolDown(_ConnectionCause):
    """The provider required a pause."""

    code: Literal["cool_down"] = "cool_down"


class RateReached(_ConnectionCause):
    """The connection sends as fast as its rate and its jitter allow."""

    code: Literal["rate"] = "rate"
    rate: Rate | None
    jitter: Jitter | None


class AdaptiveRate(_ConnectionCause):
    """The connection sends more slowly than its rate, because the provider throttled it."""

    code: Literal["adaptive"] = "adaptive"
    factor: float = Field(description="Share of the rate that is used.")
    rate: Rate | None


# --- the installation --------------------------------------------------------------------------------------------


class NoWorker(_Cause):
    """No worker is alive."""

    code: Literal["no_worker"] = "no_worker"
    since: datetime | None = Field(description="Since when; null if there never was one.")


class RedisDown(_Cause):
    """Redis cannot be used."""

    code: Literal["redis"] = "redis"
    reason: str


class StoreDown(_Cause):
    """The store takes no writes."""

    code: Literal["store"] = "store"
    reason: str


class PluginQuarantined(_Cause):
    """A blacklist or a validator cannot be used, and nothing is sent without it."""

    code: Literal["plugin"] = "plugin"
    reason: str


class Starting(_Cause):
    """Nothing prevents the send: a worker begins it next."""

    code: Literal["starting"] = "starting"


WaitingFor: TypeAlias = Annotated[
    Scheduled
    | Preparing
    | BroadcastPaused
    | MessagesPaused
    | BatchInterval
    | BroadcastRate
    | HigherPriority
    | RetryLater
    | RecipientGap
    | NewContacts
    | NumberCheck
    | Sending
    | SendWindowClosed
    | ConnectionPaused
    | QuotaUsed
    | WarmUpUsed
    | CoolDown
    | RateReached
    | AdaptiveRate
    | NoWorker
    | RedisDown
    | StoreDown
    | PluginQuarantined
    | Starting,
    Field(discriminator="code"),
]
