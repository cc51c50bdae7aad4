"""Which tests run on a second Python, and how they are shared out where several processes run them."""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeVar

Test = TypeVar("Test")

MOST = 20  # tests of one unit that need not stay together: the last ones end at about the same time


def share_out(
    tests: Sequence[Test],
    *,
    module_of: Callable[[Test], str],
    is_long: Callable[[Test], bool],
    shares_fixture: Callable[[Test], bool],
) -> list[list[Test]]:
    """Return units of tests, each for one process, the longest first.

    A module whose tests share a fixture is one unit, since each process would make it anew. Long tests stand alone,
    and the others of a module together, at most MOST of them.
    """
    together: list[list[Test]] = []
    alone: list[list[Test]] = []
    parts: list[list[Test]] = []
    for _, members in itertools.groupby(tests, module_of):
        module = list(members)
        if any(map(shares_fixture, module)):
            together.append(module)
            continue
        alone += [[test] for test in module if is_long(test)]
        short = [test for test in module if not is_long(test)]
        parts += [short[start : start + MOST] for start in range(0, len(short), MOST)]
    return [*together, *alone, *parts]


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
