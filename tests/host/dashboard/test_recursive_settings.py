"""Senders of plugins of others, with settings of forms that no built-in sender has: their pages."""

import json
from collections.abc import Iterator
from typing import ClassVar, Literal

import pytest
from litestar.testing import TestClient
from pydantic import Field, SecretStr

from host_litestar.app import create_app
from tests.host.dashboard.pages import FormBrowser
from tests.host.installations import HERE
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.models.base import Model
from wabroadcast_core.testing.senders import NullSender


class Route(Model):
    """Settings of an account, and of the one that is used where it fails."""

    host: str
    key: SecretStr
    gap: tuple[float, float] = (1.0, 2.0)
    fallback: "Route | None" = None


class Rule(Model):
    """A condition on messages, or several."""

    kind: Literal["rule"] = "rule"
    word: str = ""
    parts: list["Rule"] = Field(default_factory=list)


class RoutedSettings(Route):
    """Settings of the sender."""

    rule: Rule | None = None


class RoutedSender(NullSender):
    """A sender that accepts everything."""

    kind: ClassVar[str] = "routed"
    Settings: ClassVar[type[Model]] = RoutedSettings


class Part(Model):
    """An item of a list whose box is ticked by default."""

    word: str = ""
    flag: bool = True
    level: Literal[1, 2] = 2


class Box(Model):
    """An item of a list of which a form sends nothing while its box is not ticked."""

    flag: bool = False


class OddSettings(Model):
    """Settings with names that the dashboard uses for its own texts, and for those of built-in senders."""

    value: int = Field(1, title="Worth", description="What a message is worth.")
    delay: str | None = "abc"
    secrets: str = Field("", description="No secrets at all.")
    phone_number_id: Literal[1, 2, 3] = 2
    clear: bool | None = None
    item: list[str] = Field(["a"], description="Words to add.")
    text: str = ""
    pem: SecretStr | None = None
    parts: list[Part] = Field(default_factory=list)
    boxes: list[Box] = Field(default_factory=list)


class OddSender(NullSender):
    """A sender that accepts everything."""

    kind: ClassVar[str] = "odd"
    Settings: ClassVar[type[Model]] = OddSettings


STORED = {
    "value": 10558899001122334455,
    "delay": None,
    "phoneNumberId": 3,
    "clear": None,
    "item": [],
    "text": "two\nlines",
    "parts": [{"word": "a", "flag": False}, {}],
    "boxes": [{"flag": False}, {"flag": True}],
}


@pytest.fixture
def odd(host_settings: Settings) -> Iterator[tuple[FormBrowser, Broadcaster]]:
    broadcaster = Broadcaster(host_settings, plugins=[OddSender])
    with TestClient(create_app(broadcaster), base_url=HERE, raise_server_exceptions=False) as client:
        yield FormBrowser(client), broadcaster


@pytest.fixture
def routed(host_settings: Settings) -> Iterator[tuple[FormBrowser, Broadcaster]]:
    broadcaster = Broadcaster(host_settings, plugins=[RoutedSender])
    with TestClient(create_app(broadcaster), base_url=HERE, raise_server_exceptions=False) as client:
        yield FormBrowser(client), broadcaster


def test_a_connection_is_created_shown_and_saved_again(routed: tuple[FormBrowser, Broadcaster]) -> None:
    pages, broadcaster = routed
    parts = [{"word": "a", "parts": [{"word": "b"}]}]

    created = pages.open("/ui/connections/new?kind=routed").press(
        "Create the connection",
        name="main",
        settings__host="one",
        settings__key="s3cret-1",
        settings__gap="[3, 4]",
        settings__fallback="on",
        settings__fallback__host="two",
        settings__fallback__key="s3cret-2",
        settings__fallback__fallback=json.dumps({"host": "last", "key": "s3cret-3"}),
        settings__rule="on",
        settings__rule__word="all",
        settings__rule__parts=json.dumps(parts),
    )
    again = pages.open("/ui/connections/main").press("Save", settings__host="three")

    assert (created.status, created.path) == (200, "/ui/connections/main"), created.text
    assert again.status == 200
    assert "s3cret" not in again.response.text
    assert pages.open("/ui/connections").status == 200
    assert broadcaster.connections.details("main", zone="UTC").stored_secrets == ["key", "fallback"]
    shown = broadcaster.connections.get("main").settings
    assert (shown["host"], shown["gap"], shown["rule"]) == ("three", [3, 4], {"word": "all", "parts": parts})
    assert "s3cret" not in str(shown)


def test_a_form_that_was_not_touched_changes_nothing_of_what_is_stored(odd: tuple[FormBrowser, Broadcaster]) -> None:
    pages, broadcaster = odd
    broadcaster.connections.save("main", {"sender": "odd", "settings": {**STORED, "pem": "k"}})

    page = pages.open("/ui/connections/main")
    saved = page.press("Save")

    assert saved.status == 200, saved.text
    assert broadcaster.connections.get("main").settings == STORED
    assert page.find("#f-settings-text").name == "textarea"
    assert page.find("#f-settings-pem").name == "textarea"
    assert "secret" in page.find("#f-settings-pem")["class"]


def test_settings_that_a_program_gave_by_their_names_in_python_are_kept(odd: tuple[FormBrowser, Broadcaster]) -> None:
    pages, broadcaster = odd
    broadcaster.connections.save("main", {"sender": "odd", "settings": {"phone_number_id": 3, "delay": "x"}})

    page = pages.open("/ui/connections/main").press("Save", settings__delay="y")

    assert page.status == 200, page.text
    assert broadcaster.connections.get("main").settings == {"phoneNumberId": 3, "delay": "y"}


def test_choices_and_a_key_of_several_lines_are_stored_as_they_were_chosen(
    odd: tuple[FormBrowser, Broadcaster],
) -> None:
    pages, broadcaster = odd

    created = pages.open("/ui/connections/new?kind=odd").press(
        "Create the connection",
        name="main",
        settings__phoneNumberId="3",
        settings__clear="false",
        settings__parts__0__word="a",
        settings__pem="-----BEGIN KEY-----\r\nAbC=\r\n-----END KEY-----\r\n",
    )
    shown = pages.open("/ui/connections/main")

    assert (created.status, created.path) == (200, "/ui/connections/main"), created.text
    found = broadcaster.connections.get("main").settings
    assert found == {"phoneNumberId": 3, "clear": False, "parts": [{"word": "a"}]}
    assert shown.find("#f-settings-clear option[selected]").get_text() == "no"
    assert [option.get_text() for option in shown.soup.select("#f-settings-clear option")] == ["not set", "yes", "no"]
    assert "BEGIN KEY" not in shown.response.text
    shown.press("Save", settings__phoneNumberId="2", settings__clear="")
    assert broadcaster.connections.get("main").settings == {"parts": [{"word": "a"}]}


def test_settings_of_others_are_explained_in_their_own_words(odd: tuple[FormBrowser, Broadcaster]) -> None:
    pages, _ = odd

    for language in ("en", "id"):
        page = FormBrowser(pages.api, language=language).open("/ui/connections/new?kind=odd")
        assert page.find("label[for=f-settings-value]").get_text() == "Worth"
        assert "What a message is worth." in page.find("#f-settings-value-more").get_text()
        assert page.find("label[for=f-settings-phoneNumberId]").get_text() == "Phone number id"
        assert page.find("label[for=f-settings-item]").get_text() == "Item"
        assert "No secrets at all." in page.find("#f-settings-secrets-more").get_text()
        for text in ("Fonnte", "Meta", "{{ secrets", "JSON"):
            assert text not in page.find("main").get_text()
