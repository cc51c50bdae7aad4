"""When a message is tried again."""

import math
from typing import Final

from wabroadcast_core.models.pacing import Retry

LONGEST_INTERVAL: Final = 86_400.0  # seconds; a doubled interval ends here
JITTER: Final = 0.2  # share of the interval, either way: what failed together does not come back together


def next_delay(retry: Retry, *, attempt: int, retry_after: float | None, random: float) -> float | None:
    """Seconds until the next attempt; None when they are used up.

    :param attempt: attempts already made; ``max_attempts`` counts all of them, the first too.
    :param retry_after: seconds the provider asked for; never undercut.
    :param random: of [0, 1).
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
