"""What an answer or an event is recognised by, as an operator writes it."""

import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from wabroadcast_core import Model
from wabroadcast_plugins.senders.http_api.paths import Path, PathText, plain_text

_STATUSES: Final = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?", re.ASCII)

Plain = bool | int | float | str
Meaning = Literal["temporary", "rejected", "bad_message", "throttled", "connection_down", "unknown"]


def read_statuses(text: str) -> range:
    """``200``, ``4xx`` or ``500-504`` as HTTP statuses.

    :raises ValueError: it is none of these.
    """
    match = _STATUSES.fullmatch(text)
    if match is None:
        raise ValueError("a status is 200, 4xx or 500-504")
    if match[1]:
        return range(int(match[1]) * 100, int(match[1]) * 100 + 100)
    return range(int(match[2]), int(match[3] or match[2]) + 1)


def _checked(status: int | str) -> int | str:
    if not read_statuses(str(status)):
        raise ValueError("the second status is less than the first")
    return status


Status = Annotated[int | str, AfterValidator(_checked)]


class Expectation(Model):
    """What a value must be; with nothing said: that it is there."""

    equals: Plain | list[Plain] | None = Field(None, description="One of these values, compared as texts.")
    contains: str | list[str] | None = Field(None, description="One of these texts is in it, in whatever case.")

    def is_met(self, value: Any) -> bool:
        if value is None:
            return False
        text = plain_text(value)
        if self.equals is not None and text not in map(plain_text, listed(self.equals)):
            return False
        return self.contains is None or any(part.lower() in text.lower() for part in listed(self.contains))


class Condition(Expectation):
    path: PathText

    def holds(self, document: Any) -> bool:
        return self.is_met(Path.parse(self.path).find(document))


class Match(Expectation):
    """An answer, by its HTTP status, by a value in its JSON, or by both."""

    status: Status | list[Status] | None = Field(None, description="200, 4xx, 500-504, or a list of such.")
    path: PathText | None = Field(None, description="Where the value stands.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.path is None and (self.equals is not None or self.contains is not None):
            raise ValueError("say with path where the value stands")
        if self.path is None and self.status is None:
            raise ValueError("give a status, a path, or both")
        return self

    def fits(self, status: int, document: Any) -> bool:
        if self.status is not None and not any(status in read_statuses(str(each)) for each in listed(self.status)):
            return False
        return self.path is None or self.is_met(Path.parse(self.path).find(document))


class FailureRule(Match):
    """Answers that mean this failure; the first rule that fits decides."""

    means: Meaning = Field(
        description="temporary: surely not taken, may work later. rejected: this person never gets it. bad_message: "
        "nobody ever will. throttled: too fast. connection_down: a person must act. unknown: it may have been taken."
    )
    reason: str | None = Field(None, pattern=r"^[a-z0-9_]{1,64}$", description="A short word of your own for it.")
    retry_after: PathText | None = Field(None, description="Where the seconds to wait stand; else Retry-After.")
    scope: Literal["connection", "recipient", "new_contacts"] = Field("connection", description="Of throttled.")
    opt_out: bool = Field(False, description="Of rejected: the person asked for silence.")

    @model_validator(mode="after")
    def _fits_its_meaning(self) -> Self:
        if self.opt_out and self.means != "rejected":
            raise ValueError("optOut belongs to rejected")
        if self.scope != "connection" and self.means != "throttled":
            raise ValueError("scope belongs to throttled")
        if self.retry_after is not None and self.means not in {"temporary", "throttled"}:
            raise ValueError("retryAfter belongs to temporary and throttled")
        return self


def listed(value: Any) -> list[Any]:
    """What may be given as one value or as a list of them."""
    return value if isinstance(value, list) else [value]
