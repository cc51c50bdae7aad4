"""The examination of Redis."""

import statistics
import time
from collections.abc import Iterator
from typing import Any

import redis

from host_litestar.doctor.findings import Finding, fault, fault_of, judge, ok, warning
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
        f"a call takes {median * 1000:.1f} ms, at most {worst * 1000:.1f} ms",
        median,
        warn_from=SLOW_PING,
        fault_from=BAD_PING,
        remedy="run Redis near the workers, and on a machine that is not busy",
    )


def _measure_ping(client: redis.Redis) -> float:
    began = time.perf_counter()
    client.ping()
    return time.perf_counter() - began


def _version(facts: dict[str, Any]) -> Finding:
    if "valkey_version" in facts:
        return ok(PART, f"Valkey {facts['valkey_version']}")
    version = str(facts.get("redis_version", "0"))
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if parts < OLDEST:
        return warning(PART, f"Redis {version} is old", "install Redis 6.2 or newer, or Valkey")
    return ok(PART, f"Redis {version}")


def _persistence(facts: dict[str, Any]) -> Iterator[Finding]:
    if facts.get("aof_last_write_status", "ok") != "ok" or facts.get("rdb_last_bgsave_status", "ok") != "ok":
        yield fault(PART, "Redis could not save its data the last time", "free space on its disk, and see its log")
    if facts.get("aof_enabled"):
        yield ok(PART, "it writes its data to disk (append-only file)")
    else:
        yield warning(
            PART,
            "it does not write each command to disk, so messages in flight become unknown if it crashes with a worker",
            "set `appendonly yes` and `appendfsync always`",
        )


def _eviction(facts: dict[str, Any]) -> Finding:
    policy, remedy = str(facts.get("maxmemory_policy", "noeviction")), "set `maxmemory-policy noeviction`"
    if policy == "noeviction":
        return ok(PART, "it deletes no keys when its memory is full")
    if facts.get("maxmemory"):
        return fault(PART, f"it deletes keys when its memory is full ({policy}), limits and intents too", remedy)
    return warning(PART, f"it would delete keys if it had a memory limit ({policy})", remedy)


def _memory(facts: dict[str, Any]) -> Iterator[Finding]:
    limit, used = int(facts.get("maxmemory") or 0), int(facts.get("used_memory") or 0)
    if limit:
        yield judge(
            PART,
            f"{used / limit:.0%} of its memory limit is used",
            used / limit,
            warn_from=NEARLY_FULL,  # one that is full refuses the probe
            remedy="raise its maxmemory, or free memory in it",
        )
