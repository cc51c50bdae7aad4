"""How a person wants a file of people to be read: from the address of a page, or from its form.

In an address, each column whose meaning was chosen is a parameter ``c`` with its position from 1, as ``c3=number``; a
column that is ignored has a hyphen. So every state of the page has an address that holds what was chosen and no more.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from host_litestar.dashboard.forms import FormData
from host_litestar.dashboard.view import View
from wabroadcast_core.audience.imports import ReadingChoices
from wabroadcast_core.models.contact import OWN_COLUMNS, Reading
from wabroadcast_core.models.slug import make_slug

DELIMITERS: Final = {"semicolon": ";", "comma": ",", "tab": "\t", "bar": "|"}  # by the name that an address has
ENCODINGS: Final = ("utf-8", "windows-1252", "windows-1251", "utf-16", "iso-8859-1", "shift_jis", "gb18030", "big5")
NAMES: Final = ("kind", "delimiter", "encoding", "sheet", "region")
SHOWN_COLUMNS: Final = 40
IGNORED: Final = "-"
LONGEST: Final = 200

_COLUMN: Final = re.compile(r"c([1-9]\d{0,3})", re.ASCII)
_FIELD: Final = re.compile(r"(?:column|chosen)\.([1-9]\d{0,3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class FileChoices:
    """What a person has chosen. An empty text means that it is detected."""

    kind: str = ""
    """The kind of the file, which decides what can be chosen."""
    delimiter: str = ""
    encoding: str = ""
    sheet: str = ""
    region: str = ""
    columns: Mapping[int, str] | None = None
    """The meaning of columns by their position from 1; an empty text ignores a column."""

    @classmethod
    def of_address(cls, view: View) -> "FileChoices":
        """Return the choices that the address of a page has."""
        query = view.request.query_params
        found = {int(match[1]): view.query(name) for name in query if (match := _COLUMN.fullmatch(name))}
        columns = {place: "" if role == IGNORED else role[:LONGEST] for place, role in found.items()}
        return cls(**{name: view.query(name)[:LONGEST] for name in NAMES}, columns=columns)

    @classmethod
    def of_form(cls, form: FormData) -> "FileChoices":
        """Return the choices of a form: of the columns, those that were chosen before or are changed now."""
        places = {int(match[1]) for name in form.fields() if (match := _FIELD.fullmatch(name))}
        columns = {place: role for place in sorted(places) if (role := _role(form, place)) is not None}
        return cls(**{name: form.text(name)[:LONGEST] for name in NAMES}, columns=columns)

    def query(self) -> dict[str, str]:
        """Return the choices as parameters of an address."""
        columns = {f"c{place}": role or IGNORED for place, role in (self.columns or {}).items()}
        return {name: getattr(self, name) for name in NAMES} | columns

    def token(self) -> str:
        """Return a text that is another one for other choices: a form has that of the result that it shows."""
        return urlencode(sorted(self.query().items()))

    def reading(self) -> ReadingChoices:
        """Return the choices as the core takes them."""
        mapping = {f"column {place}": role for place, role in (self.columns or {}).items()}
        return ReadingChoices(
            mapping=mapping,
            region=self.region or None,
            sheet=self.sheet or None,
            delimiter=DELIMITERS.get(self.delimiter, self.delimiter) or None,
            encoding=self.encoding or None,
        )


@dataclass(frozen=True, slots=True)
class ColumnField:
    """The field with which the meaning of a column is chosen."""

    place: int
    title: str
    role: str
    options: list[tuple[str, str]]
    sample: str
    is_chosen: bool


def column_fields(
    view: View, columns: Mapping[str, str], *, chosen: FileChoices, first: Iterable[str] = ()
) -> list[ColumnField]:
    """Return the fields for the first columns of a file.

    :param columns: the meaning of each column by its title, in the order of the file.
    :param first: the cells of the first row.
    """
    cells = [*first, *[""] * SHOWN_COLUMNS]
    places = chosen.columns or {}
    return [
        ColumnField(place, title, role, _options(view, title, role), cells[place - 1], place in places)
        for place, (title, role) in enumerate(list(columns.items())[:SHOWN_COLUMNS], 1)
    ]


def reading_options(view: View, chosen: FileChoices, found: Reading | None) -> dict[str, list[tuple[str, str]]]:
    """Return what can be chosen of the delimiter and the encoding; first, that they are detected."""
    delimiter = next((name for name, sign in DELIMITERS.items() if found and sign == found.delimiter), "")
    delimiters = [(name, view.t(f"file.{name}")) for name in DELIMITERS]
    encodings = [(name, name) for name in dict.fromkeys([*ENCODINGS, *filter(None, [chosen.encoding])])]
    return {
        "delimiter": [("", _detected(view, view.t(f"file.{delimiter}") if delimiter else "")), *delimiters],
        "encoding": [("", _detected(view, (found and found.encoding) or "")), *encodings],
    }


def _role(form: FormData, place: int) -> str | None:
    """Return the meaning of a column if it was chosen before or now; None if it is only detected."""
    role = form.text(f"column.{place}")
    is_kept = form.has(f"chosen.{place}") or role != form.text(f"was.{place}")
    return role[:LONGEST] if form.has(f"column.{place}") and is_kept else None


def _detected(view: View, value: str) -> str:
    return view.t("file.detected_as", value=value) if value else view.t("file.detected")


def _options(view: View, title: str, role: str) -> list[tuple[str, str]]:
    """Return the meanings that a column can have, its present one included."""
    own = [(name, view.t(f"file.column.{name}")) for name in OWN_COLUMNS]
    variable = role if role and role not in OWN_COLUMNS else make_slug(title)
    options = [*own, (variable, _name_of(view, variable))] if variable else own
    return [*options, ("", view.t("file.column.ignored"))]


def _name_of(view: View, role: str) -> str:
    """Return what a meaning with variables is called: a column of tags is often a variable too."""
    variables = [name for name in role.split(", ") if name not in OWN_COLUMNS]
    key = "file.column.tags_too" if "tags" in role.split(", ") else "file.column.variable"
    return view.t(key, name=", ".join(variables))
