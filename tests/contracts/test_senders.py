from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from wabroadcast_core import Accepted, OutgoingMessage, send_request
from wabroadcast_core.testing import NullSender, SenderContract, message_to
from wabroadcast_core.testing.gateway import GatewaySender
from wabroadcast_core.testing.http_contract import HttpSenderContract
from wabroadcast_core.testing.provider import FakeProvider
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


class TrustingSender(GatewaySender):
    async def send(self, message: OutgoingMessage) -> Accepted:
        reply = await send_request(self._context.http, "POST", self._settings.url, json={"to": message.number})
        return Accepted(provider_id=reply.document["id"].strip())


class TrustingContract(TestGatewaySender):
    __test__ = False
    sender_class = TrustingSender


def test_a_sender_that_trusts_the_types_of_an_answer_has_a_fault() -> None:
    contract = TrustingContract()

    with FakeProvider(contract.answer) as contract._provider, pytest.raises(AssertionError, match="AttributeError"):
        contract.test_an_answer_with_values_of_other_types_is_accepted_or_a_send_error()
