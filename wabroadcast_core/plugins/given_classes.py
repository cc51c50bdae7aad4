"""Sender and contact source classes that a host passes by themselves, without a plugin around them."""

from collections.abc import Sequence
from typing import Any

from wabroadcast_core.hookspecs import ContactSource, Sender, hookimpl


class GivenClass:
    """The plugin of one class, under the name of the class.

    :param given: the class.
    """

    def __init__(self, given: type[Any]) -> None:
        self.given = given
        self.__name__ = given.__name__


class GivenSender(GivenClass):
    """The plugin of one sender class."""

    @hookimpl
    def wab_senders(self) -> Sequence[type[Sender]]:
        return [self.given]


class GivenContactSource(GivenClass):
    """The plugin of one contact source class."""

    @hookimpl
    def wab_contact_sources(self) -> Sequence[type[ContactSource]]:
        return [self.given]


def plugin_of(given: object) -> object:
    """Return the plugin for what a host passes: for a sender or contact source class one that names it."""
    if isinstance(given, type) and hasattr(given, "kind"):
        if hasattr(given, "send"):
            return GivenSender(given)
        if hasattr(given, "read"):
            return GivenContactSource(given)
    return given
