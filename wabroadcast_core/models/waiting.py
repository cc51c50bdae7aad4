"""Why something waits: one model for each cause, distinguished by ``code``."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.pacing import Jitter, Rate
from wabroadcast_core.models.status import Priority

_CODE = "The kind of the cause: the other fields depend on it."


class _Cause(Model):
    until: datetime | None = Field(None, description="When this cause ends; null if that is not known.")


class _ConnectionCause(_Cause):
    connection: str = Field(description="The name of the connection.")


# --- the broadcast -----------------------------------------------------------------------------------------------


class Scheduled(_Cause):
    """The broadcast starts later."""

    code: Literal["scheduled"] = Field("scheduled", description=_CODE)


class Held(_Cause):
    """The start is held back for some seconds, so that it can be undone."""

    code: Literal["hold"] = Field("hold", description=_CODE)


class Preparing(_Cause):
    """The audience is being read, and no message is ready yet."""

    code: Literal["preparing"] = Field("preparing", description=_CODE)
    rows: int = Field(description="Rows of the audience that are stored so far.")


class BroadcastPaused(_Cause):
    """The broadcast is paused."""

    code: Literal["broadcast_paused"] = Field("broadcast_paused", description=_CODE)
    by: str | None = Field(description="Who paused it; `engine` if that was automatic.")
    reason: Said | None = Field(description="Why it was paused; null: no reason was given.")
    since: datetime | None = Field(description="Since when (UTC); null: not known.")


class MessagesPaused(_Cause):
    """All messages that are left were paused one by one, or with their batch."""

    code: Literal["messages_paused"] = Field("messages_paused", description=_CODE)
    messages: int = Field(description="Messages that are paused.")
    by: str | None = Field(description="Who paused the latest of them.")


class BatchInterval(_Cause):
    """The next batch is not released yet."""

    code: Literal["batch_interval"] = Field("batch_interval", description=_CODE)
    batch: int = Field(description="The number of the batch that is released next; the first is 0.")


class BroadcastRate(_Cause):
    """The broadcast is sent as fast as its own rate allows."""

    code: Literal["broadcast_rate"] = Field("broadcast_rate", description=_CODE)
    rate: Rate = Field(description="The rate of the broadcast.")


class HigherPriority(_ConnectionCause):
    """The connection sends a broadcast of a higher priority first."""

    code: Literal["higher_priority"] = Field("higher_priority", description=_CODE)
    job_id: str = Field(description="The id of the broadcast that goes first.")
    name: str = Field(description="The name of that broadcast.")
    priority: Priority = Field(description="The priority of that broadcast.")


# --- the messages ------------------------------------------------------------------------------------------------


class RetryLater(_Cause):
    """The next attempt is later."""

    code: Literal["retry"] = Field("retry", description=_CODE)
    reason: str | None = Field(description="Why the attempt before did not succeed.")
    detail: str | None = Field(
        None, description="Which plugin failed, while the audience is read; of a message, its own detail says it."
    )


class RecipientGap(_Cause):
    """The last message to the same person is too recent."""

    code: Literal["recipient_gap"] = Field("recipient_gap", description=_CODE)


class NewContacts(_Cause):
    """The connection may not message new contacts for a time."""

    code: Literal["new_contacts"] = Field("new_contacts", description=_CODE)


class NumberCheck(_Cause):
    """The number was not found on WhatsApp, and is checked a second time."""

    code: Literal["number_check"] = Field("number_check", description=_CODE)


class Sending(_ConnectionCause):
    """All messages that may start have started: their provider has not answered yet."""

    code: Literal["sending"] = Field("sending", description=_CODE)


# --- the connection ----------------------------------------------------------------------------------------------


class SendWindowClosed(_ConnectionCause):
    """The send window of the broadcast or of the connection is closed."""

    code: Literal["send_window"] = Field("send_window", description=_CODE)


class ConnectionPaused(_ConnectionCause):
    """The connection is paused."""

    code: Literal["connection_paused"] = Field("connection_paused", description=_CODE)
    by: str | None = Field(description="Who paused it; `engine` if that was automatic.")
    reason: Said | None = Field(description="Why it was paused; null: no reason was given.")
    since: datetime = Field(description="Since when (UTC).")


class QuotaUsed(_ConnectionCause):
    """A quota of the connection is used up."""

    code: Literal["quota"] = Field("quota", description=_CODE)
    used: int = Field(description="Messages that started in the window that ends now.")
    limit: int = Field(description="Most starts in the window.")
    per_seconds: float = Field(description="Length of the window, in seconds.")


class WarmUpUsed(_ConnectionCause):
    """The daily limit of a new number is used up."""

    code: Literal["warm_up"] = Field("warm_up", description=_CODE)
    day: int = Field(description="Age of the number in days, as in `fromDay`.")
    used: int = Field(description="Messages that started and count against the limit now.")
    limit: int = Field(description="Most messages a day at this age.")


class CoolDown(_ConnectionCause):
    """The provider required a pause."""

    code: Literal["cool_down"] = Field("cool_down", description=_CODE)


class RateReached(_ConnectionCause):
    """The connection sends as fast as its rate and its jitter allow."""

    code: Literal["rate"] = Field("rate", description=_CODE)
    rate: Rate | None = Field(description="The rate of the connection; null: there is none.")
    jitter: Jitter | None = Field(description="The gaps of the connection; null: there are none.")


class AdaptiveRate(_ConnectionCause):
    """The connection sends more slowly than its rate, because the provider throttled it."""

    code: Literal["adaptive"] = Field("adaptive", description=_CODE)
    factor: float = Field(description="Share of the rate that is used.")
    rate: Rate | None = Field(description="The rate of the connection; null: there is none.")


# --- the installation --------------------------------------------------------------------------------------------


class NoWorker(_Cause):
    """No worker is alive."""

    code: Literal["no_worker"] = Field("no_worker", description=_CODE)
    since: datetime | None = Field(description="Since when; null if there never was one.")


class RedisDown(_Cause):
    """Redis cannot be used."""

    code: Literal["redis"] = Field("redis", description=_CODE)
    reason: Said = Field(description="Why Redis cannot be used, and what to do.")


class StoreDown(_Cause):
    """The store takes no writes."""

    code: Literal["store"] = Field("store", description=_CODE)
    reason: Said = Field(description="Why the store takes no writes, and what to do.")


class PluginQuarantined(_Cause):
    """A blacklist or a validator cannot be used, and nothing is sent without it."""

    code: Literal["plugin"] = Field("plugin", description=_CODE)
    reason: str = Field(description="Which plugin it is, and why it cannot be used.")


class Starting(_Cause):
    """Nothing prevents the send: a worker begins it next."""

    code: Literal["starting"] = Field("starting", description=_CODE)


WaitingFor: TypeAlias = Annotated[
    Scheduled
    | Held
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
