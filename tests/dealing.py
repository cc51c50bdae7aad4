"""Which tests run on a second Python, and the order of the tests where several processes share them."""

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


def thin_out(
    tests: Sequence[Test], *, module_of: Callable[[Test], str], is_costly: Callable[[Test], bool]
) -> tuple[list[Test], list[Test]]:
    """Return the tests without the costly ones but the first of each module; and those left out."""
    kept: list[Test] = []
    dropped: list[Test] = []
    seen: set[str] = set()
    for test in tests:
        if not is_costly(test):
            kept.append(test)
        else:
            (dropped if module_of(test) in seen else kept).append(test)
            seen.add(module_of(test))
    return kept, dropped
