"""A sender for benchmarks and tests that accepts every message at once."""

from collections.abc import Sequence
from typing import ClassVar

from pydantic import BaseModel

from wabroadcast_core.hookspecs import Sender, SenderContext, hookimpl
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage


class NullSettings(Model):
    """The sender has no settings."""


class NullSender:
    """A sender that accepts every message at once, so that a benchmark measures only the core.

    It is not installed: register this module as a plugin.
    """

    kind: ClassVar[str] = "null"
    Settings: ClassVar[type[BaseModel]] = NullSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        types=frozenset({"text", "image", "document", "audio", "video", "template"})
    )

    def __init__(self, settings: NullSettings, context: SenderContext) -> None:
        pass

    async def send(self, message: OutgoingMessage) -> Accepted:
        """Accept the message without a request."""
        return Accepted(provider_id=message.message_id)


@hookimpl
def wab_senders() -> Sequence[type[Sender]]:
    return [NullSender]
