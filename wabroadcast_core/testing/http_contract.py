"""The contract suite of senders that use HTTP: all of :class:`SenderContract`, and the failures of the network.

    class TestMySender(HttpSenderContract):
        sender_class = MySender
        settings = {"token": "not-a-real-one"}
        accepted = {"id": "1"}

The provider is a real server on loopback. No other package than pytest is needed.
"""
# ruff: noqa: S101 - these classes are tests

import asyncio
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import pytest
from pydantic import BaseModel

from wabroadcast_core.errors import ConnectionDown, OutcomeUnknown, SendError, Temporary, Throttled
from wabroadcast_core.hookspecs import SenderContext
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.testing.contexts import fake_sender_context
from wabroadcast_core.testing.contracts.senders import SenderContract
from wabroadcast_core.testing.provider import FakeProvider, ProviderAnswer, ProviderRequest
from wabroadcast_core.transport.http_client import make_client

SHORT_SECONDS = 0.5  # the time-out of requests that are not answered
FAULTS: Final[tuple[Any, ...]] = ("drop", "hang", "cut", "trickle")
OTHER_VALUES: Final[tuple[Any, ...]] = (None, True, 7, "", "x", [], ["x"], {}, {"x": 1})
INVALID_BODIES: Final = (b"", "<html><body>Bad gateway</body></html>", b"\xff\xfe\x00", "[1, 2", "null", "[]")


class HttpSenderContract(SenderContract):
    """The contract of senders that use HTTP.

    In addition to the attributes of :class:`SenderContract`, set ``accepted``, or override :meth:`answer` if the
    provider needs more than one answer.
    """

    accepted: ClassVar[Any]
    """The body of the provider's answer to an accepted message."""
    accepted_status: ClassVar[int] = 200
    """The HTTP status of this answer."""
    address_setting: ClassVar[str] = "baseUrl"
    """The name of the setting of the provider's base address."""
    seconds_setting: ClassVar[str] = "timeoutSeconds"
    """The name of the setting of the time-out of a request."""

    _provider: FakeProvider

    @pytest.fixture(autouse=True)
    def _a_provider(self) -> Any:
        with FakeProvider(self.answer) as provider:
            self._provider = provider
            yield

    def answer(self, request: ProviderRequest) -> ProviderAnswer:
        """Return the provider's answer to a request that succeeds."""
        del request
        return ProviderAnswer(self.accepted_status, self.accepted)

    def make_settings(self) -> BaseModel:
        return self._settings(self._provider.url)

    def make_context(self) -> SenderContext:
        return fake_sender_context(http=make_client(), media=self.media())

    def media(self) -> Mapping[str, bytes]:
        """Return the files that the messages name, by upload id or URL."""
        return {}

    def test_a_message_is_accepted_with_one_request(self) -> None:
        outcome = self._send()

        assert isinstance(outcome, Accepted), outcome
        assert self._sends() == 1

    def test_a_refused_connection_is_temporary(self) -> None:
        with socket.socket() as bound:  # bound, but not listening: connections are refused
            bound.bind(("127.0.0.1", 0))
            outcome = self._send(self._settings(f"http://127.0.0.1:{bound.getsockname()[1]}"))

        assert isinstance(outcome, Temporary), outcome

    def test_a_lost_answer_leaves_the_outcome_unknown(self) -> None:
        """Only the answer to the send itself is lost; earlier requests are answered.

        All failures are tested at the same time, because two of them take as long as the time-out.
        """
        faults = iter(FAULTS)

        def lose(request: ProviderRequest) -> ProviderAnswer:
            usual = self.answer(request)
            if not self.is_send(request):
                return usual
            return ProviderAnswer(usual.status, usual.body or {"": ""}, usual.headers, fault=next(faults, "drop"))

        self._provider.answering = lose
        settings = self._settings(self._provider.url, seconds=SHORT_SECONDS)
        outcomes = asyncio.run(self._send_with(settings, [self.messages()[0]] * len(FAULTS)))

        assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes), outcomes
        assert self._sends() <= len(FAULTS), "a message was sent again after its answer was lost"

    @pytest.mark.parametrize("status", [200, 400, 404, 500, 502, 504])
    def test_an_invalid_answer_is_a_send_error(self, status: int) -> None:
        for body in INVALID_BODIES:
            outcome = self._send(answers=ProviderAnswer(status, body))

            assert isinstance(outcome, SendError), f"the answer {body!r} was accepted or raised another error"
            if status in {200, 500, 502, 504}:
                assert isinstance(outcome, OutcomeUnknown), (
                    f"after the answer {body!r} the message may have been accepted, but the outcome is {outcome!r}"
                )

    def test_an_answer_with_values_of_other_types_is_accepted_or_a_send_error(self) -> None:
        """Each value in the answer is replaced in turn; all answers are given at the same time."""
        self._send()
        usual = self.answer(next(filter(self.is_send, self._provider.requests)))
        bodies = list(_with_other_values(usual.body))
        left = iter(bodies)

        def answering(request: ProviderRequest) -> ProviderAnswer:
            is_tried = self.is_send(request)
            return ProviderAnswer(usual.status, next(left, usual.body)) if is_tried else self.answer(request)

        self._provider.answering = answering
        outcomes = asyncio.run(self._send_with(self.make_settings(), [self.messages()[0]] * len(bodies)))

        wrong = [outcome for outcome in outcomes if not isinstance(outcome, Accepted | SendError)]
        assert not wrong, f"answers like {usual.body!r}, but with values of other types, raise {wrong!r}"

    def test_status_429_is_throttled_with_the_wait_of_the_answer(self) -> None:
        outcome = self._send(answers=ProviderAnswer(429, "slow down", {"Retry-After": "7"}))

        assert isinstance(outcome, Throttled), outcome
        assert outcome.retry_after == 7  # noqa: PLR2004 - as in the answer

    def test_status_401_is_connection_down(self) -> None:
        outcome = self._send(answers=ProviderAnswer(401, "unauthorized"))

        assert isinstance(outcome, ConnectionDown), outcome

    def test_status_503_is_temporary(self) -> None:
        outcome = self._send(answers=ProviderAnswer(503, "busy"))

        assert isinstance(outcome, Temporary), outcome

    def is_send(self, request: ProviderRequest) -> bool:
        """Return whether a request is the send itself, and not an upload or a look-up before it."""
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
        """Send one message and return how the send ended.

        :param answers: the answer to the send itself.
        """

        def answering(request: ProviderRequest) -> ProviderAnswer:
            return answers if answers is not None and self.is_send(request) else self.answer(request)

        self._provider.answering = answering
        outcomes = asyncio.run(self._send_with(settings or self.make_settings(), [message or self.messages()[0]]))
        return outcomes[0]

    async def _send_with(self, settings: BaseModel, messages: Sequence[OutgoingMessage]) -> list[object]:
        context = self.make_context()
        sender = self.sender_class(settings, context)
        try:
            return list(await asyncio.gather(*map(sender.send, messages), return_exceptions=True))
        finally:
            await context.http.aclose()


def _with_other_values(document: Any) -> Iterator[Any]:
    """Yield a JSON document with each of its parts, and itself, replaced by values of other types."""
    yield from OTHER_VALUES
    if isinstance(document, dict):
        for name, part in document.items():
            yield from ({**document, name: other} for other in _with_other_values(part))
    elif isinstance(document, list):
        for place, part in enumerate(document):
            yield from ([*document[:place], other, *document[place + 1 :]] for other in _with_other_values(part))
