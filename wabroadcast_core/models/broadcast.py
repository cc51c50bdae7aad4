"""Broadcasts: as they are submitted and as they are shown."""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field, HttpUrl, field_validator, model_validator

from wabroadcast_core.errors import Fault
from wabroadcast_core.models.base import Model, Moment, Said
from wabroadcast_core.models.callback import CallbackEvent
from wabroadcast_core.models.message import Content
from wabroadcast_core.models.pacing import Batching, Rate, Retry, SendWindow
from wabroadcast_core.models.page import Page
from wabroadcast_core.models.status import BroadcastStatus, Priority, Purpose
from wabroadcast_core.models.waiting import WaitingFor
from wabroadcast_core.sentences import Sentence

LONGEST_NAME = 200
LATE_SECONDS = 30  # that a start may be over when it arrives
MOST_REASONS = 100  # of failures that are shown, the most frequent ones
OTHER_REASONS = "other"  # the others together
MOST_RUNNING = 100  # broadcasts in a live event of all that runs
MOST_CONNECTIONS = 100  # in the pool of one broadcast
LONGEST_HOLD = 600  # seconds
_PURPOSE: Any = Field(
    default=Purpose.BROADCAST, description="rehearsal: a simulated provider takes its messages, and no phone gets one."
)


def find_past_start(scheduled_at: float | None, *, now: float) -> Fault | None:
    """Return the fault of a start that is over, or None. Some seconds are for the way of the request.

    :param scheduled_at: the start (UNIX seconds, UTC).
    :param now: the present time (UNIX seconds, UTC).
    """
    if scheduled_at is None or scheduled_at >= now - LATE_SECONDS:
        return None
    moment = datetime.fromtimestamp(scheduled_at, UTC)
    text = "the time {time} UTC is over: give a later one, or none to start at once"
    return Fault("scheduledAt", Sentence("start_is_over", text, time=f"{moment:%Y-%m-%d %H:%M:%S}"))


class BroadcastDraft(Model):
    """A broadcast as it is submitted, without inline recipients, which are streamed separately."""

    name: str = Field(
        min_length=1,
        max_length=LONGEST_NAME,
        description="A name for people, in lists and reports: 1 to 200 characters.",
    )
    message: Content = Field(description="What each recipient gets: a text, a file, or a template of the provider.")
    source: dict[str, Any] | None = Field(
        default=None, description='The source of the audience: {"type": "csv", "uploadId": "…"}.'
    )
    connection: str | list[str] | None = Field(
        default=None, description="The name of a connection, or a list of names: a pool that shares the broadcast."
    )
    priority: Priority = Field(
        default=Priority.NORMAL,
        description="Messages of a higher priority leave first; equal priorities share a connection.",
    )
    scheduled_at: Moment | None = Field(
        default=None, description="When it starts: a time with an offset, as 2026-12-01T08:00:00+07:00; null: at once."
    )
    batching: Batching | None = Field(default=None, description="Release the messages in batches; null: all at once.")
    rate: Rate | None = Field(
        default=None, description="A rate of its own. It can only be slower than the connection's."
    )
    retry: Retry = Field(default_factory=Retry, description="When a message is tried again after a temporary failure.")
    send_window: SendWindow | None = Field(
        default=None,
        description="Hours in which messages may start, beside the connection's own; null: no more limits.",
    )
    on_unknown: Literal["hold", "resend"] = Field(
        default="hold",
        description="What becomes of a message whose outcome is not known: hold it for a person, or resend it.",
    )
    callback_url: HttpUrl | None = Field(
        default=None, description="The http or https address of its callbacks; null: WABROADCAST_CALLBACK_URL."
    )
    callback_events: list[CallbackEvent] | None = Field(
        default=None,
        max_length=len(CallbackEvent),
        description="What its callbacks report, an empty list: nothing; null: WABROADCAST_CALLBACK_EVENTS.",
    )
    hold_seconds: float = Field(
        default=0,
        ge=0,
        le=LONGEST_HOLD,
        description="It starts no sooner than in so many seconds, so that it can be undone.",
    )

    @field_validator("source")
    @classmethod
    def _check_type(cls, source: dict[str, Any] | None) -> dict[str, Any] | None:
        if source is not None and not isinstance(source.get("type"), str):
            text = 'the source has no "type": give the kind of a contact source, such as "csv"'
            raise ValueError(Sentence("source_without_type", text))
        return source

    @field_validator("connection")
    @classmethod
    def _check_pool(cls, connection: str | list[str] | None) -> str | list[str] | None:
        if isinstance(connection, list) and len(connection) > MOST_CONNECTIONS:
            text = "the list has {n} names: give at most {most}"
            raise ValueError(Sentence("many_connections", text, n=len(connection), most=MOST_CONNECTIONS))
        if isinstance(connection, list) and not 0 < len(set(connection)) == len(connection):
            text = "the list is empty or names a connection twice: give at least one, each once"
            raise ValueError(Sentence("connections_not_distinct", text))
        return connection

    @property
    def pool(self) -> list[str]:
        """The names of the connections; empty if none is given."""
        if self.connection is None:
            return []
        return [self.connection] if isinstance(self.connection, str) else self.connection


class BroadcastPatch(Model):
    """The fields of a scheduled broadcast that may change before it starts."""

    name: str | None = Field(
        default=None,
        min_length=1,
        max_length=LONGEST_NAME,
        description="The new name: 1 to 200 characters; null: no change.",
    )
    scheduled_at: Moment | None = Field(
        default=None, description="The new start: a time with an offset; null: no change."
    )

    @model_validator(mode="after")
    def _check_change(self) -> "BroadcastPatch":
        if self.name is None and self.scheduled_at is None:
            raise ValueError(Sentence("nothing_to_change", "there is nothing to change: give name or scheduledAt"))
        return self


class Counts(Model):
    """The number of messages by status. The statuses add up to the total; delivered and read are counted separately."""

    queued: int = Field(default=0, description="Messages that wait to be sent.")
    processing: int = Field(default=0, description="Messages that are being sent.")
    retry: int = Field(default=0, description="Messages that wait for their next attempt.")
    paused: int = Field(default=0, description="Messages that are paused.")
    sent: int = Field(default=0, description="Messages that the provider accepted.")
    failed: int = Field(default=0, description="Messages that could not be sent, or that a receipt reported as failed.")
    unknown: int = Field(default=0, description="Messages that left, and whose outcome is not known.")
    cancelled: int = Field(default=0, description="Messages that were cancelled before they left.")
    skipped: int = Field(default=0, description="Messages that are never tried, such as those to invalid numbers.")
    delivered: int = Field(default=0, description="Messages that were delivered, by the provider's receipts.")
    read: int = Field(default=0, description="Messages that were read, by the provider's receipts.")


class BroadcastSummary(Model):
    """A broadcast as lists show it, and as submit and the control calls return it."""

    job_id: str = Field(description="The id of the broadcast.")
    name: str = Field(description="The name of the broadcast.")
    status: BroadcastStatus
    status_reason: Said | None = Field(
        description="Why it has this status, such as the cause of a pause; null: there is no special cause."
    )
    priority: Priority
    connection: list[str] = Field(description="The names of the connections that share the broadcast.")
    total: int = Field(description="Recipients that are known so far; all of them once the audience has been read.")
    counts: Counts
    progress: float = Field(description="Share of the known recipients that need no more work, from 0 to 1.")
    scheduled_at: datetime | None = Field(
        description="The time for which it is scheduled (UTC); null: it starts at once."
    )
    created_at: datetime = Field(description="When it was submitted (UTC).")
    started_at: datetime | None = Field(description="When the reading of its audience began (UTC); null: not yet.")
    finished_at: datetime | None = Field(description="When it completed, failed or was cancelled (UTC); null: not yet.")
    purpose: Purpose = _PURPOSE


class ListedBroadcast(BroadcastSummary):
    """A broadcast in a list, with the cause for which it waits."""

    waiting_for: WaitingFor | None = Field(
        description="Why messages wait, and until when; null if none is left to be sent."
    )
    undone: bool = Field(
        False, description="Whether it was undone before any message had left: it is cancelled, and a draft again."
    )


class BroadcastIndex(Model):
    """A page of a list of broadcasts, and how many of the whole selection have each status."""

    page: Page[ListedBroadcast] = Field(description="The page.")
    counts: dict[BroadcastStatus, int] = Field(description="Broadcasts by status.")


class BroadcastProgress(Model):
    """The progress of a broadcast. It is read from one row, whatever the size of the audience."""

    version: str = Field(description="Another text as soon as anything of this is another; the id of the live event.")
    job_id: str = Field(description="The id of the broadcast.")
    status: BroadcastStatus
    status_reason: Said | None = Field(
        description="Why it has this status, such as the cause of a pause; null: there is no special cause."
    )
    prepared: bool = Field(description="Whether the whole audience has been read.")
    total: int = Field(description="Recipients that are known so far; all of them once the audience has been read.")
    counts: Counts
    skipped_by: dict[str, int] = Field(description="Skipped messages by reason.")
    scheduled_at: datetime | None = Field(default=None, description="The time for which it is scheduled.")
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
    purpose: Purpose = _PURPOSE


class RunningBroadcast(BroadcastProgress):
    """The progress of a broadcast that runs, with its name."""

    name: str = Field(description="The name of the broadcast.")


class LiveBroadcast(Model):
    """What a live event of one broadcast has: all that is shown of it, never a difference."""

    broadcast: BroadcastProgress = Field(description="The progress, as its status returns it.")


class LiveOverview(Model):
    """What a live event of all that runs has: the broadcasts that are queued, sent or paused, the newest first.

    One that has ended stays for a minute, so that its end is seen.
    """

    broadcasts: list[RunningBroadcast] = Field(description=f"At most {MOST_RUNNING}.")
    total: int = Field(description="How many are queued, sent or paused.")


class Act(Model):
    """An action on a broadcast, in its history."""

    at: datetime = Field(description="When it was done (UTC).")
    actor: str = Field(description="The API key, user or component that did it.")
    act: str = Field(description="What was done, such as pause, resume or retry.")
    detail: Said | None = Field(description="More about the act, such as its batch; null: nothing more.")


class BatchView(Model):
    """One batch of a broadcast. Its messages are counted without those that are skipped."""

    batch: int = Field(description="The number of the batch; the first is 0.")
    state: Literal["waiting", "released", "paused", "cancelled", "ended"] = Field(
        description="waiting: its messages start when it is released; ended: all its messages have a final status."
    )
    size: int = Field(description="Messages of the batch.")
    counts: dict[str, int] = Field(description="Messages by status.")
    releases_at: datetime | None = Field(description="When a batch that waits is released.")


class BroadcastDetail(BroadcastSummary):
    """A broadcast with everything that was submitted and its history."""

    prepared: bool = Field(description="Whether the whole audience has been read.")
    message: dict[str, Any] = Field(description="The message as it was submitted.")
    source: dict[str, Any] | None = Field(description="The source of the audience.")
    batching: Batching | None = Field(description="How its messages are released in batches; null: all at once.")
    rate: Rate | None = Field(description="A rate of its own; null: only the limits of the connection.")
    retry: Retry
    send_window: SendWindow | None = Field(
        description="Hours in which its messages may start; null: only those of the connection."
    )
    on_unknown: Literal["hold", "resend"] = Field(
        description="What becomes of a message whose outcome is not known: hold it for a person, or resend it."
    )
    callback_url: str | None = Field(description="The address of its callbacks; null: that of the settings, if any.")
    callback_events: list[CallbackEvent] | None = Field(
        description="What its callbacks report; null: what the settings say."
    )
    draft_id: str | None = Field(description="The draft that it was submitted from, or became when it was undone.")
    skipped_by: dict[str, int] = Field(description="Skipped messages by reason.")
    failed_by: dict[str, int] = Field(description="Failed messages by reason, the most frequent first.")
    acts: list[Act] = Field(description="What was done to the broadcast, oldest first.")
