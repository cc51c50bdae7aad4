"""Tools for tests of plugins and hosts: contract suites to subclass, fake contexts, audiences, a provider, an engine.

The contract suite of senders that use HTTP is in :mod:`wabroadcast_core.testing.http_contract`, and the pytest fixtures
are in :mod:`wabroadcast_core.testing.fixtures`: these two import pytest, nothing else does. The running engine is in
:mod:`wabroadcast_core.testing.engine`, because it imports the whole core.
"""

from wabroadcast_core.testing.audiences import sample_csv, sample_rows
from wabroadcast_core.testing.checks import CheckResult, run_contract
from wabroadcast_core.testing.contexts import fake_sender_context, source_context
from wabroadcast_core.testing.contracts import (
    BlacklistContract,
    ContactSourceContract,
    SenderContract,
    ValidatorContract,
)
from wabroadcast_core.testing.messages import SAMPLE_NUMBERS, message_of_type, message_to
from wabroadcast_core.testing.provider import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.testing.senders import NullSender

__all__ = [
    "SAMPLE_NUMBERS",
    "BlacklistContract",
    "CheckResult",
    "ContactSourceContract",
    "FakeProvider",
    "NullSender",
    "ProviderAnswer",
    "ProviderRequest",
    "SenderContract",
    "ValidatorContract",
    "fake_sender_context",
    "message_of_type",
    "message_to",
    "run_contract",
    "sample_csv",
    "sample_rows",
    "source_context",
]
