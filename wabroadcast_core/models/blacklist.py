"""A number that must not be messaged."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model


class BlacklistDraft(Model):
    number: str = Field(max_length=64)
    reason: str = Field("opted out", min_length=1, max_length=500)
    connection: str | None = Field(None, description="Only on this connection; on every one if not given.")


class BlacklistEntry(Model):
    number: str
    connection: str | None = Field(description="None: on every connection.")
    reason: str
    source: str = Field(description="Who or what listed it.")
    created_at: datetime
