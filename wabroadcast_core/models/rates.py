"""How many messages of a broadcast were sent, failed, delivered and read in each period."""

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import AwareDatetime, Field

from wabroadcast_core.models.base import Model

PeriodSeconds: TypeAlias = Literal[60, 300, 900, 3_600, 14_400, 86_400]


class RatesFilter(Model):
    """A selection of periods; a field that is None selects all."""

    since: AwareDatetime | None = None  # a period that begins at this moment included
    until: AwareDatetime | None = None  # a period that begins at this moment left out
    per_seconds: PeriodSeconds | None = None  # None: the shortest length that does not make too many periods


class PeriodCounts(Model):
    """What happened in a period on one connection. A message that fails after it was sent is counted in both."""

    at: datetime = Field(description="The beginning of the period.")
    seconds: int = Field(description="Its length; at least an hour where the time is more than 30 days ago.")
    connection: str | None = Field(description="The name of the connection; null: not known.")
    sent: int = Field(description="Messages that the provider accepted.")
    failed: int = Field(description="Messages that failed.")
    delivered: int = Field(description="Messages that were delivered, by receipts.")
    read: int = Field(description="Messages that were read, by receipts.")


class Rates(Model):
    """The counts of a broadcast by period and connection, in the order of time. Empty periods are left out."""

    job_id: str = Field(description="The id of the broadcast.")
    per_seconds: int = Field(description="The length of the periods.")
    items: list[PeriodCounts] = Field(description="The counts of each period and connection.")
