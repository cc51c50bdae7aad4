"""Country codes in a column of their own: each makes one number with the number of its row."""

import re
from functools import lru_cache

import phonenumbers

from wabroadcast_core.audience.numbers import TWO_COUNTRIES, parse_number
from wabroadcast_core.errors import NumberError

OTHER_COUNTRY = "the number does not fit the country code in its row"
UNKNOWN_CODE = "the country code in its row is not known: write it in digits, such as 62"

_LONGEST_COUNTRY_CODE = 3  # digits
_DECIMALS = re.compile(r"[.,]0+$")
_INTERNATIONAL = re.compile(r"\D*(?:\+|00)")
_NORTH_AMERICA = "1"  # its countries differ by an area code: 1-868 is Trinidad


def join_country_code(code: str, number: str, *, region: str) -> str:
    """Return the number of a row whose country code is in a column of its own.

    :param code: as digits, also as ``+62``, or as the two letters of a country; blank if the row does not say it.
    :param region: two letters; the country of a number whose row does not say a code.
    :returns: the number in E.164; the text unchanged if the code is blank.
    :raises NumberError: the number is invalid, or does not fit the code.
    """
    if not any(map(str.isalnum, code)):
        return number
    digits, country = _read_code(code)
    if country is None:
        return _parse_international(number, region=region)
    parsed = _parse_in(country, digits, number)
    if not parsed.startswith(f"+{digits}"):
        raise NumberError(OTHER_COUNTRY)
    return parsed


def _parse_international(number: str, *, region: str) -> str:
    if "+" not in number:
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
        country = "".join(filter(str.isalpha, text)).upper()
        known = phonenumbers.country_code_for_region(country)
        return str(known), country if known else None
    is_american = digits.startswith(_NORTH_AMERICA) and len(digits) == len("1868")
    main = _NORTH_AMERICA if is_american else digits
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(main), (None,))
    return digits, regions[0]
