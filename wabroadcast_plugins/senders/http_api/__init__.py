"""Any WhatsApp API of a server of your own, by configuration alone; the guide is in ``senders/README.md``.

Hooks: wab_senders. Settings: baseUrl, timeoutSeconds, secrets, headers, send, failures, checkNumber, findMessage,
checkConnection, webhook.
"""

from wabroadcast_core import Sender, hookimpl
from wabroadcast_plugins.senders.http_api.sender import HttpSender
from wabroadcast_plugins.senders.http_api.settings import HttpSettings

__all__ = ["HttpSender", "HttpSettings", "wab_senders"]


@hookimpl
def wab_senders() -> list[type[Sender]]:
    return [HttpSender]
