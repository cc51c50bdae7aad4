"""The built-in plugins, in the order of their calls."""

from types import ModuleType

from wabroadcast_plugins.contact_sources import contacts, csv, excel, inline
from wabroadcast_plugins.senders import evolution, fonnte, gowa, http_api, sandbox, wablas, waha, wuzapi

PLUGINS: tuple[ModuleType, ...] = (
    csv,
    excel,
    inline,
    contacts,
    evolution,
    waha,
    gowa,
    wuzapi,
    fonnte,
    wablas,
    http_api,
    sandbox,
)
