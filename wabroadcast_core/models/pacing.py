"""How fast and when: rates, quotas, jitter, send windows, batches, retries. All durations are seconds."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from wabroadcast_core.models.base import Model, TimeZone

ClockTime = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class Rate(Model):
    """At most ``messages`` starts in any window of ``per_seconds``, evenly spaced."""

    messages: int = Field(ge=1, le=100_000)
    per_seconds: float = Field(1, ge=0.1, le=86_400)

    @property
    def per_second(self) -> float:
        return self.messages / self.per_seconds


class Quota(Model):
    """At most ``messages`` starts in any window of ``per_seconds``, however they are spread."""

    messages: int = Field(ge=1)
    per_seconds: float = Field(ge=1, le=31 * 86_400)


class Jitter(Model):
    """A random gap between one start and the next, for gateways that want a human pace."""

    min_seconds: float = Field(ge=0, le=3_600)
    max_seconds: float = Field(ge=0, le=3_600)

    @model_validator(mode="after")
    def _in_order(self) -> "Jitter":
        if self.max_seconds < self.min_seconds:
            raise ValueError("maxSeconds is less than minSeconds")
        return self


class WarmUpStep(Model):
    """From this age of the number on, at most so many messages in a day."""

    from_day: int = Field(ge=0, le=3_650)
    messages: int = Field(ge=1)


class WarmUp(Model):
    """A daily cap that grows with the age of a number; past the last step it is that step's."""

    since: date | None = Field(None, description="The first day of the number; that of the connection if not given.")
    steps: list[WarmUpStep] = Field(min_length=1, max_length=32)

    @field_validator("steps")
    @classmethod
    def _in_order(cls, steps: list[WarmUpStep]) -> list[WarmUpStep]:
        days = [step.from_day for step in steps]
        if days != sorted(set(days)) or days[0] != 0:
            raise ValueError("the steps begin at fromDay 0 and go up")
        return steps

    def cap(self, age_days: float) -> int:
        """The most messages in a day at that age; an age that is unknown or in the future is the youngest."""
        return next(
            (step.messages for step in reversed(self.steps) if age_days >= step.from_day), self.steps[0].messages
        )


class SendWindow(Model):
    """The hours of the day in which messages may start; ``to`` before ``from`` spans midnight."""

    from_: ClockTime = Field(alias="from")
    to: ClockTime
    timezone: TimeZone | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> "SendWindow":
        if self.from_ == self.to:
            raise ValueError("the window is empty: from equals to")
        return self


class Batching(Model):
    """Release ``size`` messages, then the next ``size`` once ``interval_seconds`` have passed."""

    size: int = Field(ge=1)
    interval_seconds: float = Field(gt=0, le=31 * 86_400)


class Retry(Model):
    """How often and how soon a temporary failure is tried again."""

    max_attempts: int = Field(3, ge=1, le=50)
    interval_seconds: float = Field(30, ge=0, le=86_400)
    backoff: Literal["fixed", "exponential"] = "exponential"
