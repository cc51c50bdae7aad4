"""The entry points of plugins: what is installed, from which distribution, and its import."""

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final, NamedTuple

from wabroadcast_core.hookspecs import NAMESPACE

BUILTIN: Final = "builtin"  # the reserved name of the entry point of this distribution
BUILTIN_PACKAGE: Final = "wabroadcast_plugins"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a plugin comes from."""

    module: str = ""
    distribution: str = ""
    version: str = ""


class UnfitError(Exception):
    """A plugin cannot be used. The text says why, without that of an exception which may hold a secret.

    :param kinds: of its senders and contact sources, as far as they are known.
    :param repair: what an operator can do other than to repair the plugin.
    """

    def __init__(self, reason: str, *, kinds: Iterable[str] = (), repair: str = "") -> None:
        super().__init__(reason)
        self.kinds = tuple(kinds)
        self.repair = repair


class Member(NamedTuple):
    """One plugin of an entry point."""

    name: str
    """In the package; that of the only plugin of an entry point is empty."""
    module: str
    plugin: object


def installed_entries() -> list[tuple[EntryPoint, Origin]]:
    """Return the entry points of the group with their origins: the built-in one, then by name and distribution."""
    found = [(entry, _origin_of(entry)) for entry in entry_points(group=NAMESPACE)]
    return sorted(found, key=lambda one: (one[0].value != BUILTIN_PACKAGE, one[0].name, one[1].distribution))


def _origin_of(entry: EntryPoint) -> Origin:
    if entry.dist is None:
        return Origin(module=entry.value)
    metadata = entry.dist.metadata  # each access reads and parses the file again
    return Origin(module=entry.value, distribution=metadata["Name"], version=metadata["Version"])


def import_members(entry: EntryPoint) -> list[Member]:
    """Import the plugins of an entry point.

    :raises UnfitError: what it names does not exist.
    """
    loaded = _import(entry)
    plugins = getattr(loaded, "PLUGINS", None)
    if plugins is None:
        return [Member("", module_of(loaded), loaded)]
    return [Member(name_of(each).rpartition(".")[2], module_of(each), each) for each in plugins]


def _import(entry: EntryPoint) -> object:
    """Import what an entry point names.

    :raises UnfitError: the module has no such attribute.
    """
    found: object = importlib.import_module(entry.module)
    for name in entry.attr.split(".") if entry.attr else ():
        try:
            found = getattr(found, name)
        except AttributeError:
            raise UnfitError(f"its entry point names {entry.value}, which does not exist: correct it") from None
    return found


def name_of(plugin: object) -> str:
    """Return the name of a plugin: of its module, its class or the class of the object."""
    return str(getattr(plugin, "__name__", type(plugin).__name__))


def module_of(plugin: object) -> str:
    """Return the module of a plugin."""
    return str(getattr(plugin, "__name__", type(plugin).__module__))
