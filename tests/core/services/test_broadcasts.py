"""The use cases of broadcasts, on both stores."""

import pytest

from wabroadcast_core.broadcaster import Broadcaster


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
