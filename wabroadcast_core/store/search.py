"""Search in lists: part of a name whatever its case and accents, or part of a number in any spelling."""

import re
import unicodedata
from typing import Any

from sqlalchemy import ColumnElement, Text, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

_ACCENTS = re.compile("[\u0300-\u036f]")
_LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d"})  # noqa: RUF001 - letters that have no accent to remove
_NUMBER = re.compile(r"\+?[\d\s()./\N{HYPHEN}\N{EN DASH}-]*\d[\d\s()./\N{HYPHEN}\N{EN DASH}-]*")
_TRUNK_IN_BRACKETS = re.compile(r"\(0\)")  # as in +62 (0)812
_PREFIX = re.compile(r"^0{1,2}(?=[1-9])")  # 0 before a number without its country, 00 before the country
_NO_DIGIT = re.compile(r"\D+")


def fold(text: str) -> str:
    """Return ``text`` without case and accents, so that İpek, IPEK and ipek are the same."""
    if text.isascii():
        return text.lower()
    plain = _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return unicodedata.normalize("NFC", plain).translate(_LETTERS)


class Folded(GenericFunction[str]):
    """A column as :func:`fold` returns it, for tables without a folded column."""

    type = Text()
    name = "wab_fold"
    inherit_cache = True


@compiles(Folded, "sqlite")
def _folded_in_sqlite(element: Folded, compiler: Any, **options: Any) -> str:
    """Call Python only for texts with characters outside ASCII: that takes ten times as long."""
    column = compiler.process(element.clauses, **options)
    is_ascii = f"length(CAST({column} AS BLOB)) = length({column})"
    return f"CASE WHEN {is_ascii} THEN lower({column}) ELSE wab_fold({column}) END"


@compiles(Folded, "postgresql")
def _folded_in_postgresql(element: Folded, compiler: Any, **options: Any) -> str:
    column = compiler.process(element.clauses, **options)
    plain = f"regexp_replace(normalize(lower({column} COLLATE \"und-x-icu\"), NFKD), '[\u0300-\u036f]', '', 'g')"
    # what casefold() does beyond lower(), and _LETTERS
    return f"replace(translate(normalize({plain}, NFC), 'ıłøđς', 'ilod\u03c3'), 'ß', 'ss')"


def matches(query: str, *, name: ColumnElement[Any], number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for part of a name or of a number: ``0812-34`` finds ``+6281234…``.

    :param name: a column or expression with folded names.
    """
    by_name = name.contains(fold(query), autoescape=True)
    digits = digits_of(query)
    return by_name if digits is None else or_(matches_number(query, number), by_name)


def matches_number(query: str, number: ColumnElement[Any]) -> ColumnElement[bool]:
    """Return the condition for part of a number."""
    return number.contains(digits_of(query) or query, autoescape=True)


def digits_of(query: str) -> str | None:
    """Return the digits of a number as people write it, as they are in E.164; None if the text is no number."""
    plain = unicodedata.normalize("NFKC", query).strip()  # plain blanks and hyphens for those that do not break a line
    if not _NUMBER.fullmatch(plain):
        return None
    return _PREFIX.sub("", ascii_digits(_TRUNK_IN_BRACKETS.sub("", plain)))


def ascii_digits(text: str) -> str:
    """Return the digits of a text, those of all scripts as 0 to 9."""
    digits = _NO_DIGIT.sub("", text)
    return digits if digits.isascii() else "".join(str(unicodedata.decimal(digit)) for digit in digits)
