-- Add what a process has measured to the shared totals, and note how its host's clock differs from Redis' clock.
--
-- KEYS[1]   hash of the totals: a number by cell
-- KEYS[2]   hash of the hosts' clocks: "seconds ahead,noted at" by host
-- ARGV[1]   host, empty to note no clock; ARGV[2] its time (UNIX seconds)
-- ARGV[3..] cell, amount, cell, amount ...
-- Returns nothing.
--
-- The request takes a while, so a clock that is right looks late by that.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[2], ARGV[1], string.format('%.3f,%.0f', tonumber(ARGV[2]) - now, now))
end
for place = 3, #ARGV, 2 do redis.call('HINCRBYFLOAT', KEYS[1], ARGV[place], ARGV[place + 1]) end
