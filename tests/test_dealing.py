"""Which tests run on a second Python, and their order where several processes share them."""

import pytest

from tests.dealing import deal, thin_out


@pytest.mark.parametrize(("long", "short", "workers"), [(7, 23, 3), (2, 40, 5), (0, 3, 5), (9, 0, 2)])
def test_each_test_is_dealt_once(long: int, short: int, workers: int) -> None:
    order = deal(range(long), range(long, long + short), workers=workers)

    assert sorted(order) == list(range(long + short))


def test_each_worker_begins_with_its_share_of_the_long_ones() -> None:
    order = deal(["L1", "L2", "L3", "L4"], ["s1", "s2", "s3", "s4"], workers=2)

    assert order == ["L1", "L3", "s1", "s2", "L2", "L4", "s3", "s4"]


def test_of_the_costly_tests_of_a_module_one_is_kept() -> None:
    tests = ["a::cheap", "a::costly-1", "a::costly-2", "a::cheap-too", "b::costly", "c::cheap"]

    kept, dropped = thin_out(
        tests, module_of=lambda test: test.partition("::")[0], is_costly=lambda test: "costly" in test
    )

    assert kept == ["a::cheap", "a::costly-1", "a::cheap-too", "b::costly", "c::cheap"]
    assert dropped == ["a::costly-2"]
