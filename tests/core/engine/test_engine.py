"""What the background loops of an engine log."""

import pytest
import redis

from wabroadcast_core.engine.engine import _cause
from wabroadcast_core.errors import UnavailableError
from wabroadcast_core.recovery.intents import SealedError


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (UnavailableError("the store cannot be reached: timeout"), "the store cannot be reached: timeout"),
        (
            redis.ConnectionError("redis://:secret@cache"),
            "Redis cannot be reached: start it, or correct WABROADCAST_REDIS_URL",
        ),
        (SealedError(), "another worker settled the claims of this one, which continues under a new id"),
    ],
    ids=["store", "redis", "sealed"],
)
def test_a_log_line_says_what_is_missing(error: Exception, cause: str) -> None:
    assert _cause(error) == cause
