"""A plugin that fails at each of its calls: each hook in its own way, and a sender that tries to end the process.

Hooks: wab_senders, wab_before_send, wab_messages_finished, wab_receipts, wab_broadcast_changed, wab_inbound. Nothing is
wrong when it is loaded, so it is active. It has no hook of a blacklist or a validator, because one that fails may stop
all sending.
"""

import sys
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from wabroadcast_core import Accepted, Capabilities, Model, OutgoingMessage, Sender, SenderContext, hookimpl

HANG_SECONDS = 60  # longer than any call of a hook may take


class MisbehavingSettings(Model):
    """A connection needs none."""


class MisbehavingSender:
    """A sender whose library ends the process instead of raising an error."""

    kind: ClassVar[str] = "misbehaving"
    Settings: ClassVar[type[BaseModel]] = MisbehavingSettings
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset({"text"}))

    def __init__(self, settings: MisbehavingSettings, context: SenderContext) -> None:
        del settings, context

    async def send(self, message: OutgoingMessage) -> Accepted:
        sys.exit(f"cannot send to {message.number}")


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [MisbehavingSender]


@hookimpl
def wab_before_send(message: OutgoingMessage) -> None:
    raise KeyboardInterrupt(message.number)


@hookimpl
def wab_messages_finished(results: Sequence[Any]) -> None:
    sys.exit(len(results))


@hookimpl
def wab_receipts(receipts: Sequence[Any]) -> None:
    raise RecursionError(receipts[0])


@hookimpl
def wab_broadcast_changed(broadcast: Any) -> None:
    time.sleep(HANG_SECONDS)


@hookimpl
def wab_inbound(message: Any, connection: str) -> None:
    raise MemoryError(connection)
