"""The contract suite of senders."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Sequence
from typing import Any, ClassVar, Final, TypeVar

import httpx

from wabroadcast_core.errors import BadMessage, SendError
from wabroadcast_core.hookspecs import Sender, SenderContext
from wabroadcast_core.models.capabilities import Capabilities
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.plugin_faults import LOOP_ENDS, describe_fault
from wabroadcast_core.plugins.class_checks import faults_of_sender
from wabroadcast_core.testing.contexts import fake_sender_context
from wabroadcast_core.testing.contracts.abilities import SenderAbilities
from wabroadcast_core.testing.contracts.checking import (
    LOGGED_SECRET,
    captured_output,
    has_secret,
    personal_parts,
    require,
    require_no_faults,
    type_of,
)
from wabroadcast_core.testing.contracts.loop_watch import require_free_loop, run_watched
from wabroadcast_core.testing.messages import load_sample, message_of_type, message_to, message_with_upload

T = TypeVar("T")

SOON: Final = 10.0  # seconds
ALL_SOON: Final = 60.0  # seconds for all messages, also if one ends in a time-out
STEPS_OF_LOOP: Final = (1, 4, 16)  # after which a send is cancelled


class SenderContract(SenderAbilities):
    """The contract of senders.

    Set ``sender_class``, and ``settings`` as an operator gives them. Override :meth:`make_context` so that a provider
    answers, and :meth:`messages` so that the sender fails in each of its ways.
    """

    sender_class: ClassVar[type[Sender]]
    """The sender under test."""

    types: ClassVar[frozenset[str] | None] = None
    """The types of messages that it sends with these settings; None: all that its capabilities have."""

    upload_types: ClassVar[frozenset[str] | None] = None
    """The types that it sends with an upload with these settings; None: all that its capabilities have."""

    _context: SenderContext
    _clients: tuple[httpx.AsyncClient, ...] = ()

    @property
    def plugin_class(self) -> type[Sender]:
        return self.sender_class

    @property
    def capabilities(self) -> Capabilities:
        return self.sender_class.capabilities

    def make_context(self) -> SenderContext:
        """Create the context of the sender. By default every connection to a provider is refused."""
        return fake_sender_context()

    def messages(self) -> Sequence[OutgoingMessage]:
        """Return the messages that the tests send; at least one."""
        return [message_to(f"+62812345678{number:02}") for number in range(10)]

    def make_sender(self, **changed: Any) -> Sender:
        """Create the sender with new settings and a new context.

        :param changed: fields of the context that differ from those of :meth:`make_context`.
        """
        made = self.make_context()
        self._context = dataclasses.replace(made, **changed)
        self._clients = (made.http, self._context.http)
        return self.sender_class(self.make_settings(), self._context)

    async def close(self, sender: Sender) -> None:
        """Close a sender and the HTTP clients of its context."""
        aclose = getattr(sender, "aclose", None)
        if aclose is not None:
            await aclose()
        for client in self._clients:
            await client.aclose()

    def test_its_class_can_be_registered(self) -> None:
        require_no_faults(faults_of_sender(self.sender_class))

    def test_it_is_created_without_an_event_loop(self) -> None:
        require(isinstance(self.make_sender(), Sender), "the class is not a Sender: it needs kind, Settings and send")

    def test_a_send_is_accepted_or_ends_in_a_send_error(self) -> None:
        outcomes = asyncio.run(self._send_all())

        require_no_faults(sorted({fault for outcome in outcomes for fault in _faults_of_outcome(outcome)}))

    def test_an_error_contains_no_secret_and_no_number(self) -> None:
        outcomes = asyncio.run(self._send_all())

        errors = [outcome for outcome in outcomes if isinstance(outcome, SendError)]
        text = "\n".join(f"{error} {error.reason} {error.detail}" for error in errors)
        self._require_no_private_part(text, "the text of an error")

    def test_its_log_contains_no_secret_no_number_and_no_text(self) -> None:
        with captured_output() as output:
            asyncio.run(self._send_all())

        require(not has_secret(output.whole, self.make_settings()), LOGGED_SECRET)
        self._require_no_private_part(output.shown, "the log (from INFO up) or what is printed")

    def test_a_send_does_not_hold_the_event_loop(self) -> None:
        _, line = run_watched(self._send_all(), package=self.package)

        require_free_loop(line)

    def test_a_cancelled_send_ends_as_cancelled(self) -> None:
        """Cancel a send whose provider does not answer, early and later."""
        for steps in STEPS_OF_LOOP:
            fault = asyncio.run(self._fault_of_cancelled_send(steps))
            require(fault is None, str(fault))

    def test_a_cancelled_send_does_no_harm_to_other_sends(self) -> None:
        async def cancel_one() -> None:
            sender = self.make_sender()
            first, *others = self.messages()
            task = asyncio.create_task(_outcome_of(sender, first))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=SOON)
            for message in others[:1]:
                await _ended(_outcome_of(sender, message), seconds=SOON, hint="after another one was cancelled")
            await self.close(sender)

        asyncio.run(cancel_one())

    def test_each_type_that_it_declares_can_be_sent(self) -> None:
        types = self.capabilities.types if self.types is None else self.types
        uploads = self.capabilities.upload_types if self.upload_types is None else self.upload_types
        for kind in sorted(types):
            self._require_sent(message_of_type(kind), "types")
        for kind in sorted((types & uploads) - {"text"}):
            self._require_sent(message_with_upload(kind), "upload_types")

    def test_no_task_outlives_its_close(self) -> None:
        async def leftovers() -> set[asyncio.Task[Any]]:
            sender = self.make_sender()
            before = asyncio.all_tasks()
            await asyncio.gather(*(_outcome_of(sender, message) for message in self.messages()))
            await self.close(sender)
            await asyncio.sleep(0)
            return asyncio.all_tasks() - before

        require(not asyncio.run(leftovers()), "a task is running after the last send and aclose: end it in aclose")

    async def _send_all(self) -> list[object]:
        """Send all messages at the same time, as a worker does, and return how each send ended."""
        sender = self.make_sender()
        sends = asyncio.gather(*(_outcome_of(sender, message) for message in self.messages()))
        outcomes = await _ended(sends, seconds=ALL_SOON)
        await self.close(sender)
        return outcomes

    def _require_sent(self, message: OutgoingMessage, capability: str) -> None:
        """Check that a sample message of a declared type is not refused."""
        outcome = asyncio.run(self._send_sample(message))
        faults = list(_faults_of_outcome(outcome))
        if isinstance(outcome, BadMessage):
            faults.append(f"a plain message is refused ({outcome.reason})")
        hint = f"capabilities.{capability} has {message.type!r}: implement it or remove it there"
        require(not faults, f"{hint}; {'; '.join(faults)}")

    async def _send_sample(self, message: OutgoingMessage) -> object:
        """Send a sample message and return how the send ended."""
        sender = self.make_sender(load_media=load_sample(message.type, self.capabilities))
        outcome = await _ended(_outcome_of(sender, message), seconds=ALL_SOON)
        await self.close(sender)
        return outcome

    async def _fault_of_cancelled_send(self, steps: int) -> str | None:
        """Cancel a send after some steps of the event loop and return what is wrong with its end."""
        sender = self.make_sender(http=httpx.AsyncClient(transport=_SilentProvider()))
        task = asyncio.create_task(_outcome_of(sender, self.messages()[0]))
        for _ in range(steps):
            await asyncio.sleep(0)
        if task.done() or task.cancel() is False:
            return None  # it ended before
        await asyncio.wait([task], timeout=SOON)
        if not task.done():
            return f"a cancelled send did not end within {SOON:g} s: {_MENDED_CANCEL}"
        await self.close(sender)
        return None if task.cancelled() else f"a cancelled send went on and returned or raised: {_MENDED_CANCEL}"

    def _require_no_private_part(self, text: str, where: str) -> None:
        parts = personal_parts(text, self.messages())
        if has_secret(text, self.make_settings()):
            parts.append("a secret")
        require(not parts, f"{where} contains {' and '.join(parts)}: leave it out, or mask it (mask_number)")


_MENDED_CANCEL: Final = (
    "let asyncio.CancelledError pass (no `except BaseException`, no bare `except`), and use `finally` to clean up"
)
_MENDED_ERROR: Final = "raise a subclass of SendError; which one it is decides whether the message is sent again"


class _SilentProvider(httpx.AsyncBaseTransport):
    """A provider that takes requests and never answers."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3_600)
        raise httpx.ReadTimeout("no answer", request=request)


async def _outcome_of(sender: Sender, message: OutgoingMessage) -> object:
    """Return the result of a send, or the exception that it raised."""
    try:
        return await sender.send(message)
    except LOOP_ENDS:
        raise
    except BaseException as error:  # noqa: BLE001 - the outcome, which is checked
        return error


async def _ended(sends: Awaitable[T], *, seconds: float, hint: str = "") -> T:
    """Wait for sends and return their result.

    :raises AssertionError: they have not ended in time.
    """
    try:
        return await asyncio.wait_for(sends, seconds)
    except TimeoutError:
        when = f" {hint}" if hint else ""
        raise AssertionError(
            f"a send did not end within {seconds:g} s{when}: give each request a time limit, and release locks in "
            "`finally`"
        ) from None


def _faults_of_outcome(outcome: object) -> list[str]:
    """Return what is wrong with the end of a send."""
    match outcome:
        case SendError():
            return _faults_of_error(outcome)
        case BaseException():
            return [f"send raised {describe_fault(outcome)}: {_MENDED_ERROR}"]
        case Accepted():
            ids = {"provider_id": outcome.provider_id, "wa_id": outcome.wa_id}
            bad = [f"{name} is of the type {type_of(value)}" for name, value in ids.items() if not _is_text(value)]
            return [f"Accepted.{fault}: give a text or None" for fault in bad]
    return [f"send returned {type_of(outcome)}: return Accepted(provider_id=…)"]


def _faults_of_error(error: SendError) -> list[str]:
    faults, texts = list[str](), (error.reason, error.detail)
    if type(error) is SendError:
        faults.append("send raised SendError itself: raise one of its subclasses, which say what follows")
    if not all(map(_is_text, texts)):
        faults.append(f"the reason or the detail of {type_of(error)} is not a text: pass texts")
    return faults


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)
