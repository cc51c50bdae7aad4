"""Contract suites: tests of what every plugin must do.

Subclass one in a test module, and pytest runs its tests. No other package is needed:

    class TestMySender(SenderContract):
        sender_class = MySender
        settings = {"token": "not-a-real-one"}
"""
# ruff: noqa: S101 - these classes are tests

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, SecretBytes, SecretStr

from wabroadcast_core.errors import BroadcastError, SendError
from wabroadcast_core.hookspecs import ChecksSettings, ContactSource, Sender, SenderContext, SourceContext
from wabroadcast_core.models.message import Accepted, OutgoingMessage
from wabroadcast_core.models.recipient import AudienceRow
from wabroadcast_core.plugins.class_checks import (
    faults_of_capabilities,
    faults_of_contact_source,
    faults_of_kind,
    faults_of_sender,
    faults_of_settings,
)
from wabroadcast_core.testing.contexts import fake_sender_context, source_context

if TYPE_CHECKING:
    import pytest

_SECRET_NAME = re.compile(r"(?i)(?<!public_)(token|secret|password|passwd|api_?key|credential)")
_SOON = 10.0  # seconds


class _PluginContract:
    """The tests for every plugin class with a kind and settings."""

    settings: ClassVar[Mapping[str, Any]] = {}
    """The settings of the plugin under test."""

    @property
    def plugin_class(self) -> Any:
        """The class under test."""
        raise NotImplementedError

    def make_settings(self) -> BaseModel:
        """Create the settings of the plugin under test."""
        settings: BaseModel = self.plugin_class.Settings.model_validate(dict(self.settings))
        return settings

    def test_its_kind_is_a_short_plain_word(self) -> None:
        assert not faults_of_kind(self.plugin_class.kind)

    def test_its_settings_have_a_json_schema_for_a_form(self) -> None:
        assert not faults_of_settings(self.plugin_class.Settings)

    def test_its_secrets_are_of_a_secret_type(self) -> None:
        fields = self.plugin_class.Settings.model_fields
        bare = [
            name for name, field in fields.items() if _SECRET_NAME.search(name) and not _is_secret(field.annotation)
        ]

        assert not bare, f"these settings look like secrets but are not SecretStr: {', '.join(bare)}"

    def test_its_settings_never_show_a_secret(self) -> None:
        settings = self.make_settings()
        shown = f"{settings!r} {settings} {settings.model_dump_json()}"

        assert not [secret for secret in _secrets_in(settings) if secret in shown]


class SenderContract(_PluginContract):
    """The contract of senders.

    Set ``sender_class``, and ``settings`` as an operator gives them. Override :meth:`make_context` so that a provider
    answers, and :meth:`messages` so that the sender fails in each of its ways.
    """

    sender_class: ClassVar[type[Sender]]
    """The sender under test."""

    _context: SenderContext

    @property
    def plugin_class(self) -> type[Sender]:
        return self.sender_class

    def make_context(self) -> SenderContext:
        """Create the context of the sender. By default every connection to a provider is refused."""
        return fake_sender_context()

    def messages(self) -> Sequence[OutgoingMessage]:
        """Return the messages that the tests send; at least one."""
        return [message_to(f"+62812345678{number:02}") for number in range(10)]

    def make_sender(self) -> Sender:
        """Create the sender with new settings and a new context."""
        self._context = self.make_context()
        return self.sender_class(self.make_settings(), self._context)

    async def close(self, sender: Sender) -> None:
        """Close a sender and the HTTP client of its context."""
        aclose = getattr(sender, "aclose", None)
        if aclose is not None:
            await aclose()
        await self._context.http.aclose()

    def test_its_capabilities_are_known(self) -> None:
        assert not faults_of_capabilities(self.sender_class.capabilities)

    def test_its_class_can_be_registered(self) -> None:
        assert not faults_of_sender(self.sender_class)

    def test_it_is_created_without_a_request(self) -> None:
        assert isinstance(self.make_sender(), Sender)

    def test_a_send_is_accepted_or_ends_in_a_send_error(self) -> None:
        outcomes = asyncio.run(self._send_all())

        bugs = [outcome for outcome in outcomes if not isinstance(outcome, Accepted | SendError)]
        assert not bugs, "send returned something other than Accepted, or raised something other than a SendError"

    def test_an_error_contains_no_secret_and_no_number(self) -> None:
        outcomes = asyncio.run(self._send_all())

        errors = [outcome for outcome in outcomes if isinstance(outcome, SendError)]
        texts = [f"{error} {error.reason} {error.detail}" for error in errors]
        assert not self._private_parts("\n".join(texts))

    def test_its_log_contains_no_secret_no_number_and_no_text(self, caplog: "pytest.LogCaptureFixture") -> None:
        with caplog.at_level(logging.INFO):
            asyncio.run(self._send_all())

        lines = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
        assert not self._private_parts(lines)

    def test_a_cancelled_send_ends_at_once_without_harm_to_other_sends(self) -> None:
        async def cancel_one() -> None:
            sender = self.make_sender()
            first, *others = self.messages()
            task = asyncio.create_task(sender.send(first))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=_SOON)
            assert task.done(), f"a cancelled send did not end within {_SOON:g} s"
            for message in others[:1]:
                await asyncio.wait_for(_outcome_of(sender, message), _SOON)
            await self.close(sender)

        asyncio.run(cancel_one())

    def test_no_task_outlives_its_close(self) -> None:
        async def leftovers() -> set[asyncio.Task[Any]]:
            sender = self.make_sender()
            before = asyncio.all_tasks()
            await asyncio.gather(*(_outcome_of(sender, message) for message in self.messages()))
            await self.close(sender)
            await asyncio.sleep(0)
            return asyncio.all_tasks() - before

        assert not asyncio.run(leftovers()), "a task is running after the last send and aclose: end it there"

    async def _send_all(self) -> list[object]:
        """Send all messages at the same time, as a worker does, and return how each send ended."""
        sender = self.make_sender()
        outcomes = await asyncio.gather(*(_outcome_of(sender, message) for message in self.messages()))
        await self.close(sender)
        return outcomes

    def _private_parts(self, text: str) -> list[str]:
        """Return the secrets, numbers and message texts that a text contains."""
        private = [*_secrets_in(self.make_settings())]
        for message in self.messages():
            private += [message.number, message.number.lstrip("+"), message.text or message.number]
        return [part for part in private if part in text]


class ContactSourceContract(_PluginContract):
    """The contract of contact sources.

    Set ``source_class``, ``settings`` as a broadcast gives them (without ``type``), and ``rows``. Override
    :meth:`make_context` to add uploads and contacts.
    """

    source_class: ClassVar[type[ContactSource]]
    """The contact source under test."""
    rows: ClassVar[int]
    """How many rows it yields with these settings."""

    @property
    def plugin_class(self) -> type[ContactSource]:
        return self.source_class

    def make_context(self) -> SourceContext:
        """Create the context of the source. By default it has no uploads and no contacts."""
        return source_context()

    def read(self) -> Iterator[AudienceRow]:
        """Create the source and return an iterator over its rows."""
        return iter(self.source_class(self.make_settings(), self.make_context()).read())

    def test_its_class_can_be_registered(self) -> None:
        assert not faults_of_contact_source(self.source_class)

    def test_it_yields_its_rows(self) -> None:
        rows = list(self.read())

        assert len(rows) == self.rows
        assert all(isinstance(row, AudienceRow) for row in rows)

    def test_its_check_finds_no_fault_in_valid_settings(self) -> None:
        source = self.source_class(self.make_settings(), self.make_context())

        assert not isinstance(source, ChecksSettings) or not source.check_settings()

    def test_its_values_are_plain(self) -> None:
        for row in self.read():
            assert isinstance(row.number, str), "number is not a text: yield it as it was found"
            assert row.name is None or isinstance(row.name, str)
            assert all(isinstance(name, str) for name in row.variables)
            assert all(isinstance(value, str | int | float | None) for value in row.variables.values())

    def test_its_row_numbers_grow(self) -> None:
        numbers = [row.row for row in self.read() if row.row is not None]

        assert numbers == sorted(set(numbers))
        assert not numbers or numbers[0] >= 1

    def test_it_streams(self) -> None:
        rows = self.source_class(self.make_settings(), self.make_context()).read()

        assert not isinstance(rows, Sequence), "read returned a list, which grows with the audience: yield the rows"

    def test_a_read_may_be_abandoned(self) -> None:
        rows = self.read()
        list(islice(rows, 1))
        close: Callable[[], None] | None = getattr(rows, "close", None)
        if close is not None:
            close()

        assert len(list(self.read())) == self.rows

    def test_a_missing_upload_raises_a_broadcast_error(self) -> None:
        if "uploadId" not in self.settings:
            return
        try:
            list(self.source_class(self.make_settings(), source_context()).read())
        except BroadcastError:
            return
        raise AssertionError("no error was raised for an upload that does not exist: raise a BroadcastError")

    def test_it_is_repeatable_if_it_declares_so(self) -> None:
        assert isinstance(self.source_class.repeatable, bool)
        if self.source_class.repeatable:
            assert list(self.read()) == list(self.read())

    def test_its_log_contains_no_number(self, caplog: "pytest.LogCaptureFixture") -> None:
        with caplog.at_level(logging.INFO):
            numbers = [row.number for row in self.read() if row.number]

        lines = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
        assert not [number for number in numbers if number in lines]


def message_to(number: str, *, text: str = "Halo Budi, kode Anda A1", attempt: int = 1) -> OutgoingMessage:
    """Create a text message to a number, with an id made from the number."""
    return OutgoingMessage(
        message_id=f"test-{number.lstrip('+')}",
        number=number,
        type="text",
        text=text,
        content={"previewUrl": False},
        attempt=attempt,
    )


async def _outcome_of(sender: Sender, message: OutgoingMessage) -> object:
    """Return the result of a send, or the exception that it raised."""
    try:
        return await sender.send(message)
    except Exception as error:  # noqa: BLE001 - the test checks its type
        return error


def _is_secret(annotation: object) -> bool:
    return "Secret" in str(annotation) or annotation in {SecretStr, SecretBytes, bool, int, float}


def _secrets_in(settings: BaseModel) -> Iterator[str]:
    for _name, value in settings:
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secrets_in(value)
