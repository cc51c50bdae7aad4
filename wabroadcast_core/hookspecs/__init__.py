"""The extension points of wabroadcast: the protocols that plugin classes implement, and the hooks.

A plugin is a module or an object with hook implementations (:data:`hookimpl`). A module that needs settings has a
function ``create_plugin(settings)`` instead, which returns that object, or None to stay off. A sender and a contact
source are classes that a plugin names in ``wab_senders`` and ``wab_contact_sources``.
"""

from wabroadcast_core.hookspecs.contact_sources import ChecksSettings, ContactSource, ReadsContacts, SourceContext
from wabroadcast_core.hookspecs.hooks import Hooks
from wabroadcast_core.hookspecs.markers import NAMESPACE, hookimpl, hookspec
from wabroadcast_core.hookspecs.senders import (
    Cache,
    Capabilities,
    ChecksConnection,
    ChecksNumbers,
    FindsMessages,
    ParsesWebhooks,
    Sender,
    SenderContext,
)

__all__ = [
    "NAMESPACE",
    "Cache",
    "Capabilities",
    "ChecksConnection",
    "ChecksNumbers",
    "ChecksSettings",
    "ContactSource",
    "FindsMessages",
    "Hooks",
    "ParsesWebhooks",
    "ReadsContacts",
    "Sender",
    "SenderContext",
    "SourceContext",
    "hookimpl",
    "hookspec",
]
