"""Countries in a column of their own: each makes one number with the number of its row."""

import re
from collections.abc import Iterable
from functools import lru_cache

import phonenumbers

from wabroadcast_core.audience.countries import find_country
from wabroadcast_core.audience.number_faults import TWO_COUNTRIES
from wabroadcast_core.audience.numbers import parse_number
from wabroadcast_core.errors import NumberError
from wabroadcast_core.sentences import Sentence

OTHER_COUNTRY = Sentence("other_country", "the number does not fit the country code in its row")
UNKNOWN_CODE = Sentence("unknown_country", "the country in its row is not known: write its code in digits, such as 62")

_LONGEST_COUNTRY_CODE = 3  # digits
_MOSTLY = 0.5
_CODE_IN_DIGITS = re.compile(r"\W*(?:00)?[1-9][\d\W]*")  # of an area, a code begins with a single zero
_DECIMALS = re.compile(r"[.,]0+$")
_INTERNATIONAL = re.compile(r"\D*(?:\+|00)")
_NORTH_AMERICA = "1"  # its countries differ by an area code: 1-868 is Trinidad


def join_country_code(code: str, number: str, *, region: str) -> str:
    """Return the number of a row whose country code is in a column of its own.

    :param code: as digits, also as ``+62``, or as the letters or the name of a country; blank if the row does not say
        it.
    :param region: two letters; the country of a number whose row does not say a code.
    :returns: the number in E.164; the text unchanged if the code is blank.
    :raises NumberError: the number is invalid, or does not fit the code.
    """
    if not says_country(code):
        return number
    digits, country = _read_code(code)
    names_country = not any(map(str.isdecimal, code))  # as of an address: a number with a plus may be of another one
    if country is None or (names_country and _INTERNATIONAL.match(number)):
        return _parse_international(number, region=region)
    parsed = _parse_in(country, digits, number)
    if not parsed.startswith(f"+{digits}"):
        raise NumberError(OTHER_COUNTRY)
    return parsed


def says_country(code: str) -> bool:
    """Return whether a cell of a country column is filled."""
    return any(map(str.isalnum, code))


def are_country_codes(cells: Iterable[str]) -> bool:
    """Return whether the filled cells of a column are mostly country codes in digits, also as ``+62``."""
    filled = [text for cell in cells if (text := cell.strip())]
    codes = sum(_CODE_IN_DIGITS.fullmatch(text) is not None and _read_code(text)[1] is not None for text in filled)
    return codes > _MOSTLY * len(filled)


def _parse_international(number: str, *, region: str) -> str:
    if not _INTERNATIONAL.match(number):
        raise NumberError(UNKNOWN_CODE)
    return parse_number(number, region=region)


def _parse_in(country: str, digits: str, number: str) -> str:
    try:
        return parse_number(number, region=country)
    except NumberError as error:
        is_certain = error.reason == TWO_COUNTRIES or len(digits) > _LONGEST_COUNTRY_CODE
        if not is_certain or _INTERNATIONAL.match(number):
            raise
    return parse_number(f"+{digits} {number}", region=country)


@lru_cache(maxsize=512)
def _read_code(code: str) -> tuple[str, str | None]:
    """Return the digits of a country code and the two letters of its country; None for an unknown one."""
    text = _DECIMALS.sub("", code.strip())
    digits = "".join(str(int(character)) for character in text if character.isdecimal()).lstrip("0")
    if not digits:
        country = find_country(text)
        return str(phonenumbers.country_code_for_region(country or "")), country
    is_american = digits.startswith(_NORTH_AMERICA) and len(digits) == len("1868")
    main = _NORTH_AMERICA if is_american else digits
    if len(main) > _LONGEST_COUNTRY_CODE:  # of thousands of digits, Python makes no number
        return digits, None
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(main), (None,))
    return digits, regions[0]
