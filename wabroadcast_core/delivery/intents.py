"""Which messages may have left: written to Redis as a send starts, so that after a crash only those are unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import redis
import redis.asyncio

from wabroadcast_core.keys import Keys

_SCRIPT = files(__package__).joinpath("intents.lua").read_text(encoding="utf-8")
WHOLE = "~"


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
    """One worker's intents, and how a dead worker's are read."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._script = client.register_script(_SCRIPT)

    async def mark(self, worker_id: int, message_keys: Sequence[int]) -> None:
        """Note that these messages start now.

        :raises SealedError: :raises LostError: nothing was noted: start nothing.
        :raises redis.RedisError: it is not known whether they were noted: start nothing.
        """
        answer = await self._call(worker_id, "mark", *message_keys)
        if answer == -1:
            raise SealedError
        if answer == 0:
            raise LostError

    async def open(self, worker_id: int, message_keys: Iterable[int] = ()) -> None:
        """Make the worker's hash, holding all that it has under way. :raises SealedError: too late."""
        if await self._call(worker_id, "open", *message_keys) == -1:
            raise SealedError

    async def clear(self, worker_id: int, message_keys: Sequence[int]) -> None:
        """Forget intents whose outcome is recorded, or that did not start."""
        if message_keys:
            await self._client.hdel(self._keys.intents(worker_id), *map(str, message_keys))

    async def beat(self, worker_id: int, *, lease_seconds: float) -> Beat:
        answer = await self._call(worker_id, "beat", int(lease_seconds * 1000))
        seconds, micros, whole, sealed, epoch = (int(part) for part in answer)
        return Beat(seconds + micros / 1e6, whole=bool(whole), sealed=bool(sealed), epoch=float(epoch))

    async def seal(self, worker_id: int) -> tuple[bool, set[int]]:
        """Let a worker start nothing more. :returns: whether its intents are whole, and the intents."""
        answer = await self._call(worker_id, "seal")
        return bool(answer[0]), {int(key) for key in answer[1:]}

    async def is_alive(self, worker_id: int) -> bool:
        return bool(await self._client.exists(self._keys.worker(worker_id)))

    async def kept_since(self) -> float | None:
        """Since when Redis has kept its keys (UNIX seconds); unset right after it lost them."""
        epoch = await self._client.get(self._keys.epoch)
        return None if epoch is None else float(epoch)

    async def forget(self, worker_id: int) -> None:
        """Drop what is kept for a worker that ended; the seal stays."""
        await self._client.delete(self._keys.intents(worker_id), self._keys.worker(worker_id))

    async def _call(self, worker_id: int, op: str, *arguments: int) -> Any:
        keys = self._keys
        names = [keys.intents(worker_id), keys.sealed(worker_id), keys.worker(worker_id), keys.epoch]
        return await self._script(keys=names, args=[op, *arguments])
