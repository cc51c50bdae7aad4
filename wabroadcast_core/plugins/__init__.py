"""Plugins: found, checked, quarantined where they cannot be used, and called within a time limit."""

from wabroadcast_core.plugins.facts import PluginFacts
from wabroadcast_core.plugins.manager import Plugins, build_plugins
from wabroadcast_core.plugins.quarantine import Quarantined

__all__ = ["PluginFacts", "Plugins", "Quarantined", "build_plugins"]
