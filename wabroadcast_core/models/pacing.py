"""Rates, quotas, jitter, send windows, batches and retries. All durations are in seconds."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from wabroadcast_core.models.base import Model, TimeZone
from wabroadcast_core.sentences import Sentence

_CLOCK_TIME = re.compile(r"^([01]?[0-9]|2[0-3])[:.]([0-5][0-9])$")


def _read_clock_time(text: str) -> str:
    found = _CLOCK_TIME.fullmatch(text)
    if found is None:
        raise ValueError(Sentence("no_clock_time", "not a time of day between 00:00 and 23:59: write it as 08:00"))
    return f"{int(found[1]):02}:{found[2]}"


ClockTime = Annotated[str, AfterValidator(_read_clock_time), Field(json_schema_extra={"pattern": _CLOCK_TIME.pattern})]


class Rate(Model):
    """At most ``messages`` starts in any window of ``per_seconds``, spread evenly."""

    messages: int = Field(ge=1, le=100_000, description="Most starts in a window: 1 to 100,000.")
    per_seconds: float = Field(
        1, ge=0.1, le=86_400, description="Length of the window, in seconds: 0.1 to 86,400 (a day)."
    )

    @property
    def per_second(self) -> float:
        """Messages per second."""
        return self.messages / self.per_seconds


class Quota(Model):
    """At most ``messages`` starts in any window of ``per_seconds``, spread in any way."""

    messages: int = Field(ge=1, description="Most starts in a window: at least 1.")
    per_seconds: float = Field(
        ge=1, le=31 * 86_400, description="Length of the window, in seconds: 1 to 2,678,400 (31 days)."
    )


class Jitter(Model):
    """A random gap between one start and the next, for gateways that want a human pace."""

    min_seconds: float = Field(ge=0, le=3_600, description="The shortest gap, in seconds: 0 to 3,600.")
    max_seconds: float = Field(ge=0, le=3_600, description="The longest gap, in seconds: from minSeconds to 3,600.")

    @model_validator(mode="after")
    def _check_order(self) -> "Jitter":
        if self.max_seconds < self.min_seconds:
            text = "maxSeconds is less than minSeconds: set it to at least minSeconds"
            raise ValueError(Sentence("jitter_order", text))
        return self


class WarmUpStep(Model):
    """The daily limit of messages from an age of the number, in days, on."""

    from_day: int = Field(
        ge=0, le=3_650, description="Age of the number, in days, from which the step holds: 0 to 3,650."
    )
    messages: int = Field(ge=1, description="Most messages a day: at least 1.")


class WarmUp(Model):
    """A daily limit that grows with the age of a number. After the last step, the limit of that step stays."""

    since: date | None = Field(
        None, description="The first day of the number; by default the day on which the connection was created."
    )
    steps: list[WarmUpStep] = Field(
        min_length=1, max_length=32, description="1 to 32 steps, by growing age; the first is from day 0."
    )

    @field_validator("steps")
    @classmethod
    def _check_order(cls, steps: list[WarmUpStep]) -> list[WarmUpStep]:
        days = [step.from_day for step in steps]
        if days != sorted(set(days)) or days[0] != 0:
            text = "fromDay must be 0 in the first step and grow from step to step"
            raise ValueError(Sentence("warm_up_order", text))
        return steps

    def cap(self, age_days: float) -> int:
        """Return the daily limit at an age in days. A first day in the future counts as the youngest age."""
        return next(
            (step.messages for step in reversed(self.steps) if age_days >= step.from_day), self.steps[0].messages
        )


class SendWindow(Model):
    """The hours of the day in which messages may start. If ``to`` is before ``from``, the window spans midnight."""

    from_: ClockTime = Field(alias="from", description="Its beginning: a time of day, such as 08:00.")
    to: ClockTime = Field(description="Its end: a time of day, such as 20:00.")
    timezone: TimeZone | None = Field(
        None, description="The time zone, such as Asia/Jakarta; null: that of the installation."
    )

    @model_validator(mode="after")
    def _check_length(self) -> "SendWindow":
        if self.from_ == self.to:
            text = "the send window is empty, because from equals to: set two different times"
            raise ValueError(Sentence("empty_window", text))
        return self


class Batching(Model):
    """The release of a broadcast in batches: ``size`` messages, and the next ``size`` after ``interval_seconds``."""

    size: int = Field(ge=1, description="Messages of a batch: at least 1.")
    interval_seconds: float = Field(
        gt=0,
        le=31 * 86_400,
        description="Time from one batch to the next, in seconds: more than 0, to 2,678,400 (31 days).",
    )


class Retry(Model):
    """The number of attempts after temporary failures, and the time between them."""

    max_attempts: int = Field(3, ge=1, le=50, description="Most attempts for a message, the first one too: 1 to 50.")
    interval_seconds: float = Field(
        30, ge=0, le=86_400, description="Time before the second attempt, in seconds: 0 to 86,400 (a day)."
    )
    backoff: Literal["fixed", "exponential"] = Field(
        "exponential",
        description="fixed: equal times between attempts; exponential: each time is twice the one before.",
    )
