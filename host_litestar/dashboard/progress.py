"""What a page says of one broadcast: its state in one word, its numbers as tiles, its chart, its setup and history."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from host_litestar.dashboard.causes import say_cause
from host_litestar.dashboard.file_upload import find_upload
from host_litestar.dashboard.view import View
from wabroadcast_core.models.broadcast import BroadcastProgress, Counts
from wabroadcast_core.models.inspection import FailureGroup, Inspection, PeopleFilter
from wabroadcast_core.models.message import MessageView
from wabroadcast_core.models.rates import Rates
from wabroadcast_core.models.status import BroadcastStatus, MessageStatus, ReceiptKind
from wabroadcast_core.models.waiting import WaitingFor

AT_WORK: Final = frozenset({"rate", "adaptive", "broadcast_rate", "sending", "starting"})  # messages leave now
LONGEST_COUNTDOWN: Final = 120.0  # seconds
MOST_COLUMNS: Final = 60
FEWEST_COLUMNS: Final = 12
PROMOTION_LIMIT: Final = "131049"  # WhatsApp limits promotions to a person: no fault of the message
TILES: Final = (
    "queued", "processing", "sent", "delivered", "read", "failed", "unknown", "retry", "skipped", "paused", "cancelled",
)  # fmt: skip
RECEIPTS: Final = frozenset(ReceiptKind)


def shown_state(status: BroadcastStatus, cause: WaitingFor | None) -> str:
    """Return the state whose word and shape are shown: what only waits is not shown as being sent."""
    waits = status is BroadcastStatus.PROCESSING and cause is not None and cause.code not in AT_WORK
    return BroadcastStatus.QUEUED.value if waits else status.value


def cause_of(view: View, cause: WaitingFor | None, counts: Counts) -> str:
    """Return why a broadcast waits; nothing for one that has begun and is being sent without a hindrance."""
    is_free = cause is not None and cause.code == "starting" and counts.sent > 0
    return "" if is_free else say_cause(view, cause)


def state_of_message(message: MessageView) -> str:
    """Return the state of a message with its receipts: a message that was read is shown as read."""
    if message.status is not MessageStatus.SENT:
        return message.status.value
    if message.read_at is not None:
        return ReceiptKind.READ.value
    return ReceiptKind.DELIVERED.value if message.delivered_at is not None else message.status.value


def left_of(counts: Counts) -> int:
    """Return how many messages may still be sent."""
    return counts.queued + counts.processing + counts.retry + counts.paused


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of a broadcast: a link to the people it counts."""

    name: str
    number: int
    share: str  # of the messages that were handed over; empty for a status
    address: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Period:
    """One column of the chart, and one row of the table below it."""

    at: datetime
    per_minute: float
    sent: int
    failed: int
    delivered: int
    read: int


class Shown:
    """A broadcast as its page and the parts of that page show it.

    :param people: which people are shown.
    """

    def __init__(self, view: View, inspected: Inspection, people: PeopleFilter) -> None:
        self._view = view
        self._people = people
        self.inspected = inspected
        self.detail = inspected.detail
        self.progress = inspected.progress
        self.counts = inspected.progress.counts
        self.job_id = inspected.detail.job_id

    # --- the headline ------------------------------------------------------------------------------------------

    @property
    def state(self) -> str:
        """The state whose word is shown."""
        return shown_state(self.progress.status, self.progress.waiting_for)

    @property
    def cause(self) -> str:
        """Why it waits or how it ended, in a sentence; empty if there is nothing to say."""
        return cause_of(self._view, self.progress.waiting_for, self.counts) or self._end()

    @property
    def countdown(self) -> int | None:
        """Seconds until it starts, if it is held back so that it can be undone, or starts soon; None otherwise."""
        cause = self.progress.waiting_for
        if cause is None or cause.code not in {"hold", "scheduled"} or cause.until is None:
            return None
        left = (cause.until - datetime.now(UTC)).total_seconds()
        return max(0, math.ceil(left)) if left <= LONGEST_COUNTDOWN or cause.code == "hold" else None

    @property
    def is_running(self) -> bool:
        """Whether its numbers change by themselves."""
        return self.progress.status in {BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING}

    @property
    def was_undone(self) -> bool:
        """Whether it became a draft again before any message had left."""
        return self.detail.status is BroadcastStatus.CANCELLED and any(act.act == "undo" for act in self.detail.acts)

    def _end(self) -> str:
        t, counts = self._view.t, self.counts
        match self.progress.status:
            case BroadcastStatus.COMPLETED if counts.failed or counts.unknown:
                return t("progress.end.failures", failed=counts.failed, unknown=counts.unknown)
            case BroadcastStatus.COMPLETED:
                return t("progress.end.done", n=counts.sent)
            case BroadcastStatus.CANCELLED if self.was_undone:
                return t("progress.undone")
            case BroadcastStatus.CANCELLED:
                return t("progress.end.cancelled", sent=counts.sent, left=counts.cancelled)
            case BroadcastStatus.FAILED:
                return t("progress.end.unreadable", reason=self._view.say(self.progress.status_reason or ""))
        return ""

    # --- acts --------------------------------------------------------------------------------------------------

    @property
    def may_retry(self) -> bool:
        """Whether messages of it can be sent again."""
        return self.progress.status not in {BroadcastStatus.CANCELLED, BroadcastStatus.FAILED}

    @property
    def left(self) -> int:
        """How many messages may still be sent."""
        return left_of(self.counts)

    # --- numbers -----------------------------------------------------------------------------------------------

    @property
    def percent(self) -> str:
        """The share that needs no more work: 100 only for a broadcast that is completed."""
        return percent_of(self._view, self.progress)

    @property
    def tiles(self) -> list[Tile]:
        """The numbers by status, with receipts as shares of what was handed over; each leads to its people."""
        return [self._tile(name) for name in TILES]

    def _tile(self, name: str) -> Tile:
        number, sent = getattr(self.counts, name), self.counts.sent
        is_receipt = name in RECEIPTS
        chosen = self._people.receipt if is_receipt else self._people.status
        return Tile(
            name,
            number,
            self._view.fmt.percent(number, sent) if is_receipt else "",
            self.address_of(**{"receipt" if is_receipt else "status": name}),
            is_chosen=chosen == name and self._people.reason is None,
        )

    def address_of(self, **chosen: object) -> str:
        """Return the address of the page with these people."""
        return f"{self._view.link('/ui/broadcasts', self.job_id, **chosen)}#people"

    def report(self, file_format: str) -> str:
        """Return the address of the report with the chosen people."""
        chosen = self._people
        delimiter = ";" if file_format == "csv" and self._view.choices.language == "id" else None
        return self._view.link(
            "/broadcast",
            self.job_id,
            "report",
            format=file_format,
            delimiter=delimiter,
            status=chosen.status,
            reason=chosen.reason,
            receipt=chosen.receipt,
            q=chosen.query,
        )

    @property
    def failures(self) -> list[FailureGroup]:
        """The failures by reason, without the limit of promotions."""
        return [group for group in self.inspected.failures if group.code != PROMOTION_LIMIT]

    @property
    def promotion_limit(self) -> FailureGroup | None:
        """The messages that WhatsApp did not deliver, because the person gets enough promotions."""
        return next((group for group in self.inspected.failures if group.code == PROMOTION_LIMIT), None)

    # --- the chart ---------------------------------------------------------------------------------------------

    @property
    def periods(self) -> list[Period]:
        """The counts by period, empty ones included, as few as the chart can show."""
        return periods_of(self.inspected.rates)

    @property
    def columns(self) -> list[float]:
        """The messages per minute of each period; the chart of a short run is filled up with empty columns."""
        rates = [period.per_minute for period in self.periods]
        return rates + [0.0] * (FEWEST_COLUMNS - len(rates))

    @property
    def most_per_minute(self) -> float | None:
        """The limit of the rate; None if there is none."""
        most = self.inspected.most_per_second
        return None if most is None else most * 60


def percent_of(view: View, progress: BroadcastProgress) -> str:
    """Return the progress as a share, rounded down; 100 only for a broadcast that is completed."""
    if progress.status is BroadcastStatus.COMPLETED:
        return view.fmt.percent(1, 1)
    return view.fmt.percent(min(progress.progress, 0.999), 1)


def periods_of(rates: Rates) -> list[Period]:
    """Return the counts of all connections together, in at most :data:`MOST_COLUMNS` periods of equal length."""
    if not rates.items:
        return []
    length = max(rates.per_seconds, *(one.seconds for one in rates.items))
    first, last = rates.items[0].at, max(one.at for one in rates.items)
    number = int((last - first).total_seconds() // length) + 1
    length *= math.ceil(number / MOST_COLUMNS)
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in rates.items:
        place = sums[int((one.at - first).total_seconds() // length)]
        for index, amount in enumerate((one.sent, one.failed, one.delivered, one.read)):
            place[index] += amount
    return [
        Period(first + timedelta(seconds=place * length), sums[place][0] * 60 / length, *sums[place])
        for place in range(max(sums) + 1)
    ]


def source_facts(view: View, source: dict[str, Any] | None) -> Sequence[tuple[str, str]]:
    """Return the fields of an audience's source as pairs of texts; of an uploaded file, its name in place of its id."""
    facts = {name: value for name, value in (source or {}).items() if value not in (None, "", [], {})}
    if facts.get("type") == "inline":
        return []
    upload = find_upload(view, facts.get("uploadId"))
    if upload is None or upload.filename is None:
        return [(name, str(value)) for name, value in facts.items()]
    more = [(name, str(value)) for name, value in facts.items() if name not in {"type", "uploadId"}]
    return [(view.t("compose.audience.file"), upload.filename), *more]
