-- The clock of all scripts; each script that uses it begins with this text.
--
-- Redis' wall clock may jump, by hours and in either direction. The provider, leases and waiting messages know nothing
-- of that, so limits and leases are kept in steady time: wall time less all its jumps. Both are UNIX seconds, and equal
-- until the clock jumps for the first time. Two things show a jump:
--   - steady time never runs backward: it is at least what a script saw before;
--   - a worker sends the least that it can be, `least`: an earlier answer, and what its monotonic clock has measured
--     since. Steady time can be later by what the request was under way, and no more. 0: the worker has no answer yet.
-- A request that was under way for longer only makes steady time run late for that long, which is the safe side.
--
-- Fields of the clock's hash: jump (the sum of all jumps), seen (the latest steady time that was noted).

local LONGEST_WAY = 0.5  -- seconds that a request may be under way before it looks like a jump
local LEAST_JUMP = 0.001   -- seconds; less is the rounding of what is stored
local NOTED_EVERY = 0.5  -- seconds of steady time

-- Return steady time, and the sum of the jumps.
local function read_clock(key, least)
  local time = redis.call('TIME')
  local wall = tonumber(time[1]) + tonumber(time[2]) / 1000000
  local stored = redis.call('HMGET', key, 'jump', 'seen')
  local noted, seen = tonumber(stored[1] or '0'), tonumber(stored[2] or '0')
  local known = math.max(tonumber(least), seen)
  local now, jump = wall - noted, noted
  if now < known - LEAST_JUMP or (tonumber(least) > 0 and now > known + LONGEST_WAY) then now, jump = known, wall - known end
  if jump ~= noted or now > seen + NOTED_EVERY then
    redis.call('HSET', key, 'jump', string.format('%.6f', jump), 'seen', string.format('%.6f', now))
  end
  return now, jump
end

local function info(section, name)
  local text = redis.pcall('INFO', section)
  return type(text) == 'string' and string.match(text, name .. ':(%x+)') or ''
end

-- Return the name of the present run: the life of one server process as one primary. A restart begins a new run, and so
-- does a replica that takes over; either may have lost the newest writes.
local function run_name() return info('server', 'run_id') .. '.' .. info('replication', 'master_replid') end

