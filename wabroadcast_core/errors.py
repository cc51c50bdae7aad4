"""All errors of this package. The tree is closed: callers branch on the class or on ``code``, never on the text.

BroadcastError
├── InputError                 the caller's input is not valid
│   ├── InvalidInputError      a body or setting; carries every fault with its path
│   ├── TemplateError          a message text; carries the line
│   ├── FileError              a file that cannot be read; carries row and column where there is one
│   │   └── NoNumbersError     the file can be read, but has no phone numbers
│   └── NumberError            a phone number; carries the reason
├── NotFoundError              no such broadcast, message, connection, upload, ...
├── ConflictError              not allowed in the present state
│   ├── KeyUsedError           the idempotency key of another body
│   └── VersionConflictError   changed by another since it was read; carries both versions
├── SourceError                an audience could not be read to its end
├── WebhookRefusedError        a webhook call that does not come from the provider
├── PluginError                plugins that cannot work together, fail or are missing
│   └── UncheckedError         a blacklist or a validator failed: nothing may be sent
│       └── BlacklistAwayError a blacklist failed
├── SetupError                 this installation cannot start as it is configured
├── UnavailableError           the store or Redis cannot be reached
│   └── BusyError              as many calls of this kind as may run at once are running
├── WorkerFault                a worker process that must be started again
└── SendError                  how one send ended; raised by senders
    ├── Temporary              certainly not accepted, may work later
    ├── Rejected               this recipient cannot receive this message
    ├── BadMessage             no recipient can receive this message
    ├── Throttled              sent too fast
    ├── ConnectionDown         a person must act
    └── OutcomeUnknown         the request left, no answer came
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

from wabroadcast_core.sentence_texts import say
from wabroadcast_core.sentences import Sentence, code_of, storable

LONGEST_WAIT: Final = 86_400.0  # seconds that a provider can make a message or a connection wait at once
LONGEST_BELIEVED: Final = 32 * 86_400.0  # seconds; a longer wait is no wait but a mistake, such as a UNIX timestamp


class BroadcastError(Exception):
    """The root of all errors that this package raises on purpose. Their text may be shown to users: no secret is in it.

    ``code`` is stable: programs may read it.
    """

    code: ClassVar[str] = "error"


class InputError(BroadcastError):
    """The caller's input is not valid."""

    code = "invalid_input"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of an input: its place as a dotted path, such as ``recipients.3.number``, and a message."""

    path: str
    message: str

    @property
    def code(self) -> str | None:
        """The stable code of the message; None for a message of a plugin without one."""
        return code_of(self.message)


class InvalidInputError(InputError):
    """A body or a setting with one or more faults. The first :attr:`MOST_FAULTS` are kept, the others are counted."""

    MOST_FAULTS: ClassVar[int] = 100

    def __init__(self, faults: Sequence[Fault]) -> None:
        kept = faults[: self.MOST_FAULTS]
        texts = [f"{fault.path}: {fault.message}" if fault.path else fault.message for fault in kept]
        if left_out := len(faults) - len(kept):
            texts.append(f"and {left_out:,} more")
        super().__init__("; ".join(texts))
        self.faults = tuple(kept)


class TemplateError(InputError):
    """A message text that cannot be used as a template."""

    code = "invalid_template"

    def __init__(self, reason: str, *, line: int) -> None:
        super().__init__(Sentence("line_of_template", "line {line}: {reason}", line=str(line), reason=reason))
        self.reason = reason
        self.line = line


class FileError(InputError):
    """A file that cannot be read as an audience or as contacts. ``row`` counts from 1, the first line of the file.

    The reason may quote the file: what is no character in it is replaced, so that every reason can be stored and shown.
    """

    code = "invalid_file"

    def __init__(self, reason: str, *, row: int | None = None, column: str | None = None) -> None:
        reason = storable(reason)
        super().__init__(_placed(reason, row=row, column=column))
        self.reason = reason
        self.row = row
        self.column = column


def _placed(reason: str, *, row: int | None, column: str | None) -> str:
    if row and column:
        text = "row {row}, column {column}: {reason}"
        return Sentence("row_and_column", text, row=str(row), column=column, reason=reason)
    if row:
        return Sentence("row_of_file", "row {row}: {reason}", row=str(row), reason=reason)
    return Sentence("column_of_file", "column {column}: {reason}", column=column, reason=reason) if column else reason


class NoNumbersError(FileError):
    """A table without a column of phone numbers, or without any row."""


class NumberError(InputError):
    """A text that is no valid phone number. The error names the reason, never the number."""

    code = "invalid_number"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def fault_of_number(error: NumberError, *, path: str = "number") -> Fault:
    """Return the fault of a field with a number.

    :param path: the name of the field; in most calls the parameter or field of a number is called so.
    """
    text = "the phone number is not valid ({reason}): write it in full, as in +62 812 3456 7890"
    return Fault(path, Sentence("number_invalid", text, reason=error.reason))


class NotFoundError(BroadcastError):
    """An object that does not exist.

    :param what: the kind of object: ``broadcast``, ``connection``, ``tag``.
    :param name: the name or id that was not found.
    :param hint: what the user can do.
    """

    code = "not_found"

    def __init__(self, what: str, name: str, *, hint: str = "") -> None:
        super().__init__(f"there is no {what} {name!r}" + (f": {hint}" if hint else ""))


class ConflictError(BroadcastError):
    """An action that the present state does not allow. ``status`` is that state, where there is one."""

    code = "conflict"

    def __init__(self, message: str, *, status: str | None = None) -> None:
        super().__init__(message)
        self.status = status


class KeyUsedError(ConflictError):
    """A submit with an idempotency key that was used for another body before."""

    code = "idempotency_key_used"

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key was used for another body before: use a new key")


class VersionConflictError(ConflictError):
    """A change of an object that another call has changed since it was read.

    :param version: the present version of the object.
    :param present: the object as it is now, as JSON.
    :param sent: what the call sent, as JSON; None if it sent no object.
    """

    code = "version_conflict"

    def __init__(
        self, message: str, *, version: int, present: Mapping[str, Any], sent: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.version = version
        self.present = present
        self.sent = sent


class SourceError(BroadcastError):
    """An audience could not be read to its end. The broadcast fails, with this text as its reason."""

    code = "audience_unreadable"


class WebhookRefusedError(BroadcastError):
    """A webhook call without the provider's proof. The text must help an operator, but not an attacker."""

    code = "webhook_refused"


class PluginError(BroadcastError):
    """A plugin that fails, does not return in time, or cannot be used although the work needs it."""

    code = "plugin"


class UncheckedError(PluginError):
    """A blacklist or a validator failed or did not return in time: nothing is sent until it works again.

    The text names the plugin.
    """


class BlacklistAwayError(UncheckedError):
    """A blacklist plugin failed, so it is not known who must not be messaged."""

    code = "blacklist_away"


class SetupError(BroadcastError):
    """This installation cannot start as it is configured. The text is one line that says what to change."""

    code = "setup"


class UnavailableError(BroadcastError):
    """The store or Redis cannot be reached at the moment; the call may be repeated later.

    :param cause: why, and what to do, without an address or a value: fit for callers without an API key.
    """

    code = "unavailable"

    def __init__(self, message: str, *, cause: str | None = None) -> None:
        super().__init__(message)
        self.cause = cause


class BusyError(UnavailableError):
    """As many calls of this kind as may run at once are running; the call may be repeated later."""

    code = "busy"


class WorkerFault(BroadcastError):  # noqa: N818 - the fault of a process, not of a call
    """A worker process that takes no more work: another process must take its place."""

    code = "worker_fault"


class SendError(BroadcastError):
    """A send that was not accepted. Senders raise one of its subclasses.

    :param reason: a short stable code, such as the provider's error code; by default the class's ``code``.
    :param detail: a text for people, without a secret and without a phone number.
    """

    code = "send"

    def __init__(self, reason: str = "", detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason or self.code
        self.detail = detail


def words_of(error: SendError) -> str:
    """Return the reason of an error, with its detail if there is one, as it is stored with what the error stopped."""
    detail: object = error.detail  # a plugin may pass anything
    if not detail:
        return error.reason
    return say("failure", reason=str(error.reason), detail=detail if isinstance(detail, str) else str(detail))


def bounded_wait(seconds: object) -> float | None:
    """Return a wait that a provider asks for, at most a day; None if it is no number of seconds, or an absurd one."""
    if not isinstance(seconds, int | float) or not 0 <= seconds <= LONGEST_BELIEVED:
        return None
    return min(float(seconds), LONGEST_WAIT)


class _WithWait(SendError):  # noqa: N818 - the base of two outcomes
    """A send that may be repeated after a time. The time is bounded, because it comes from a provider."""

    _retry_after: float | None = None

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, at most a day; None where the provider gives no time, or an absurd one."""
        return self._retry_after

    @retry_after.setter
    def retry_after(self, seconds: float | None) -> None:
        self._retry_after = bounded_wait(seconds)


class Temporary(_WithWait):
    """Certainly not accepted, but may work later. The message is retried; this uses one attempt.

    :param retry_after: seconds until the provider accepts the message again, where it says so.
    """

    code = "temporary"

    def __init__(self, reason: str = "", detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after


class Rejected(SendError):  # noqa: N818 - reads as the outcome it is
    """This recipient cannot receive this message. The message fails.

    :param opt_out: whether the person does not want to be messaged; the number is then put on the blacklist.
    """

    code = "rejected"

    def __init__(self, reason: str = "", detail: str = "", *, opt_out: bool = False) -> None:
        super().__init__(reason, detail)
        self.opt_out = opt_out


class BadMessage(SendError):  # noqa: N818 - reads as the outcome it is
    """No recipient can receive this message. The broadcast is paused, with this error as its reason."""

    code = "bad_message"


ThrottleScope = Literal["connection", "recipient", "new_contacts"]


class Throttled(_WithWait):
    """Sent too fast. The message is sent again without using an attempt; the pace slows down, then recovers.

    :param retry_after: seconds to wait before the next send, where the provider says so.
    :param scope: what is throttled: the ``connection``, the ``recipient``, or messages to ``new_contacts``.
    """

    code = "throttled"

    def __init__(
        self,
        reason: str = "",
        detail: str = "",
        *,
        retry_after: float | None = None,
        scope: ThrottleScope = "connection",
    ) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after
        self.scope = scope


class ConnectionDown(SendError):  # noqa: N818 - reads as the outcome it is
    """A person must act before this connection can send again. It is paused, with this error as its reason.

    The message is sent later, without using an attempt.
    """

    code = "connection_down"


class OutcomeUnknown(SendError):  # noqa: N818 - reads as the outcome it is
    """The request left and no answer came. The message becomes ``unknown``.

    It is not resent by itself, only by the broadcast's ``onUnknown`` policy or by a person.

    :param provider_id: the id that the provider's receipts will carry, where the sender chose it; such a receipt
        settles the outcome.
    """

    code = "outcome_unknown"

    def __init__(self, reason: str = "", detail: str = "", *, provider_id: str | None = None) -> None:
        super().__init__(reason, detail)
        self.provider_id = provider_id
