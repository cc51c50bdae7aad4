"""What can be wrong with a class is found when it is registered."""

from collections.abc import Iterator, Mapping
from functools import wraps
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.plugins.class_checks import faults_of_contact_source, faults_of_reasons, faults_of_sender
from wabroadcast_core.reasons.catalogue import Catalogue


class NoSettings(BaseModel):
    """No settings."""


class OpaqueSettings(BaseModel):
    """Settings that no JSON schema describes."""

    model_config = {"arbitrary_types_allowed": True}
    lock: "Opaque"


class Opaque:
    """A type that pydantic does not know."""


OpaqueSettings.model_rebuild()


class Sender:
    kind: ClassVar[Any] = "pigeon"
    Settings: ClassVar[Any] = NoSettings
    capabilities: ClassVar[Any] = Capabilities()

    def __init__(self, settings: object, context: object) -> None: ...

    async def send(self, message: object) -> Accepted:
        return Accepted(str(message))


class Source:
    kind: ClassVar[Any] = "attic"
    Settings: ClassVar[Any] = NoSettings
    repeatable: ClassVar[Any] = True

    def __init__(self, settings: object, context: object) -> None: ...

    def read(self) -> Iterator[AudienceRow]:
        yield AudienceRow("+62811")


def odd(**fields: Any) -> Capabilities:
    """Return capabilities with fields of any type."""
    return Capabilities(**fields)


async def coroutine(self: object, argument: object = None) -> None: ...


def function(self: object, argument: object = None) -> None: ...


def only_self(self: object) -> None: ...


async def only_self_coroutine(self: object) -> None: ...


def any_arguments(*_: object) -> None: ...


async def many_rows(self: object) -> Any:
    yield self


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"kind": "Über Sender!"}, "kind is not", id="a-kind-with-blanks"),
        pytest.param({"kind": None}, "kind is not", id="no-kind"),
        pytest.param({"Settings": dict}, "Settings is not a pydantic model class", id="settings-of-a-dict"),
        pytest.param({"Settings": NoSettings()}, "Settings is not a pydantic model class", id="a-settings-object"),
        pytest.param({"Settings": OpaqueSettings}, "Settings has no JSON schema", id="settings-without-a-schema"),
        pytest.param({"capabilities": {"text"}}, "capabilities is not a Capabilities object", id="a-set"),
        pytest.param({"capabilities": Capabilities}, "capabilities is not a Capabilities object", id="the-class"),
        pytest.param({"capabilities": Capabilities(types=frozenset())}, "capabilities.types", id="no-types"),
        pytest.param({"capabilities": Capabilities(types=frozenset({"song"}))}, "capabilities.types", id="a-song"),
        pytest.param({"capabilities": odd(types="text")}, "capabilities.types", id="types-of-text"),
        pytest.param({"capabilities": Capabilities(text_length=0)}, "capabilities.text_length", id="no-length"),
        pytest.param({"capabilities": odd(text_length="9")}, "capabilities.text_length", id="a-length-of-text"),
        pytest.param({"capabilities": odd(limits={})}, "capabilities.limits", id="limits-of-a-dict"),
        pytest.param({"capabilities": odd(simulated="no")}, "capabilities.simulated", id="simulated-of-text"),
        pytest.param({"capabilities": odd(test_numbers=None)}, "capabilities.test_numbers", id="no-test-numbers"),
        pytest.param({"capabilities": Capabilities(media_bytes={"image": 1})}, "media_bytes", id="bytes-of-no-type"),
        pytest.param({"capabilities": Capabilities(number_check=True)}, "check_numbers is missing", id="no-check"),
        pytest.param({"send": None}, "the method send is missing", id="no-send"),
        pytest.param({"send": function}, "send is not a coroutine function", id="a-plain-send"),
        pytest.param({"send": only_self_coroutine}, "send does not accept", id="a-send-without-a-message"),
        pytest.param({"check_connection": function}, "check_connection is not a coroutine", id="a-plain-check"),
        pytest.param({"aclose": function}, "aclose is not a coroutine", id="a-plain-close"),
        pytest.param({"verify_webhook": function}, "needs both", id="half-a-webhook"),
        pytest.param(
            {"verify_webhook": coroutine, "parse_webhook": function}, "verify_webhook is a coroutine", id="async-verify"
        ),
        pytest.param({"__init__": only_self}, "its constructor", id="a-constructor-without-arguments"),
        pytest.param({"reasons": {5: {}}}, "reasons has a language that is not a text", id="a-language-of-a-number"),
    ],
)
def test_a_fault_of_a_sender_is_named(changes: Mapping[str, Any], words: str) -> None:
    faults = faults_of_sender(type("Changed", (Sender,), dict(changes)))

    assert [fault for fault in faults if words in fault] != []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"kind": 42}, "kind is not", id="a-kind-of-a-number"),
        pytest.param({"Settings": None}, "Settings is not", id="no-settings"),
        pytest.param({"repeatable": "yes"}, "repeatable is not True or False", id="repeatable-of-text"),
        pytest.param({"read": coroutine}, "read is a coroutine function", id="a-coroutine"),
        pytest.param({"read": many_rows}, "read is a coroutine function", id="an-async-generator"),
        pytest.param({"__init__": only_self}, "its constructor", id="a-constructor-without-arguments"),
    ],
)
def test_a_fault_of_a_contact_source_is_named(changes: Mapping[str, Any], words: str) -> None:
    faults = faults_of_contact_source(type("Changed", (Source,), dict(changes)))

    assert [fault for fault in faults if words in fault] != []


def counted(send: Any) -> Any:
    @wraps(send)
    def run(*arguments: Any) -> Any:
        return send(*arguments)

    return run


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="as-it-is"),
        pytest.param({"send": counted(Sender.send)}, id="a-decorated-send"),
        pytest.param({"check_connection": only_self_coroutine, "aclose": only_self_coroutine}, id="with-abilities"),
        pytest.param({"verify_webhook": staticmethod(lambda _: None), "parse_webhook": function}, id="a-static-method"),
        pytest.param({"__init__": any_arguments}, id="any-arguments"),
    ],
)
def test_a_sender_that_works_has_no_fault(changes: Mapping[str, Any]) -> None:
    assert faults_of_sender(type("Changed", (Sender,), dict(changes))) == []


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        pytest.param(5, ["reasons is not a mapping of texts by language"], id="number"),
        pytest.param(
            {"en": {"x": "just text"}, "zz": 5},
            ["reasons['en'] has codes without a tuple of two texts: x", "reasons['zz'] is not a mapping of pairs"],
            id="a-text-and-a-number",
        ),
        pytest.param({"en": {1: ("meaning", "action")}}, ["reasons['en'] has a code that is not a text"], id="code"),
        pytest.param({"en": {"x": ("meaning",)}}, ["without a tuple of two texts: x"], id="no-action"),
        pytest.param({"en": {"x": ["meaning", "action"]}}, ["without a tuple of two texts: x"], id="list"),
        pytest.param({"en": dict.fromkeys("abcdefg")}, ["two texts: a, b, c, d, e, … (right is"], id="many-codes"),
    ],
)
def test_reasons_in_another_form_are_a_fault_that_keeps_no_sender_from_sending(
    caplog: pytest.LogCaptureFixture, reasons: Any, words: list[str]
) -> None:
    sender = type("Changed", (Sender,), {"reasons": reasons})

    faults = faults_of_reasons(reasons)

    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True)), faults
    assert all('right is {"en": {"code": ("meaning", "action")}}' in fault for fault in faults)
    assert faults_of_sender(sender) == []
    assert Catalogue({"pigeon": sender}).languages == ["en", "id"]
    assert "the sender pigeon has reasons that are not in the documented form" in caplog.text


def test_reasons_in_the_documented_form_have_no_fault() -> None:
    assert faults_of_reasons({"en": {"x_???": ("meaning", "action")}, "jv": {}}) == []


def test_no_class_of_the_built_in_plugins_has_a_fault() -> None:
    plugins = build_plugins()

    assert plugins.quarantined == {}
    assert len(plugins.senders) > 5
