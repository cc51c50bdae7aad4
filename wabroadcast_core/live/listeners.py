"""Topics and their listeners: a listener gets the latest event of its topic, never a queue of them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from wabroadcast_core.models.broadcast import LiveBroadcast, LiveOverview

OVERVIEW: Final = 0  # the topic of all that runs; every other one is a broadcast, by its id in the store
TopicKey: TypeAlias = int


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """All that is shown of a topic at one moment.

    ``version`` is another one for any other content, and the same in every process. ``json`` is the content as the API
    writes it, made once for all listeners.
    """

    version: str
    content: LiveBroadcast | LiveOverview
    json: bytes


@dataclass(eq=False, slots=True)
class Topic:
    """One broadcast, or all that runs, with its listeners.

    ``event`` is None until it has been read. Times are in seconds of the monotonic clock.
    """

    key: TopicKey
    event: LiveEvent | None = None
    read_at: float = 0.0  # when the last successful read began
    tried_at: float = 0.0  # when the last read ended, successful or not
    has_changed: bool = False  # since the last read began
    has_ended: bool = False  # it is shown no more
    listeners: "set[Listener]" = field(default_factory=set)

    def is_due(self, now: float, *, changed_seconds: float, unchanged_seconds: float) -> bool:
        """Return whether it is to be read now."""
        return now - self.tried_at >= (changed_seconds if self.has_changed else unchanged_seconds)


class Listener:
    """One reader of a topic. It may be used from any thread.

    :param last_version: the version that the reader has already.
    :param wake: called, in a thread of the feed, when there is something to take or the topic has ended.
    :param remove: called when the reader is closed.
    """

    def __init__(
        self,
        topic: Topic,
        *,
        last_version: str | None,
        wake: Callable[[], object],
        remove: "Callable[[Listener], None]",
    ) -> None:
        self.wake = wake
        self._topic = topic
        self._taken = last_version
        self._remove = remove
        self._not_before = time.monotonic() if topic.has_changed else 0.0  # the known event is not true any more

    @property
    def topic(self) -> Topic:
        """The topic."""
        return self._topic

    @property
    def has_news(self) -> bool:
        """Whether :meth:`take` returns an event."""
        return self._news() is not None

    @property
    def has_ended(self) -> bool:
        """Whether no further event will come: the broadcast does not exist any more, or the feed has stopped."""
        return self._topic.has_ended

    @property
    def age(self) -> float:
        """The seconds since the store was last read: what was taken was true then."""
        return time.monotonic() - self._topic.read_at

    def take(self) -> LiveEvent | None:
        """Return the latest event, once; None if the reader has it already."""
        event = self._news()
        if event is not None:
            self._taken = event.version
        return event

    def close(self) -> None:
        """Stop listening. A second call does nothing."""
        self._remove(self)

    def _news(self) -> LiveEvent | None:
        event = self._topic.event
        if event is None or event.version == self._taken or self._topic.read_at < self._not_before:
            return None
        return event
