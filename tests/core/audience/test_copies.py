"""Sources that cannot be read twice: copied under a lock that lasts as long as the copy, completely or not at all."""

import threading
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
import redis
from pydantic import BaseModel
from sqlalchemy import text

from tests.waiting import wait_for
from wabroadcast_core import AudienceRow, ContactSource, RowFault, Settings, SourceContext, SourceError, hookimpl
from wabroadcast_core.audience.consent import SAID_NO
from wabroadcast_core.audience.locks import renewed
from wabroadcast_core.audience.row_classifier import RowClassifier
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import ConflictError, UnavailableError
from wabroadcast_core.models.base import Model
from wabroadcast_core.models.status import SkipReason
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.sentences import code_of
from wabroadcast_core.store import retention as retention_store

SECONDS = 0.6


class NoSettings(Model):
    """The source has no settings."""


class OnceSource:
    """A source of two recipients that runs ``call`` before each of them."""

    kind: ClassVar[str] = "once"
    Settings: ClassVar[type[BaseModel]] = NoSettings
    repeatable: ClassVar[bool] = False
    call: ClassVar[Callable[[int], None]]
    fault: ClassVar[RowFault | None] = None  # of each row

    def __init__(self, settings: Any, context: SourceContext) -> None: ...

    def read(self) -> Iterator[AudienceRow]:
        for place in range(2):
            type(self).call(place)
            yield AudienceRow(f"0812000000{place:02}", fault=self.fault)


class Once:
    @hookimpl
    def wab_contact_sources(self) -> list[type[ContactSource]]:
        return [OnceSource]


@pytest.fixture
def database_url() -> None:
    """Run these tests on SQLite only; they do not depend on the store."""


@pytest.fixture
def broadcaster(settings: Settings) -> Iterator[Broadcaster]:
    with Broadcaster(settings, plugins=[Once()]) as started:
        yield started


def submit(broadcaster: Broadcaster) -> str:
    draft = {"name": "Promo", "message": {"type": "text", "text": "Halo"}, "source": {"type": "once"}}
    return broadcaster.submit(draft).job_id


def await_renewal(client: "redis.Redis", key: str) -> None:
    """Wait until the remaining time of a lock has increased."""
    remaining: list[Any] = [client.pttl(key)]

    def increased() -> bool:
        remaining.append(client.pttl(key))
        return bool(remaining[-1] > remaining[-2])

    wait_for(increased, what="the renewal of the lock")


def test_a_lock_is_renewed_until_its_block_ends(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url) as client:
        lock = client.lock("renewed", timeout=SECONDS, thread_local=False)
        lock.acquire()

        with renewed(lock, seconds=SECONDS):
            for _ in range(2):
                await_renewal(client, "renewed")
            assert lock.owned()

        lock.release()
    assert "wabroadcast-lock" not in {thread.name for thread in threading.enumerate()}


def test_a_slow_source_keeps_its_lock(broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch) -> None:
    key = broadcaster.context.keys.preparing(1)
    monkeypatch.setattr(broadcaster.context.settings, "lease_seconds", SECONDS)  # after a crash it is free as soon
    monkeypatch.setattr(OnceSource, "call", lambda _: await_renewal(broadcaster.context.redis, key), raising=False)
    job_id = submit(broadcaster)

    broadcaster.handlers.prepare(1)

    assert len(broadcaster.messages(job_id).items) == 2
    assert not broadcaster.context.redis.exists(key)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (SourceError("the line is dead"), "the line is dead"),
        (
            LookupError("a bug with +6281234567890 in it"),
            "the contact source once failed with LookupError (see the log): repair its plugin, then submit again",
        ),
    ],
)
def test_an_incomplete_copy_is_deleted(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch, error: Exception, reason: str
) -> None:
    def fail_at_the_second(place: int) -> None:
        if place == 1:
            raise error

    monkeypatch.setattr(OnceSource, "call", fail_at_the_second, raising=False)
    job_id = submit(broadcaster)

    broadcaster.handlers.prepare(1)

    found = broadcaster.get(job_id)
    assert (found.status, found.status_reason, found.total) == ("failed", reason, 0)
    with broadcaster.context.database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM uploads")).scalar_one() == 0
        assert conn.execute(text("SELECT count(*) FROM upload_chunks")).scalar_one() == 0


def test_the_copy_of_an_audience_is_deleted_once_it_was_read(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnceSource, "call", lambda _: None, raising=False)
    job_id = submit(broadcaster)

    broadcaster.handlers.prepare(1)

    assert len(broadcaster.messages(job_id).items) == 2
    assert copies(broadcaster) == []


def test_a_copy_keeps_the_faults_of_its_rows(broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OnceSource, "call", lambda _: None, raising=False)
    monkeypatch.setattr(OnceSource, "fault", RowFault(SAID_NO, "consent", SkipReason.NO_CONSENT))
    job_id = submit(broadcaster)

    broadcaster.handlers.prepare(1)

    assert broadcaster.status(job_id).skipped_by == {"no_consent": 2}
    details = {message.detail for message in broadcaster.messages(job_id).items}
    assert details == {f"consent: {SAID_NO}"}
    assert {code_of(detail or "") for detail in details} == {"fault_in_column"}


def test_a_copy_is_read_with_the_region_of_its_source(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnceSource, "call", lambda _: None, raising=False)
    monkeypatch.setattr(OnceSource, "region", "DE", raising=False)
    job_id = submit(broadcaster)

    broadcaster.handlers.prepare(1)

    numbers = [message.number for message in broadcaster.messages(job_id).items]
    assert numbers == ["+4981200000000", "+4981200000001"]


def test_the_copy_of_an_audience_that_is_not_read_to_its_end_is_in_use(
    broadcaster: Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OnceSource, "call", lambda _: None, raising=False)
    monkeypatch.setattr(RowClassifier, "classify", _fail)
    job_id = submit(broadcaster)
    with pytest.raises(UnavailableError):
        broadcaster.handlers.prepare(1)
    copy = copies(broadcaster)[0]

    broadcaster.pause(job_id)
    with broadcaster.context.database.read() as conn:
        used = retention_store.uploads_in_use(conn, ended_after=9e9)
    with pytest.raises(ConflictError):
        broadcaster.uploads.delete(copy)

    assert copy in used


def _fail(*_: Any, **__: Any) -> None:
    raise UnavailableError("the store is away")


def copies(broadcaster: Broadcaster) -> list[str]:
    with broadcaster.context.database.read() as conn:
        return list(conn.execute(text("SELECT id FROM uploads")).scalars())
