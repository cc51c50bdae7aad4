import re

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wabroadcast_core.audience import number_faults, numbers
from wabroadcast_core.audience.number_faults import HIDDEN, LETTERS
from wabroadcast_core.audience.numbers import mask_number, parse_number, parse_with_library
from wabroadcast_core.errors import NumberError

BUDI = "+628123456789"
ANI = "+6281234567890"


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        pytest.param("08123456789", BUDI, id="with-trunk-zero"),
        pytest.param("8123456789", BUDI, id="zero-lost"),
        pytest.param("628123456789", BUDI, id="country-code"),
        pytest.param("+62 812-3456-789", BUDI, id="spaces-and-dashes"),
        pytest.param("(0812) 3456 7890", ANI, id="brackets"),
        pytest.param("0812.3456.7890", ANI, id="dots"),
        pytest.param("+62 (0) 812 3456 789", BUDI, id="country-code-and-trunk-zero"),
        pytest.param("+6208123456789", BUDI, id="plus-country-code-and-trunk-zero"),
        pytest.param("6208123456789", BUDI, id="country-code-and-trunk-zero-without-plus"),
        pytest.param("+08123456789", BUDI, id="plus-before-trunk-zero"),
        pytest.param("62811223344", "+62811223344", id="short-with-country-code-is-no-landline"),
        pytest.param("6281122334", None, id="shorter-still-is-no-landline-either"),
        pytest.param("62811223", None, id="never-a-landline-of-area-628"),
        pytest.param("62215551234", "+62215551234", id="landline-with-country-code"),
        pytest.param("628123456789.0", BUDI, id="float-text"),
        pytest.param("628123456789.00", BUDI, id="float-text-of-two-decimals"),
        pytest.param("+62 812-3456-789.0", BUDI, id="float-text-after-separators"),
        pytest.param("628123456789,00", BUDI, id="float-text-with-decimal-comma"),
        pytest.param("628123456789.5", None, id="a-fraction-is-damage"),
        pytest.param("628123456789,5", None, id="a-fraction-behind-a-comma-too"),
        pytest.param("6.281.234.567.890", ANI, id="thousands-points"),
        pytest.param("6,281,234,567,890", None, id="thousands-commas"),
        pytest.param("6.28123E+12", None, id="exponent-without-all-digits"),
        pytest.param("6.28123456789E+12", None, id="exponent-short-of-one-digit"),
        pytest.param("6.281234567890E+12", ANI, id="exponent-with-all-digits"),
        pytest.param("6,281234567890e+12", ANI, id="exponent-with-decimal-comma"),
        pytest.param("6.28123456789E11", BUDI, id="exponent-without-sign"),
        pytest.param("6.2812345678901E+12", None, id="exponent-with-a-fraction-left"),
        pytest.param("00628123456789", BUDI, id="leading-00"),
        pytest.param("00 62 812 3456 789", BUDI, id="leading-00-and-spaces"),
        pytest.param("0065 9123 4567", "+6591234567", id="leading-00-abroad"),
        pytest.param("+65 9123 4567", "+6591234567", id="abroad"),
        pytest.param("08123456789/08134567890", BUDI, id="slash-takes-the-first"),
        pytest.param("08123456789, 08134567890", BUDI, id="comma-takes-the-first"),
        pytest.param("08123456789;08134567890", BUDI, id="semicolon-takes-the-first"),
        pytest.param("08123456789 | 08134567890", BUDI, id="pipe-takes-the-first"),
        pytest.param("08123456789\n08134567890", BUDI, id="line-end-takes-the-first"),
        pytest.param("08123456789 atau 08134567890", BUDI, id="atau-takes-the-first"),
        pytest.param("08123456789 or 08134567890", BUDI, id="or-takes-the-first"),
        pytest.param("+628123456789+628134567890", BUDI, id="plus-takes-the-first"),
        pytest.param("08123456789 ::: 08134567890", BUDI, id="google-contacts-takes-the-first"),
        pytest.param("081234 / 08123456789", None, id="a-piece-before-it-spoils-the-cell"),
        pytest.param("99999999 / 08123456789", BUDI, id="first-valid-one"),
        pytest.param("08123456789/90", BUDI, id="another-ending"),
        pytest.param("021-5551234 / 08123456789", BUDI, id="a-mobile-before-a-landline"),
        pytest.param("021-5551234/35, 021-5556789", "+62215551234", id="the-first-of-landlines"),
        pytest.param("1. 08123456789", BUDI, id="place-in-a-list"),
        pytest.param("2) +62 812 3456 789", BUDI, id="place-in-a-list-with-bracket"),
        pytest.param("HP 2: 08123456789", BUDI, id="label-with-a-digit"),
        pytest.param("65, 91234567", None, id="country-code-in-a-piece-of-its-own"),
        pytest.param("+65, 9123 4567", None, id="country-code-with-plus-in-a-piece-of-its-own"),
        pytest.param("62+81234567890", None, id="plus-behind-the-country-code"),
        pytest.param("08123456789 08134567890", None, id="glued-by-a-space"),
        pytest.param("0812,3456,7890", None, id="commas-inside"),
        pytest.param("021/5551234", None, id="slash-inside"),
        pytest.param("021-5551234", "+62215551234", id="landline"),
        pytest.param("215551234", "+62215551234", id="landline-that-lost-its-zero"),
        pytest.param("6591234567", None, id="a-landline-or-singapore-without-plus"),
        pytest.param("0081234567890", None, id="japan-or-a-zero-typed-twice"),
        pytest.param("00852 9123 4567", None, id="hong-kong-or-a-zero-typed-twice"),
        pytest.param("+81234567890", "+81234567890", id="plus-is-believed"),
        pytest.param("wa.me/81234567890", None, id="wa-me-link-without-the-country-code"),
        pytest.param("wa.me/6591234567", "+6591234567", id="wa-me-link-abroad"),
        pytest.param("wa.me/+65 9123 4567", None, id="wa-me-link-in-pieces"),
        pytest.param("https://wa.me/c/628123456789", BUDI, id="catalogue-link"),
        pytest.param("081234567890 (2)", None, id="remark-of-one-digit-in-brackets"),
        pytest.param("081234567890 - 2", None, id="remark-of-one-digit-behind-a-dash"),
        pytest.param("0812-3456-7890-1", "+62812345678901", id="thirteen-digits-in-fours"),
        pytest.param("021-5551234-12", None, id="extension-behind-a-dash"),
        pytest.param("021-5551234 ext 12", "+62215551234", id="landline-with-extension"),
        pytest.param("'08123456789", BUDI, id="leading-apostrophe"),
        pytest.param('="08123456789"', BUDI, id="formula-that-keeps-the-zero"),
        pytest.param("\u200b+62\u00a0812\u20113456\u2011789\u202c", BUDI, id="invisible-characters"),
        pytest.param("\uff10\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19", BUDI, id="fullwidth-digits"),
        pytest.param("\u0660\u0668\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669", BUDI, id="arabic-digits"),
        pytest.param("https://wa.me/628123456789?text=Halo%2012345678", BUDI, id="wa-me-link"),
        pytest.param("wa.me/+628123456789", BUDI, id="wa-me-link-with-plus"),
        pytest.param("wa.me/08123456789", BUDI, id="wa-me-link-with-trunk-zero"),
        pytest.param("https://api.whatsapp.com/send?text=x&phone=%2B628123456789&a=1", BUDI, id="api-link"),
        pytest.param("whatsapp://send?phone=628123456789", BUDI, id="app-link"),
        pytest.param("https://wa.me/message/ABC12345678901", None, id="link-without-a-number"),
        pytest.param("tel:+62-812-3456-789", BUDI, id="tel"),
        pytest.param("tel:812-3456-789;phone-context=+62", BUDI, id="tel-with-context"),
        pytest.param("628123456789@s.whatsapp.net", BUDI, id="whatsapp-id"),
        pytest.param("628123456789:12@s.whatsapp.net", BUDI, id="whatsapp-id-of-a-device"),
        pytest.param("628123456789.0:12@c.us", BUDI, id="older-whatsapp-id-of-a-device"),
        pytest.param("08123456789@c.us", BUDI, id="whatsapp-id-with-trunk-zero"),
        pytest.param("5215512345678@c.us", "+5215512345678", id="whatsapp-id-outside-the-numbering-plan"),
        pytest.param("123@c.us", None, id="whatsapp-id-too-short"),
        pytest.param("120363041234567890@g.us", None, id="group"),
        pytest.param("123456789012345@lid", None, id="hidden-id"),
        pytest.param("status@broadcast", None, id="status"),
        pytest.param("08123456789 budi@example.com", BUDI, id="mail-beside-it"),
        pytest.param("budi08123456789@example.com", None, id="digits-in-a-mail"),
        pytest.param("HP: 08123456789 (Budi)", BUDI, id="label-and-remark"),
        pytest.param("0812xxxx789", None, id="hidden-inside"),
        pytest.param("0812345678**", None, id="hidden-end"),
        pytest.param("0812345678-xx", None, id="hidden-behind-a-dash"),
        pytest.param("0812345678*", None, id="one-hidden-digit"),
        pytest.param("0812345678…", None, id="ellipsis"),
        pytest.param("0812345678...", None, id="three-points"),
        pytest.param("0812..3456..789", None, id="points-inside"),
        pytest.param("0812O3456789", None, id="letter-inside"),
        pytest.param("0812345678O", None, id="letter-o-at-the-end"),
        pytest.param("0812345678l", None, id="letter-l-at-the-end"),
        pytest.param("O8123456789", BUDI, id="letter-o-for-the-trunk-zero"),
        pytest.param("081234567890WA", ANI, id="a-word-right-behind"),
        pytest.param("21-05-2024", None, id="date"),
        pytest.param("2024-05-21 08:30", None, id="date-and-time"),
        pytest.param("Rp 1.500.000", None, id="money"),
        pytest.param("", None, id="empty"),
        pytest.param(" \u00a0\t", None, id="only-blanks"),
        pytest.param("-", None, id="dash"),
        pytest.param("tidak ada", None, id="words"),
        pytest.param("123", None, id="too-short"),
        pytest.param("08" * 600, None, id="endless"),
    ],
)
def test_a_number_is_parsed_as_people_write_it_or_refused(raw: str, number: str | None) -> None:
    assert _read(raw) == number


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param("", number_faults.EMPTY, id="empty"),
        pytest.param("tidak ada", number_faults.NO_DIGITS, id="words"),
        pytest.param("0812", number_faults.TOO_SHORT, id="short"),
        pytest.param("08123456789 08134567890", number_faults.TOO_LONG, id="glued"),
        pytest.param("0999 999 9999", number_faults.NOT_IN_USE, id="not-in-the-plan"),
        pytest.param("+999 1234567", number_faults.NO_COUNTRY, id="no-such-country"),
        pytest.param("6.28123E+12", number_faults.DAMAGED, id="damaged"),
        pytest.param("0812O3456789", number_faults.LETTERS, id="letters"),
        pytest.param("0812xxxx789", number_faults.HIDDEN, id="hidden"),
        pytest.param("21.05.2024", number_faults.DATE, id="date"),
        pytest.param("Rp1.500.000,-", number_faults.MONEY, id="money"),
        pytest.param("6591234567", number_faults.TWO_COUNTRIES, id="two-countries"),
        pytest.param("021/5551234", number_faults.IN_PIECES, id="pieces"),
        pytest.param("1@g.us", number_faults.NO_PERSON, id="group"),
    ],
)
def test_a_refusal_names_its_reason(raw: str, reason: str) -> None:
    with pytest.raises(NumberError) as caught:
        parse_number(raw, region="ID")

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("raw", "region", "number"),
    [
        pytest.param("(212) 555-0123", "US", "+12125550123", id="united-states"),
        pytest.param("1 212 555 0123", "US", "+12125550123", id="united-states-with-country-code"),
        pytest.param("011 62 812 3456 789", "US", BUDI, id="abroad-by-the-regions-own-prefix"),
        pytest.param("9198765432", "IN", "+919198765432", id="mobile-that-begins-like-the-country-code"),
        pytest.param("919876543210", "IN", "+919876543210", id="india-with-country-code"),
        pytest.param("391 234 5678", "IT", "+393912345678", id="italy"),
        pytest.param("(11) 91234-5678", "BR", "+5511912345678", id="brazil"),
        pytest.param("5511912345678", "BR", "+5511912345678", id="brazil-with-country-code"),
        pytest.param("0 15 11 91234-5678", "BR", "+5511912345678", id="brazil-through-a-carrier"),
        pytest.param("55987654321", "BR", "+5555987654321", id="brazil-area-code-like-the-country-code"),
        pytest.param("+55 11 8123-4567", "BR", None, id="brazil-without-the-ninth-digit"),
        pytest.param("553188887777@c.us", "BR", "+553188887777", id="brazil-id-without-the-ninth-digit"),
        pytest.param("55 1234 5678", "MX", "+525512345678", id="mexico"),
        pytest.param("+52 1 55 1234 5678", "ID", "+525512345678", id="mexico-with-the-old-one"),
        pytest.param("00521 55 1234 5678", "ID", "+525512345678", id="mexico-with-the-old-one-and-00"),
        pytest.param("5215512345678", "MX", "+525512345678", id="mexico-with-the-old-one-without-plus"),
        pytest.param("044 55 1234 5678", "MX", "+525512345678", id="mexico-by-the-old-prefix"),
        pytest.param("5215512345678", "ID", None, id="mexico-without-plus-elsewhere"),
        pytest.param("+54 9 11 1234-5678", "AR", "+5491112345678", id="argentina"),
        pytest.param("011 15 1234-5678", "AR", "+5491112345678", id="argentina-national"),
        pytest.param("+54 11 15 1234-5678", "ID", "+5491112345678", id="argentina-mixed"),
        pytest.param("+54 11 1234-5678", "AR", "+541112345678", id="argentina-without-the-nine"),
        pytest.param("9123 4567", "SG", "+6591234567", id="singapore"),
        pytest.param("65 9123 4567", "SG", "+6591234567", id="singapore-with-country-code"),
        pytest.param("012-345 6789", "MY", "+60123456789", id="malaysia"),
        pytest.param("6012-3456789", "MY", "+60123456789", id="malaysia-with-country-code"),
        pytest.param("+60 012-345 6789", "MY", "+60123456789", id="malaysia-with-trunk-zero"),
        pytest.param("08123456789", "SG", None, id="another-countrys-national-form"),
        pytest.param(BUDI, "SG", BUDI, id="plus-tells-the-country"),
    ],
)
def test_the_region_gives_national_digits_their_country(raw: str, region: str, number: str | None) -> None:
    assert _read(raw, region=region) == number


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        pytest.param(BUDI, "+62812…789", id="usual"),
        pytest.param("+6561234", "+65…34", id="short"),
        pytest.param("", "…", id="nothing"),
    ],
)
def test_a_masked_number_cannot_be_called(number: str, masked: str) -> None:
    assert mask_number(number) == masked


SEPARATORS = st.sampled_from(["", "", " ", "-", ".", "(", ")", ") ", " - "])
PREFIXES = st.sampled_from(["0", "", "62", "+62", "+62 0", "620", "+0", "00", "0062", "+", "1", "+65", "6"])
NATIONAL = st.from_regex(r"8[0-9]{4,13}", fullmatch=True)


@st.composite
def spelled_numbers(draw: st.DrawFn) -> str:
    """Draw digits that resemble the common forms, with random separators."""
    digits = draw(PREFIXES) + draw(NATIONAL)
    pieces = [character + draw(SEPARATORS) for character in digits]
    return draw(SEPARATORS) + "".join(pieces) + draw(st.sampled_from(["", "", ".0", ".00", ".", " ", ".12"]))


@settings(max_examples=200, deadline=None)
@given(spelled_numbers())
@example("62811223344")
@example("628123456789.0")
@example("0812.3456.7890")
@example("0812.3456.0000")
@example("0812.345678")
@example("+62.812.3456.78.00")
def test_the_fast_parser_equals_the_library_on_separated_digits(raw: str) -> None:
    assert _read(raw) == _read_long(raw)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789+-. ()/,;:eExX@\u00a0\u200b\u0668ab\n'", max_size=24))
def test_the_fast_parser_equals_the_library_on_any_text(raw: str) -> None:
    assert _read(raw) == _read_long(raw)


@pytest.mark.parametrize("prefix", ["", "0", "62", "+62"])
@pytest.mark.parametrize("length", range(8, 15))
def test_the_fast_parser_equals_the_library_for_every_operator_and_length(prefix: str, length: int) -> None:
    for operator in range(800, 900):
        raw = f"{prefix}{operator}{'1234567890123'[: length - 3]}"

        assert _read(raw) == _read_long(raw), raw


@settings(max_examples=100, deadline=None)
@given(st.from_regex(r"8[1-35-9][0-9]{7,10}", fullmatch=True), st.sampled_from(["", "0", "62", "+62"]))
def test_the_fast_parser_parses_the_common_forms(national: str, prefix: str) -> None:
    assert numbers._parse_indonesian_mobile(prefix + national) == f"+62{national}"


REGIONS = ["ID", "SG", "MY", "BR", "MX", "AR", "US", "IN", "GB"]


@st.composite
def examples_of(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a region and two example numbers of its plan, in any unambiguous form."""
    region = draw(st.sampled_from(REGIONS))
    return region, draw(example_numbers(region)), draw(example_numbers(region))


def example_numbers(region: str) -> st.SearchStrategy[str]:
    types = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    found = [phonenumbers.example_number_for_type(region, kind) for kind in types]
    formats = (phonenumbers.PhoneNumberFormat.E164, phonenumbers.PhoneNumberFormat.NATIONAL)
    return st.sampled_from([phonenumbers.format_number(number, form) for number in found if number for form in formats])


@settings(max_examples=200, deadline=None)
@given(examples_of(), st.sampled_from([" ", "-", ".", " - ", "/", ", ", ";", "\n", " | ", " atau ", " ::: "]))
def test_two_numbers_in_a_cell_give_one_of_them_or_none_but_never_both_joined(
    example: tuple[str, str, str], separator: str
) -> None:
    region, first, second = example

    number = _read(first + separator + second, region=region)

    assert number in {_read(first, region=region), _read(second, region=region), None}


@settings(max_examples=100, deadline=None)
@given(examples_of(), st.sampled_from(REGIONS))
def test_a_parsed_number_is_the_same_in_every_region(example: tuple[str, str, str], elsewhere: str) -> None:
    region, first, _ = example

    number = parse_number(first, region=region)

    assert parse_number(number, region=elsewhere) == number


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_number_or_refused_without_repeating_it(raw: str) -> None:
    number = _read(raw)

    if number is None:
        with pytest.raises(NumberError) as caught:
            parse_number(raw, region="ID")
        assert not re.search(r"\d", str(caught.value))
    else:
        assert re.fullmatch(r"\+[1-9]\d{6,16}", number)
        assert parse_number(number, region="ID") == number


def _read(raw: str, region: str = "ID") -> str | None:
    try:
        return parse_number(raw, region=region)
    except NumberError:
        return None


def _read_long(raw: str) -> str | None:
    try:
        return parse_with_library(raw, region="ID")
    except NumberError:
        return None


@pytest.mark.parametrize(
    "raw",
    [
        *("650-253-0000x752", "650-253-0000X752", "(650) 253-0000x1", "+1 650 253 0000ext752", "650.253.0000ext.752"),
        *("650-253-0000x 752", "6502530000extension12", "650-253-0000x752, 650-253-0001"),
    ],
)
def test_a_glued_extension_is_dropped(raw: str) -> None:
    assert parse_number(raw, region="US") == "+16502530000"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        *(("0812x34567801", LETTERS), ("0812345678x01", LETTERS), ("08123456789x1", LETTERS), ("0812345x678", LETTERS)),
        *(("081234567801x1234567", LETTERS), ("0812345678xx", HIDDEN), ("62812****890", HIDDEN)),
    ],
)
def test_a_letter_that_may_hide_a_digit_is_no_extension(raw: str, reason: str) -> None:
    with pytest.raises(NumberError, match=reason):
        parse_number(raw, region="ID")
