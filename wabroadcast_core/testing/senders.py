"""A sender for benchmarks and tests: accepts at once."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from wabroadcast_core.hookspecs import Capabilities, Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.message import Accepted, OutgoingMessage


class NullSettings(Model):
    """There is nothing to set."""


class NullSender:
    """Accepts at once, so that what is measured is the engine. Not installed: register this module as a plugin."""

    kind: ClassVar[str] = "null"
    Settings: ClassVar[type[BaseModel]] = NullSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image", "document", "audio", "video", "template"})
    )

    def __init__(self, settings: NullSettings, context: SenderContext) -> None:
        pass

    async def send(self, message: OutgoingMessage) -> Accepted:
        return Accepted(provider_id=message.message_id)


@hookimpl
def wab_senders() -> Sequence[type[Sender]]:
    return [NullSender]
