"""One submitted job: how it comes in, how it is shown."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field, HttpUrl, field_validator, model_validator

from wabroadcast_core.models.base import Model, Moment
from wabroadcast_core.models.message import Content
from wabroadcast_core.models.pacing import Batching, Rate, Retry, SendWindow
from wabroadcast_core.models.status import BroadcastStatus, Priority

LONGEST_NAME = 200


class BroadcastDraft(Model):
    """A broadcast as submitted, without its inline recipients: those stream beside it."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    message: Content
    source: dict[str, Any] | None = Field(None, description='Where the audience is: {"type": "csv", "uploadId": "…"}.')
    connection: str | list[str] | None = Field(None, description="One connection, or a pool that shares the work.")
    priority: Priority = Priority.NORMAL
    scheduled_at: Moment | None = None
    batching: Batching | None = None
    rate: Rate | None = Field(None, description="Tightens the connection's rate, never loosens it.")
    retry: Retry = Field(default_factory=Retry)
    send_window: SendWindow | None = None
    on_unknown: Literal["hold", "resend"] = "hold"
    callback_url: HttpUrl | None = None

    @field_validator("source")
    @classmethod
    def _names_a_type(cls, source: dict[str, Any] | None) -> dict[str, Any] | None:
        if source is not None and not isinstance(source.get("type"), str):
            raise ValueError('a source needs a "type"')
        return source

    @field_validator("connection")
    @classmethod
    def _pool_without_doubles(cls, connection: str | list[str] | None) -> str | list[str] | None:
        if isinstance(connection, list) and not 0 < len(set(connection)) == len(connection):
            raise ValueError("a pool names at least one connection, each once")
        return connection

    @property
    def pool(self) -> list[str]:
        if self.connection is None:
            return []
        return [self.connection] if isinstance(self.connection, str) else self.connection


class BroadcastPatch(Model):
    """What may change before a scheduled broadcast starts."""

    name: str | None = Field(None, min_length=1, max_length=LONGEST_NAME)
    scheduled_at: Moment | None = None

    @model_validator(mode="after")
    def _something(self) -> "BroadcastPatch":
        if self.name is None and self.scheduled_at is None:
            raise ValueError("give name or scheduledAt")
        return self


class Counts(Model):
    """How many messages stand where; the statuses add up to the total, delivered and read are facts beside them."""

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
    """A broadcast in a list, and as submit and the control calls answer it."""

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


class BroadcastProgress(Model):
    """The answer to "how far is it?": one row read, whatever the audience's size."""

    job_id: str
    status: BroadcastStatus
    status_reason: str | None
    prepared: bool
    total: int
    counts: Counts
    skipped_by: dict[str, int]
    progress: float = Field(description="Share of the known recipients that need no more work, 0 to 1.")
    rate: float = Field(description="Messages sent per second, lately.")
    eta: datetime | None = Field(description="When it ends at the present rate, where that can be said.")


class Act(Model):
    """Something that was done to a broadcast: by whom, when."""

    at: datetime
    actor: str
    act: str
    detail: str | None


class BatchView(Model):
    batch: int
    size: int
    state: Literal["waiting", "released", "paused", "cancelled"]


class BroadcastDetail(BroadcastSummary):
    """The whole of a broadcast."""

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
    acts: list[Act]
