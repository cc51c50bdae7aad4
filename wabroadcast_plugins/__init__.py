"""The built-in plugins, in the order of their calls."""

from types import ModuleType

from wabroadcast_plugins.blacklists import number_file
from wabroadcast_plugins.contact_sources import contacts, csv, database, excel, inline, vcard
from wabroadcast_plugins.observers import event_log
from wabroadcast_plugins.senders import evolution, fonnte, gowa, http_api, sandbox, wablas, waha, whatsapp_cloud, wuzapi
from wabroadcast_plugins.validators import countries, only_numbers

PLUGINS: tuple[ModuleType, ...] = (
    csv,
    excel,
    vcard,
    inline,
    contacts,
    database,
    whatsapp_cloud,
    evolution,
    waha,
    gowa,
    wuzapi,
    fonnte,
    wablas,
    http_api,
    sandbox,
    number_file,
    countries,
    only_numbers,
    event_log,
)
