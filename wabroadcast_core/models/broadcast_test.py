"""Tests and rehearsals of a broadcast: to whom a test goes, and how a rehearsal is shown."""

from pydantic import Field, model_validator

from wabroadcast_core.models.base import Model
from wabroadcast_core.models.broadcast import BroadcastSummary
from wabroadcast_core.sentences import Sentence


class BroadcastTest(Model):
    """The number that gets a test, and the recipient for whom its text is rendered; by default the first one."""

    number: str = Field(max_length=64, description="The number that gets the message, in any spelling.")
    as_number: str | None = Field(
        None, max_length=64, description="The number of a recipient of the audience: the text is rendered for this one."
    )
    as_row: int | None = Field(
        None, ge=1, description="Or the row of a recipient: in the file, or the place in the audience from 1."
    )

    @model_validator(mode="after")
    def _check_one(self) -> "BroadcastTest":
        if self.as_number is not None and self.as_row is not None:
            raise ValueError(Sentence("one_recipient", "two recipients are named: give either asNumber or asRow"))
        return self


class Rehearsal(BroadcastSummary):
    """A rehearsal of a broadcast, with the numbers whose messages end in a special way."""

    test_numbers: dict[str, str] = Field(
        description="How the simulated provider ends a message to one of these numbers; it accepts all others. "
        "A rehearsal opts no person out."
    )
