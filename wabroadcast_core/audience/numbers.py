"""Parsing of phone numbers as people write them into the one form that this package uses: E.164 with the plus.

A number that cannot be parsed with certainty is refused, because a wrong number sends the message to a stranger.
"""

import re
import unicodedata
from functools import lru_cache, partial

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from wabroadcast_core.audience.extensions import drop_extensions
from wabroadcast_core.audience.number_faults import (
    DAMAGED,
    DATE,
    EMPTY,
    HIDDEN,
    IN_PIECES,
    LETTERS,
    MONEY,
    NO_COUNTRY,
    NO_DIGITS,
    NO_PERSON,
    NOT_IN_USE,
    TOO_LONG,
    TOO_SHORT,
    TWO_COUNTRIES,
)
from wabroadcast_core.errors import NumberError

LONGEST_CELL = 1_000  # characters; enough for several numbers and a remark
_SHORTEST_COMPLETE = 7  # digits; in a cell of several parts, a part with fewer is a part of a number
_LONGEST_LABEL = 2  # digits; "1)" or ",0" beside a number
_ID_LENGTHS = range(7, 16)  # digits
_MEXICO = "52"  # country code

E164 = re.compile(r"\+[1-9]\d{6,14}", re.ASCII)
_PLAIN_CHARACTERS = str.maketrans("", "", " -().")
_PLAIN_INDONESIAN_MOBILE = re.compile(r"(?:\+?62|0)?(8[1-35-9]\d{7,10})", re.ASCII)
_LONE_TAIL = re.compile(r"\d{5,}[ ().-]+\d{1,2}\D*$", re.ASCII)  # "081234567890 (2)": people group digits by 2 to 4

_EXPONENT = re.compile(r"(?<![\w.,])(\d+)(?:[.,](\d+))?[eE]\+?(\d{1,3})(?!\w)", re.ASCII)
_CHAT_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?"
    r"(?:wa\.me/(?:c/)?|(?:api|web|chat)\.whatsapp\.com/send/?\?(?:\S*?&)?phone=|whatsapp:/*send/?\?(?:\S*?&)?phone=)"
    r"(?:\+|%2B|%20)*(\d[\d-]*)\S*",
    re.ASCII | re.IGNORECASE,
)
_OTHER_LINK = re.compile(r"(?:https?://|www\.|wa\.me/|whatsapp:/)\S*", re.IGNORECASE)
_PERSON_ID = re.compile(r"(?<![^\s,;|/+])(\d+)(?:[.:]\d+)*@(?:s\.whatsapp\.net|c\.us)\b", re.ASCII | re.IGNORECASE)
_OTHER_ID = re.compile(r"@(?:g\.us|lid|newsletter|broadcast|hosted|s\.whatsapp\.net|c\.us)\b", re.IGNORECASE)
_MAIL = re.compile(r"\S*@\S*")
_OLD_MEXICAN = re.compile(r"((?:00)?521|01|04[45])(\d{10})", re.ASCII)  # how mobile numbers were dialled until 2019

_HIDDEN_DIGITS = re.compile(
    r"\d[ ().-]*(?:[xX*?•●]{2,}|…|\.{2,}|_{2,})"
    r"|\d[xX*?•●](?!\w)"  # a single one, directly after a digit
    r"|[xX*•●]{2,}[ ().-]*\d"
)
_LETTERS_INSIDE = re.compile(
    r"\d[^\W\d_]+\d"
    r"|\d[OoIl]{1,2}(?![^\W_])"  # typed or scanned instead of 0 and 1
    r"|(?<![^\W_])[Il]\d"
)
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d"
_ANY_DATE = re.compile(
    rf"(?:{_YEAR}[-./]{_MONTH}[-./]{_DAY}|{_DAY}[-./]{_MONTH}[-./]{_YEAR})(?:[T ]+\d?\d[:.]\d\d\b.*)?", re.ASCII
)
_AMOUNT = re.compile(r"(?:(?<![^\W\d_])(?:rp|idr|usd|rm|us\$)[. ]*|[$€£¥]\s*)\d", re.ASCII | re.IGNORECASE)
_COMMA_FRACTION = re.compile(r"[\s'\"=+]*\d{7,},(\d{1,2})", re.ASCII)
_LIST_NUMBER = re.compile(r"\d{1,2}(?:\.\s+|\)\s*)(?=[+0])", re.ASCII)  # "1. 0812…"
BORDERS = re.compile(r"[/,;:|#&\n\r\t\v\f]+|[^\W\d_]+|(?=\+)")


def parse_number(raw: str, *, region: str) -> str:
    """Parse a phone number as a person or a spreadsheet wrote it.

    Of several numbers in one cell, this is the first mobile number, or else the first valid one.

    :param region: two letters; the country of numbers without a country code.
    :returns: the number in E.164, with the plus.
    :raises NumberError: it is not a number, or not with certainty; the reason never contains the number.
    """
    if region == "ID" and (number := _parse_indonesian_mobile(raw)):
        return number
    return parse_with_library(raw, region=region)


def normal_number(raw: str, *, region: str) -> str:
    """Parse a number as :func:`parse_number` does, but accept each E.164 number unchanged.

    WhatsApp reports some numbers that are older than the numbering plan of their country.

    :param region: two letters; the country of numbers without a country code.
    :returns: the number in E.164, with the plus.
    :raises NumberError: it is neither a phone number nor in the form of E.164.
    """
    try:
        return parse_number(raw, region=region)
    except NumberError:
        if E164.fullmatch(raw):
            return raw
        raise


def is_mobile(number: str) -> bool:
    """Return whether a number in E.164 is, or may be, a mobile number: some countries do not distinguish them."""
    return _PLAIN_INDONESIAN_MOBILE.fullmatch(number) is not None or _is_mobile(phonenumbers.parse(number))


def mask_number(number: str) -> str:
    """Return a number as logs may show it: ``+62812…789``."""
    if len(number) < 11:  # noqa: PLR2004 - of a shorter number, this would show too many digits
        return f"{number[:3]}…{number[-2:]}"
    return f"{number[:6]}…{number[-3:]}"


def _parse_indonesian_mobile(raw: str) -> str | None:
    """Parse the common forms in a tenth of the library's time.

    The property tests prove that the result equals that of :func:`parse_with_library`.

    :returns: None for any other form.
    """
    match = _PLAIN_INDONESIAN_MOBILE.fullmatch(raw)
    if match is None:
        match = _PLAIN_INDONESIAN_MOBILE.fullmatch(raw.translate(_PLAIN_CHARACTERS))
        if match is None or _is_ambiguous(raw):
            return None
    return f"+62{match[1]}"


def _is_ambiguous(raw: str) -> bool:
    """Return whether a separator may have a meaning: a decimal point, hidden digits, a remark after the number."""
    after_plus = raw[raw.find("+") + 1 :]  # the text before the plus is not part of the number
    return after_plus.count(".") == 1 or ".." in raw or _LONE_TAIL.search(raw) is not None


def parse_with_library(raw: str, *, region: str) -> str:
    """Parse a number as :func:`parse_number` does: apply all rules for real-world cells, then call libphonenumber.

    :param region: two letters; the country of numbers without a country code.
    :returns: the number in E.164, with the plus.
    :raises NumberError: it is not a number, or not with certainty; the reason never contains the number.
    """
    text = (raw if raw.isascii() else _to_ascii_digits(raw)).strip()
    if not text:
        raise NumberError(EMPTY)
    if len(text) > LONGEST_CELL:
        raise NumberError(TOO_LONG)
    if "@" in text:
        if match := _PERSON_ID.search(text):
            return _parse_id(match[1], region=region)
        text = _without_mail(text)
    text = _OTHER_LINK.sub(";", _CHAT_LINK.sub(partial(_unfold_link, region=region), text))
    text = _EXPONENT.sub(_unfold_exponent, text)
    if list_number := _LIST_NUMBER.match(text):
        text = text[list_number.end() :]
    text = drop_extensions(text, parse=partial(_parse_part, region=region))
    _refuse_other_things(text)
    return _first_valid([part for part in BORDERS.split(text) if _count_digits(part)], region=region)


def _to_ascii_digits(raw: str) -> str:
    return "".join(map(_plain_character, raw))


@lru_cache(maxsize=512)
def _plain_character(character: str) -> str:
    """Return the ASCII form of a Unicode digit, space, dash or line end; an empty text for an invisible character."""
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
    """Parse the digits of a WhatsApp id.

    WhatsApp's ids begin with a country code, and some are older than the present numbering plan of their country.
    """
    if digits.startswith("0"):
        return _first_valid([digits], region=region)
    if len(digits) not in _ID_LENGTHS:
        raise NumberError(TOO_SHORT if len(digits) < _ID_LENGTHS.start else TOO_LONG)
    try:
        return _format(_parse_with_phonenumbers(f"+{digits}", region=region))
    except NumberError:
        return f"+{digits}"


def _unfold_link(match: re.Match[str], *, region: str) -> str:
    """Replace a chat link by its number.

    A link must contain the country code, but some people omit it: ``wa.me/81234567890`` would be a landline in Japan.
    """
    digits = match[1].replace("-", "")
    if digits.startswith("0"):
        return f";{digits};"
    if not digits.startswith(_country_code(region)) and not _is_mobile(_try_phonenumbers(f"+{digits}", region=region)):
        _refuse_mobile(digits, region=region)
    return f";+{digits};"


def _unfold_exponent(match: re.Match[str]) -> str:
    whole, fraction, exponent = match[1], match[2] or "", int(match[3])
    if len(fraction) < exponent or fraction[exponent:].strip("0"):
        raise NumberError(DAMAGED)
    return whole + fraction[:exponent]


def _refuse_other_things(text: str) -> None:
    """Refuse texts whose digits would make a valid number, but not the intended one.

    :raises NumberError: digits are hidden or missing, or it is a date or an amount of money.
    """
    if _HIDDEN_DIGITS.search(text):
        raise NumberError(HIDDEN)
    if _LETTERS_INSIDE.search(text):
        raise NumberError(LETTERS)
    if _ANY_DATE.fullmatch(text):
        raise NumberError(DATE)
    if _AMOUNT.search(text):
        raise NumberError(MONEY)
    if (match := _COMMA_FRACTION.fullmatch(text)) and match[1].strip("0"):
        raise NumberError(DAMAGED)


def _count_digits(text: str) -> int:
    return sum(map(str.isdecimal, text))


def _first_valid(parts: list[str], *, region: str) -> str:
    """Return the first part that is a mobile number, else the first one that is a number.

    A part of a number before it means that the cell was split inside a number, so parsing stops there.

    :raises NumberError: no part is a number.
    """
    found: list[PhoneNumber] = []
    fault: NumberError | None = None
    for part, label in zip(parts, ["", *parts], strict=False):
        count = _count_digits(part)
        if count <= _LONGEST_LABEL and "+" not in part:
            continue
        if count < _SHORTEST_COMPLETE and len(parts) > 1:
            fault = fault or NumberError(IN_PIECES)
            break
        try:
            found.append(_parse_part(part, region=region, label=label))
        except NumberError as error:
            fault = fault or error
    if not found:
        raise fault or NumberError(TOO_SHORT if parts else NO_DIGITS)
    best = found[0] if len(found) == 1 else next(filter(_is_mobile, found), found[0])
    return _format(best)


def _parse_part(part: str, *, region: str, label: str = "") -> PhoneNumber:
    part = _without_decimals(part)
    if _LONE_TAIL.search(part):
        raise NumberError(IN_PIECES)
    digits, plus = "".join(filter(str.isdecimal, part)), "+" in part
    if _is_cut_off(label, digits, plus=plus, region=region):
        raise NumberError(IN_PIECES)
    own = _country_code(region)
    if (match := _OLD_MEXICAN.fullmatch(digits)) and (own == _MEXICO or plus or match[1].startswith("00")):
        digits, plus = f"{_MEXICO}{match[2]}", True
    if plus:
        digits = digits.removeprefix("00")
        return _parse_with_phonenumbers(digits if digits.startswith("0") else f"+{digits}", region=region)
    if digits.startswith("00"):
        return _parse_double_zero(digits, region=region)
    if digits.startswith(own):
        return _parse_own_code(digits, region=region)
    return _parse_national(digits, region=region)


def _is_cut_off(label: str, digits: str, *, plus: bool, region: str) -> bool:
    """Return whether a label may be the missing country code of the digits: ``65, 91234567``, ``62+81234567890``."""
    code, own = "".join(filter(str.isdecimal, label)), _country_code(region)
    if not 0 < len(code) <= _LONGEST_LABEL or digits.startswith(("0", own)):
        return False
    return code == own if plus else code != own and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE


def _without_decimals(part: str) -> str:
    """Remove the decimals of a spreadsheet's float: the library would parse ``628123456789.0`` with one more digit.

    :raises NumberError: the decimals are not zero, so digits were lost.
    """
    if part.count(".") != 1:
        return part
    head, _, tail = part.partition(".")
    decimals = "".join(filter(str.isdecimal, tail))
    if not decimals.strip("0"):
        return head
    if len(decimals) <= _LONGEST_LABEL and head.strip(" +'\"=").isdecimal():
        raise NumberError(DAMAGED)
    return part


def _parse_double_zero(digits: str, *, region: str) -> PhoneNumber:
    """Parse digits that begin with 00: the prefix of international calls, or a zero typed twice."""
    number = _try_phonenumbers(f"+{digits[2:]}", region=region)
    if number is None:
        return _parse_with_phonenumbers(digits, region=region)
    if not digits[2:].startswith(_country_code(region)):
        _refuse_mobile(digits[1:], region=region)
    return number


def _parse_own_code(digits: str, *, region: str) -> PhoneNumber:
    """Parse digits that begin with the region's country code; as national digits only if that is a mobile number.

    The library parses ``62811223344`` as a landline of the area 628.
    """
    try:
        return _parse_with_phonenumbers(f"+{digits}", region=region)
    except NumberError:
        number = _try_phonenumbers(digits, region=region)
        if number is None or not _is_mobile(number):
            raise
        return number


def _parse_national(digits: str, *, region: str) -> PhoneNumber:
    """Parse digits without a country code.

    A landline without its zero may look like a mobile number of another country without its plus; it is refused.
    """
    number = _parse_with_phonenumbers(digits, region=region)
    if not digits.startswith("0") and not _is_mobile(number):
        _refuse_mobile(f"+{digits}", region=region)
    return number


def _refuse_mobile(text: str, *, region: str) -> None:
    """Refuse digits that have a second reading.

    :raises NumberError: the second reading is a mobile number, so it may be the intended one.
    """
    if _is_mobile(_try_phonenumbers(text, region=region)):
        raise NumberError(TWO_COUNTRIES)


@lru_cache(maxsize=512)
def _country_code(region: str) -> str:
    return str(phonenumbers.country_code_for_region(region))


def _try_phonenumbers(text: str, *, region: str) -> PhoneNumber | None:
    try:
        return _parse_with_phonenumbers(text, region=region)
    except NumberError:
        return None


def _parse_with_phonenumbers(text: str, *, region: str) -> PhoneNumber:
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException as error:
        raise NumberError(_PARSE_REASONS.get(error.error_type, NOT_IN_USE)) from None
    if not phonenumbers.is_valid_number(number):
        raise NumberError(_POSSIBLE_REASONS.get(phonenumbers.is_possible_number_with_reason(number), NOT_IN_USE))
    return number


def _format(number: PhoneNumber) -> str:
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _is_mobile(number: PhoneNumber | None) -> bool:
    """Return whether a number may be mobile; true for all numbers of a plan that does not distinguish them."""
    return number is not None and phonenumbers.number_type(number) in _MOBILE_TYPES


_MOBILE_TYPES = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
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
