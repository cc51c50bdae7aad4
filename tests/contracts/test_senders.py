from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
from pydantic import BaseModel, SecretStr

from wabroadcast_core import (
    Accepted,
    Capabilities,
    OutgoingMessage,
    Rejected,
    SenderContext,
)
from wabroadcast_core.models.base import Model
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


# the suite itself: it detects a sender with every fault


class LeakySettings(Model):
    access_token: str = "hunter2"
    app_secret: SecretStr = SecretStr("opensesame")


class LeakySender:
    """A sender that breaks the contract in every way that the suite checks."""

    kind: ClassVar[str] = "Leaky Sender"
    Settings: ClassVar[type[BaseModel]] = LeakySettings
    capabilities: ClassVar[Capabilities] = Capabilities(types=frozenset({"pigeon"}))

    def __init__(self, settings: LeakySettings, context: SenderContext) -> None:
        self._settings, self._context = settings, context

    async def send(self, message: OutgoingMessage) -> Accepted:
        secret = self._settings.app_secret.get_secret_value()
        self._context.log.info("sending to %s with %s", message.number, secret)
        if message.number.endswith("0"):
            raise Rejected("no", f"{message.number} says no")
        raise ValueError(message.number)


class LeakyContract(SenderContract):
    __test__ = False  # run by the test below, where it must fail
    sender_class = LeakySender


@pytest.mark.parametrize(
    "check",
    [
        LeakyContract.test_its_kind_is_a_short_plain_word,
        LeakyContract.test_its_secrets_are_of_a_secret_type,
        LeakyContract.test_its_capabilities_are_known,
        LeakyContract.test_a_send_is_accepted_or_ends_in_a_send_error,
        LeakyContract.test_an_error_contains_no_secret_and_no_number,
    ],
)
def test_the_suite_detects_a_sender_that_breaks_it(check: Any) -> None:
    with pytest.raises(AssertionError):
        check(LeakyContract())


def test_the_suite_detects_a_sender_that_logs_too_much(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(AssertionError):
        LeakyContract().test_its_log_contains_no_secret_no_number_and_no_text(caplog)


class TestGatewaySender(HttpSenderContract):
    sender_class = GatewaySender
    accepted: ClassVar[Any] = {"id": "gw.1"}
    address_setting = "url"
    seconds_setting = "timeout"
