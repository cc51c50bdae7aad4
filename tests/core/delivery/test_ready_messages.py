"""Ready messages: none is lost or doubled, higher priorities come first, equal ones share evenly."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.core.rows import broadcast, pending
from wabroadcast_core.delivery.ready_messages import PendingSend, ReadyMessages

PRIORITIES = ("low", "normal", "high")
BROADCASTS = {key: broadcast(key, priority=PRIORITIES[key % 3]) for key in range(1, 7)}
some_broadcast = st.sampled_from(sorted(BROADCASTS))


def messages_of(broadcast_id: int, count: int) -> list[PendingSend]:
    return [pending(place, of=BROADCASTS[broadcast_id]) for place in range(count)]


def rank_of(one: PendingSend) -> int:
    return one.broadcast.draft.priority.rank


def keys_of(messages: list[PendingSend]) -> list[int]:
    return [one.claimed.key for one in messages]


class ReadyMessagesMachine(RuleBasedStateMachine):
    """Compares the ready messages with a list of them."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = ReadyMessages()
        self.model: dict[int, list[int]] = {key: [] for key in BROADCASTS}  # keys in the order of sending
        self.out: list[PendingSend] = []
        self.made: Counter[int] = Counter()

    @rule(broadcast_id=some_broadcast, count=st.integers(1, 8))
    def add(self, broadcast_id: int, count: int) -> None:
        made, self.made[broadcast_id] = self.made[broadcast_id], self.made[broadcast_id] + count
        added = [pending(made + place, of=BROADCASTS[broadcast_id]) for place in range(count)]
        self.ready.add(added)
        self.model[broadcast_id] += keys_of(added)

    @rule(count=st.integers(0, 20))
    def take(self, count: int) -> None:
        before = {key: len(waiting) for key, waiting in self.model.items()}
        taken = self.ready.take(count)

        assert len(taken) == min(count, sum(before.values()))
        assert [rank_of(one) for one in taken] == sorted((rank_of(one) for one in taken), reverse=True)
        self._leave(taken)
        got = Counter(one.broadcast.id for one in taken)
        for key, waiting in self.model.items():
            for other, others in self.model.items():
                same = BROADCASTS[key].draft.priority is BROADCASTS[other].draft.priority
                if same and waiting and before[other]:
                    assert got[other] <= got[key] + 1
                if BROADCASTS[key].draft.priority.rank > BROADCASTS[other].draft.priority.rank and waiting:
                    assert not got[other]
                del others

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def take_of(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([key for key, waiting in self.model.items() if waiting]))
        self._leave([self.ready.take_of(key)])

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def add_first(self, data: st.DataObject) -> None:
        late = self.out.pop(data.draw(st.integers(0, len(self.out) - 1)))
        self.ready.add_first(late)
        self.model[late.broadcast.id].insert(0, late.claimed.key)

    @rule(broadcast_id=some_broadcast, divisor=st.integers(1, 3))
    def remove(self, broadcast_id: int, divisor: int) -> None:
        def is_unwanted(one: PendingSend) -> bool:
            return one.broadcast.id == broadcast_id and one.claimed.key % divisor == 0

        removed = keys_of(self.ready.remove_if(is_unwanted))
        waiting = self.model[broadcast_id]
        assert sorted(removed) == sorted(key for key in waiting if key % divisor == 0)
        self.model[broadcast_id] = [key for key in waiting if key % divisor]

    @invariant()
    def it_knows_what_it_has(self) -> None:
        assert len(self.ready) == sum(map(len, self.model.values()))
        assert sorted(keys_of(list(self.ready))) == sorted(key for waiting in self.model.values() for key in waiting)
        for key, waiting in self.model.items():
            assert self.ready.count_of(key) == len(waiting)
        shown = self.ready.broadcasts()
        assert {one.id: count for one, count in shown} == {key: len(them) for key, them in self.model.items() if them}
        ranks = [one.draft.priority.rank for one, _ in shown]
        assert ranks == sorted(ranks, reverse=True)
        for rank in (0, 1, 2):
            from_rank = [len(them) for key, them in self.model.items() if BROADCASTS[key].draft.priority.rank >= rank]
            assert self.ready.count_from(rank) == sum(from_rank)

    def _leave(self, taken: list[PendingSend]) -> None:
        for one in taken:
            assert self.model[one.broadcast.id].pop(0) == one.claimed.key
        self.out += taken


TestReadyMessages = ReadyMessagesMachine.TestCase


@given(st.lists(st.integers(1, 7), min_size=1, max_size=30))
def test_equal_ranks_share_evenly_over_several_takes(sizes: list[int]) -> None:
    ready = ReadyMessages()
    for key in (1, 4):
        ready.add(messages_of(key, 300))

    taken = [one for size in sizes for one in ready.take(size)]

    assert [one.broadcast.id for one in taken] == [(1, 4)[place % 2] for place in range(sum(sizes))]


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20))
def test_equal_ranks_share_evenly_where_each_slot_is_given_to_a_broadcast(sizes: list[int]) -> None:
    ready = ReadyMessages()
    for key in (1, 4):
        ready.add(messages_of(key, 300))

    taken = [ready.take_of(ready.broadcasts()[0][0].id).broadcast.id for _ in range(sum(sizes))]

    assert abs(taken.count(1) - taken.count(4)) <= 1


def test_a_broadcast_that_becomes_ready_later_does_not_catch_up() -> None:
    ready = ReadyMessages()
    ready.add(messages_of(1, 20))
    ready.take(10)
    ready.add(messages_of(4, 20))

    taken = Counter(one.broadcast.id for one in ready.take(10))

    assert taken == {1: 5, 4: 5}
