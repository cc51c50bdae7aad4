"""Any WhatsApp API with HTTP requests, by configuration alone. The guide is in ``senders/README.md``.

Hooks: wab_senders. Settings: baseUrl, timeoutSeconds, secrets, headers, send, failures, checkNumber, findMessage,
checkConnection, webhook.

Service: the API at ``baseUrl``. Its version, and all facts about it, come from the operator's settings.
"""

from wabroadcast_core import Sender, hookimpl
from wabroadcast_plugins.senders.http_api.sender import HttpSender
from wabroadcast_plugins.senders.http_api.settings import HttpSettings

__all__ = ["HttpSender", "HttpSettings", "wab_senders"]


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [HttpSender]
