"""Sender and contact source classes that a host passes by themselves, without a plugin around them."""

import inspect
from collections.abc import Sequence
from typing import Any, Final

from wabroadcast_core.hookspecs import NAMESPACE, ContactSource, Hooks, Sender, hookimpl

_MARK: Final = f"{NAMESPACE}_impl"  # the attribute that pluggy sets on a hook


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
    if isinstance(given, type) and _is_plugin_class(given):
        return GivenSender(given) if hasattr(given, "send") else GivenContactSource(given)
    return given


def misuse_of(given: object) -> str | None:
    """Return what is wrong if a class and an object of it were mistaken for each other; None if they were not.

    :param given: what a host passes.
    """
    if isinstance(given, type):
        if _is_plugin_class(given) or not any(_needs_object(given, name) for name in dir(given)):
            return None
        return f"the class {given.__name__} has hooks: pass an object of it, {given.__name__}()"
    made_of = type(given)
    if not _is_plugin_class(made_of) or any(_is_hook(getattr(made_of, name, None)) for name in dir(made_of)):
        return None
    what = "sender" if hasattr(made_of, "send") else "contact source"
    return f"an object of the {what} class {made_of.__name__} is given: pass the class itself, {made_of.__name__}"


def _is_plugin_class(given: type) -> bool:
    """Return whether a class is that of a sender or a contact source."""
    return hasattr(given, "kind") and (hasattr(given, "send") or hasattr(given, "read"))


def _is_hook(member: object) -> bool:
    return hasattr(member, _MARK)


def _needs_object(given: type, name: str) -> bool:
    """Return whether a member is a hook that is a method of objects: its first argument is none of the hook's."""
    member = inspect.getattr_static(given, name)
    if not (inspect.isfunction(member) and _is_hook(member)):
        return False
    first = next(iter(inspect.signature(member).parameters), None)
    arguments = [*inspect.signature(getattr(Hooks, name)).parameters][1:] if hasattr(Hooks, name) else []
    return first is not None and first not in arguments
