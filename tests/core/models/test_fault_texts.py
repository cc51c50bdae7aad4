"""What a caller reads about a value that a model refuses."""

from typing import Any

import pytest

from wabroadcast_core.errors import InvalidInputError
from wabroadcast_core.models.api_key import ApiKeyDraft
from wabroadcast_core.models.base import parse_model
from wabroadcast_core.models.broadcast import BroadcastDraft

BODY = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "source": {"type": "contacts", "tags": ["vip"]}}
TEMPLATE = {"type": "template", "template": {"name": "promo", "language": "id", "components": []}}
IMAGE = {"type": "image", "media": {"url": "ftp://shop.example/a.png"}}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"name": None}, "name: not a text: write it in quotation marks"),
        ({"name": ""}, "name: empty: give a text"),
        ({"foo": 1}, "foo: there is no such field: correct its name, or remove it"),
        ({"priority": "urgent"}, "priority: unknown value: give 'high', 'normal' or 'low'"),
        ({"scheduledAt": "2026-12-30T08:00"}, "scheduledAt: the time has no offset from UTC: write it as 2026-12-01T"),
        ({"scheduledAt": "besok"}, "scheduledAt: not a time with a date: write it as 2026-12-01T08:00:00+07:00"),
        ({"rate": {"messages": 0, "perSeconds": 1}}, "rate.messages: too small: give at least 1"),
        ({"rate": {"messages": "many", "perSeconds": 1}}, "rate.messages: not a whole number"),
        ({"rate": {"perSeconds": 1}}, "rate.messages: missing: give a value"),
        ({"connection": [f"c{n}" for n in range(101)]}, "connection: the list has 101 names: give at most 100"),
        ({"message": {"text": "x"}}, "message: the field 'type' is missing: it names the kind"),
        ({"message": {"type": "txt"}}, "message: the field 'type' has the unknown value 'txt': give one of 'text'"),
        ({"message": "Halo"}, "message: not an object with fields"),
        (
            {"message": TEMPLATE | {"template": {"name": "Promo", "language": "id"}}},
            "message.template.name: not the name of a template: it has only small letters, digits and _",
        ),
        (
            {"message": TEMPLATE | {"template": {"name": "promo", "language": "Bahasa"}}},
            "message.template.language: not the code of a language: write it as id or en_US",
        ),
        (
            {"message": TEMPLATE | {"template": {"name": "promo\n", "language": "id"}}},
            "message.template.name: not the name of a template: it has only small letters, digits and _",
        ),
        ({"message": IMAGE}, "message.media.url: not a web address: begin it with https:// or http://"),
    ],
)
def test_a_fault_states_the_fact_and_the_way_out(change: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        parse_model(BroadcastDraft, BODY | change)

    assert str(refusal.value).startswith(text)


def test_the_fault_of_a_keys_name_states_what_names_are() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        parse_model(ApiKeyDraft, {"name": "a/b", "scopes": ["read"]})

    assert str(refusal.value).startswith("name: not a name for a key: give 1 to 63 letters, digits, blanks and . _ @ -")
