"""The form of a contact: name, tags and variables, each variable a field for its name and one for its value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from host_litestar.dashboard.forms import FormData
from wabroadcast_core.models.contact import ContactView, split_tags
from wabroadcast_core.models.recipient import Scalar, scalar_text

FREE_VARIABLES: Final = 3  # empty fields for new variables
_NAME, _VALUE = ".name", ".value"
_PREFIX: Final = "variable."


@dataclass(frozen=True, slots=True)
class ContactFields:
    """What the fields of the form show."""

    number: str
    name: str
    tags: str
    variables: Sequence[tuple[str, str]]


def empty_fields(*, number: str = "") -> ContactFields:
    """Return the fields of a new contact."""
    return ContactFields(number, "", "", _with_free(()))


def fields_of(contact: ContactView) -> ContactFields:
    """Return the fields of a contact."""
    variables = [(name, _text(value)) for name, value in contact.variables.items()]
    return ContactFields(contact.number, contact.name or "", ", ".join(contact.tags), _with_free(variables))


def sent_fields(form: FormData, *, number: str = "") -> ContactFields:
    """Return the fields as they were sent, to show them again.

    :param number: of a contact whose number is no field.
    """
    variables = _with_free(_variables(form))
    return ContactFields(number or form.text("number"), form.text("name"), form.text("tags"), variables)


def contact_draft(form: FormData, known: Mapping[str, Scalar] | None = None) -> dict[str, Any]:
    """Return the contact of a form as the core takes it. A variable without a value is left out.

    :param known: the present variables: a value that was not changed keeps its type.
    """
    present = known or {}
    variables = {
        name: present[name] if name in present and _text(present[name]) == value else value
        for name, value in _variables(form)
        if value
    }
    return {"name": form.text("name") or None, "tags": split_tags(form.text("tags")), "variables": variables}


def _variables(form: FormData) -> list[tuple[str, str]]:
    """Return the names and values of the variables that were sent, with the line ends of the contact book."""
    places = [name.removeprefix(_PREFIX).removesuffix(_NAME) for name in form.fields() if _is_name(name)]
    pairs = [
        (form.text(f"{_PREFIX}{place}{_NAME}"), form.text(f"{_PREFIX}{place}{_VALUE}").replace("\r\n", "\n"))
        for place in places
    ]
    return [(name, value) for name, value in pairs if name or value]


def _is_name(field: str) -> bool:
    return field.startswith(_PREFIX) and field.endswith(_NAME)


def _with_free(variables: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [*variables, *[("", "")] * FREE_VARIABLES]


def _text(value: Scalar) -> str:
    return "" if value is None else scalar_text(value).strip()
