"""The use cases of broadcasts, on both stores."""

import pytest

from wabroadcast_core.broadcaster import Broadcaster
from wabroadcast_core.errors import NotFoundError
from wabroadcast_core.services.batches import _state_of


@pytest.fixture
def broadcaster(shared: Broadcaster) -> Broadcaster:
    return shared


def test_broadcasts_are_searched_by_a_part_of_the_name_and_by_the_beginning_of_the_job_id(
    broadcaster: Broadcaster,
) -> None:
    people = [{"number": "0812-0000-1001"}]
    promo, news = (
        broadcaster.submit({"name": name, "message": {"type": "text", "text": "Halo"}}, recipients=people)
        for name in ("Promo 100%", "News")
    )

    def found(query: str) -> set[str]:
        return {item.job_id for item in broadcaster.list(query=query).items}

    assert found("promo") == found("100%") == {promo.job_id}
    assert found(promo.job_id) == found(promo.job_id[:13].upper()) == {promo.job_id}
    assert found(news.job_id[:13]) == {news.job_id}
    assert found(news.job_id[1:]) == found("%") - {promo.job_id} == set()


def test_broadcasts_are_found_by_the_beginning_of_the_job_id_alone(broadcaster: Broadcaster) -> None:
    people = [{"number": "0812-0000-1001"}]
    job = broadcaster.submit({"name": "abc", "message": {"type": "text", "text": "Halo"}}, recipients=people)

    def found(prefix: str) -> list[str]:
        return [item.job_id for item in broadcaster.list(id_prefix=prefix).items]

    assert found(job.job_id[:1]) == found(job.job_id[:9].upper()) == found(job.job_id) == [job.job_id]
    assert found("abc-") == found(job.job_id[1:]) == found("%") == found("_") == []


def test_a_broadcast_without_batches_has_an_empty_list_of_them(broadcaster: Broadcaster) -> None:
    people = [{"number": "0812-0000-1001"}]
    job = broadcaster.submit({"name": "A", "message": {"type": "text", "text": "Halo"}}, recipients=people)

    assert broadcaster.batches(job.job_id).items == []
    with pytest.raises(NotFoundError):
        broadcaster.batches(job.job_id[:8])


@pytest.mark.parametrize(
    ("counts", "waiting", "state"),
    [
        pytest.param({"sent": 2, "cancelled": 1}, False, "ended", id="all-final"),
        pytest.param({"cancelled": 2}, True, "cancelled", id="all-cancelled"),
        pytest.param({"paused": 2, "sent": 1}, False, "paused", id="the-rest-is-paused"),
        pytest.param({"paused": 1, "queued": 1}, True, "waiting", id="one-is-paused"),
        pytest.param({"queued": 1}, False, "released", id="released"),
        pytest.param({"retry": 1, "sent": 1}, False, "released", id="a-retry-is-open"),
        pytest.param({"unknown": 1}, False, "ended", id="unknown-is-final"),
    ],
)
def test_the_state_of_a_batch_follows_from_its_messages(counts: dict[str, int], *, waiting: bool, state: str) -> None:
    assert _state_of(counts, waiting=waiting) == state
