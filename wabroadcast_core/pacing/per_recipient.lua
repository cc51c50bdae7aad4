-- The least gap between two messages of a connection to the same person, over all broadcasts and processes.
--
-- KEYS[1]   sorted set of numbers by the time of the start of their last message (UNIX seconds of Redis' clock)
-- ARGV[1]   the gap in seconds; ARGV[2..] the numbers whose messages are about to start
-- Returns for each number, as a string: 0 if its message may start, which is then recorded as its last start, or the
-- seconds that the message must wait.

local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local gap = tonumber(ARGV[1])
local waits = {}
for place = 2, #ARGV do
  local last = redis.call('ZSCORE', KEYS[1], ARGV[place])
  local wait = last and tonumber(last) + gap - now or 0
  if wait <= 0 then
    wait = 0
    redis.call('ZADD', KEYS[1], string.format('%.6f', now), ARGV[place])
  end
  waits[place - 1] = string.format('%.6f', wait)
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - gap))
redis.call('PEXPIRE', KEYS[1], math.ceil(gap * 1000))
return waits
