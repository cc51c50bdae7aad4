"""Statuses, priorities and reasons."""

from enum import IntEnum, StrEnum
from typing import Final


class MessageStatus(StrEnum):
    """The status of one message."""

    QUEUED = "queued"
    PROCESSING = "processing"
    RETRY = "retry"  # waits for its next attempt
    PAUSED = "paused"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the request left, the answer is not known
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # will never be tried; the reason is stored


SENT: Final = MessageStatus.SENT
"""For code that runs for every message: looking this name up is faster than looking up the member of the class."""

OPEN_MESSAGES = frozenset({MessageStatus.QUEUED, MessageStatus.PROCESSING, MessageStatus.RETRY, MessageStatus.PAUSED})
"""The statuses that keep a broadcast from being complete."""


class BroadcastStatus(StrEnum):
    """The status of a broadcast."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"  # accepted; reading of its audience has not begun
    PROCESSING = "processing"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"  # its audience could not be read


class Purpose(StrEnum):
    """What a broadcast is for. A test is in no list and no count; a rehearsal is sent by a simulated provider only."""

    BROADCAST = "broadcast"
    TEST = "test"
    REHEARSAL = "rehearsal"


TEST: Final = Purpose.TEST
REHEARSAL: Final = Purpose.REHEARSAL
"""For code that runs for every message, as :data:`SENT` is."""


ENDED_BROADCASTS = frozenset({BroadcastStatus.COMPLETED, BroadcastStatus.CANCELLED, BroadcastStatus.FAILED})

UNFINISHED_BROADCASTS = frozenset(BroadcastStatus) - ENDED_BROADCASTS

RUNNING_BROADCASTS = frozenset({BroadcastStatus.QUEUED, BroadcastStatus.PROCESSING, BroadcastStatus.PAUSED})
"""The statuses of broadcasts that have begun and have not ended."""


class Priority(StrEnum):
    """The priority of a broadcast."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> "Rank":
        """The number that orders this priority."""
        return Rank[self.name]


class Rank(IntEnum):
    """The order of priorities in the store and in the queue: a higher rank goes first."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


class SkipReason(StrEnum):
    """Why a message is skipped."""

    INVALID_NUMBER = "invalid_number"
    DUPLICATE = "duplicate"
    BLACKLISTED = "blacklisted"
    MISSING_VARIABLE = "missing_variable"
    BAD_TEXT = "bad_text"  # empty or too long after rendering
    NO_CONSENT = "no_consent"  # a consent column of the file says no
    NOT_ON_WHATSAPP = "not_on_whatsapp"


class WaitReason(StrEnum):
    """Why a message that was not tried waits for a time; the reasons of failed attempts are the provider's."""

    RECIPIENT_GAP = "recipient_pace"  # the last message to the same person is too recent
    NEW_CONTACTS = "new_contacts_closed"  # the connection may not message new contacts
    NUMBER_CHECK = "not_found_yet"  # the number is checked a second time
    BLACKLIST_AWAY = "blacklist_away"  # a blacklist plugin failed


class ReceiptKind(StrEnum):
    """What a receipt says of a message that was sent, beside its status."""

    DELIVERED = "delivered"
    READ = "read"


class AttemptOutcome(StrEnum):
    """How an attempt ended, and what a receipt said of it later."""

    ACCEPTED = "accepted"
    RETRY = "retry"  # not accepted; the message waits for its next attempt
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNDELIVERED = "undelivered"  # a receipt: it failed after it was accepted
    SETTLED = "settled"  # a receipt: it was sent, though its attempt did not end as accepted


LONGEST_REASON: Final = 100  # characters of a reason that is stored: it is the key of a counter
LONGEST_DETAIL: Final = 500


class ConnectionState(StrEnum):
    """Whether a connection may send."""

    ACTIVE = "active"
    PAUSED = "paused"


DELETED: Final = "deleted"
"""The state of a connection that is deleted and was used: its row stays for the history, and no list shows it."""
