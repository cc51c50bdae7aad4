"""Messages that are ready to be sent and have no slot yet."""

from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

from wabroadcast_core.models.message import OutgoingMessage
from wabroadcast_core.snapshots import BroadcastSnapshot
from wabroadcast_core.store.claims import Claimed


@dataclass(slots=True)
class PendingSend:
    """A claimed and rendered message on its way to its slot."""

    claimed: Claimed
    message: OutgoingMessage
    broadcast: BroadcastSnapshot
    ready_at: float  # seconds of steady time, as the slot is
    slot: float = 0.0  # unset until it has one
    shift: float = 0.0  # of the connection's row of slots when the slot was given
    dropped: bool = False  # cancelled, paused or opted out: it must not start


class ReadyMessages:
    """Ready messages by broadcast. They are taken by priority; broadcasts of equal priority take turns."""

    def __init__(self) -> None:
        self._waiting: defaultdict[int, deque[PendingSend]] = defaultdict(deque)  # by broadcast id, in turn
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[PendingSend]:
        for messages in self._waiting.values():
            yield from messages

    def count_of(self, broadcast_id: int) -> int:
        """Return how many messages of a broadcast are ready."""
        return len(self._waiting.get(broadcast_id, ()))

    def count_from(self, rank: int) -> int:
        """Return how many messages of this priority or a higher one are ready."""
        return sum(len(messages) for messages in self._waiting.values() if _rank_of(messages) >= rank)

    def broadcasts(self) -> list[tuple[BroadcastSnapshot, int]]:
        """Return the broadcasts with ready messages and how many each has: highest priority first, then in turn."""
        return [(messages[0].broadcast, len(messages)) for messages in self._by_priority()]

    def add(self, messages: Collection[PendingSend]) -> None:
        """Add messages that became ready."""
        for pending in messages:
            self._waiting[pending.broadcast.id].append(pending)
        self._count += len(messages)

    def add_first(self, pending: PendingSend) -> None:
        """Add a message that missed its slot: it is the next of its broadcast."""
        self._waiting[pending.broadcast.id].appendleft(pending)
        self._count += 1

    def take(self, count: int, *, rated: bool = True) -> list[PendingSend]:
        """Remove and return up to ``count`` messages in the order in which they should be sent.

        :param rated: whether to take messages of broadcasts with a rate of their own too.
        """
        taken: list[PendingSend] = []
        allowed = [one for one in self._by_priority() if rated or one[0].broadcast.draft.rate is None]
        for _, ranked in groupby(allowed, key=_rank_of):
            group = list(ranked)
            if len(group) == 1:
                messages = group[0]
                taken += [messages.popleft() for _ in range(min(count - len(taken), len(messages)))]
            else:
                self._take_turns(group, taken, count)
            if len(taken) == count:
                break
        self._count -= len(taken)
        self._forget_empty()
        return taken

    def take_of(self, broadcast_id: int) -> PendingSend:
        """Remove and return the next message of a broadcast, which then is the last in turn."""
        messages = self._waiting.pop(broadcast_id)
        pending = messages.popleft()
        self._count -= 1
        if messages:
            self._waiting[broadcast_id] = messages
        return pending

    def remove_if(self, unwanted: Callable[[PendingSend], bool]) -> list[PendingSend]:
        """Remove and return the messages for which ``unwanted`` is true."""
        removed = list(filter(unwanted, self))
        if removed:
            keys = {pending.claimed.key for pending in removed}
            for broadcast_id, messages in self._waiting.items():
                self._waiting[broadcast_id] = deque(one for one in messages if one.claimed.key not in keys)
            self._count -= len(removed)
            self._forget_empty()
        return removed

    def _take_turns(self, group: list[deque[PendingSend]], taken: list[PendingSend], count: int) -> None:
        while len(taken) < count and any(group):
            for messages in group:
                if messages and len(taken) < count:
                    taken.append(messages.popleft())
                    broadcast_id = taken[-1].broadcast.id
                    self._waiting[broadcast_id] = self._waiting.pop(broadcast_id)

    def _by_priority(self) -> list[deque[PendingSend]]:
        return sorted(self._waiting.values(), key=_rank_of, reverse=True)  # stable: the turn is kept

    def _forget_empty(self) -> None:
        for broadcast_id in [key for key, messages in self._waiting.items() if not messages]:
            del self._waiting[broadcast_id]


def _rank_of(messages: deque[PendingSend]) -> int:
    return messages[0].broadcast.draft.priority.rank
