"""Classes and objects that a host passes as plugins: one in the place of the other is refused at once."""

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel

from wabroadcast_core.errors import PluginError
from wabroadcast_core.hookspecs import hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugins import build_plugins
from wabroadcast_core.settings import Settings


class NoSettings(Model):
    """No settings."""


class ShopSource:
    kind: ClassVar[str] = "shop"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    repeatable: ClassVar[bool] = True

    def __init__(self, settings: Any = None, context: Any = None) -> None: ...

    def read(self) -> Iterator[AudienceRow]:
        yield from ()


class ShopSender:
    kind: ClassVar[str] = "shop"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, settings: Any = None, context: Any = None) -> None: ...

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted(message.message_id)


class Listener:
    @hookimpl
    def wab_receipts(self) -> None: ...


class HeirOfListener(Listener):
    """Has its hook from its base."""


class WithoutObject:
    """A class whose hook needs no object."""

    @hookimpl
    def wab_receipts(receipts: Any) -> None: ...  # noqa: N805 - there is no object


class ListenerWithKind(Listener):
    """An object with hooks that happens to have the names of a source."""

    kind = "shop"

    def read(self) -> None: ...


def build(given: object) -> dict[str, Any]:
    plugins = build_plugins([given], settings=Settings(), discover=False)
    return {**plugins.quarantined}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (ShopSource(), "an object of the contact source class ShopSource is given: pass the class itself, ShopSource"),
        (ShopSender(), "an object of the sender class ShopSender is given: pass the class itself, ShopSender"),
        (Listener, "the class Listener has hooks: pass an object of it, Listener()"),
        (HeirOfListener, "the class HeirOfListener has hooks: pass an object of it, HeirOfListener()"),
    ],
)
def test_a_class_in_the_place_of_an_object_is_refused_and_the_reverse(given: object, text: str) -> None:
    with pytest.raises(PluginError) as raised:
        build(given)

    assert str(raised.value) == text


@pytest.mark.parametrize("given", [ShopSource, ShopSender, Listener(), WithoutObject, ListenerWithKind()])
def test_what_can_be_used_is_taken(given: object) -> None:
    assert build(given) == {}
