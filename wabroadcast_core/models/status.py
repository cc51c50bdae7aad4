"""The words for where a broadcast or a message stands."""

from enum import IntEnum, StrEnum
from typing import Final


class MessageStatus(StrEnum):
    QUEUED = "queued"
    PROCESSING = "processing"
    RETRY = "retry"  # waits for its next attempt
    PAUSED = "paused"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the request left, the answer is not known
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # never to be tried, with the reason


SENT: Final = MessageStatus.SENT
"""For what runs for every message: the member itself is found faster than through its class."""

OPEN_MESSAGES = frozenset({MessageStatus.QUEUED, MessageStatus.PROCESSING, MessageStatus.RETRY, MessageStatus.PAUSED})
"""A broadcast with one of these left is not complete."""


class BroadcastStatus(StrEnum):
    SCHEDULED = "scheduled"
    QUEUED = "queued"  # accepted, its audience is not being read yet
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"  # its audience could not be read


ENDED_BROADCASTS = frozenset({BroadcastStatus.COMPLETED, BroadcastStatus.CANCELLED, BroadcastStatus.FAILED})


class Priority(StrEnum):
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> "Rank":
        return Rank[self.name]


class Rank(IntEnum):
    """The order that priorities have in the store and in the queue: higher goes first."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


class SkipReason(StrEnum):
    """Why a recipient is never tried."""

    INVALID_NUMBER = "invalid_number"
    DUPLICATE = "duplicate"
    BLACKLISTED = "blacklisted"
    MISSING_VARIABLE = "missing_variable"
    BAD_TEXT = "bad_text"  # empty or too long once its variables are filled in
    NOT_ON_WHATSAPP = "not_on_whatsapp"


class ConnectionState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
