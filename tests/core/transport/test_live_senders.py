"""The senders of one worker process, one for each connection."""

import logging
from typing import Any

import pytest

from tests.core.fakes import FakeSender, NoSettings
from tests.core.rows import connection
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.hookspecs import SenderContext
from wabroadcast_core.testing import fake_sender_context
from wabroadcast_core.transport.live_senders import LiveSenders


class ContextSender(FakeSender):
    def __init__(self, settings: NoSettings, context: SenderContext) -> None:
        del settings, context
        super().__init__()
        self.is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


class FakeParts:
    """The plugins, vault and contexts of a process. :param kind: the only sender; None: its package is not there."""

    def __init__(self, kind: type | None = None) -> None:
        self.kind = kind

    def sender(self, name: str) -> type:
        if self.kind is None:
            raise NotFoundError("sender", name)
        return self.kind

    def open(self, sealed: object) -> dict[str, Any]:
        del sealed
        return {}

    def context_for(self, snapshot: object, *, receive: object) -> SenderContext:
        del snapshot, receive
        return fake_sender_context()


def senders_of(parts: Any, **options: Any) -> LiveSenders:
    return LiveSenders(parts, parts, parts, receive=lambda *_: None, **options)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.WARNING)
    return caplog


def test_a_sender_that_cannot_be_made_is_logged_once_for_its_settings(lines: pytest.LogCaptureFixture) -> None:
    senders = senders_of(FakeParts())

    assert [senders.find_sender(connection(revision=1)) for _ in range(3)] == [None, None, None]
    assert len(lines.records) == 1
    assert lines.messages[0].startswith("connection c1: its sender cannot be made; ")

    senders.find_sender(connection(revision=2))
    senders.find_sender(connection(2))
    assert [message.split(":")[0] for message in lines.messages[1:]] == ["connection c1", "connection c2"]


def test_a_sender_that_fails_again_after_it_was_made_is_logged_again(lines: pytest.LogCaptureFixture) -> None:
    parts = FakeParts()
    senders = senders_of(parts)
    senders.find_sender(connection(revision=1))

    parts.kind = ContextSender
    assert isinstance(senders.find_sender(connection(revision=2)), ContextSender)
    parts.kind = None
    senders.find_sender(connection(revision=1))

    assert len(lines.records) == 2


@pytest.mark.anyio
async def test_a_sender_with_old_settings_is_closed_once_its_last_sends_are_over() -> None:
    seconds = iter([0.0, 60.0, 119.0, 121.0])  # of both replacements and both looks
    senders = senders_of(FakeParts(ContextSender), now=lambda: next(seconds))
    first, second, third = (senders.of(connection(revision=revision)).sender for revision in (1, 2, 3))
    assert [type(each) for each in (first, second, third)] == [ContextSender] * 3

    await senders.close_replaced(after=120)
    assert not any(each.is_closed for each in (first, second, third))  # type: ignore[attr-defined]
    await senders.close_replaced(after=120)
    assert [each.is_closed for each in (first, second, third)] == [True, False, False]  # type: ignore[attr-defined]
