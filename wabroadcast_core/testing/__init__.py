"""For tests of plugins and hosts: contract suites to subclass, and fakes of what the engine lends."""

from wabroadcast_core.testing.contexts import fake_sender_context, source_context
from wabroadcast_core.testing.contracts import ContactSourceContract, SenderContract, message_to
from wabroadcast_core.testing.senders import NullSender

__all__ = [
    "ContactSourceContract",
    "NullSender",
    "SenderContract",
    "fake_sender_context",
    "message_to",
    "source_context",
]
