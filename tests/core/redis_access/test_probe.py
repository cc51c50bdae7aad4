"""The causes of failures of Redis in words, for those that a test cannot bring about."""

import pytest
import redis
from redis.exceptions import BusyLoadingError

from wabroadcast_core.redis_access.probe import describe_failure


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(
            redis.ResponseError("MISCONF Errors writing to the AOF file: No space left on device"),
            "free space on its disk",
            id="disk-full",
        ),
        pytest.param(BusyLoadingError("Redis is loading the dataset in memory"), "is loading", id="loading"),
        pytest.param(redis.ResponseError("CLUSTERDOWN The cluster is down"), "cluster is down", id="cluster-down"),
        pytest.param(redis.ResponseError("-BUSY Redis is busy running a script"), "SCRIPT KILL", id="busy"),
        pytest.param(redis.TimeoutError("Timeout reading from 10.0.0.7:6379"), "does not answer", id="time-out"),
        pytest.param(redis.ResponseError("ERR 10.0.0.7 is odd"), "see its log", id="unknown"),
    ],
)
def test_a_failure_is_described_without_an_address(error: redis.RedisError, words: str) -> None:
    described = describe_failure(error)

    assert words in described
    assert "10.0.0.7" not in described
