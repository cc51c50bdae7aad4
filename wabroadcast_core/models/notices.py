"""What plugins are notified of: the end of messages, and what providers report of them later."""

from dataclasses import dataclass

from wabroadcast_core.models.receipt import ReceiptKind
from wabroadcast_core.models.status import MessageStatus


@dataclass(frozen=True, slots=True)
class FinishedMessage:
    """The end of one message, as :meth:`Hooks.wab_messages_finished` receives it."""

    message_id: str
    job_id: str
    number: str  # E.164
    status: MessageStatus  # sent, failed, skipped or unknown
    reason: str | None
    connection: str | None  # the name of the connection, where it is known
    is_rehearsal: bool = False  # a simulated provider took it


@dataclass(frozen=True, slots=True)
class MessageReceipt:
    """A fact that a provider reported of one message, as :meth:`Hooks.wab_receipts` receives it."""

    message_id: str
    job_id: str
    number: str  # E.164; empty if the data of the person was erased
    kind: ReceiptKind
    at: float  # when it happened (UNIX seconds, UTC)
    reason: str | None  # of a failure
    connection: str | None  # the name of the connection, where it still exists
    is_rehearsal: bool = False  # a simulated provider reported it
