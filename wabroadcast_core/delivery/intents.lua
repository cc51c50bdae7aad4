-- The intents of one worker: which of its messages may have left.
--
-- KEYS[1] hash of intents   KEYS[2] seal   KEYS[3] lease   KEYS[4] epoch
-- ARGV[1] op:
--   mark <id...>                   note that these start now -> 1 noted, 0 the hash is not there (Redis lost its keys), -1 sealed
--   open <id...>                   make the hash, holding these -> 1, -1 sealed
--   beat <lease milliseconds>      say that the worker lives -> {seconds, microseconds, hash there, sealed, epoch}
--   seal                           let the worker start nothing more -> {whether the hash is whole, id...}
-- The field "~" says that the hash is whole: it is there from the first claim on, so a message that is claimed
-- and not among the fields has surely not been started.

local hash, seal, lease, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local op = ARGV[1]

local function note()
  for place = 2, #ARGV do redis.call('HSET', hash, ARGV[place], '1') end
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
for _, id in ipairs(redis.call('HKEYS', hash)) do
  if id ~= '~' then answer[#answer + 1] = id end
end
return answer
