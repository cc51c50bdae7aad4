-- Count the workers that are alive. This text follows that of clock.lua.
--
-- KEYS[1]   hash of the clock
-- KEYS[2..] the leases of workers
-- Returns the number of those whose lease has not expired.

local now, alive = read_clock(KEYS[1], 0), 0
for place = 2, #KEYS do
  if tonumber(redis.call('GET', KEYS[place]) or '0') > now then alive = alive + 1 end
end
return alive
