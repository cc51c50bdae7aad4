"""The preview of a draft that may be unfinished, and the broadcasts against which it is reviewed."""

from datetime import datetime

from pydantic import Field

from wabroadcast_core.models.base import Model, Said
from wabroadcast_core.models.draft import DraftFault
from wabroadcast_core.models.preview import PeoplePreview


class DraftPreview(Model):
    """What a submit of a draft would do, as far as the draft can be understood."""

    faults: list[DraftFault] = Field(description="What a submit would refuse.")
    unreadable: Said | None = Field(
        None, description="Why its audience cannot be read; null: it can, or there is none."
    )
    has_message: bool = Field(False, description="Whether the message counts; otherwise only the numbers were checked.")
    people: PeoplePreview | None = Field(None, description="Its people; null: there is no audience that can be read.")

    @property
    def sendable(self) -> int:
        """How many people get a message, as far as the audience was read."""
        return 0 if self.people is None else self.people.sendable


class AlikeBroadcast(Model):
    """A broadcast with the message and the audience of a draft."""

    job_id: str = Field(description="The id of the broadcast.")
    name: str = Field(description="The name of the broadcast.")
    created_at: datetime = Field(description="When it was submitted (UTC).")


class Precedents(Model):
    """What was sent before a draft."""

    largest: int = Field(description="People of the largest of the last broadcasts; 0: there is none.")
    alike: AlikeBroadcast | None = Field(
        description="The last broadcast with the same message to the same audience within a day."
    )
