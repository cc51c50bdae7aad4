"""What an overview of the whole installation shows: what needs a person, what runs, what comes, what was done."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.broadcast import BroadcastSummary, RunningBroadcast
from wabroadcast_core.models.status import ConnectionState
from wabroadcast_core.models.waiting import NoWorker


class ConnectionBrief(Model):
    """A connection with its state and what it has started today."""

    name: str = Field(description="The name of the connection.")
    sender: str = Field(description="The kind of its sender.")
    state: ConnectionState
    state_reason: Said | None = Field(description="Why it is in this state; null: there is no special cause.")
    state_since: datetime = Field(description="Since when it is in this state (UTC).")
    by_itself: bool = Field(description="Whether it was paused automatically.")
    today: int = Field(description="Messages that started since midnight, in the time zone of the installation.")


class RecentTotals(Model):
    """What happened in the last days, over all broadcasts but tests."""

    sent: int = Field(description="Messages that the providers accepted.")
    failed: int = Field(description="Messages that failed.")
    delivered: int = Field(description="Messages that were delivered.")
    read: int = Field(description="Messages that were read.")
    opted_out: int = Field(description="Numbers that were put on the blacklist and are still on it.")


class Overview(Model):
    """What an overview shows. It is read in a few statements, whatever is stored."""

    running: list[RunningBroadcast] = Field(description="The newest broadcasts that are queued, sent or paused.")
    total_running: int = Field(description="How many there are of them.")
    scheduled: list[BroadcastSummary] = Field(description="The broadcasts that start next.")
    uncertain: list[BroadcastSummary] = Field(description="Recent broadcasts with messages whose outcome is unknown.")
    connections: list[ConnectionBrief] = Field(description="Connections, those that were paused by themselves first.")
    total_connections: int = Field(description="How many connections there are.")
    failed_callbacks: int = Field(description="Callbacks that were given up in the last days.")
    rejected_rows: int = Field(description="Rows that imports of the last days rejected.")
    rejecting_import: str | None = Field(description="The id of the latest of these imports; null: there is none.")
    totals: RecentTotals
    missing_worker: NoWorker | None = Field(
        description="That no worker is alive, while something waits for one or is scheduled; null otherwise."
    )
    has_contacts: bool = Field(description="Whether the contact book has a contact.")
    has_broadcasts: bool = Field(description="Whether a broadcast was ever submitted.")
