"""Recipients from the contact book, by their tags.

Hooks: wab_contact_sources. Settings: tags, match, without.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from wabroadcast_core import AudienceRow, ContactSource, Model, SourceContext, hookimpl


class ContactsSettings(Model):
    tags: list[str] = Field(default_factory=list, max_length=100, description="None: everyone.")
    match: Literal["any", "all"] = Field("any", description="Whether one of the tags is enough.")
    without: list[str] = Field(default_factory=list, max_length=100, description="Nobody who has one of these tags.")


class ContactsSource:
    kind: ClassVar[str] = "contacts"
    Settings: ClassVar[type[BaseModel]] = ContactsSettings
    repeatable: ClassVar[bool] = False  # people come and go between two reads

    def __init__(self, settings: ContactsSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context

    def read(self) -> Iterator[AudienceRow]:
        settings = self._settings
        return self._context.read_contacts(settings.tags, settings.match, settings.without)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [ContactsSource]
