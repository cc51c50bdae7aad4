-- The intents of one worker: which of its messages may have left.
--
-- KEYS[1] hash of intents: messages that start together are one field, their ids with commas between
-- KEYS[2] seal   KEYS[3] lease   KEYS[4] epoch
-- ARGV[1] op, then what it takes:
--   mark <n> <group>*n [<group> <ids>]...   forget n groups, note others -> 1 noted, 0 the hash is gone, -1 sealed
--   open <n> <group>*n [<group> <ids>]...   the same, but make the hash -> 1, -1 sealed
--   beat <milliseconds>                     say that the worker lives for so long
--                                           -> {seconds, microseconds, hash is there, sealed, epoch}
--   seal                                    let the worker start nothing more -> {hash is whole, ids...}
-- The field "~" says that the hash is whole: it is there from before the first claim on, so a message that is claimed
-- and not among the ids has surely not been started.

local hash, seal, lease, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local op = ARGV[1]

local function note()
  local spent = tonumber(ARGV[2])
  for place = 3, 2 + spent do redis.call('HDEL', hash, ARGV[place]) end
  for place = 3 + spent, #ARGV, 2 do redis.call('HSET', hash, ARGV[place], ARGV[place + 1]) end
end

if op == 'mark' then
  if redis.call('EXISTS', seal) == 1 then return -1 end
  if redis.call('HEXISTS', hash, '~') == 0 then return 0 end
  note()
  return 1
end

if op == 'open' then
  if redis.call('EXISTS', seal) == 1 then return -1 end
  redis.call('HSET', hash, '~', '1')
  note()
  return 1
end

local clock = redis.call('TIME')

if op == 'beat' then
  redis.call('SET', lease, '1', 'PX', ARGV[2])
  redis.call('SET', epoch, clock[1], 'NX')
  return {clock[1], clock[2], redis.call('HEXISTS', hash, '~'), redis.call('EXISTS', seal), redis.call('GET', epoch)}
end

redis.call('SET', seal, clock[1], 'EX', 7 * 86400)
local answer = {redis.call('HEXISTS', hash, '~')}
local fields = redis.call('HGETALL', hash)
for place = 1, #fields, 2 do
  if fields[place] ~= '~' then answer[#answer + 1] = fields[place + 1] end
end
return answer
