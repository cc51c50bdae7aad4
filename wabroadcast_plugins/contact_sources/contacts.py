"""Recipients from the contact book, selected by tag.

Hooks: wab_contact_sources. Settings: tags, match, without.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import BaseModel, Field

from wabroadcast_core import AudienceRow, ContactSource, Model, Sentence, SourceContext, hookimpl


class ContactsSettings(Model):
    """Which contacts are recipients."""

    tags: list[str] = Field(
        default_factory=list, max_length=100, description="Contacts with these tags; if empty, all contacts."
    )
    match: Literal["any", "all"] = Field("any", description="any: one of the tags is enough; all: every tag is needed.")
    without: list[str] = Field(
        default_factory=list, max_length=100, description="Contacts with one of these tags are left out."
    )


class ContactsSource:
    """The contact source for the contact book."""

    kind: ClassVar[str] = "contacts"
    Settings: ClassVar[type[BaseModel]] = ContactsSettings
    repeatable: ClassVar[bool] = False  # contacts may be added or removed between two reads

    def __init__(self, settings: ContactsSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context

    @property
    def empty_reason(self) -> Sentence:
        """Why no contact is selected, if none is."""
        settings = self._settings
        if not settings.without:
            return _nobody(settings)
        without = ", ".join(map(repr, settings.without))
        return Sentence("nobody_without", "{nobody} without {tags}", nobody=_nobody(settings), tags=without)

    def read(self) -> Iterator[AudienceRow]:
        settings = self._settings
        return self._context.read_contacts(settings.tags, settings.match, settings.without)


def _nobody(settings: ContactsSettings) -> Sentence:
    tags = ", ".join(map(repr, settings.tags))
    if not tags:
        return Sentence("empty_contact_book", "the contact book has no contacts")
    if len(settings.tags) == 1:
        return Sentence("nobody_with_tag", "no contact has the tag {tag}", tag=tags)
    if settings.match == "all":
        return Sentence("nobody_with_all", "no contact has all of the tags {tags}", tags=tags)
    return Sentence("nobody_with_any", "no contact has any of the tags {tags}", tags=tags)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [ContactsSource]
