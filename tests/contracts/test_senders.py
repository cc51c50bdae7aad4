from collections.abc import Sequence
from typing import Any, ClassVar

from wabroadcast_core import OutgoingMessage
from wabroadcast_core.testing import NullSender, SenderContract, message_to
from wabroadcast_core.testing.gateway import GatewaySender
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_plugins.senders.sandbox import SandboxSender


class TestNullSender(SenderContract):
    sender_class = NullSender


class TestSandboxSender(SenderContract):
    sender_class = SandboxSender
    settings: ClassVar[dict[str, Any]] = {"latencySeconds": 0.01}

    def messages(self) -> Sequence[OutgoingMessage]:
        """Return a message for each outcome except the one that is a bug."""
        return [message_to(f"+62812345{ending:04}") for ending in range(15) if ending != 12]


class TestGatewaySender(HttpSenderContract):
    sender_class = GatewaySender
    accepted: ClassVar[Any] = {"id": "gw.1"}
    address_setting = "url"
    seconds_setting = "timeout"
