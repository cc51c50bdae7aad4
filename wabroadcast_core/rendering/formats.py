"""Amounts and dates as people read them: the filters ``rupiah``, ``tanggal``, ``format_number`` and ``format_date``.

A value is a number, or a text as files have it: ``1250000``, ``1.250.000``, ``Rp 1,250,000.50``; ``2026-12-24``,
``24/12/2026``. A point or a comma before exactly three digits separates thousands: ``1.250`` is 1250. A date with the
year last begins with the day. A text that can be read in no such way is never printed as it stands.
"""

import contextlib
import math
import re
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from wabroadcast_core.rendering.errors import BadText, NoNumber
from wabroadcast_core.sentences import Sentence

FORMAT_COST: Final = 1_000  # characters charged for one number or date: Babel takes less than 0.1 ms
READ_COST: Final = 64  # characters charged for a text that is read as a number
MOST_DECIMALS: Final = 9
LARGEST: Final = Decimal(10) ** 18  # a number is less; with its decimals it fits the precision of Decimal
DATE_STYLES: Final = ("full", "long", "medium", "short")

_LONGEST_TEXT: Final = 64  # characters of a number or a date
_INDONESIAN: Final = "id"
_AMOUNT: Final = re.compile(
    r"(?P<sign>[+\-\u2212]?)\s*(?:(?:Rp|IDR)\.?\s*)?(?P<digits>[0-9].*?)(?:[.,]-)?", re.IGNORECASE | re.DOTALL
)
_GROUPED: Final = re.compile(r"([1-9][0-9]{0,2}(?:([.,' \u00a0\u202f])[0-9]{3})(?:\2[0-9]{3})*)(?:(?!\2)[.,]([0-9]+))?")
_UNGROUPED: Final = re.compile(r"([0-9]+)()(?:[.,]([0-9]+))?")
_TIME: Final = r"(?:[T ]+[0-9]{1,2}[:.][0-9]{2}(?:[:.][0-9]{2}(?:[.,][0-9]{1,9})?)?(?: ?Z|[+\-][0-9]{2}:?[0-9]{2})?)?"
_YEAR_FIRST: Final = re.compile(
    rf"(?P<year>[0-9]{{4}})(?P<mark>[\-/.])(?P<month>[0-9]{{1,2}})(?P=mark)(?P<day>[0-9]{{1,2}}){_TIME}"
)
_DAY_FIRST: Final = re.compile(
    rf"(?P<day>[0-9]{{1,2}})(?P<mark>[\-/. ])(?P<month>[0-9]{{1,2}})(?P=mark)(?P<year>[0-9]{{4}}){_TIME}"
)

# values


def read_number(value: Any) -> Decimal:
    """Return the number that a value stands for.

    :raises NoNumber: it is no number.
    :raises BadText: it is a too large one.
    """
    number = _number_in(value.strip()) if isinstance(value, str) else _exact(value)
    if number is None:
        raise NoNumber(value)
    if abs(number) >= LARGEST:
        raise BadText(Sentence("number_too_large", "a number is too large"))
    return number


def plain_number(value: Any) -> int | float:
    """Return the number that a value stands for, as a template computes with it: whole, or else a float.

    :param value: a text, or a number, which is returned unchanged.
    :raises NoNumber: it is no number, or an infinite one.
    """
    if not isinstance(value, str):
        if isinstance(value, float) and not math.isfinite(value):
            raise NoNumber(value)
        return value  # type: ignore[no-any-return]  # a number
    number = _number_in(value.strip())
    if number is None:
        raise NoNumber(value)
    return int(number) if number == number.to_integral_value() else float(number)


def _exact(value: Any) -> Decimal | None:
    """Return a number of a template, whose booleans are no numbers."""
    if isinstance(value, float):
        return Decimal(f"{value:.15g}") if math.isfinite(value) else None
    return Decimal(value) if type(value) is int else None


def _number_in(text: str) -> Decimal | None:
    amount = _AMOUNT.fullmatch(text) if len(text) <= _LONGEST_TEXT else None
    if amount is None:
        return None
    found = _GROUPED.fullmatch(amount["digits"]) or _UNGROUPED.fullmatch(amount["digits"])
    if found is None:
        return None
    whole, mark, decimals = found.groups()
    number = Decimal(f"{whole.replace(mark, '')}.{decimals or 0}")
    return number if amount["sign"] in {"", "+"} else number.copy_negate()  # "-" would round it to 28 digits


def read_date(value: Any) -> date:
    """Return the date that a value stands for; a time after it is left out.

    :raises BadText: it is no date.
    """
    text = value.strip()[: _LONGEST_TEXT + 1] if isinstance(value, str) else ""
    found = _YEAR_FIRST.fullmatch(text) or _DAY_FIRST.fullmatch(text)
    with contextlib.suppress(ValueError):  # the 31st of February
        if found is not None:
            return date(int(found["year"]), int(found["month"]), int(found["day"]))
    raise BadText(
        Sentence("value_no_date", "a value is not a date: write dates such as 2026-12-24 or, day first, 24/12/2026")
    )


# filters


def rupiah(value: Any) -> str:
    """Return an amount in rupiah: ``Rp1.250.000``. Decimals are printed only where there are some."""
    number = _rounded(read_number(value), 2)
    whole = number == number.to_integral_value()
    digits = f"{abs(number):,.{0 if whole else 2}f}".translate({ord(","): ".", ord("."): ","})
    return f"{'-' if number < 0 else ''}Rp{digits}"


def tanggal(value: Any, style: str = "long") -> str:
    """Return a date in Indonesian: ``24 Desember 2026``."""
    return format_date(value, _INDONESIAN, style)


def format_number(value: Any, locale: str = _INDONESIAN, decimals: int | None = None) -> str:
    """Return a number as people of a locale write it: ``1.250.000,5``.

    :param decimals: the number of decimals; None: those that it has.
    """
    from babel.numbers import parse_pattern

    check_number_format(locale, decimals)
    least, most = (0, MOST_DECIMALS) if decimals is None else (decimals, decimals)
    found = _find_locale(locale)
    pattern = parse_pattern(found.decimal_formats[None].pattern)
    pattern.frac_prec = (least, most)
    return str(pattern.apply(_rounded(read_number(value), most), found))


def format_date(value: Any, locale: str = _INDONESIAN, style: str = "long") -> str:
    """Return a date as people of a locale write it: ``December 24, 2026``."""
    from babel import dates  # few texts need it, and it takes a while to load

    check_date_format(locale, style)
    return dates.format_date(read_date(value), style, _find_locale(locale))


def _rounded(number: Decimal, decimals: int) -> Decimal:
    """Return a number rounded as people do it: 0.125 is 0.13. A zero has no sign."""
    return number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) + 0


# arguments


def check_number_format(locale: str = _INDONESIAN, decimals: int | None = None) -> None:
    """Check the arguments of ``format_number``.

    :raises BadText: there is no such locale, or there are too many decimals.
    """
    _find_locale(locale)
    if decimals is not None and (type(decimals) is not int or not 0 <= decimals <= MOST_DECIMALS):
        text = "the number of decimals is not a whole number from 0 to {most}"
        raise BadText(Sentence("bad_decimals", text, most=MOST_DECIMALS))


def check_date_format(locale: str = _INDONESIAN, style: str = "long") -> None:
    """Check the arguments of ``format_date``.

    :raises BadText: there is no such locale or style.
    """
    _find_locale(locale)
    if style not in DATE_STYLES:
        text = "there is no style {style!r} of dates: use one of {styles}"
        raise BadText(Sentence("no_date_style", text, style=style, styles=", ".join(DATE_STYLES)))


def _find_locale(name: str) -> Any:
    """Return Babel's data of a locale, which are read once.

    :raises BadText: there is no such locale.
    """
    from babel import Locale, UnknownLocaleError

    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError, TypeError, AttributeError) as error:
        raise BadText(Sentence("no_locale", "there is no such locale: use one such as id, en, en_US or de")) from error
