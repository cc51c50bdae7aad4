"""The sharing of messages among broadcasts."""

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from wabroadcast_core.delivery.claims import share_out
from wabroadcast_core.pacing.pace import Candidate


@st.composite
def candidates_with_messages(draw: st.DrawFn) -> tuple[list[Candidate], dict[int, int]]:
    """Draw candidates, the highest rank first, and how many messages each of them has."""
    ranks = sorted(draw(st.lists(st.integers(0, 2), min_size=1, max_size=8)), reverse=True)
    candidates = [Candidate(key, rank) for key, rank in enumerate(ranks)]
    return candidates, {candidate.broadcast_id: draw(st.integers(0, 40)) for candidate in candidates}


def _share(
    candidates: list[Candidate], amount: int, has: dict[int, int], caps: dict[int, int] | None = None
) -> tuple[dict[int, int], list[int]]:
    got = dict.fromkeys(has, 0)

    def take(candidate: Candidate, requested: int) -> int:
        assert requested > 0
        taken = min(requested, has[candidate.broadcast_id] - got[candidate.broadcast_id])
        got[candidate.broadcast_id] += taken
        return taken

    served = share_out(candidates, amount, take, caps=caps)
    return got, served


@given(candidates_with_messages(), st.integers(0, 100))
def test_the_whole_amount_is_shared_while_any_candidate_has_messages(
    drawn: tuple[list[Candidate], dict[int, int]], amount: int
) -> None:
    candidates, has = drawn

    got, _ = _share(candidates, amount, has)

    assert sum(got.values()) == min(amount, sum(has.values()))


@given(candidates_with_messages(), st.integers(0, 100))
def test_a_lower_rank_gets_only_what_the_higher_ones_leave(
    drawn: tuple[list[Candidate], dict[int, int]], amount: int
) -> None:
    candidates, has = drawn

    got, _ = _share(candidates, amount, has)

    lowest_served = min((candidate.rank for candidate in candidates if got[candidate.broadcast_id]), default=2)
    above = [candidate.broadcast_id for candidate in candidates if candidate.rank > lowest_served]
    assert all(got[key] == has[key] for key in above)


@given(candidates_with_messages(), st.integers(0, 100))
def test_equal_ranks_share_evenly(drawn: tuple[list[Candidate], dict[int, int]], amount: int) -> None:
    candidates, has = drawn

    got, served = _share(candidates, amount, has)

    for _, group in groupby(candidates, key=lambda candidate: candidate.rank):
        keys = [candidate.broadcast_id for candidate in group]
        assert {key for key in keys if got[key] > min(got[other] for other in keys)} == set(served) & set(keys)
        unfinished = [got[key] for key in keys if got[key] < has[key]]
        assert max(unfinished, default=0) - min(unfinished, default=0) <= len(keys)
        assert all(got[key] <= max(unfinished, default=amount) + len(keys) for key in keys)


@given(candidates_with_messages(), st.integers(0, 100), st.data())
def test_no_candidate_gets_more_than_its_cap(
    drawn: tuple[list[Candidate], dict[int, int]], amount: int, data: st.DataObject
) -> None:
    candidates, has = drawn
    caps = data.draw(st.dictionaries(st.sampled_from(sorted(has)), st.integers(0, 20)))

    got, _ = _share(candidates, amount, has, caps)

    assert all(got[key] <= caps.get(key, 0) for key in has)
    assert sum(got.values()) == min(amount, sum(min(has[key], cap) for key, cap in caps.items()))


def test_the_share_of_a_candidate_without_messages_goes_to_another_one() -> None:
    got, served = _share([Candidate(1, 0), Candidate(2, 0)], 1, {1: 0, 2: 5})

    assert (got, served) == ({1: 0, 2: 1}, [2])
