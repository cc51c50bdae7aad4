"""Wait for what a test needs to be true, not for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

RESTS = 12  # times what a check took: where tests run side by side, checks would take a fifth of the processors
LONGEST_REST = 0.3  # seconds

Found = TypeVar("Found")


def wait_for(check: Callable[[], Found], *, seconds: float = 30, what: str = "it", every: float = 0.02) -> Found:
    """Return the first true result of ``check``; fail the test after ``seconds``.

    :param what: what is waited for, as the failure names it.
    :param every: seconds between two checks; more where a check takes long, so that the checks do not take the
        processor from what is waited for.
    """
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        found = check()
        if found:
            return found
        ended = time.monotonic()
        if ended > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(max(every, min(RESTS * (ended - began), LONGEST_REST)))
