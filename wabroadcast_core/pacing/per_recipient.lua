-- The least gap between two messages of a connection to the same person, over all broadcasts and processes.
--
-- KEYS[1]   sorted set of numbers by the time of the start of their last message (steady time)
-- KEYS[2]   hash of the clock (clock.lua, which comes before this text)
-- ARGV[1]   the gap in seconds; ARGV[2] the least that steady time can be; ARGV[3..] the numbers whose messages are about to start
-- Returns for each number, as a string: 0 if its message may start, which is then recorded as its last start, or the
-- seconds that the message must wait.

local now = read_clock(KEYS[2], ARGV[2])
local gap = tonumber(ARGV[1])
local waits = {}
for place = 3, #ARGV do
  local last = redis.call('ZSCORE', KEYS[1], ARGV[place])
  local wait = last and tonumber(last) + gap - now or 0
  if wait <= 0 then
    wait = 0
    redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[place])
  end
  waits[place - 2] = string.format('%.6f', wait)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - gap))
redis.call('EXPIRE', KEYS[1], math.ceil(gap) + 86400)  -- not sooner: Redis' clock may jump ahead
return waits
