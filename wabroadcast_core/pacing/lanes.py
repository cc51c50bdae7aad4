"""How many turns a connection has at once, over all processes: leases in Redis that run out with their worker's.

Too many turns would do no harm, the limiter and the claims see to that: lanes save work.
"""

import redis.asyncio

from wabroadcast_core.keys import Keys

# KEYS[1] sorted set of turns by the end of their lease; a turn is called after its worker: "7.42"
# ARGV: lanes, seconds, turn, what the workers' leases are called but for their number -> 1 taken, 0 all are taken
_TAKE = """
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, turn in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if redis.call('EXISTS', ARGV[4] .. string.match(turn, '^%d+')) == 0 then redis.call('ZREM', KEYS[1], turn) end
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(tonumber(ARGV[2])) + 1)
return 1
"""


class Lanes:
    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._take = client.register_script(_TAKE)

    async def take(self, connection_id: int, turn: str, *, lanes: int, seconds: float) -> bool:
        """Take a lane for at most ``seconds``. :returns: whether one was free."""
        return bool(
            await self._take(keys=[self._keys.lanes(connection_id)], args=[lanes, seconds, turn, self._keys.workers])
        )

    async def give_back(self, connection_id: int, turn: str) -> None:
        await self._client.zrem(self._keys.lanes(connection_id), turn)
