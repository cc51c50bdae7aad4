"""Conditions by which answers and events are recognised, as an operator writes them."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from wabroadcast_core import Model, Sentence
from wabroadcast_plugins.senders.http_api.paths import Path, PathText, plain_text
from wabroadcast_plugins.senders.shared.setting_types import Matches

_STATUSES: Final = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?", re.ASCII)

Scalar = bool | int | float | str
Meaning = Literal["temporary", "rejected", "bad_message", "throttled", "connection_down", "unknown"]


def read_statuses(text: str) -> range:
    """Return the HTTP statuses that ``200``, ``4xx`` or ``500-504`` stands for.

    :raises ValueError: the text has another form.
    """
    match = _STATUSES.fullmatch(text)
    if match is None:
        raise ValueError(Sentence("status_form", "status must be 200, 4xx or 500-504"))
    if match[1]:
        return range(int(match[1]) * 100, int(match[1]) * 100 + 100)
    return range(int(match[2]), int(match[3] or match[2]) + 1)


def _check_status(status: int | str) -> int | str:
    if not read_statuses(str(status)):
        text = "the second status of the range is less than the first: swap them"
        raise ValueError(Sentence("status_order", text))
    return status


Status = Annotated[int | str, AfterValidator(_check_status)]
_Reason = Annotated[
    str,
    Matches(
        r"^[a-z0-9_]{1,64}$",
        Sentence("reason_form", "the reason must be lower-case letters, digits and _, at most 64 characters"),
    ),
]


class Expectation(Model):
    """A condition on a value. Without ``equals`` and ``contains``, the value must only be present."""

    equals: Scalar | list[Scalar] | None = Field(
        None, description="The value must equal this, or one of these; compared as texts."
    )
    contains: str | list[str] | None = Field(
        None, description="The value must contain this text, or one of these, in upper or lower case."
    )

    def is_met(self, value: Any) -> bool:
        """Check a value; None counts as absent."""
        if value is None:
            return False
        text = plain_text(value)
        if self.equals is not None and text not in map(plain_text, as_list(self.equals)):
            return False
        return self.contains is None or any(part.lower() in text.lower() for part in as_list(self.contains))


class Condition(Expectation):
    """A condition on the value at a path of an event."""

    path: PathText

    def holds(self, event: Any) -> bool:
        """Check whether the condition holds for an event."""
        return self.is_met(Path.parse(self.path).find(event))


class Match(Expectation):
    """A condition on an answer: on its HTTP status, on a value in its JSON, or on both."""

    status: Status | list[Status] | None = Field(None, description="200, 4xx, 500-504, or a list of these.")
    path: PathText | None = Field(None, description="Path of the value.")

    @model_validator(mode="after")
    def _check_parts(self) -> Self:
        if self.path is None and (self.equals is not None or self.contains is not None):
            text = "path is missing: give the path of the value that equals or contains refers to"
            raise ValueError(Sentence("path_missing", text))
        if self.path is None and self.status is None:
            raise ValueError(Sentence("status_or_path", "status and path are missing: give one of them, or both"))
        return self

    def fits(self, status: int, document: Any) -> bool:
        """Check whether an answer meets the condition.

        :param status: its HTTP status.
        :param document: its JSON.
        """
        if self.status is not None and not any(status in read_statuses(str(each)) for each in as_list(self.status)):
            return False
        return self.path is None or self.is_met(Path.parse(self.path).find(document))


class FailureRule(Match):
    """A rule for answers of failure. The first rule that fits an answer decides what it means."""

    means: Meaning = Field(
        description="temporary: certainly not accepted, may work later. rejected: this recipient can never receive it. "
        "bad_message: no recipient can. throttled: too fast. connection_down: a person must act. unknown: it may have "
        "been accepted."
    )
    reason: _Reason | None = Field(None, description="A short code of your choice for this failure.")
    retry_after: PathText | None = Field(
        None, description="Path of the seconds to wait; if not given, the header Retry-After counts."
    )
    scope: Literal["connection", "recipient", "new_contacts"] = Field(
        "connection", description="With throttled: which messages wait."
    )
    opt_out: bool = Field(False, description="With rejected: the recipient has opted out.")

    @model_validator(mode="after")
    def _check_meaning(self) -> Self:
        if self.opt_out and self.means != "rejected":
            text = "optOut is only for means: rejected; remove it or change means"
            raise ValueError(Sentence("opt_out_unfit", text))
        if self.scope != "connection" and self.means != "throttled":
            text = "scope is only for means: throttled; remove it or change means"
            raise ValueError(Sentence("scope_unfit", text))
        if self.retry_after is not None and self.means not in {"temporary", "throttled"}:
            text = "retryAfter is only for means: temporary or throttled; remove it or change means"
            raise ValueError(Sentence("retry_after_unfit", text))
        return self


def as_list(value: Any) -> list[Any]:
    """Return a setting that may be one value or a list as a list."""
    return value if isinstance(value, list) else [value]
