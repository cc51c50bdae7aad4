"""The order of the tests where several processes share them."""

import pytest

from tests.dealing import deal, split_cases


@pytest.mark.parametrize(("long", "short", "workers"), [(7, 23, 3), (2, 40, 5), (0, 3, 5), (9, 0, 2)])
def test_each_test_is_dealt_once(long: int, short: int, workers: int) -> None:
    order = deal(range(long), range(long, long + short), workers=workers)

    assert sorted(order) == list(range(long + short))


def test_each_worker_begins_with_its_share_of_the_long_ones() -> None:
    order = deal(["L1", "L2", "L3", "L4"], ["s1", "s2", "s3", "s4"], workers=2)

    assert order == ["L1", "L3", "s1", "s2", "L2", "L4", "s3", "s4"]


def test_of_the_cases_of_a_costly_test_one_is_kept() -> None:
    cases = ["cheap[a]", "cheap[b]", "costly[a]", "costly[b]", "costly-alone"]

    kept, dropped = split_cases(
        cases, test_of=lambda case: case.partition("[")[0], is_costly=lambda case: case.startswith("costly")
    )

    assert kept == ["cheap[a]", "cheap[b]", "costly[a]", "costly-alone"]
    assert dropped == ["costly[b]"]
