"""Recipients from a vCard file (.vcf), as phones, Google Contacts, iCloud and Outlook export contacts.

Hooks: wab_contact_sources. Settings: uploadId, region.

A card is a recipient with one number: the first one that is marked as WhatsApp's or a mobile number, else the preferred
one, else the first. A card without a number is a row that is skipped as such. Variables are ``first_name``,
``last_name``, ``organization``, ``title``, ``email`` and ``categories``, as far as a card has them.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, Field

from wabroadcast_core import (
    LONGEST_ROW,
    AudienceRow,
    ContactSource,
    FileError,
    Model,
    Region,
    Scalar,
    Sentence,
    SourceContext,
    hookimpl,
)
from wabroadcast_plugins.contact_sources.vcard_lines import Property, read_properties, unescape

_PLAIN: Final = {"ORG": "organization", "TITLE": "title", "EMAIL": "email", "CATEGORIES": "categories"}
_NAMES: Final = frozenset({"BEGIN", "END", "FN", "N", "TEL", *_PLAIN})
_BETTER_FIRST: Final = ({"WHATSAPP"}, {"CELL", "MOBILE", "IPHONE"}, {"PREF"})
_LEAST_SIZE: Final = 100  # bytes of memory that a property takes beside its value
_UNSUITABLE: Final = frozenset({"FAX", "PAGER"})


class VcardSettings(Model):
    """Which upload to read."""

    upload_id: str = Field(description="The id of the uploaded file.")
    region: Region | None = Field(
        None, description="Country of numbers without a country code, as ID; the installation's if not given."
    )


class VcardSource:
    """The contact source for vCard files."""

    kind: ClassVar[str] = "vcard"
    Settings: ClassVar[type[BaseModel]] = VcardSettings
    repeatable: ClassVar[bool] = True
    empty_reason: ClassVar[str] = Sentence("no_vcard", "the file has no vCard")

    def __init__(self, settings: VcardSettings, context: SourceContext) -> None:
        self._settings = settings
        self._context = context
        self.region = settings.region or context.region
        """The country of numbers without a country code."""

    def read(self) -> Iterator[AudienceRow]:
        with self._context.open_upload(self._settings.upload_id) as file:
            properties = read_properties(file, names=_NAMES, is_over=self._context.is_over)
            for begin in properties:
                _check_begin(begin)
                yield _row_of(list(_card(properties, row=begin.row)), row=begin.row)


@hookimpl
def wab_contact_sources() -> list[type[ContactSource]]:
    return [VcardSource]


def _check_begin(found: Property) -> None:
    if not _is_mark(found, "BEGIN"):
        text = "the line is outside of a vCard: export the contacts as a vCard file (.vcf)"
        raise FileError(Sentence("outside_of_vcard", text), row=found.row)


def _is_mark(found: Property, name: str) -> bool:
    return found.name == name and found.value.strip().upper() == "VCARD"


def _card(properties: Iterator[Property], *, row: int) -> Iterator[Property]:
    """Yield the properties of a card up to its end.

    :raises FileError: it does not end, or is too long.
    """
    size = 0
    for found in properties:
        if _is_mark(found, "END"):
            return
        if _is_mark(found, "BEGIN"):
            break
        size += len(found.value) + _LEAST_SIZE
        if size > LONGEST_ROW:
            text = "the vCard that begins here is too long: export the file again"
            raise FileError(Sentence("long_vcard", text), row=row)
        yield found
    text = "the vCard that begins here has no end: export the file again"
    raise FileError(Sentence("vcard_without_end", text), row=row)


def _row_of(properties: Sequence[Property], *, row: int) -> AudienceRow:
    by_name = {found.name: found for found in reversed(properties)}  # the first one of each name
    variables: dict[str, Scalar] = {}
    last, first = ((by_name["N"].parts() if "N" in by_name else []) + ["", ""])[:2]
    variables |= {name: text for name, text in (("first_name", first), ("last_name", last)) if text}
    for name, variable in _PLAIN.items():
        if name in by_name and (text := ", ".join(filter(None, by_name[name].parts()))):
            variables[variable] = text
    full_name = unescape(by_name["FN"].value) if "FN" in by_name else ""
    name = full_name or " ".join(filter(None, (first, last)))
    return AudienceRow(_number_in(properties), name or None, variables, row=row)


def _number_in(properties: Sequence[Property]) -> str:
    """Return the number of a card to which messages go; empty if it has none."""
    phones = [found for found in properties if found.name == "TEL" and not found.types & _UNSUITABLE]
    best = min(phones, key=_rank, default=None)
    return "" if best is None else unescape(best.value).removeprefix("tel:").partition(";")[0]


def _rank(phone: Property) -> int:
    return next((rank for rank, types in enumerate(_BETTER_FIRST) if phone.types & types), len(_BETTER_FIRST))
