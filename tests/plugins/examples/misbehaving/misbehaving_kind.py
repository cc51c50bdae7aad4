"""A plugin that takes the kind of a built-in sender."""

from typing import ClassVar

from misbehaving import MisbehavingSender

from wabroadcast_core import Sender, hookimpl


class TakenKind(MisbehavingSender):
    kind: ClassVar[str] = "sandbox"


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [TakenKind]
