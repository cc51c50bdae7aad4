"""A sender of a plugin whose settings contain settings like themselves: its pages, and those of all connections."""

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
