"""Reports of the workers about the failures of plugins: one entry for each worker in a hash in Redis."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

import redis
import redis.asyncio

from wabroadcast_core.plugins.failures import HookFailures

FRESH_REPORTS: Final = 3  # intervals of reporting after which a worker that did not report again is gone


async def report_failures(
    client: redis.asyncio.Redis, key: str, failures: Iterable[HookFailures], *, worker: int, now: float, interval: float
) -> None:
    """Write the failures since the start of a worker, and delete the reports of workers that are gone.

    :param interval: seconds between two reports.
    """
    reports = await client.hgetall(key)
    gone = [field for field, report in reports.items() if not _is_fresh(json.loads(report), now, interval)]
    if gone:
        await client.hdel(key, *gone)
    if found := [each.as_dict() for each in failures]:
        await client.hset(key, str(worker), json.dumps({"at": now, "failures": found}))


def read_failures(client: redis.Redis, key: str, *, now: float, interval: float) -> list[HookFailures]:
    """Return the failures since the start of the workers, of all together.

    :raises redis.RedisError: Redis cannot be reached.
    """
    reports = [json.loads(report) for report in client.hgetall(key).values()]
    merged: dict[tuple[str, str], HookFailures] = {}
    for report in (report for report in reports if _is_fresh(report, now, interval)):
        for fields in report["failures"]:
            found = HookFailures(**fields)
            merged[found.plugin, found.hook] = _add(merged.get((found.plugin, found.hook)), found)
    return [merged[name] for name in sorted(merged)]


def _is_fresh(report: Mapping[str, Any], now: float, interval: float) -> bool:
    return float(report["at"]) > now - FRESH_REPORTS * interval


def _add(first: HookFailures | None, second: HookFailures) -> HookFailures:
    if first is None:
        return second
    latest = max(first, second, key=lambda each: each.last_at)
    return HookFailures(first.plugin, first.hook, first.count + second.count, latest.last, latest.last_at)
