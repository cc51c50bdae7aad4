"""Reasons: what a code of a failure, of waiting or of a problem means, and what to do."""

from pydantic import Field

from wabroadcast_core.models.base import Model


class Reason(Model):
    """The entry of a code in the catalogue of reasons."""

    code: str = Field(description="A `?` stands for any character.")
    sender: str | None = Field(description="The kind of sender whose code it is; null for codes that all share.")
    known: bool = Field(description="Whether the catalogue has the code; if not, the texts are general.")
    language: str = Field(description="The language of the texts (ISO 639-1).")
    meaning: str = Field(description="What happened.")
    action: str = Field(description="What to do.")
