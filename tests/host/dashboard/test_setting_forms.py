"""Forms drawn from the schemas of senders: what is stored is shown, and what is shown can be saved again."""

from typing import Annotated, Any, Literal, TypeAlias

import pytest
from pydantic import BaseModel, Field, SecretStr

from host_litestar.dashboard.limit_forms import read_limits, write_limits
from host_litestar.dashboard.setting_fields import Setting, settings_of
from host_litestar.dashboard.setting_values import read_values, write_values
from wabroadcast_core.models.connection import HUMAN_PACE, Limits
from wabroadcast_core.models.pacing import Quota, Rate, SendWindow
from wabroadcast_plugins.senders.fonnte import FonnteSettings
from wabroadcast_plugins.senders.http_api import HttpSettings

HTTP: dict[str, Any] = {
    "baseUrl": "https://api.example/v1",
    "timeoutSeconds": 12.5,
    "headers": {"Authorization": "Bearer {{ secrets.key }}", "X-Time": "08:00"},
    "send": {
        "method": "PUT",
        "path": "/messages",
        "body": {"to": "{{ number }}", "text": "{{ text }}"},
        "success": {"path": "status", "equals": ["ok", True, 1]},
        "providerId": "data.id",
    },
    "failures": [
        {"status": "4xx", "means": "rejected", "optOut": True},
        {"status": [500, "502-504"], "path": "error", "contains": "busy", "means": "temporary"},
    ],
    "webhook": {
        "proof": {"kind": "hmac", "header": "X-Sign", "prefix": "sha256=", "secret": "key"},
        "receipts": {
            "providerId": "id",
            "status": "type",
            "statuses": {"3": "delivered"},
            "when": [{"path": "kind", "equals": "receipt"}],
        },
    },
}


class Proxy(BaseModel):
    host: str = "proxy"
    password: SecretStr


class Odd(BaseModel):
    """Settings of a sender that the catalogue of texts does not know."""

    phone: str = Field(title="Phone")
    plain_words: list[str] = []
    proxy: Proxy | None = None
    backup: Proxy = Field(default_factory=lambda: Proxy(password=SecretStr("")))


def fields_of(model: type[BaseModel]) -> list[Setting]:
    return settings_of(model.model_json_schema(by_alias=True))


def with_defaults(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of the HTTP sender with their secret and all their defaults."""
    return HttpSettings.model_validate({**settings, "secrets": {"key": "k"}}).model_dump(mode="json")


def test_nested_settings_are_the_same_after_a_form() -> None:
    fields = fields_of(HttpSettings)

    sent = write_values(fields, HTTP)

    assert with_defaults(read_values(fields, sent)) == with_defaults(HTTP)
    assert "settings.findMessage" not in sent  # a group that may be left out


def test_an_untouched_form_leaves_the_defaults_to_the_sender() -> None:
    fields = fields_of(FonnteSettings)
    sent = write_values(fields, {})

    assert sent["settings.timeoutSeconds"] == "30"
    assert read_values(fields, sent) == {}
    assert read_values(fields, {**sent, "settings.typing": "on"}) == {"typing": True}


def test_a_list_loses_what_is_removed_or_empty_and_gets_what_is_filled_in() -> None:
    fields = fields_of(HttpSettings)
    changed = {
        **write_values(fields, HTTP),
        "drop.settings.failures.0": "on",
        "settings.failures.2.means": "",
        "settings.failures.2.scope": "connection",  # its default
        "settings.failures.3.means": "unknown",
        "settings.failures.3.status": "408",
    }

    found = read_values(fields, changed)

    assert [rule.get("status") for rule in found["failures"]] == [[500, "502-504"], 408]


def test_secrets_are_not_written_and_left_out_unless_they_are_given_or_cleared() -> None:
    fields = fields_of(FonnteSettings)
    sent = write_values(fields, {"token": "t0ken", "webhookToken": "w0rd"})

    given = read_values(fields, {**sent, "settings.token": "new", "clear.settings.webhookToken": "on"})

    assert "t0ken" not in str(sent)
    assert not {"token", "webhookToken"} & read_values(fields, sent).keys()
    assert (given["token"], given["webhookToken"]) == ("new", None)


def test_a_group_with_a_secret_is_left_out_while_it_is_untouched() -> None:
    fields = fields_of(Odd)
    sent = write_values(fields, {"phone": "1", "plain_words": ["a", "b"]})

    assert read_values(fields, sent) == {"phone": "1", "plain_words": ["a", "b"]}

    given = read_values(fields, {**sent, "settings.backup.password": "s3cret"})
    assert given["backup"] == {"password": "s3cret"}


def test_a_title_that_was_made_from_the_name_is_made_of_words() -> None:
    titles = {field.name: field.title for field in fields_of(HttpSettings) + fields_of(Odd)}

    assert titles["timeoutSeconds"] == "Timeout seconds"
    assert titles["checkNumber"] == "Check number"
    assert titles["plain_words"] == "Plain words"
    assert titles["phone"] == "Phone"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param("45", 45, id="whole"),
        pytest.param("0,5", 0.5, id="comma"),
        pytest.param("soon", "soon", id="no-number"),
        pytest.param("nan", "nan", id="not-a-number"),
        pytest.param("[" * 100_000, "[" * 100_000, id="deep"),
    ],
)
def test_what_is_no_number_stays_a_text_that_the_sender_refuses(text: str, value: object) -> None:
    fields = fields_of(FonnteSettings)

    assert read_values(fields, {"settings.timeoutSeconds": text})["timeoutSeconds"] == value


OWN = Limits(
    rate=Rate(messages=80, per_seconds=1),
    quotas=[Quota(messages=1_000, per_seconds=86_400), Quota(messages=90, per_seconds=5_400)],
    jitter=HUMAN_PACE.jitter,
    per_recipient=Rate(messages=1, per_seconds=0.5),
    warm_up=HUMAN_PACE.warm_up,
    send_window=SendWindow.model_validate({"from": "08:00", "to": "20:00", "timezone": "Asia/Makassar"}),
    lanes=3,
    check_numbers=False,
)


@pytest.mark.parametrize(
    ("limits", "defaults"),
    [
        pytest.param(OWN, Limits(), id="own"),
        pytest.param(HUMAN_PACE, HUMAN_PACE, id="the-senders"),
        pytest.param(Limits(), HUMAN_PACE, id="none"),
        pytest.param(OWN, HUMAN_PACE, id="some-own"),
    ],
)
def test_limits_are_the_same_after_a_form(limits: Limits, defaults: Limits) -> None:
    found = read_limits(write_limits(limits, defaults))

    assert Limits.model_validate({**dict(defaults), **_by_field(found)}) == limits


def _by_field(found: dict[str, Any]) -> dict[str, Any]:
    """Return given limits by the names of their fields, to be laid over others."""
    given = Limits.model_validate(found)
    return {name: getattr(given, name) for name in given.model_fields_set}


def test_empty_rows_of_limits_are_ignored_and_unit_and_comma_are_read() -> None:
    sent = {
        "quotas.mode": "own",
        "quotas.0.messages": "",
        "quotas.1.messages": "50",
        "quotas.1.perSeconds": "1,5",
        "quotas.1.unit": "hour",
        "rate.mode": "own",
        "rate.messages": "",
    }

    found = read_limits(sent)

    assert found == {"quotas": [{"messages": "50", "perSeconds": 5_400.0}], "rate": {"perSeconds": 1.0}}


class Leaf(BaseModel):
    kind: Literal["leaf"] = "leaf"
    word: str


class Branch(BaseModel):
    kind: Literal["branch"] = "branch"
    left: "Rule"
    right: "Rule"


Rule: TypeAlias = Annotated[Leaf | Branch, Field(discriminator="kind")]


class Tree(BaseModel):
    """Settings that contain settings like themselves, directly and by way of others."""

    name: str
    parent: "Tree | None" = None
    children: list["Tree"] = []
    rule: Rule | None = None
    key: SecretStr | None = None


def test_settings_that_contain_themselves_are_entered_as_json_within() -> None:
    fields = fields_of(Tree)

    kinds = {part.path: part.kind for field in fields for part in (field, *field.parts)}

    assert {path.removeprefix("settings."): kind for path, kind in kinds.items()} == {
        "name": "text",
        "parent": "json",
        "children": "json",
        "rule": "group",
        "rule.kind": "choice",
        "rule.word": "text",
        "rule.left": "json",
        "rule.right": "json",
        "key": "text",
    }
    assert {field.name for field in fields if field.is_secret} == {"parent", "children", "key"}


def test_settings_that_contain_themselves_are_the_same_after_a_form() -> None:
    leaf = {"kind": "leaf", "word": "a"}
    settings = {"name": "root", "rule": {"kind": "branch", "left": leaf, "right": {**leaf, "word": "b"}}}
    fields = fields_of(Tree)

    assert read_values(fields, write_values(fields, settings)) == settings


class Both(BaseModel):
    kind: Literal["both"] = "both"
    first: Leaf
    others: list[Leaf] = []


class Pale(BaseModel):
    kind: Literal["paint"] = "paint"
    shade: Literal["pale"] = "pale"


class Dark(BaseModel):
    kind: Literal["paint"] = "paint"
    shade: Literal["dark"] = "dark"


Paint: TypeAlias = Annotated[Pale | Dark, Field(discriminator="shade")]


class Shapes(BaseModel):
    """Settings of forms that are rare, and contain no settings like themselves."""

    twice: Annotated[Leaf | Both, Field(discriminator="kind")]
    gap: tuple[float, float] = (1.0, 2.0)
    leaves: list[Leaf] = []
    leaf: Leaf | None = None
    surface: Annotated[Leaf | Paint, Field(discriminator="kind")] = Leaf(word="bare")


def test_a_variant_that_another_variant_contains_has_fields_of_its_own() -> None:
    fields = {field.name: field for field in fields_of(Shapes)}

    assert {name: field.kind for name, field in fields.items()} == {
        "twice": "group",
        "gap": "json",
        "leaves": "list",
        "leaf": "group",
        "surface": "json",  # its variants have variants
    }
    assert {part.name: part.kind for part in fields["twice"].parts} == {
        "kind": "choice",
        "word": "text",
        "first": "group",
        "others": "list",
    }
