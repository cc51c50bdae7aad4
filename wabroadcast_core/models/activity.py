"""The activity: all acts of the audit log, whatever they concern."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field

from wabroadcast_core.models.base import Model, Moment, Said


class ActObject(StrEnum):
    """The kinds of objects that acts concern."""

    BROADCAST = "broadcast"
    DRAFT = "draft"
    CONNECTION = "connection"
    BLACKLIST = "blacklist"
    CONTACT = "contact"
    TAG = "tag"
    KEY = "key"


class Activity(Model):
    """One act: who did what, to which object, and when."""

    at: datetime = Field(description="When it was done (UTC).")
    actor: str = Field(description="The name of the API key, or the component, that did it.")
    action: str = Field(description="What was done, such as pause or import.")
    object: ActObject
    object_id: str | None = Field(
        description="jobId of a broadcast, draftId, name of a connection, tag or key, number on the blacklist."
    )
    object_name: str | None = Field(description="The name of the broadcast.")
    detail: Said | None = Field(description="More about the act, such as an amount; null: nothing more.")


class ActivityFilter(Model):
    """A selection of acts; a field that is None selects all."""

    object: ActObject | None = None
    object_id: str | None = None
    actor: str | None = None
    action: str | None = None
    since: Moment | None = None  # acts at this moment included
    until: Moment | None = None  # acts at this moment left out
