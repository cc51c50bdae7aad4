"""Intents: the messages whose send has begun, written to Redis, so that after a crash only these are unknown."""

import itertools
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import redis
import redis.asyncio

from wabroadcast_core.clock import CLOCK_SCRIPT, RedisClock
from wabroadcast_core.keys import Keys

_SCRIPT = CLOCK_SCRIPT + files(__package__).joinpath("intents.lua").read_text(encoding="utf-8")

_NO_LEASE = -1


class SealedError(Exception):
    """This worker's lease expired and its claims were settled: it may start no message under this worker id."""


class IntentsLostError(Exception):
    """Redis lost the intents of this worker: they must be written again before a message starts."""


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The answer of Redis to a heartbeat."""

    complete: bool  # Redis has all intents of the worker
    sealed: bool  # the worker's claims were settled: it must continue under a new id
    epoch: float  # steady time since when Redis has its keys; it changes when Redis may have lost any


@dataclass(frozen=True, slots=True)
class SealedIntents:
    """The intents that Redis has of a worker, which can add no more."""

    message_keys: frozenset[int]
    exist: bool  # Redis has not lost them altogether
    is_same_run: bool  # neither restarted nor replaced by a replica since the worker wrote them: none is missing
    latest: int  # number of the latest group of intents


class Intents:
    """The intents of this process' worker, and access to those of other workers.

    Messages that start together form one group. A group whose messages have all ended is removed from Redis when the
    next group is written.

    :param client: a Redis client of the calling event loop.
    :param clock: follows Redis' clock with each heartbeat.
    """

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, clock: RedisClock) -> None:
        self._client = client
        self._clock = clock
        self._keys = keys
        self._script = client.register_script(_SCRIPT)
        self._group_numbers = itertools.count(1)
        self._groups: dict[int, set[int]] = {}  # message keys by group
        self._group_of: dict[int, int] = {}  # group by message key
        self._ended: list[int] = []  # groups to be removed from Redis
        self._changed: set[int] = set()  # groups to be written to Redis again
        self._latest = 0  # the number of the latest group
        self.acknowledged = 0  # the number of the latest group that Redis has confirmed

    async def mark(self, worker_id: int, message_keys: Sequence[int]) -> None:
        """Write the intents of messages that start now. After an error no message may start.

        :raises SealedError: the worker's claims were settled; nothing was written.
        :raises IntentsLostError: Redis may have lost earlier intents; nothing was written.
        :raises redis.RedisError: Redis cannot be reached; it is not known whether the intents were written.
        """
        group = self._latest = next(self._group_numbers)
        self._groups[group] = set(message_keys)
        self._group_of.update(dict.fromkeys(message_keys, group))
        answer = await self._write(worker_id, "mark", {group, *self._changed})
        if answer == 0:
            raise IntentsLostError

    async def open(self, worker_id: int) -> None:
        """Create the worker's hash in Redis, with the intents of all messages whose send has begun.

        :raises SealedError: the worker's claims were settled.
        """
        await self._write(worker_id, "open", set(self._groups))

    def forget(self, message_keys: Iterable[int], *, started: bool = True) -> None:
        """Remove the intents of messages that have ended.

        :param started: whether the messages were started and recorded. If not, the intents in Redis must be corrected.
        """
        for key in message_keys:
            group = self._group_of.pop(key, None)
            if group is None:
                continue
            left = self._groups[group]
            left.discard(key)
            if not left:
                del self._groups[group]
                self._changed.discard(group)
                self._ended.append(group)
            elif not started:
                self._changed.add(group)

    def holds(self, message_key: int) -> bool:
        """Return whether this message has an intent."""
        return message_key in self._group_of

    def forget_all(self) -> None:
        """Remove all intents in this process, before the worker continues under a new id."""
        self._groups.clear()
        self._group_of.clear()
        self._ended.clear()
        self._changed.clear()

    async def _write(self, worker_id: int, op: str, groups: Iterable[int]) -> int:
        ended, self._ended = self._ended, []
        self._changed.difference_update(groups)
        pairs = [part for group in groups for part in (group, ",".join(map(str, self._groups[group])))]
        latest = self._latest
        answer: int = await self._call(worker_id, op, self.acknowledged, latest, len(ended), *ended, *pairs)
        if answer == -1:
            raise SealedError
        if answer == 1:
            self.acknowledged = max(self.acknowledged, latest)
        return answer

    async def beat(self, worker_id: int, *, lease_seconds: float) -> Heartbeat:
        """Renew the lease of a worker, and adjust the clock."""
        asked_at = time.monotonic()
        answer = await self._call(worker_id, "beat", self.acknowledged, int(lease_seconds * 1000))
        now, jump, complete, sealed, epoch = map(float, answer)
        self._clock.follow(now, jump, asked_at=asked_at, answered_at=time.monotonic())
        return Heartbeat(complete=bool(complete), sealed=bool(sealed), epoch=epoch)

    async def seal(self, worker_id: int) -> SealedIntents:
        """Prevent a worker from starting any more messages."""
        exist, is_same_run, latest, *groups = await self._call(worker_id, "seal")
        keys = frozenset(int(key) for ids in groups for key in ids.split(b","))
        return SealedIntents(keys, exist=bool(exist), is_same_run=bool(is_same_run), latest=latest)

    async def survive_restarts(self) -> bool:
        """Return whether Redis writes each command to its disk before it answers, and never was a replica.

        Then a restart loses no acknowledged intent. A server that does not show its configuration counts as another.
        """
        try:
            files = await self._client.config_get("append*")
            replication = await self._client.info("replication")
        except redis.ResponseError:
            return False
        was_replica = replication.get("role") != "master" or int(replication.get("second_repl_offset", 0)) >= 0
        return not was_replica and (files.get("appendonly"), files.get("appendfsync")) == ("yes", "always")

    async def is_alive(self, worker_id: int, *, is_new: bool = False) -> bool:
        """Return whether a worker has a lease.

        :param is_new: whether it has just registered itself: it may be about to take its first lease.
        """
        answer = await self._call(worker_id, "alive")
        return is_new if answer == _NO_LEASE else answer == 1

    async def keys_age(self) -> float | None:
        """Return for how many seconds Redis certainly has had all its keys; None if no heartbeat noted a beginning."""
        now, *epoch = await self._call(0, "since")
        return float(now) - float(epoch[0]) if epoch and epoch[0] else None

    async def drop(self, worker_id: int) -> None:
        """Delete the intents and the lease of a worker that has ended. The seal stays."""
        await self._client.delete(self._keys.intents(worker_id), self._keys.worker(worker_id))

    async def _call(self, worker_id: int, op: str, *arguments: int | str) -> Any:
        keys = self._keys
        names = [keys.intents(worker_id), keys.sealed(worker_id), keys.worker(worker_id), keys.epoch, keys.clock]
        return await self._script(keys=names, args=[op, f"{self._clock.steady.least():.6f}", *arguments])
