"""The list of plugins, as ``wabroadcast plugins`` shows it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from wabroadcast_core.hookspecs import Hooks
from wabroadcast_core.plugins.entry_points import Origin
from wabroadcast_core.plugins.loading import PluginLoader
from wabroadcast_core.plugins.quarantine import Quarantined

HOOK_NAMES: Final = tuple(name for name in vars(Hooks) if name.startswith("wab_"))  # as a broadcast meets them

NOT_INSTALLED: Final = "not installed"  # the origin of a blocked plugin that is not there, perhaps misspelled


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """One plugin."""

    name: str
    origin: str
    """The module."""
    hooks: tuple[str, ...] = ()
    """In the order in which a broadcast meets them."""
    blocked: bool = False
    settings: tuple[str, ...] = ()
    """Environment variables of the plugin; the first one turns it on."""
    distribution: str = ""
    version: str = ""
    kinds: tuple[str, ...] = ()
    """Of its senders and contact sources."""
    quarantined: Quarantined | None = None

    @property
    def state(self) -> Literal["active", "off", "blocked", "quarantined"]:
        """``off``: the setting that turns the plugin on is not given."""
        if self.quarantined is not None:
            return "quarantined"
        if self.blocked:
            return "blocked"
        return "active" if self.hooks else "off"


def collect_facts(loader: PluginLoader) -> list[PluginFacts]:
    """Return the plugins by name, the blocked and the quarantined ones included."""
    present = [
        _facts_of(loader, name, plugin)
        if plugin is not None
        else _facts_of_blocked(name, loader.origins.get(name, Origin(module=NOT_INSTALLED)))
        for name, plugin in loader.manager.list_name_plugin()
    ]
    unfit = [_facts_of_quarantined(one) for one in loader.quarantined.values()]
    return sorted(present + unfit, key=lambda fact: fact.name)


def collect_call_order(loader: PluginLoader) -> dict[str, list[str]]:
    """Return for each hook that is implemented the plugins in the order in which they are called."""
    order = {
        hook: [call.plugin_name for call in reversed(getattr(loader.manager.hook, hook).get_hookimpls())]
        for hook in HOOK_NAMES
    }
    return {hook: names for hook, names in order.items() if names}


def _facts_of(loader: PluginLoader, name: str, plugin: object) -> PluginFacts:
    module = getattr(plugin, "__name__", type(plugin).__module__)
    origin = loader.origins.get(name, Origin())
    hooks = {caller.name for caller in loader.manager.get_hookcallers(plugin) or []}
    return PluginFacts(
        name=name,
        origin=module,
        hooks=tuple(hook for hook in HOOK_NAMES if hook in hooks),
        settings=tuple(getattr(sys.modules.get(module), "SETTINGS", ())),
        distribution=origin.distribution,
        version=origin.version,
        kinds=(*_kinds_of(loader, name, loader.senders), *_kinds_of(loader, name, loader.contact_sources)),
    )


def _kinds_of(loader: PluginLoader, name: str, classes: Mapping[str, type[Any]]) -> list[str]:
    return sorted(kind for kind, each in classes.items() if loader.owners[each] == name)


def _facts_of_blocked(name: str, origin: Origin) -> PluginFacts:
    return PluginFacts(
        name=name, origin=origin.module, blocked=True, distribution=origin.distribution, version=origin.version
    )


def _facts_of_quarantined(one: Quarantined) -> PluginFacts:
    return PluginFacts(
        name=one.name,
        origin=one.origin,
        distribution=one.distribution,
        version=one.version,
        kinds=one.kinds,
        quarantined=one,
    )
