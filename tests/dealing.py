"""Which cases of tests run on a second Python, and the order of the tests where several processes share them."""

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

Test = TypeVar("Test")


def deal(long: Sequence[Test], short: Sequence[Test], *, workers: int) -> list[Test]:
    """Return all tests in an order in which each worker begins with its share of the long ones.

    Work stealing gives each worker an equal part of the list and moves tests from the ends of the parts. So the tests
    that run last are short, and no worker is left with several long ones.
    """
    share = math.ceil(len(short) / workers)
    parts = ([*long[place::workers], *short[place * share : (place + 1) * share]] for place in range(workers))
    return [test for part in parts for test in part]


def split_cases(
    cases: Sequence[Test], *, test_of: Callable[[Test], str], is_costly: Callable[[Test], bool]
) -> tuple[list[Test], list[Test]]:
    """Return the cases without those of costly tests but the first of each; and these."""
    kept: list[Test] = []
    dropped: list[Test] = []
    seen: set[str] = set()
    for case in cases:
        (dropped if test_of(case) in seen and is_costly(case) else kept).append(case)
        seen.add(test_of(case))
    return kept, dropped
