import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.senders.garbage import QUICK
from wabroadcast_core import parse_number
from wabroadcast_plugins.senders.shared.jids import (
    is_for_many,
    is_one_person,
    kind_of,
    message_id_of,
    number_of,
    wa_id_of,
)


@pytest.mark.parametrize(
    ("jid", "kind", "number"),
    [
        pytest.param("628123456789@s.whatsapp.net", "person", "+628123456789", id="person"),
        pytest.param("628123456789@c.us", "person", "+628123456789", id="person-of-whatsapp-web"),
        pytest.param("628123456789:12@s.whatsapp.net", "person", "+628123456789", id="with-a-device"),
        pytest.param("628123456789.0:12@s.whatsapp.net", "person", "+628123456789", id="with-agent-and-device"),
        pytest.param("628123456789@S.WhatsApp.NET", "person", "+628123456789", id="in-capitals"),
        pytest.param("212345678901234@lid", "lid", None, id="hidden"),
        pytest.param("212345678901234:3@lid", "lid", None, id="hidden-with-a-device"),
        pytest.param("120363025246125486@g.us", "group", None, id="group"),
        pytest.param("628123456789-1400000000@g.us", "group", None, id="old-group"),
        pytest.param("120363025246125486@newsletter", "channel", None, id="channel"),
        pytest.param("status@broadcast", "broadcast", None, id="status"),
        pytest.param("1400000000@broadcast", "broadcast", None, id="broadcast-list"),
        pytest.param("0@s.whatsapp.net", "person", None, id="whatsapp-itself"),
        pytest.param("0812345678901@c.us", "person", None, id="not-international"),
        pytest.param("6281234567890123@c.us", "person", None, id="too-long"),
        pytest.param("@c.us", "person", None, id="no-user"),
        pytest.param("me@c.us", "person", None, id="letters"),
        pytest.param("٦٢٨١٢٣٤٥٦٧٨٩@c.us", "person", None, id="digits-of-another-script"),
        pytest.param("628123456789@c.us\n", "unknown", None, id="line-break-at-the-end"),
        pytest.param("628123456789", "unknown", "+628123456789", id="digits-alone"),
        pytest.param(628123456789, "unknown", "+628123456789", id="a-whole-number"),
        pytest.param("+62 812-3456-789", "unknown", "+628123456789", id="with-blanks-and-hyphens"),
        pytest.param("081234567801", "unknown", None, id="digits-without-a-country"),
        pytest.param("1203630412345678", "unknown", None, id="too-many-digits"),
        pytest.param("62812", "unknown", None, id="too-few-digits"),
        pytest.param("٦٢٨١٢٣٤٥٦٧٨٠١", "unknown", None, id="digits-of-another-script-alone"),
        pytest.param("62 812-3456-789@c.us", "person", None, id="blanks-in-an-id"),
        pytest.param("628123456789@x@c.us", "person", None, id="two-servers"),
        pytest.param(True, "unknown", None, id="a-boolean"),
        pytest.param("13135550002@bot", "unknown", None, id="other-server"),
        pytest.param("", "unknown", None, id="empty"),
        pytest.param(None, "unknown", None, id="none"),
        pytest.param({"user": "628123456789"}, "unknown", None, id="no-text"),
    ],
)
def test_an_id_gives_its_kind_and_its_number(jid: object, kind: str, number: str | None) -> None:
    assert (kind_of(jid), number_of(jid)) == (kind, number)


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        pytest.param("5215512345678", "+525512345678", id="mexico-with-the-old-1"),
        pytest.param("525512345678", "+525512345678", id="current-form-of-mexico"),
        pytest.param("553188887777", "+5531988887777", id="brazil-before-the-9"),
        pytest.param("5531988887777", "+5531988887777", id="current-form-of-brazil"),
        pytest.param("551178887777", "+551178887777", id="brazil-with-7-which-got-no-9"),
        pytest.param("551132345678", "+551132345678", id="brazil-landline"),
        pytest.param("5491123456789", "+5491123456789", id="argentina-keeps-its-9"),
        pytest.param("22997123456", "+2290197123456", id="benin-before-01"),
        pytest.param("22507123456", "+2250707123456", id="ivory-coast-of-orange"),
        pytest.param("22505123456", "+2250505123456", id="ivory-coast-of-mtn"),
        pytest.param("22501123456", "+2250101123456", id="ivory-coast-of-moov"),
    ],
)
def test_an_id_in_an_old_form_gives_the_current_number(digits: str, number: str) -> None:
    jid = f"{digits}:7@s.whatsapp.net"

    assert number_of(jid) == number
    assert wa_id_of(jid) == digits, "WhatsApp's own form is kept"
    assert parse_number(number, region="ID") == number, "the contact book stores this form"


def test_the_first_id_of_a_person_gives_the_number() -> None:
    assert number_of("9988@lid", None, "628123456789@c.us", "628111111111@c.us") == "+628123456789"
    assert number_of() is None


@pytest.mark.parametrize(
    ("jid", "one", "many"),
    [
        ("628123456789@c.us", True, False),
        ("9988@lid", True, False),
        ("1203@g.us", False, True),
        ("1203@newsletter", False, True),
        ("status@broadcast", False, True),
        ("628123456789", False, False),
        (None, False, False),
    ],
)
def test_a_chat_is_with_one_person_or_with_many(jid: object, *, one: bool, many: bool) -> None:
    assert (is_one_person(jid), is_for_many(jid)) == (one, many)


def test_the_created_message_id_has_the_form_of_web_clients_and_is_always_the_same() -> None:
    created = message_id_of("job-7")

    assert created == message_id_of("job-7") == "3EB0C37BD1A8462D7AD637"
    assert created != message_id_of("job-8")


@QUICK
@given(st.text() | st.none() | st.integers() | st.lists(st.text()) | st.from_regex(r"\A\d{1,20}(:\d+)?@(c\.us|lid)\Z"))
def test_any_value_gives_an_e164_number_or_none(jid: object) -> None:
    number = number_of(jid)

    assert (number is None) is (wa_id_of(jid) is None)
    assert number is None or (number[0] == "+" and number[1:].isascii() and number[1:].isdecimal())
    assert number is None or 7 <= len(number[1:]) <= 15
