"""The examination of Redis."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import redis

from host_litestar.doctor.findings import Finding, fault, fault_of, judge, ok, warning
from host_litestar.doctor.texts import say
from wabroadcast_core.keys import Keys
from wabroadcast_core.redis_access.probe import RedisProbe, describe_failure

PART = "redis"
OLDEST = (6, 2)  # of Redis; every Valkey is newer
PINGS = 20
SLOW_PING = 0.02  # seconds; a reservation of slots takes a few of them
BAD_PING = 0.2
NEARLY_FULL = 0.9  # of the memory limit


def examine_redis(client: redis.Redis, keys: Keys) -> Iterator[Finding]:
    """Yield what is found about a Redis. The first finding is a fault if it cannot be used at all."""
    try:
        RedisProbe(keys).call(client)
        facts: dict[str, Any] = client.info("everything")
        seconds = [_measure_ping(client) for _ in range(PINGS)]
    except redis.RedisError as error:
        yield fault_of(PART, describe_failure(error))
        return
    yield _version(facts)
    yield from _persistence(facts)
    yield _eviction(facts)
    yield from _memory(facts)
    median, worst = statistics.median(seconds), max(seconds)
    yield judge(
        PART,
        say("redis_call", median=round(median * 1000, 1), worst=round(worst * 1000, 1)),
        median,
        warn_from=SLOW_PING,
        fault_from=BAD_PING,
        remedy=say("move_redis"),
    )


def _measure_ping(client: redis.Redis) -> float:
    began = time.perf_counter()
    client.ping()
    return time.perf_counter() - began


def _version(facts: dict[str, Any]) -> Finding:
    if "valkey_version" in facts:
        return ok(PART, say("version", name="Valkey", version=facts["valkey_version"]))
    version = str(facts.get("redis_version", "0"))
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if parts < OLDEST:
        return warning(PART, say("redis_old", version=version), say("install_redis"))
    return ok(PART, say("version", name="Redis", version=version))


def _persistence(facts: dict[str, Any]) -> Iterator[Finding]:
    if facts.get("aof_last_write_status", "ok") != "ok" or facts.get("rdb_last_bgsave_status", "ok") != "ok":
        yield fault(PART, say("redis_not_saved"), say("free_redis_disk"))
    if facts.get("aof_enabled"):
        yield ok(PART, say("redis_appends"))
    else:
        yield warning(PART, say("redis_does_not_append"), say("let_redis_append"))


def _eviction(facts: dict[str, Any]) -> Finding:
    policy, remedy = str(facts.get("maxmemory_policy", "noeviction")), say("let_redis_keep_keys")
    if policy == "noeviction":
        return ok(PART, say("redis_keeps_keys"))
    if facts.get("maxmemory"):
        return fault(PART, say("redis_evicts", policy=policy), remedy)
    return warning(PART, say("redis_would_evict", policy=policy), remedy)


def _memory(facts: dict[str, Any]) -> Iterator[Finding]:
    limit, used = int(facts.get("maxmemory") or 0), int(facts.get("used_memory") or 0)
    if limit:
        yield judge(
            PART,
            say("redis_memory", percent=round(100 * used / limit)),
            used / limit,
            warn_from=NEARLY_FULL,  # one that is full refuses the probe
            remedy=say("raise_redis_memory"),
        )
