"""The closed error tree. Callers branch on class or ``code``, never on the text.

BroadcastError
├── InputError                 what was handed in does not fit
│   ├── InvalidInputError      a body or setting; carries every fault with its path
│   ├── TemplateError          a message text; carries the line
│   ├── FileError              a file nobody can read; carries row and column where there is one
│   │   └── NoNumbersError     it can be read, and has no phone numbers
│   └── NumberError            a phone number; carries the reason
├── NotFoundError              no such broadcast, message, connection, upload, ...
├── ConflictError              not allowed in the present state
├── SourceError                an audience could not be read to its end
├── WebhookRefusedError        a call that is not the provider's
├── PluginError                plugins that cannot work together or are missing
├── SetupError                 this installation cannot start as configured
├── UnavailableError           the store or Redis cannot be reached
└── SendError                  how one send ended, raised by senders
    ├── Temporary              surely not accepted, may work later
    ├── Rejected               this recipient never will
    ├── BadMessage             this message never will, for anyone
    ├── Throttled              too fast
    ├── ConnectionDown         a person must act
    └── OutcomeUnknown         the request left, no answer came
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal


class BroadcastError(Exception):
    """Root of all errors that this package raises on purpose. The text is fit to show a user and holds no secret."""

    code: ClassVar[str] = "error"


class InputError(BroadcastError):
    """What was handed in does not fit."""

    code = "invalid_input"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that does not fit: where (``recipients.3.number``) and what."""

    path: str
    message: str


class InvalidInputError(InputError):
    """A body or a setting with one or more faults."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(
            "; ".join(f"{fault.path}: {fault.message}" if fault.path else fault.message for fault in faults)
        )
        self.faults = tuple(faults)


class TemplateError(InputError):
    """A message text that cannot be used as a template."""

    code = "invalid_template"

    def __init__(self, reason: str, *, line: int) -> None:
        super().__init__(f"line {line}: {reason}")
        self.reason = reason
        self.line = line


class FileError(InputError):
    """A file that cannot be read as an audience."""

    code = "invalid_file"

    def __init__(self, reason: str, *, row: int | None = None, column: str | None = None) -> None:
        place = ", ".join(part for part in (f"row {row}" if row else "", f"column {column}" if column else "") if part)
        super().__init__(f"{place}: {reason}" if place else reason)
        self.reason = reason
        self.row = row
        self.column = column


class NoNumbersError(FileError):
    """A table without a column of phone numbers, or without any row."""


class NumberError(InputError):
    """A phone number nobody can be reached at. The text names the reason, never the number."""

    code = "invalid_number"

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotFoundError(BroadcastError):
    """There is no such thing."""

    code = "not_found"

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"there is no {what} {name!r}")


class ConflictError(BroadcastError):
    """The present state does not allow this. ``status`` is that state, where there is one."""

    code = "conflict"

    def __init__(self, message: str, *, status: str | None = None) -> None:
        super().__init__(message)
        self.status = status


class SourceError(BroadcastError):
    """An audience could not be read to its end; the broadcast fails with these words."""

    code = "audience_unreadable"


class WebhookRefusedError(BroadcastError):
    """A call to a webhook without the provider's proof. The text helps an operator, not an attacker."""

    code = "webhook_refused"


class PluginError(BroadcastError):
    """Plugins that claim the same kind, have unknown hooks, or are not there."""

    code = "plugin"


class SetupError(BroadcastError):
    """This installation cannot start as it is configured: one line that says what to change."""

    code = "setup"


class UnavailableError(BroadcastError):
    """The store or Redis cannot be reached just now."""

    code = "unavailable"


class SendError(BroadcastError):
    """How a send that was not accepted ended. ``detail`` is for people and holds no secret and no number."""

    code = "send"

    def __init__(self, reason: str = "", detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason or self.code
        self.detail = detail


class Temporary(SendError):  # noqa: N818 - reads as the outcome it is
    """Surely not accepted, may work later: retried, an attempt is used."""

    code = "temporary"

    def __init__(self, reason: str = "", detail: str = "", *, retry_after: float | None = None) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after  # seconds


class Rejected(SendError):  # noqa: N818 - reads as the outcome it is
    """This recipient never will get it: failed. ``opt_out``: the person asked for silence."""

    code = "rejected"

    def __init__(self, reason: str = "", detail: str = "", *, opt_out: bool = False) -> None:
        super().__init__(reason, detail)
        self.opt_out = opt_out


class BadMessage(SendError):  # noqa: N818 - reads as the outcome it is
    """Nobody ever will get this message: the broadcast is paused and says why."""

    code = "bad_message"


ThrottleScope = Literal["connection", "recipient", "new_contacts"]


class Throttled(SendError):  # noqa: N818 - reads as the outcome it is
    """Too fast: no attempt is used, the pace slows and recovers."""

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
        self.retry_after = retry_after  # seconds
        self.scope = scope


class ConnectionDown(SendError):  # noqa: N818 - reads as the outcome it is
    """A person must act before this connection sends again: it is paused and says why."""

    code = "connection_down"


class OutcomeUnknown(SendError):  # noqa: N818 - reads as the outcome it is
    """The request left and no answer came: never resent by itself.

    ``provider_id``: the id that the provider's receipts will name, where the sender chose it; one of them settles it.
    """

    code = "outcome_unknown"

    def __init__(self, reason: str = "", detail: str = "", *, provider_id: str | None = None) -> None:
        super().__init__(reason, detail)
        self.provider_id = provider_id
