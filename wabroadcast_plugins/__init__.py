"""The built-in plugins, in the order of their calls."""

from types import ModuleType

from wabroadcast_plugins.contact_sources import contacts, csv, excel, inline
from wabroadcast_plugins.senders import gowa, sandbox, wuzapi

PLUGINS: tuple[ModuleType, ...] = (
    csv,
    excel,
    inline,
    contacts,
    gowa,
    wuzapi,
    sandbox,
)
