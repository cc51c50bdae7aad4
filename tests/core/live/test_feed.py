"""The live feed: what listeners get and when, what it reads for them, and how it ends; on both stores."""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import delete, text

from tests.scripted import people, text_to
from tests.waiting import wait_for
from wabroadcast_core import Settings
from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.live.feed import CHANGED_SECONDS, UNCHANGED_SECONDS, LiveFeed
from wabroadcast_core.live.listeners import OVERVIEW, Listener, LiveEvent, Topic
from wabroadcast_core.models.broadcast import LiveBroadcast, LiveOverview
from wabroadcast_core.models.status import BroadcastStatus
from wabroadcast_core.queue.embedded import EmbeddedValkey
from wabroadcast_core.store import broadcasts as broadcast_store
from wabroadcast_core.store.changes import Changes
from wabroadcast_core.store.tables import broadcast_connections, broadcasts

SOON = UNCHANGED_SECONDS / 2  # a change that was published is shown by then, however busy the machine is


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


@pytest.fixture
def feed(broadcaster: Broadcaster) -> Iterator[LiveFeed]:
    made = LiveFeed(broadcaster.context)
    yield made
    made.close()


class Reader:
    """A listener that writes down the events that it gets, in a thread of its own."""

    def __init__(self, feed: LiveFeed, job_id: str | None = None, *, last_version: str | None = None) -> None:
        self.events: list[LiveEvent] = []
        self.moments: list[float] = []
        self.wakes = 0
        self._bell = threading.Event()
        self.listener = feed.listen(job_id, wake=self._ring, last_version=last_version)
        self._closing = False
        self._ring()
        self.wakes = 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def last(self) -> LiveBroadcast | LiveOverview | None:
        return self.events[-1].content if self.events else None

    @property
    def status(self) -> str | None:
        return self.last.broadcast.status if isinstance(self.last, LiveBroadcast) else None

    def close(self) -> None:
        self._closing = True
        self._bell.set()
        self._thread.join()
        self.listener.close()

    def _ring(self) -> None:
        self.wakes += 1
        self._bell.set()

    def _read(self) -> None:
        while not (self._closing or self.listener.has_ended):
            if (event := self.listener.take()) is not None:
                self.events.append(event)
                self.moments.append(time.monotonic())
            else:
                self._bell.wait()
                self._bell.clear()


@pytest.fixture
def read(feed: LiveFeed) -> Iterator[Callable[..., Reader]]:
    readers: list[Reader] = []

    def start(job_id: str | None = None, *, last_version: str | None = None) -> Reader:
        readers.append(Reader(feed, job_id, last_version=last_version))
        return readers[-1]

    yield start
    for reader in readers:
        reader.close()


def submit(broadcaster: Broadcaster, *, count: int = 3) -> str:
    return broadcaster.submit(text_to("sandbox"), people(count)).job_id


def add(broadcaster: Broadcaster, job_id: str, **changes: int) -> None:
    """Add to the counters of a broadcast, as a worker does."""
    with broadcaster.context.database.write() as conn:
        row = broadcast_store.find_broadcast(conn, job_id)
        assert row is not None
        counted = Changes()
        counted.update({(row["id"], name): amount for name, amount in changes.items()})
        broadcast_store.apply_changes(conn, counted, now=time.time())


def set_status(broadcaster: Broadcaster, job_id: str, status: BroadcastStatus) -> None:
    with broadcaster.context.database.write() as conn:
        row = broadcast_store.find_broadcast(conn, job_id)
        assert row is not None
        broadcast_store.update_broadcast(conn, row["id"], status=status, prepared=True)


def subscriptions(broadcaster: Broadcaster) -> int:
    context = broadcaster.context
    return int(dict(context.redis.pubsub_numsub(context.keys.changes))[context.keys.changes.encode()])


def test_the_first_event_is_what_the_status_returns(broadcaster: Broadcaster, feed: LiveFeed) -> None:
    job_id = submit(broadcaster)

    event = feed.listen(job_id, wake=lambda: None).take()

    assert event is not None
    assert event.content == LiveBroadcast(broadcast=broadcaster.status(job_id))
    assert event.version == broadcaster.status(job_id).version
    assert LiveBroadcast.model_validate_json(event.json) == event.content


def test_a_broadcast_that_does_not_exist_is_refused(feed: LiveFeed) -> None:
    with pytest.raises(NotFoundError):
        feed.listen("none", wake=lambda: None)


@pytest.mark.timed
def test_a_change_reaches_all_listeners_with_one_read_and_one_subscription(
    broadcaster: Broadcaster, read: Callable[..., Reader]
) -> None:
    job_id = submit(broadcaster)
    readers = [read(job_id) for _ in range(50)]
    wait_for(lambda: all(reader.events for reader in readers))
    wait_for(lambda: subscriptions(broadcaster) == 1)

    broadcaster.pause(job_id)
    began = time.monotonic()
    wait_for(lambda: all(reader.status == "paused" for reader in readers))

    assert time.monotonic() - began < SOON
    assert len({id(reader.events[-1]) for reader in readers}) == 1
    assert subscriptions(broadcaster) == 1


@pytest.mark.timed
def test_a_broadcast_that_changes_all_the_time_has_two_events_a_second_at_most(
    broadcaster: Broadcaster, read: Callable[..., Reader]
) -> None:
    job_id = submit(broadcaster)
    reader = read(job_id)
    wait_for(lambda: reader.events)
    ends_at, changes = time.monotonic() + 4, 0
    while time.monotonic() < ends_at:
        add(broadcaster, job_id, total=1, sent=1)
        changes += 1
        time.sleep(0.02)
    wait_for(lambda: reader.events[-1].version == broadcaster.status(job_id).version)

    gaps = [later - earlier for earlier, later in zip(reader.moments, reader.moments[1:], strict=False)]
    sents = [event.content.broadcast.counts.sent for event in reader.events if isinstance(event.content, LiveBroadcast)]
    assert changes > 20
    assert len(gaps) >= 2
    assert min(gaps) > CHANGED_SECONDS * 0.8
    assert sents == sorted(sents)
    assert sents[-1] == changes


def test_no_event_comes_without_a_change(broadcaster: Broadcaster, read: Callable[..., Reader]) -> None:
    job_id = submit(broadcaster)
    broadcaster.pause(job_id)
    reader = read(job_id)
    wait_for(lambda: reader.events)

    for _ in range(2):  # it is read again all the same
        wait_for(lambda: reader.listener.age > UNCHANGED_SECONDS / 2)
        wait_for(lambda: reader.listener.age < UNCHANGED_SECONDS / 2)

    assert len(reader.events) == 1
    assert reader.wakes == 0


def test_a_reader_that_has_the_present_event_gets_the_next_one_first(
    broadcaster: Broadcaster, read: Callable[..., Reader]
) -> None:
    job_id = submit(broadcaster)
    broadcaster.pause(job_id)

    reader = read(job_id, last_version=broadcaster.status(job_id).version)
    broadcaster.resume(job_id)
    wait_for(lambda: reader.events)

    assert reader.status != "paused"


def test_a_reader_that_was_busy_gets_the_latest_event_only(broadcaster: Broadcaster, feed: LiveFeed) -> None:
    job_id = submit(broadcaster)
    woken = threading.Semaphore(0)
    listener = feed.listen(job_id, wake=woken.release)
    listener.take()

    for _ in range(3):
        add(broadcaster, job_id, total=1, sent=1)
        assert woken.acquire(timeout=30)
    event = listener.take()

    assert event is not None
    assert isinstance(event.content, LiveBroadcast)
    assert event.content.broadcast.counts.sent == 3
    assert listener.take() is None


def test_the_overview_has_what_runs_and_for_a_while_what_has_ended(
    broadcaster: Broadcaster, read: Callable[..., Reader]
) -> None:
    job_id, other = submit(broadcaster), submit(broadcaster)
    broadcaster.submit(text_to("sandbox", scheduledAt="2030-01-01T00:00:00Z"), people(1))
    reader = read()
    wait_for(lambda: reader.events)

    def shown() -> dict[str, str]:
        assert isinstance(reader.last, LiveOverview)
        return {progress.job_id: progress.status for progress in reader.last.broadcasts}

    before = shown()
    set_status(broadcaster, job_id, BroadcastStatus.COMPLETED)
    wait_for(lambda: shown()[job_id] == "completed")

    assert before == {other: "queued", job_id: "queued"}
    assert shown() == {other: "queued", job_id: "completed"}
    assert isinstance(reader.last, LiveOverview)
    assert reader.last.total == 1
    assert reader.last.broadcasts[0].name == "Test"


def test_a_broadcast_that_is_deleted_ends_its_listeners(broadcaster: Broadcaster, read: Callable[..., Reader]) -> None:
    job_id = submit(broadcaster)
    reader = read(job_id)

    with broadcaster.context.database.write() as conn:
        conn.execute(delete(broadcast_connections))
        conn.execute(delete(broadcasts))

    wait_for(lambda: reader.listener.has_ended)


def test_a_store_that_is_away_leaves_what_was_true_and_is_read_when_it_is_back(
    broadcaster: Broadcaster, read: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    if not broadcaster.context.database.is_sqlite:
        pytest.skip("a table that is renamed is a fault of the store on SQLite only")
    job_id = submit(broadcaster)
    reader = read(job_id)
    wait_for(lambda: reader.events)

    _run(broadcaster, "ALTER TABLE broadcasts RENAME TO hidden")
    wait_for(lambda: "live events stop" in caplog.text)
    age, count = reader.listener.age, len(reader.events)
    _run(broadcaster, "ALTER TABLE hidden RENAME TO broadcasts")
    broadcaster.pause(job_id)
    wait_for(lambda: reader.status == "paused")

    assert age > 0
    assert count == 1
    assert caplog.text.count("live events stop") == 1


def _run(broadcaster: Broadcaster, statement: str) -> None:
    with broadcaster.context.database.write() as conn:
        conn.execute(text(statement))


def test_a_broadcast_that_cannot_be_shown_does_not_keep_others_from_it(
    broadcaster: Broadcaster, read: Callable[..., Reader], caplog: pytest.LogCaptureFixture
) -> None:
    job_id, other = submit(broadcaster), submit(broadcaster)
    readers = [read(job_id), read(other)]
    wait_for(lambda: all(reader.events for reader in readers))

    _run(broadcaster, f"UPDATE broadcasts SET draft = '[]' WHERE job_id = '{job_id}'")
    broadcaster.pause(other)
    wait_for(lambda: readers[1].status == "paused")
    wait_for(lambda: "could not be read" in caplog.text)

    assert not readers[0].listener.has_ended


def test_a_stop_ends_all_listeners_and_those_that_come_later(
    broadcaster: Broadcaster, feed: LiveFeed, read: Callable[..., Reader]
) -> None:
    job_id = submit(broadcaster)
    readers = [read(job_id), read()]

    feed.stop()
    late = read(job_id)

    wait_for(lambda: all(reader.listener.has_ended for reader in readers))
    assert late.listener.has_ended


def test_without_listeners_nothing_is_read_and_nothing_subscribed(
    broadcaster: Broadcaster, feed: LiveFeed, read: Callable[..., Reader]
) -> None:
    job_id = submit(broadcaster)
    first = read(job_id)
    wait_for(lambda: subscriptions(broadcaster) == 1)

    first.close()
    wait_for(lambda: subscriptions(broadcaster) == 0)
    again = read(job_id)
    broadcaster.pause(job_id)

    wait_for(lambda: again.status == "paused")


def test_many_that_come_and_go_at_once_all_get_events(broadcaster: Broadcaster, feed: LiveFeed) -> None:
    jobs = [submit(broadcaster) for _ in range(3)]
    failures: list[str] = []

    def come_and_go(place: int) -> None:
        for turn in range(20):
            listener = feed.listen(jobs[(place + turn) % 3], wake=lambda: None)
            if not _gets_an_event(listener):
                failures.append(f"{place}.{turn}")
            listener.close()

    threads = [threading.Thread(target=come_and_go, args=(place,)) for place in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    wait_for(lambda: subscriptions(broadcaster) == 0)


def _gets_an_event(listener: Listener) -> bool:
    return wait_for(lambda: listener.has_news) and listener.take() is not None


def test_an_event_that_is_known_to_be_out_of_date_is_not_given_to_a_new_listener() -> None:
    topic = Topic(OVERVIEW)
    topic.event, topic.read_at = LiveEvent("1", LiveOverview(broadcasts=[], total=0), b"{}"), time.monotonic()
    topic.has_changed = True

    listener = Listener(topic, last_version=None, wake=lambda: None, remove=lambda _: None)
    at_first = listener.take()
    topic.read_at = time.monotonic()

    assert at_first is None
    assert listener.take() is topic.event


# --- several processes, and Redis away -------------------------------------------------------------------------------


@pytest.mark.timed
def test_a_change_by_another_process_is_shown_at_once(settings: Settings) -> None:
    with Broadcaster(settings) as broadcaster, Broadcaster(settings) as other:
        job_id = submit(broadcaster)
        reader = Reader(broadcaster.live, job_id)
        wait_for(lambda: reader.events and subscriptions(broadcaster) == 1)

        other.pause(job_id)
        began = time.monotonic()
        wait_for(lambda: reader.status == "paused")
        took = time.monotonic() - began
        version = other.status(job_id).version
        reader.close()

    assert took < SOON
    assert reader.events[-1].version == version


def test_without_redis_broadcasts_are_read_at_intervals_and_say_that_it_is_away(
    settings: Settings, own_valkey: EmbeddedValkey
) -> None:
    url = Settings(redis_url=own_valkey.url).redis_url
    with Broadcaster(settings.model_copy(update={"redis_url": url})) as broadcaster:
        job_id = submit(broadcaster)
        set_status(broadcaster, job_id, BroadcastStatus.PROCESSING)
        add(broadcaster, job_id, total=3, queued=3)
        reader = Reader(broadcaster.live, job_id)
        own_valkey.stop()

        def cause() -> str | None:
            assert isinstance(reader.last, LiveBroadcast)
            waiting = reader.last.broadcast.waiting_for
            return None if waiting is None else waiting.code

        wait_for(lambda: reader.events and cause() == "redis")
        broadcaster.pause(job_id)
        wait_for(lambda: reader.status == "paused")
        own_valkey.start()
        broadcaster.resume(job_id)
        wait_for(lambda: reader.status == "queued" and cause() == "no_worker")
        reader.close()
