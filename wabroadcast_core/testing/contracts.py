"""Contract suites: what the engine takes for granted of a plugin. Subclass one in a test module, and pytest runs it.

    class TestMySender(SenderContract):
        sender_class = MySender
        settings = {"token": "not-a-real-one"}

Needs nothing but pytest.
"""
# ruff: noqa: S101 - these classes are tests

import asyncio
import json
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
from wabroadcast_core.testing.contexts import fake_sender_context, source_context

if TYPE_CHECKING:
    import pytest

_KIND = re.compile(r"[a-z][a-z0-9_-]*")
_SECRET_NAME = re.compile(r"(?i)(?<!public_)(token|secret|password|passwd|api_?key|credential)")
_TYPES = {"text", "image", "document", "audio", "video", "template"}
_SOON = 10.0  # seconds


class _PluginContract:
    """What holds for every plugin class with a kind and settings."""

    settings: ClassVar[Mapping[str, Any]] = {}

    @property
    def plugin_class(self) -> Any:
        raise NotImplementedError

    def make_settings(self) -> BaseModel:
        settings: BaseModel = self.plugin_class.Settings.model_validate(dict(self.settings))
        return settings

    def test_its_kind_is_a_short_plain_word(self) -> None:
        assert _KIND.fullmatch(self.plugin_class.kind), "kind: small letters, digits, '-' and '_'"

    def test_its_settings_draw_a_form(self) -> None:
        schema = self.plugin_class.Settings.model_json_schema()

        assert json.loads(json.dumps(schema))["type"] == "object"

    def test_its_secrets_are_secret(self) -> None:
        fields = self.plugin_class.Settings.model_fields
        bare = [
            name for name, field in fields.items() if _SECRET_NAME.search(name) and not _is_secret(field.annotation)
        ]

        assert not bare, f"these settings look like secrets and must be SecretStr: {', '.join(bare)}"

    def test_its_settings_never_show_a_secret(self) -> None:
        settings = self.make_settings()
        shown = f"{settings!r} {settings} {settings.model_dump_json()}"

        assert not [secret for secret in _secrets_in(settings) if secret in shown]


class SenderContract(_PluginContract):
    """What the engine takes for granted of a sender. Give ``sender_class``, and ``settings`` as an operator gives them.

    Override :meth:`make_context` to let a provider answer, :meth:`messages` to send what makes your sender fail in
    each of its ways.
    """

    sender_class: ClassVar[type[Sender]]

    _context: SenderContext

    @property
    def plugin_class(self) -> type[Sender]:
        return self.sender_class

    def make_context(self) -> SenderContext:
        return fake_sender_context()

    def messages(self) -> Sequence[OutgoingMessage]:
        return [message_to(f"+62812345678{number:02}") for number in range(10)]

    def make_sender(self) -> Sender:
        self._context = self.make_context()
        return self.sender_class(self.make_settings(), self._context)

    async def close(self, sender: Sender) -> None:
        """Let go of a sender and of what was lent to it."""
        closing = getattr(sender, "aclose", None)
        if closing is not None:
            await closing()
        await self._context.http.aclose()

    def test_its_capabilities_are_ones_the_engine_knows(self) -> None:
        capabilities = self.sender_class.capabilities

        assert capabilities.types, "a sender sends something"
        assert capabilities.types <= _TYPES
        assert set(capabilities.media_bytes) <= capabilities.types
        assert capabilities.text_length > 0

    def test_it_is_made_without_a_request(self) -> None:
        assert isinstance(self.make_sender(), Sender)

    def test_a_send_is_accepted_or_ends_in_a_send_error(self) -> None:
        endings = asyncio.run(self._send_all())

        bugs = [ending for ending in endings if not isinstance(ending, Accepted | SendError)]
        assert not bugs, "send returns Accepted or raises a SendError, nothing else"

    def test_an_error_says_neither_secret_nor_number(self) -> None:
        endings = asyncio.run(self._send_all())

        shown = [f"{ending} {ending.reason} {ending.detail}" for ending in endings if isinstance(ending, SendError)]
        assert not self._private_parts("\n".join(shown))

    def test_its_log_says_neither_secret_nor_number_nor_text(self, caplog: "pytest.LogCaptureFixture") -> None:
        with caplog.at_level(logging.INFO):
            asyncio.run(self._send_all())

        said = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
        assert not self._private_parts(said)

    def test_a_cancelled_send_ends_at_once_and_harms_nobody(self) -> None:
        async def cancel_one() -> None:
            sender = self.make_sender()
            first, *others = self.messages()
            task = asyncio.create_task(sender.send(first))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task], timeout=_SOON)
            assert task.done(), "a cancelled send ends at once"
            for message in others[:1]:
                await asyncio.wait_for(_ending_of(sender, message), _SOON)
            await self.close(sender)

        asyncio.run(cancel_one())

    def test_no_task_outlives_its_close(self) -> None:
        async def leftovers() -> set[asyncio.Task[Any]]:
            sender = self.make_sender()
            before = asyncio.all_tasks()
            await asyncio.gather(*(_ending_of(sender, message) for message in self.messages()))
            await self.close(sender)
            await asyncio.sleep(0)
            return asyncio.all_tasks() - before

        assert not asyncio.run(leftovers()), "aclose, or the end of the last send, ends every task"

    async def _send_all(self) -> list[object]:
        """All at once, as the engine does."""
        sender = self.make_sender()
        endings = await asyncio.gather(*(_ending_of(sender, message) for message in self.messages()))
        await self.close(sender)
        return endings

    def _private_parts(self, text: str) -> list[str]:
        private = [*_secrets_in(self.make_settings())]
        for message in self.messages():
            private += [message.number, message.number.lstrip("+"), message.text or message.number]
        return [part for part in private if part in text]


class ContactSourceContract(_PluginContract):
    """What the engine takes for granted of a contact source.

    Give ``source_class``, ``settings`` as a broadcast gives them beside ``type``, and ``rows``: how many they yield.
    Override :meth:`make_context` for uploads and contacts.
    """

    source_class: ClassVar[type[ContactSource]]
    rows: ClassVar[int]

    @property
    def plugin_class(self) -> type[ContactSource]:
        return self.source_class

    def make_context(self) -> SourceContext:
        return source_context()

    def read(self) -> Iterator[AudienceRow]:
        """What a source, made anew, yields."""
        return iter(self.source_class(self.make_settings(), self.make_context()).read())

    def test_it_yields_its_rows(self) -> None:
        rows = list(self.read())

        assert len(rows) == self.rows
        assert all(isinstance(row, AudienceRow) for row in rows)

    def test_its_check_finds_no_fault_in_settings_that_fit(self) -> None:
        source = self.source_class(self.make_settings(), self.make_context())

        assert not isinstance(source, ChecksSettings) or not source.check_settings()

    def test_its_values_are_plain(self) -> None:
        for row in self.read():
            assert isinstance(row.number, str), "number is text, as it was found"
            assert row.name is None or isinstance(row.name, str)
            assert all(isinstance(name, str) for name in row.variables)
            assert all(isinstance(value, str | int | float | None) for value in row.variables.values())

    def test_its_row_numbers_grow(self) -> None:
        numbers = [row.row for row in self.read() if row.row is not None]

        assert numbers == sorted(set(numbers))
        assert not numbers or numbers[0] >= 1

    def test_it_streams(self) -> None:
        rows = self.source_class(self.make_settings(), self.make_context()).read()

        assert not isinstance(rows, Sequence), "read yields rows one by one; a list grows with the audience"

    def test_a_read_may_be_given_up(self) -> None:
        rows = self.read()
        list(islice(rows, 1))
        close: Callable[[], None] | None = getattr(rows, "close", None)
        if close is not None:
            close()

        assert len(list(self.read())) == self.rows

    def test_an_upload_that_is_gone_is_an_error_on_purpose(self) -> None:
        if "uploadId" not in self.settings:
            return
        try:
            list(self.source_class(self.make_settings(), source_context()).read())
        except BroadcastError:
            return
        raise AssertionError("an audience that cannot be read raises, it is not empty")

    def test_it_is_repeatable_if_it_says_so(self) -> None:
        assert isinstance(self.source_class.repeatable, bool)
        if self.source_class.repeatable:
            assert list(self.read()) == list(self.read())

    def test_its_log_says_no_number(self, caplog: "pytest.LogCaptureFixture") -> None:
        with caplog.at_level(logging.INFO):
            numbers = [row.number for row in self.read() if row.number]

        said = "\n".join(record.getMessage() for record in caplog.records if record.levelno >= logging.INFO)
        assert not [number for number in numbers if number in said]


def message_to(number: str, *, text: str = "Halo Budi, kode Anda A1", attempt: int = 1) -> OutgoingMessage:
    """A text to that number, with an id made from it."""
    return OutgoingMessage(
        message_id=f"test-{number.lstrip('+')}",
        number=number,
        type="text",
        text=text,
        content={"previewUrl": False},
        attempt=attempt,
    )


async def _ending_of(sender: Sender, message: OutgoingMessage) -> object:
    try:
        return await sender.send(message)
    except Exception as error:  # noqa: BLE001 - the test judges whatever it is
        return error


def _is_secret(annotation: object) -> bool:
    return "Secret" in str(annotation) or annotation in {SecretStr, SecretBytes, bool, int, float}


def _secrets_in(settings: BaseModel) -> Iterator[str]:
    for _name, value in settings:
        if isinstance(value, SecretStr) and value.get_secret_value():
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secrets_in(value)
