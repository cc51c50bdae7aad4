"""Broadcasts: as they are submitted and as they are shown."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, HttpUrl, field_validator, model_validator

from wabroadcast_core.errors import Fault
from wabroadcast_core.models.base import Model, Moment
from wabroadcast_core.models.message import Content
from wabroadcast_core.models.pacing import Batching, Rate, Retry, SendWindow
from wabroadcast_core.models.status import BroadcastStatus, Priority
from wabroadcast_core.models.waiting import WaitingFor

LONGEST_NAME = 200
LATE_SECONDS = 30  # that a start may be over when it arrives
MOST_REASONS = 100  # of failures that are shown, the most frequent ones
OTHER_REASONS = "other"  # the others together
MOST_CONNECTIONS = 100  # in the pool of one broadcast


def find_past_start(scheduled_at: float | None, *, now: float) -> Fault | None:
    """Return the fault of a start that is over, or None. Some seconds are for the way of the request.

    :param scheduled_at: the start (UNIX seconds, UTC).
    :param now: the present time (UNIX seconds, UTC).
    """
    if scheduled_at is None or scheduled_at >= now - LATE_SECONDS:
        return None
    moment = datetime.fromtimestamp(scheduled_at, UTC)
    return Fault(
        "scheduledAt", f"the time {moment:%Y-%m-%d %H:%M:%S} UTC is over: give a later one, or none to start at once"
    )


class BroadcastDraft(Model):
    """A broadcast as it is submitted, without inline recipients, which are streamed separately."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    message: Content
    source: dict[str, Any] | None = Field(
        None, description='The source of the audience: {"type": "csv", "uploadId": "…"}.'
    )
    connection: str | list[str] | None = Field(
        None, description="The name of a connection, or a list of names: a pool that shares the broadcast."
    )
    priority: Priority = Priority.NORMAL
    scheduled_at: Moment | None = None
    batching: Batching | None = None
    rate: Rate | None = Field(None, description="A rate of its own. It can only be slower than the connection's.")
    retry: Retry = Field(default_factory=Retry)
    send_window: SendWindow | None = None
    on_unknown: Literal["hold", "resend"] = "hold"
    callback_url: HttpUrl | None = None

    @field_validator("source")
    @classmethod
    def _check_type(cls, source: dict[str, Any] | None) -> dict[str, Any] | None:
        if source is not None and not isinstance(source.get("type"), str):
            raise ValueError('the source has no "type": give the kind of a contact source, such as "csv"')
        return source

    @field_validator("connection")
    @classmethod
    def _check_pool(cls, connection: str | list[str] | None) -> str | list[str] | None:
        if isinstance(connection, list) and len(connection) > MOST_CONNECTIONS:
            raise ValueError(f"the list has {len(connection):,} names: give at most {MOST_CONNECTIONS}")
        if isinstance(connection, list) and not 0 < len(set(connection)) == len(connection):
            raise ValueError("the list is empty or names a connection twice: give at least one, each once")
        return connection

    @property
    def pool(self) -> list[str]:
        """The names of the connections; empty if none is given."""
        if self.connection is None:
            return []
        return [self.connection] if isinstance(self.connection, str) else self.connection


class BroadcastPatch(Model):
    """The fields of a scheduled broadcast that may change before it starts."""

    name: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    scheduled_at: Moment | None = None

    @model_validator(mode="after")
    def _check_change(self) -> "BroadcastPatch":
        if self.name is None and self.scheduled_at is None:
            raise ValueError("there is nothing to change: give name or scheduledAt")
        return self


class Counts(Model):
    """The number of messages by status. The statuses add up to the total; delivered and read are counted separately."""

    queued: int = 0
    processing: int = 0
    retry: int = 0
    paused: int = 0
    sent: int = 0
    failed: int = 0
    unknown: int = 0
    cancelled: int = 0
    skipped: int = 0
    delivered: int = 0
    read: int = 0


class BroadcastSummary(Model):
    """A broadcast as lists show it, and as submit and the control calls return it."""

    job_id: str
    name: str
    status: BroadcastStatus
    status_reason: str | None
    priority: Priority
    connection: list[str]
    total: int
    counts: Counts
    progress: float
    scheduled_at: datetime | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class ListedBroadcast(BroadcastSummary):
    """A broadcast in a list, with the cause for which it waits."""

    waiting_for: WaitingFor | None


class BroadcastProgress(Model):
    """The progress of a broadcast. It is read from one row, whatever the size of the audience."""

    job_id: str
    status: BroadcastStatus
    status_reason: str | None
    prepared: bool
    total: int
    counts: Counts
    skipped_by: dict[str, int]
    scheduled_at: datetime | None = Field(None, description="The time for which it is scheduled.")
    failed_by: dict[str, int] = Field(
        default_factory=dict, description="Failed messages by reason, the most frequent first; `GET /reasons` explains."
    )
    progress: float = Field(description="Share of the known recipients that need no more work, from 0 to 1.")
    waiting_for: WaitingFor | None = Field(
        description="Why messages wait, and until when; null if none is left to be sent."
    )
    rate: float = Field(description="Messages sent per second, recently; 0 while none may leave.")
    eta: datetime | None = Field(
        description="When it will end, with limits, windows and batches counted in; null if unknown: see waitingFor."
    )


class Act(Model):
    """An action on a broadcast, in its history."""

    at: datetime
    actor: str
    act: str
    detail: str | None


class BatchView(Model):
    """One batch of a broadcast. Its messages are counted without those that are skipped."""

    batch: int
    state: Literal["waiting", "released", "paused", "cancelled", "ended"] = Field(
        description="waiting: its messages start when it is released; ended: all its messages have a final status."
    )
    size: int
    counts: dict[str, int] = Field(description="Messages by status.")
    releases_at: datetime | None = Field(description="When a batch that waits is released.")


class BroadcastDetail(BroadcastSummary):
    """A broadcast with everything that was submitted and its history."""

    prepared: bool
    message: dict[str, Any]
    source: dict[str, Any] | None
    batching: Batching | None
    rate: Rate | None
    retry: Retry
    send_window: SendWindow | None
    on_unknown: Literal["hold", "resend"]
    callback_url: str | None
    skipped_by: dict[str, int]
    failed_by: dict[str, int]
    acts: list[Act]
