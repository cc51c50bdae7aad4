"""One broadcast with all that a page shows of it, read at one moment, so that its numbers fit together."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.broadcast import BroadcastDetail, BroadcastProgress
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.page import CursorPage
from wabroadcast_core.models.rates import Rates
from wabroadcast_core.models.reason import Reason
from wabroadcast_core.models.status import MessageStatus, ReceiptKind


class PeopleFilter(Model):
    """A selection of the people of a broadcast; a field that is None selects all."""

    status: MessageStatus | None = None
    reason: str | None = None
    receipt: ReceiptKind | None = None
    query: str | None = None  # part of a name or of a number, or a number in any spelling


class FailureGroup(Model):
    """The failed messages of a broadcast with the same reason."""

    code: str = Field(description="The reason.")
    messages: int = Field(description="How many failed for it.")
    explanation: Reason = Field(description="What it means, and what to do.")
    words: str | None = Field(description="The provider's words for one of them, if the code is in no catalogue.")


class Inspection(Model):
    """A broadcast as it was submitted, how far it is, why messages failed, and a page of its people."""

    detail: BroadcastDetail = Field(description="What was submitted, and its history.")
    progress: BroadcastProgress = Field(description="How far it is.")
    failures: list[FailureGroup] = Field(description="The failed messages by reason, the most frequent first.")
    unknown_since: datetime | None = Field(description="When the first message with an unknown outcome was tried.")
    rates: Rates = Field(description="Its counts by period, until some minutes after its end.")
    most_per_second: float | None = Field(
        description="Most messages a second, by the rates of the broadcast and its connections; null: no rate binds."
    )
    people: CursorPage[MessageView] = Field(
        description="The chosen people. A page with a cursor may be empty: a search reads a part of a long audience."
    )
