"""The time of a message's next attempt."""

import math
from typing import Final

from wabroadcast_core.models.pacing import Retry

LONGEST_INTERVAL: Final = 86_400.0  # seconds; a doubled interval grows no further
JITTER: Final = 0.2  # share of the interval, added or subtracted, so that messages that failed together spread out


def next_delay(retry: Retry, *, attempt: int, retry_after: float | None, random: float) -> float | None:
    """Return the seconds until the next attempt, or None if all attempts are used up.

    :param attempt: attempts already made; ``max_attempts`` counts all of them, the first too.
    :param retry_after: the shortest wait, in seconds, where the provider gave one. A value that is not finite is
        ignored.
    :param random: a random number in [0, 1), for the jitter.
    """
    if attempt >= retry.max_attempts:
        return None
    delay = _interval(retry, attempt) * (1 - JITTER + 2 * JITTER * random)
    if retry_after is None or not math.isfinite(retry_after):
        return delay
    return max(delay, retry_after)


def _interval(retry: Retry, attempt: int) -> float:
    if retry.backoff == "fixed":
        return retry.interval_seconds
    return float(min(retry.interval_seconds * 2 ** max(attempt - 1, 0), LONGEST_INTERVAL))
