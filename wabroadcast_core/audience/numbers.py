"""Phone numbers as people write them, and the one form they have here: E.164 with the plus.

A number that cannot be read for certain is refused: a wrong number is a message to a stranger.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from wabroadcast_core.errors import NumberError

EMPTY = "empty"
NO_DIGITS = "no phone number in it"
TOO_SHORT = "too short"
TOO_LONG = "too long"
NOT_IN_USE = "no such number in its country's numbering plan"
NO_COUNTRY = "unknown country code"
DAMAGED = "damaged by a spreadsheet: digits are missing"
LETTERS = "letters among the digits"
HIDDEN = "partly hidden"
IN_PIECES = "in pieces that are no whole number"
NO_PERSON = "a WhatsApp id that is no phone number"

_LONGEST_CELL = 1_000  # characters; several numbers and a remark fit
_SHORTEST_WHOLE = 7  # digits; fewer in a cell of several parts are a piece of a number
_LONGEST_LABEL = 2  # digits; "1)" or ",0" beside a number
_ID_LENGTHS = range(7, 16)

_E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PLAIN_CHARACTERS = str.maketrans("", "", " -().")
_PLAIN_INDONESIAN_MOBILE = re.compile(r"(?:\+?62|0)?(8[1-35-9]\d{7,10})", re.ASCII)

_EXPONENT = re.compile(r"(?<![\w.,])(\d+)(?:[.,](\d+))?[eE]\+?(\d{1,3})(?!\w)", re.ASCII)
_CHAT_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?"
    r"(?:wa\.me/|(?:api|web|chat)\.whatsapp\.com/send/?\?(?:\S*?&)?phone=|whatsapp:/*send/?\?(?:\S*?&)?phone=)"
    r"(?:\+|%2B|%20)*(\d[\d-]*)\S*",
    re.ASCII | re.IGNORECASE,
)
_OTHER_LINK = re.compile(r"(?:https?://|www\.|wa\.me/|whatsapp:/)\S*", re.IGNORECASE)
_PERSON_ID = re.compile(r"(?<![^\s,;|/+])(\d+)(?:[.:]\d+)*@(?:s\.whatsapp\.net|c\.us)\b", re.ASCII | re.IGNORECASE)
_OTHER_ID = re.compile(r"@(?:g\.us|lid|newsletter|broadcast|hosted|s\.whatsapp\.net|c\.us)\b", re.IGNORECASE)
_MAIL = re.compile(r"\S*@\S*")
_HIDDEN_DIGITS = re.compile(r"\d[xX*?•]{2,}|[xX*•]{2,}\d")
_LETTERS_INSIDE = re.compile(r"\d[^\W\d_]+\d")
_BORDERS = re.compile(r"[/,;:|#&\n\r\t\v\f]+|[^\W\d_]+|(?=\+)")


def parse_number(raw: str, *, region: str) -> str:
    """Read a phone number as a person or a spreadsheet wrote it; of several in one cell, the first valid one.

    :param region: two letters; the country of numbers that name none.
    :returns: the number in E.164, with the plus.
    :raises NumberError: nobody can be reached at it for certain; the reason never repeats the number.
    """
    if region == "ID" and (number := _parse_indonesian_mobile(raw)):
        return number
    return parse_with_library(raw, region=region)


def normal_number(raw: str, *, region: str) -> str:
    """As :func:`parse_number`, but ids that WhatsApp gave are taken as they are, some are older than all plans.

    :raises NumberError: it is neither.
    """
    try:
        return parse_number(raw, region=region)
    except NumberError:
        if _E164.fullmatch(raw):
            return raw
        raise


def mask_number(number: str) -> str:
    """A number as logs may show it: ``+62812…789``."""
    if len(number) < 11:  # noqa: PLR2004 - what is left out must outnumber what a guess needs
        return f"{number[:3]}…{number[-2:]}"
    return f"{number[:6]}…{number[-3:]}"


def _parse_indonesian_mobile(raw: str) -> str | None:
    """The common forms at a tenth of the library's time; the property tests prove it equal to the long way."""
    if raw.count(".") == 1:  # may be a decimal point
        return None
    match = _PLAIN_INDONESIAN_MOBILE.fullmatch(raw.translate(_PLAIN_CHARACTERS))
    return f"+62{match[1]}" if match else None


def parse_with_library(raw: str, *, region: str) -> str:
    """The long way of :func:`parse_number`: every rule for real-world cells, then libphonenumber's judgement."""
    text = (raw if raw.isascii() else _to_ascii_digits(raw)).strip()
    if not text:
        raise NumberError(EMPTY)
    if len(text) > _LONGEST_CELL:
        raise NumberError(TOO_LONG)
    if "@" in text:
        if match := _PERSON_ID.search(text):
            return _parse_id(match[1], region=region)
        text = _without_mail(text)
    text = _OTHER_LINK.sub(";", _CHAT_LINK.sub(_unfold_link, text))
    text = _EXPONENT.sub(_unfold_exponent, text)
    if _HIDDEN_DIGITS.search(text):
        raise NumberError(HIDDEN)
    if _LETTERS_INSIDE.search(text):
        raise NumberError(LETTERS)
    return _first_valid([part for part in _BORDERS.split(text) if _count_digits(part)], region=region)


def _to_ascii_digits(raw: str) -> str:
    return "".join(map(_plain_character, raw))


@lru_cache(maxsize=512)
def _plain_character(character: str) -> str:
    """ASCII digits, spaces, dashes and line ends for their many Unicode forms; nothing for invisible ones."""
    category = unicodedata.category(character)
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if character == "\N{FULLWIDTH PLUS SIGN}":
        return "+"
    plain = {"Cf": "", "Mn": "", "Me": "", "Zs": " ", "Zl": "\n", "Zp": "\n", "Pd": "-"}
    return plain.get(category, character)


def _without_mail(text: str) -> str:
    if _OTHER_ID.search(text):
        raise NumberError(NO_PERSON)
    return _MAIL.sub(";", text)


def _parse_id(digits: str, *, region: str) -> str:
    """WhatsApp's own ids begin with a country code, and some are older than their country's present plan."""
    if digits.startswith("0"):
        return _parse_part(digits, region=region)
    if len(digits) not in _ID_LENGTHS:
        raise NumberError(TOO_SHORT if len(digits) < _ID_LENGTHS.start else TOO_LONG)
    try:
        return _parse_part(f"+{digits}", region=region)
    except NumberError:
        return f"+{digits}"


def _unfold_link(match: re.Match[str]) -> str:
    digits = match[1]
    return f";{digits};" if digits.startswith("0") else f";+{digits};"


def _unfold_exponent(match: re.Match[str]) -> str:
    whole, fraction, exponent = match[1], match[2] or "", int(match[3])
    if len(fraction) < exponent or fraction[exponent:].strip("0"):
        raise NumberError(DAMAGED)
    return whole + fraction[:exponent]


def _count_digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


def _first_valid(parts: list[str], *, region: str) -> str:
    """The first part that is a number. A piece before it means that the cell was split where it holds together."""
    fault: NumberError | None = None
    for part in parts:
        count = _count_digits(part)
        if count <= _LONGEST_LABEL:
            continue
        if count < _SHORTEST_WHOLE and len(parts) > 1:
            raise fault or NumberError(IN_PIECES)
        try:
            return _parse_part(part, region=region)
        except NumberError as error:
            fault = fault or error
    raise fault or NumberError(TOO_SHORT if parts else NO_DIGITS)


def _parse_part(part: str, *, region: str) -> str:
    part = _without_decimals(part)
    digits = "".join(filter(str.isdecimal, part))
    fault: NumberError | None = None
    for text, only_mobile in _readings(digits, plus="+" in part, region=region):
        try:
            return _ask_library(text, region=region, only_mobile=only_mobile)
        except NumberError as error:
            fault = fault or error
    raise fault or NumberError(NO_DIGITS)


def _without_decimals(part: str) -> str:
    """A spreadsheet's float has one dot: the library would read ``628123456789.0`` with one more digit."""
    if part.count(".") != 1:
        return part
    head, _, tail = part.partition(".")
    decimals = "".join(filter(str.isdecimal, tail))
    if not decimals.strip("0"):
        return head
    if len(decimals) <= _LONGEST_LABEL and head.strip(" +'\"=").isdecimal():
        raise NumberError(DAMAGED)
    return part


def _readings(digits: str, *, plus: bool, region: str) -> Iterator[tuple[str, bool]]:
    """What the digits can mean, the likeliest first; the flag asks for a mobile number.

    The library reads ``62811223344`` as a landline of area 628. Digits that begin with the region's country
    code are therefore international first, and national only where that makes a mobile number.
    """
    if plus:
        digits = digits.removeprefix("00")
        yield (digits if digits.startswith("0") else f"+{digits}"), False
    elif digits.startswith("00"):
        yield f"+{digits[2:]}", False
        yield digits, False
    elif digits.startswith(_country_code(region)):
        yield f"+{digits}", False
        yield digits, True
    else:
        yield digits, False


@lru_cache(maxsize=512)
def _country_code(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region))


def _ask_library(text: str, *, region: str, only_mobile: bool) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise NumberError(_PARSE_REASONS.get(error.error_type, NOT_IN_USE)) from None
    if not phonenumbers.is_valid_number(number):
        raise NumberError(_POSSIBLE_REASONS.get(phonenumbers.is_possible_number_with_reason(number), NOT_IN_USE))
    if only_mobile and not _is_mobile(number):
        raise NumberError(NOT_IN_USE)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _is_mobile(number: PhoneNumber) -> bool:
    return phonenumbers.number_type(number) in {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}


_PARSE_REASONS = {
    NumberParseException.INVALID_COUNTRY_CODE: NO_COUNTRY,
    NumberParseException.TOO_SHORT_NSN: TOO_SHORT,
    NumberParseException.TOO_SHORT_AFTER_IDD: TOO_SHORT,
    NumberParseException.TOO_LONG: TOO_LONG,
    NumberParseException.NOT_A_NUMBER: TOO_SHORT,
}
_POSSIBLE_REASONS = {
    ValidationResult.TOO_SHORT: TOO_SHORT,
    ValidationResult.TOO_LONG: TOO_LONG,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: TOO_SHORT,
}
