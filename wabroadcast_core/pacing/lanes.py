"""Lanes: how many turns a connection has at once, over all processes.

A lane is a lease in Redis that ends with the lease of its worker at the latest. Too many turns would do no harm,
because the limiter and the claims prevent it: lanes save work.
"""

import redis.asyncio

from wabroadcast_core.clock import CLOCK_SCRIPT, SteadyClock
from wabroadcast_core.keys import Keys

# KEYS[1] sorted set of turns by the end of their lease; the name of a turn begins with its worker's number: "7.42"
# KEYS[2] hash of the clock
# ARGV: number of lanes, seconds of the lease, turn, prefix of the keys of the workers' leases, the least steady time
# Returns 1 if a lane was taken, 0 if all lanes are taken.
_TAKE = (
    CLOCK_SCRIPT
    + """
local now = read_clock(KEYS[2], ARGV[5])
local function is_alive(worker) return tonumber(redis.call('GET', ARGV[4] .. worker) or '0') > now end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, turn in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if not is_alive(string.match(turn, '^%d+')) then redis.call('ZREM', KEYS[1], turn) end
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2])) + 1)
return 1
"""
)


class Lanes:
    """The lanes of all connections."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys, clock: SteadyClock) -> None:
        self._client = client
        self._clock = clock
        self._keys = keys
        self._take = client.register_script(_TAKE)

    async def take(self, connection_id: int, turn: str, *, lanes: int, seconds: float) -> bool:
        """Take a lane.

        :param turn: the name of the turn, which begins with the number of its worker.
        :param lanes: how many lanes the connection has.
        :param seconds: the lane is taken for at most this long.
        :returns: whether a lane was free.
        """
        names = [self._keys.lanes(connection_id), self._keys.clock]
        arguments: list[str | float] = [lanes, seconds, turn, self._keys.workers, f"{self._clock.least():.6f}"]
        return bool(await self._take(keys=names, args=arguments))

    async def give_back(self, connection_id: int, turn: str) -> None:
        """Release the lane of a turn."""
        await self._client.zrem(self._keys.lanes(connection_id), turn)

    async def release_all(self, connection_id: int, *, worker_id: int) -> None:
        """Release the lanes of all turns of a worker.

        A turn that still runs may lose its lane: lanes only save work.
        """
        key, mine = self._keys.lanes(connection_id), f"{worker_id}.".encode()
        turns: list[bytes] = list(await self._client.zrange(key, 0, -1))  # type: ignore[arg-type]  # without scores
        if ours := [turn for turn in turns if turn.startswith(mine)]:
            await self._client.zrem(key, *ours)
