"""Tools for tests of plugins and hosts: contract suites to subclass, fake contexts, and a provider on loopback.

The contract suite of senders that use HTTP is in :mod:`wabroadcast_core.testing.http_contract`, which imports pytest.
"""

from wabroadcast_core.testing.contexts import fake_sender_context, source_context
from wabroadcast_core.testing.contracts import ContactSourceContract, SenderContract, message_to
from wabroadcast_core.testing.provider import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.testing.senders import NullSender

__all__ = [
    "ContactSourceContract",
    "FakeProvider",
    "NullSender",
    "ProviderAnswer",
    "ProviderRequest",
    "SenderContract",
    "fake_sender_context",
    "message_to",
    "source_context",
]
