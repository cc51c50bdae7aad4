"""The contract of senders that talk HTTP: what holds for :class:`SenderContract`, and every fault of the way.

    class TestMySender(HttpSenderContract):
        sender_class = MySender
        settings = {"token": "not-a-real-one"}
        accepted = {"id": "1"}

The provider is a real server on loopback. Needs nothing but pytest.
"""
# ruff: noqa: S101 - these classes are tests

import asyncio
import socket
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import pytest
from pydantic import BaseModel

from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, SendError, Temporary, Throttled
from wabroadcast_core.hookspecs import SenderContext
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.testing.contexts import fake_sender_context
from wabroadcast_core.testing.contracts import SenderContract
from wabroadcast_core.testing.provider import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.transport.http_client import make_client

SHORT_SECONDS = 0.5
FAULTS: Final[tuple[Any, ...]] = ("drop", "hang", "cut", "trickle")
NONSENSE: Final = (b"", "<html><body>Bad gateway</body></html>", b"\xff\xfe\x00", "[1, 2", "null", "[]")


class HttpSenderContract(SenderContract):
    """Give ``accepted``: the body of the provider's success, or override :meth:`answer` where one does not do.

    ``address_setting`` and ``seconds_setting`` name the settings of the provider's base address and of how long a
    request may take.
    """

    accepted: ClassVar[Any]
    accepted_status: ClassVar[int] = 200
    address_setting: ClassVar[str] = "baseUrl"
    seconds_setting: ClassVar[str] = "timeoutSeconds"

    _provider: FakeProvider

    @pytest.fixture(autouse=True)
    def _a_provider(self) -> Any:
        with FakeProvider(self.answer) as provider:
            self._provider = provider
            yield

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        """What the provider answers when all is well."""
        del request
        return ProviderAnswer(self.accepted_status, self.accepted)

    def make_settings(self) -> BaseModel:
        return self._settings(self._provider.url)

    def make_context(self) -> SenderContext:
        return fake_sender_context(http=make_client(), media=self.media())

    def media(self) -> Mapping[str, bytes]:
        """Files by upload id or address, for messages that have one."""
        return {}

    def test_it_is_accepted_and_the_provider_is_asked_once(self) -> None:
        ending = self._send()

        assert isinstance(ending, Accepted), ending
        assert self._sends() == 1

    def test_a_refused_connection_is_temporary(self) -> None:
        with socket.socket() as taken:  # bound, not listening: connections are refused
            taken.bind(("127.0.0.1", 0))
            ending = self._send(self._settings(f"http://127.0.0.1:{taken.getsockname()[1]}"))

        assert isinstance(ending, Temporary), ending

    def test_an_answer_that_gets_lost_leaves_the_outcome_unknown(self) -> None:
        """Where the answer to the send itself is lost; what is asked before it is answered. All ways at once: two of
        them take as long as a request may take.
        """
        faults = iter(FAULTS)

        def lose(request: ProviderRequest) -> ProviderAnswer:
            usual = self.answer(request)
            if not self.is_send(request):
                return usual
            return ProviderAnswer(usual.status, usual.body or {"": ""}, usual.headers, fault=next(faults, "drop"))

        self._provider.answering = lose
        settings = self._settings(self._provider.url, seconds=SHORT_SECONDS)
        endings = asyncio.run(self._send_with(settings, [self.messages()[0]] * len(FAULTS)))

        assert all(isinstance(ending, OutcomeUnknown) for ending in endings), endings
        assert self._sends() <= len(FAULTS), "none is sent again by itself"

    @pytest.mark.parametrize("status", [200, 400, 404, 500, 502, 504])
    def test_an_answer_that_makes_no_sense_is_sorted_all_the_same(self, status: int) -> None:
        for body in NONSENSE:
            ending = self._send(answers=ProviderAnswer(status, body))

            assert isinstance(ending, SendError), f"to {body!r} it is neither accepted nor a bug"
            if status in {200, 500, 502, 504}:
                assert isinstance(ending, OutcomeUnknown), f"to {body!r} it may have been accepted, and is {ending!r}"

    def test_too_many_requests_is_throttling_and_the_wait_is_kept(self) -> None:
        ending = self._send(answers=ProviderAnswer(429, "slow down", {"Retry-After": "7"}))

        assert isinstance(ending, Throttled), ending
        assert ending.retry_after == 7  # noqa: PLR2004 - as answered

    def test_no_access_stops_the_connection(self) -> None:
        ending = self._send(answers=ProviderAnswer(401, "unauthorized"))

        assert isinstance(ending, ConnectionDown), ending

    def test_busy_is_temporary(self) -> None:
        ending = self._send(answers=ProviderAnswer(503, "busy"))

        assert isinstance(ending, Temporary), ending

    def is_send(self, request: ProviderRequest) -> bool:
        """Whether a request is the send itself, and not an upload or a look-up before it."""
        del request
        return True

    def _settings(self, url: str, *, seconds: float | None = None) -> BaseModel:
        given = {**self.settings, self.address_setting: url}
        if seconds is not None:
            given[self.seconds_setting] = seconds
        settings: BaseModel = self.sender_class.Settings.model_validate(given)
        return settings

    def _sends(self) -> int:
        return sum(map(self.is_send, self._provider.requests))

    def _send(
        self,
        settings: BaseModel | None = None,
        *,
        message: OutgoingMessage | None = None,
        answers: ProviderAnswer | None = None,
    ) -> object:
        """Send one message. :param answers: to the send."""

        def answering(request: ProviderRequest) -> ProviderAnswer:
            return answers if answers is not None and self.is_send(request) else self.answer(request)

        self._provider.answering = answering
        endings = asyncio.run(self._send_with(settings or self.make_settings(), [message or self.messages()[0]]))
        return endings[0]

    async def _send_with(self, settings: BaseModel, messages: Sequence[OutgoingMessage]) -> list[object]:
        context = self.make_context()
        sender = self.sender_class(settings, context)
        try:
            return list(await asyncio.gather(*map(sender.send, messages), return_exceptions=True))
        finally:
            await context.http.aclose()
