"""The live feed of a process: one subscription and one read of the store for everyone that listens."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from wabroadcast_core.context import Context
from wabroadcast_core.control.changes import ChangeSubscription
from wabroadcast_core.errors import NotFoundError, UnavailableError
from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.live.listeners import OVERVIEW, Listener, Topic, TopicKey
from wabroadcast_core.live.reader import TopicReader
from wabroadcast_core.plugin_faults import PLUGIN_FAULTS
from wabroadcast_core.services.lookups import broadcast_row

log = logging.getLogger(__name__)

CHANGED_SECONDS: Final = 0.5  # between two reads of a topic that changes: at most two events a second
UNCHANGED_SECONDS: Final = 2.0  # between two reads of one of which no change came
WAIT_SECONDS: Final = 0.1  # for changes, before it is looked for topics that are due
MOST_SHARE: Final = 0.03  # of a core: the more a read and its events cost, the rarer they are
LISTENER_SECONDS: Final = 0.00005  # of a core, that it takes to write an event to one listener


class LiveFeed:
    """What is shown of broadcasts, for any number of listeners in this process, in any threads.

    A thread runs while there are listeners. It reads the topics that have changed, and every few seconds all of them,
    because some causes of waiting end by themselves, and changes are lost while Redis is away.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._is_stopped = False
        self._await_first_listener()
        renew_after_fork(self._await_first_listener)

    def _await_first_listener(self) -> None:
        """Begin without listeners and without a thread, in the child of a fork too."""
        self._reader = TopicReader(self._context)
        self._topics: dict[TopicKey, Topic] = {}
        self._lock = threading.Lock()  # of the topics and their listeners
        self._reading = threading.Lock()
        self._read_at = 0.0  # when the last read ended, in seconds of the monotonic clock
        self._changed_seconds = CHANGED_SECONDS
        self._is_away = False  # the store, at the last read
        self._thread: threading.Thread | None = None

    def listen(
        self, job_id: str | None = None, *, wake: Callable[[], object], last_version: str | None = None
    ) -> Listener:
        """Start to listen to a broadcast, or to all that runs. The first event is there at once.

        :param job_id: the broadcast; None for all that runs.
        :param wake: called when there is something to take, in a thread of the feed: it must return at once. Listeners
            may share one function, which is called once for all of them.
        :param last_version: the version that the reader has already, so that it need not get it again.
        :raises NotFoundError: no broadcast has this id.
        :raises UnavailableError: the store cannot be reached.
        """
        topic = self._open_topic(OVERVIEW if job_id is None else self._key_of(job_id))
        if topic.has_ended:
            raise NotFoundError("broadcast", str(job_id))
        with self._lock:
            topic = self._topics.setdefault(topic.key, topic)
            listener = Listener(topic, last_version=last_version, wake=wake, remove=self._remove)
            topic.listeners.add(listener)
            topic.has_ended = topic.has_ended or self._is_stopped
            self._start_thread()
        return listener

    def stop(self) -> None:
        """End all listeners, for a server that stops: it must not wait for streams that have no end."""
        with self._lock:
            self._is_stopped = True
            topics, self._topics = self._topics.values(), {}
        _end(topics)

    def close(self) -> None:
        """End all listeners, and the thread."""
        self.stop()
        if (thread := self._thread) is not None:
            thread.join()

    # --- topics and listeners ----------------------------------------------------------------------------------

    def _key_of(self, job_id: str) -> TopicKey:
        with self._context.database.read() as conn:
            return int(broadcast_row(conn, job_id)["id"])

    def _open_topic(self, key: TopicKey) -> Topic:
        """Return a topic that has been read. One that others listen to is up to date."""
        with self._reading:
            topic = self._topics.get(key)
            if topic is None:
                topic = Topic(key)
                self._read([topic])
            return topic

    def _remove(self, listener: Listener) -> None:
        with self._lock:
            listener.topic.listeners.discard(listener)

    def _start_thread(self) -> None:
        if self._thread is None and not self._is_stopped:
            self._thread = threading.Thread(target=self._run, name="wabroadcast-live", daemon=True)
            self._thread.start()

    # --- the thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        subscription = ChangeSubscription(self._context.redis, self._context.keys)
        try:
            while self._has_listeners():
                self._mark(subscription.wait(seconds=WAIT_SECONDS))
                if due := self._due_topics(time.monotonic()):
                    self._read_again(due)
        finally:
            subscription.close()

    def _has_listeners(self) -> bool:
        """Return whether anyone listens; drop the topics without listeners. Without any, the thread ends."""
        with self._lock:
            self._topics = {key: topic for key, topic in self._topics.items() if topic.listeners}
            if not self._topics:
                self._thread = None
            return bool(self._topics)

    def _mark(self, changed: Collection[int]) -> None:
        with self._lock:
            for topic in self._topics.values():
                topic.has_changed = topic.has_changed or topic.key in changed or bool(changed and topic.key == OVERVIEW)

    def _due_topics(self, now: float) -> list[Topic]:
        """Return the topics that are to be read now: together, because they share much of what is read."""
        if now - self._read_at < self._changed_seconds:
            return []
        with self._lock:
            return [
                topic
                for topic in self._topics.values()
                if topic.is_due(now, changed_seconds=self._changed_seconds, unchanged_seconds=UNCHANGED_SECONDS)
            ]

    def _read_again(self, topics: Sequence[Topic]) -> None:
        """Read topics and wake their listeners. Where the store is away, they keep what they have."""
        worked = time.thread_time()
        try:
            with self._reading:
                self._read(topics)
        except UnavailableError as error:
            if not self._is_away:
                log.warning("live events stop until the store can be read again: %s", error)
            self._is_away = True
            return
        except PLUGIN_FAULTS:
            if len(topics) == 1:
                log.exception("live events could not be read; they are read again in %g s", UNCHANGED_SECONDS)
            else:  # a broadcast that cannot be shown must not keep others from it
                for topic in topics:
                    self._read_again([topic])
            return
        self._is_away = False
        woken = self._wake(topics)
        cost = time.thread_time() - worked + LISTENER_SECONDS * woken
        self._changed_seconds = min(max(CHANGED_SECONDS, cost / MOST_SHARE), UNCHANGED_SECONDS)

    def _read(self, topics: Sequence[Topic]) -> None:
        began = time.monotonic()
        for topic in topics:
            topic.has_changed = False
        try:
            events = self._reader.read([topic.key for topic in topics])
        finally:
            self._read_at = time.monotonic()
            for topic in topics:
                topic.tried_at = self._read_at
        for topic in topics:
            topic.event, topic.has_ended = events.get(topic.key), topic.key not in events
            topic.read_at = began

    def _wake(self, topics: Iterable[Topic]) -> int:
        """Wake the listeners of topics that have something to take. Return how many."""
        with self._lock:
            listeners = [listener for topic in topics for listener in topic.listeners]
        woken = [listener for listener in listeners if listener.has_news or listener.has_ended]
        _wake_all(woken)
        return len(woken)


def _end(topics: Iterable[Topic]) -> None:
    for topic in topics:
        topic.has_ended = True
        _wake_all(list(topic.listeners))


def _wake_all(listeners: Iterable[Listener]) -> None:
    for wake in {listener.wake for listener in listeners}:
        try:
            wake()
        except PLUGIN_FAULTS:
            log.exception("a listener of live events could not be woken: it gets the next event")
