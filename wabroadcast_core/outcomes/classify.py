"""The classification of a send's end: the outcome to record and its consequences, as in DESIGN section 4."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wabroadcast_core.errors import (
    BadMessage,
    ConnectionDown,
    OutcomeUnknown,
    Rejected,
    SendError,
    Temporary,
    Throttled,
)
from wabroadcast_core.models.message import Accepted, short_id
from wabroadcast_core.models.status import LONGEST_DETAIL, LONGEST_REASON, SENT, MessageStatus, Purpose, WaitReason
from wabroadcast_core.outcomes.retry import next_delay
from wabroadcast_core.sentences import cut_text
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store.claims import Claimed
from wabroadcast_core.store.outcomes import Outcome

RECIPIENT_WAIT = 6.0  # seconds; the Cloud API accepts one message in 6 s to the same person
NEW_CONTACTS_WAIT = 3_600.0  # seconds without messages to new contacts, if the gateway gives no time

_KINDS: Mapping[type[SendError], str] = {
    Temporary: "temporary",
    Rejected: "rejected",
    BadMessage: "bad_message",
    Throttled: "throttled",
    ConnectionDown: "connection_down",
    OutcomeUnknown: "unknown",
    SendError: "rejected",
}

Consequence = Literal["pause_broadcast", "pause_connection", "slow_down", "close_to_new_contacts", "opt_out"]


@dataclass(frozen=True, slots=True)
class Ending:
    """The outcome to record, and its consequence for other messages."""

    outcome: Outcome
    consequence: Consequence | None = None
    wait: float | None = None  # seconds, with slow_down and close_to_new_contacts


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts about a send that decide its outcome, beside the error."""

    snapshot: BroadcastSnapshot
    claimed: Claimed
    connection_id: int
    now: float  # UNIX seconds (UTC)
    random: float  # in [0, 1)
    resend_after: float  # seconds before an unknown message is resent, where its broadcast says so


def held_back(answer: Accepted, claimed: Claimed, *, connection_id: int, started_at: float) -> Outcome:
    """Return the outcome of a message that the provider accepted and holds back: its state becomes the detail."""
    return Outcome(claimed.key, SENT, True, None, answer.state, connection_id, answer.provider_id, started_at)


def not_accepted(error: BaseException, circumstances: Circumstances) -> Ending:  # noqa: PLR0911 - one return a row of the table
    """Classify an exception that a sender raised.

    An exception that is not a SendError is a bug of the plugin: the message fails with the exception's type.
    """
    match error:
        case Temporary():
            return Ending(_after_temporary(error, circumstances))
        case Rejected():
            return Ending(_final(error, circumstances), "opt_out" if error.opt_out else None)
        case BadMessage():
            return _bad_message(error, circumstances)
        case Throttled(scope="connection"):
            return Ending(_again(error, circumstances, wait=0), "slow_down", error.retry_after)
        case Throttled(scope="recipient"):
            wait = error.retry_after or RECIPIENT_WAIT * (1 + circumstances.random)
            return Ending(_again(error, circumstances, wait=wait, waits_as=WaitReason.RECIPIENT_GAP))
        case Throttled():
            wait = error.retry_after or NEW_CONTACTS_WAIT
            outcome = _again(error, circumstances, wait=wait, waits_as=WaitReason.NEW_CONTACTS)
            return Ending(outcome, "close_to_new_contacts", wait)
        case ConnectionDown():
            return Ending(_again(error, circumstances, wait=0), "pause_connection")
        case OutcomeUnknown():
            outcome = unknown(error.reason, circumstances, detail=error.detail)
            outcome.provider_id = short_id(error.provider_id)
            return Ending(outcome)
        case SendError():
            return Ending(_final(error, circumstances))
        case _:
            return Ending(
                _outcome(circumstances, MessageStatus.FAILED, "plugin_error", type(error).__name__, used=True)
            )


def kind_of(error: BaseException) -> str:
    """Return the kind of an exception that a sender raised, for counting."""
    return next((kind for types, kind in _KINDS.items() if isinstance(error, types)), "plugin_error")


def unknown(reason: str, circumstances: Circumstances, *, detail: str = "") -> Outcome:
    """Return the outcome of a message whose request left without an answer.

    The message is held, or resent after ``resend_after`` if that is its broadcast's ``onUnknown`` policy.
    """
    outcome = _outcome(circumstances, MessageStatus.UNKNOWN, reason, detail, used=True)
    if circumstances.snapshot.draft.on_unknown == "resend":
        outcome.due_at = circumstances.now + circumstances.resend_after
    return outcome


def given_back(
    claimed: Claimed, *, now: float, wait: float = 0, reason: str | None = None, detail: str | None = None
) -> Outcome:
    """Return the outcome of a claimed message that was not started: it waits again as before its claim.

    :param wait: seconds before it may be claimed again.
    :param reason: the reason for waiting, shown to users.
    :param detail: more about it, such as the name of a plugin.
    """
    if claimed.attempts or wait or reason:
        return Outcome(claimed.key, MessageStatus.RETRY, reason=reason, detail=detail, due_at=now + wait)
    return Outcome(claimed.key, MessageStatus.QUEUED)


def skipped(claimed: Claimed, reason: str, detail: str | None = None) -> Outcome:
    """Return the outcome of a claimed message that must not be sent."""
    return Outcome(claimed.key, MessageStatus.SKIPPED, reason=reason, detail=detail)


def _bad_message(error: BadMessage, circumstances: Circumstances) -> Ending:
    """Classify a fault of the message: its broadcast is paused for the other recipients, which a test does not have."""
    if circumstances.snapshot.purpose is Purpose.TEST:
        return Ending(_final(error, circumstances))
    return Ending(_again(error, circumstances, wait=0), "pause_broadcast")


def _after_temporary(error: Temporary, circumstances: Circumstances) -> Outcome:
    delay = next_delay(
        circumstances.snapshot.draft.retry,
        attempt=circumstances.claimed.attempts + 1,
        retry_after=error.retry_after,
        random=circumstances.random,
    )
    if delay is None:
        return _final(error, circumstances)
    outcome = _outcome(circumstances, MessageStatus.RETRY, error.reason, error.detail, used=True)
    outcome.due_at = circumstances.now + delay
    return outcome


def _again(
    error: SendError, circumstances: Circumstances, *, wait: float, waits_as: WaitReason | None = None
) -> Outcome:
    outcome = _outcome(circumstances, MessageStatus.RETRY, error.reason, error.detail)
    outcome.due_at, outcome.waits_as = circumstances.now + wait, waits_as
    return outcome


def _final(error: SendError, circumstances: Circumstances) -> Outcome:
    return _outcome(circumstances, MessageStatus.FAILED, error.reason, error.detail, used=True)


def _outcome(
    circumstances: Circumstances, status: MessageStatus, reason: str, detail: str, *, used: bool = False
) -> Outcome:
    return Outcome(
        key=circumstances.claimed.key,
        status=status,
        used=used,
        reason=reason[:LONGEST_REASON],
        detail=cut_text(detail, LONGEST_DETAIL) or None,
        connection_id=circumstances.connection_id,
    )
