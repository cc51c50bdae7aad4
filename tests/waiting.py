"""Wait for what a test needs to be true, not for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Found = TypeVar("Found")


def wait_for(check: Callable[[], Found], *, seconds: float = 30, what: str = "it", every: float = 0.02) -> Found:
    """Return the first true result of ``check``; fail the test after ``seconds``.

    :param what: what is waited for, as the failure names it.
    :param every: seconds between two checks.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:g} s")
        time.sleep(every)
