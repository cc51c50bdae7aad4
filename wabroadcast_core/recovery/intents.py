"""Which messages may have left: written to Redis as a send starts, so that after a crash only those are unknown."""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import redis
import redis.asyncio

from wabroadcast_core.keys import Keys

_SCRIPT = files(__package__).joinpath("intents.lua").read_text(encoding="utf-8")


class SealedError(Exception):
    """This worker was taken for dead and its claims were settled: it may start nothing under this number."""


class LostError(Exception):
    """Redis lost the intents of this worker: they must be written again before anything starts."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat learned."""

    redis_time: float
    whole: bool
    sealed: bool
    epoch: float  # since when Redis has kept its keys


class Intents:
    """One worker's intents, and how a dead worker's are read.

    Messages that start together are one group; what is over is forgotten with the next group's writing.
    """

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._script = client.register_script(_SCRIPT)
        self._numbers = itertools.count(1)
        self._groups: dict[int, set[int]] = {}
        self._group_of: dict[int, int] = {}
        self._spent: list[int] = []
        self._changed: set[int] = set()

    async def mark(self, worker_id: int, message_keys: Sequence[int]) -> None:
        """Note that these messages start now.

        :raises SealedError: :raises LostError: nothing was noted: start nothing.
        :raises redis.RedisError: it is not known whether they were noted: start nothing.
        """
        group = next(self._numbers)
        self._groups[group] = set(message_keys)
        self._group_of.update(dict.fromkeys(message_keys, group))
        answer = await self._note(worker_id, "mark", {group, *self._changed})
        if answer == 0:
            raise LostError

    async def open(self, worker_id: int) -> None:
        """Make the worker's hash, holding all that it has under way. :raises SealedError: too late."""
        await self._note(worker_id, "open", set(self._groups))

    def forget(self, message_keys: Iterable[int], *, started: bool = True) -> None:
        """These are over: recorded, or never started."""
        for key in message_keys:
            group = self._group_of.pop(key, None)
            if group is None:
                continue
            left = self._groups[group]
            left.discard(key)
            if not left:
                del self._groups[group]
                self._changed.discard(group)
                self._spent.append(group)
            elif not started:
                self._changed.add(group)

    def holds(self, message_key: int) -> bool:
        """Whether an intent of this message stands."""
        return message_key in self._group_of

    def forget_all(self) -> None:
        """Begin under a new number: what the old one had under way was settled."""
        self._groups.clear()
        self._group_of.clear()
        self._spent.clear()
        self._changed.clear()

    async def _note(self, worker_id: int, op: str, groups: Iterable[int]) -> int:
        spent, self._spent = self._spent, []
        self._changed.difference_update(groups)
        pairs = [part for group in groups for part in (group, ",".join(map(str, self._groups[group])))]
        answer: int = await self._call(worker_id, op, len(spent), *spent, *pairs)
        if answer == -1:
            raise SealedError
        return answer

    async def beat(self, worker_id: int, *, lease_seconds: float) -> Beat:
        answer = await self._call(worker_id, "beat", int(lease_seconds * 1000))
        seconds, micros, whole, sealed, epoch = (int(part) for part in answer)
        return Beat(seconds + micros / 1e6, whole=bool(whole), sealed=bool(sealed), epoch=float(epoch))

    async def seal(self, worker_id: int) -> tuple[bool, set[int]]:
        """Let a worker start nothing more. :returns: whether its intents are whole, and the intents."""
        answer = await self._call(worker_id, "seal")
        return bool(answer[0]), {int(key) for ids in answer[1:] for key in ids.split(b",")}

    async def is_alive(self, worker_id: int) -> bool:
        return bool(await self._client.exists(self._keys.worker(worker_id)))

    async def kept_since(self) -> float | None:
        """Since when Redis has kept its keys (UNIX seconds); unset right after it lost them."""
        epoch = await self._client.get(self._keys.epoch)
        return None if epoch is None else float(epoch)

    async def drop(self, worker_id: int) -> None:
        """Drop what is kept for a worker that ended; the seal stays."""
        await self._client.delete(self._keys.intents(worker_id), self._keys.worker(worker_id))

    async def _call(self, worker_id: int, op: str, *arguments: int | str) -> Any:
        keys = self._keys
        names = [keys.intents(worker_id), keys.sealed(worker_id), keys.worker(worker_id), keys.epoch]
        return await self._script(keys=names, args=[op, *arguments])
