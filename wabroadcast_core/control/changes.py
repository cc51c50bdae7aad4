"""Changes on Redis: which broadcasts have changed, published to the processes that show them.

A lost change does no harm: what is shown is also read again at intervals.
"""

import json
import logging
import threading
import time
from collections.abc import Iterable
from typing import Any, Final

import redis

from wabroadcast_core.forks import renew_after_fork
from wabroadcast_core.keys import Keys

log = logging.getLogger(__name__)

PUBLISH_SECONDS: Final = 0.2  # between two publications of one process
SILENCE_SECONDS: Final = 5.0  # without a message, before a ping shows whether Redis is still there
RECONNECT_SECONDS: Final = 2.0  # between two attempts to subscribe


class ChangePublisher:
    """Publishes the broadcasts that one process changes, a few times a second at most. For many threads."""

    def __init__(self, client: "redis.Redis", keys: Keys) -> None:
        self._client = client
        self._channel = keys.changes
        self._await_first_change()
        renew_after_fork(self._await_first_change)

    def _await_first_change(self) -> None:
        """Begin without a thread, in the child of a fork too: its parent publishes what it noted itself."""
        self._noted: set[int] = set()
        self._news = threading.Condition()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def note(self, broadcast_ids: Iterable[int]) -> None:
        """Publish changed broadcasts soon. The caller does not wait for Redis."""
        with self._news:
            self._noted.update(broadcast_ids)
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._run, name="wabroadcast-changes", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self) -> None:
        """Publish what is noted, then end the thread."""
        with self._news:
            self._closing.set()
            self._news.notify()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while changed := self._next_changed():
            try:
                self._client.publish(self._channel, json.dumps(sorted(changed)))
            except redis.RedisError as error:
                log.debug("changes are not published (%s): they are seen at the next read", type(error).__name__)
            self._closing.wait(PUBLISH_SECONDS)

    def _next_changed(self) -> set[int]:
        """Wait for changed broadcasts; none: the work is over."""
        with self._news:
            self._news.wait_for(lambda: self._noted or self._closing.is_set())
            changed, self._noted = self._noted, set()
            return changed


class ChangeSubscription:
    """The subscription of one process to the changes of all processes. For one thread.

    While Redis cannot be reached there are no changes; it is tried again every few seconds.
    """

    def __init__(self, client: "redis.Redis", keys: Keys) -> None:
        self._client = client
        self._channel = keys.changes
        self._pubsub: redis.client.PubSub | None = None
        self._retry_at = 0.0
        self._last_sign_at = 0.0  # of life, from Redis
        self._has_pinged = False

    def wait(self, *, seconds: float) -> set[int]:
        """Return the ids of the broadcasts that have changed, after a change or after ``seconds``, as they come."""
        began = time.monotonic()
        try:
            if self._pubsub is None and began >= self._retry_at:
                self._subscribe(began)
            if self._pubsub is not None:
                return self._receive(self._pubsub, seconds=seconds)
        except redis.RedisError as error:
            log.debug("no changes come from Redis (%s): broadcasts are read at intervals", type(error).__name__)
            self.close()
            self._retry_at = time.monotonic() + RECONNECT_SECONDS
        time.sleep(max(0.0, began + seconds - time.monotonic()))
        return set()

    def close(self) -> None:
        """End the subscription."""
        if self._pubsub is not None:
            self._pubsub.close()
            self._pubsub = None

    def _subscribe(self, now: float) -> None:
        self._pubsub = self._client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        self._pubsub.subscribe(self._channel)
        self._note_sign(now)

    def _receive(self, pubsub: "redis.client.PubSub", *, seconds: float) -> set[int]:
        """Return what was published: at least one message if any comes, and those that came with it.

        :raises redis.RedisError: Redis cannot be reached.
        """
        changed: set[int] = set()
        while (message := pubsub.get_message(timeout=0.0 if changed else seconds)) is not None:
            self._note_sign(time.monotonic())
            if message["type"] == "message":
                changed |= _read_changed(message["data"])
        self._check_silence(pubsub)
        return changed

    def _check_silence(self, pubsub: "redis.client.PubSub") -> None:
        """Ping a Redis that sends nothing.

        :raises redis.TimeoutError: it does not answer, as happens when the network drops what is sent without a word.
        """
        silence = time.monotonic() - self._last_sign_at
        if silence > 2 * SILENCE_SECONDS:
            raise redis.TimeoutError("the channel of changes does not answer")
        if silence > SILENCE_SECONDS and not self._has_pinged:
            pubsub.ping()
            self._has_pinged = True

    def _note_sign(self, now: float) -> None:
        self._last_sign_at, self._has_pinged = now, False


def _read_changed(data: Any) -> set[int]:
    try:
        changed = json.loads(data)
    except (ValueError, RecursionError):
        changed = None
    if not isinstance(changed, list) or not all(type(key) is int for key in changed):
        log.warning("a change has an unknown form and is ignored: broadcasts are read at intervals")
        return set()
    return set(changed)
