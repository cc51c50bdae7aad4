-- The intents of one worker: the messages whose send has begun, so that they may have left.
--
-- Keys:
--   KEYS[1] hash of intents: one field for each group of messages that start together; the value is their ids,
--           separated by commas
--   KEYS[2] seal: exists once the worker's claims are being settled; it may then start no more messages
--   KEYS[3] lease: exists while the worker is alive
--   KEYS[4] epoch: since when Redis has its keys (UNIX seconds); absent after Redis lost them
--
-- ARGV[1] is the operation, followed by its arguments:
--   mark <n> <group>*n [<group> <ids>]...   remove n groups, write the others
--                                           -> 1 written, 0 the hash was lost, -1 sealed
--   open <n> <group>*n [<group> <ids>]...   the same, but create the hash -> 1 written, -1 sealed
--   beat <milliseconds>                     renew the lease for this time
--                                           -> {seconds, microseconds, hash is complete, sealed, epoch}
--   seal                                    forbid the worker to start more messages -> {hash is complete, ids...}
--
-- The field "~" marks a complete hash. It is written before the worker's first claim. So if it exists, a claimed
-- message that is not among the ids has certainly not been started.

local hash, seal, lease, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local op = ARGV[1]

local function write_groups()
  local ended = tonumber(ARGV[2])
  for place = 3, 2 + ended do redis.call('HDEL', hash, ARGV[place]) end
  for place = 3 + ended, #ARGV, 2 do redis.call('HSET', hash, ARGV[place], ARGV[place + 1]) end
end

if op == 'mark' then
  if redis.call('EXISTS', seal) == 1 then return -1 end
  if redis.call('HEXISTS', hash, '~') == 0 then return 0 end
  write_groups()
  return 1
end

if op == 'open' then
  if redis.call('EXISTS', seal) == 1 then return -1 end
  redis.call('HSET', hash, '~', '1')
  write_groups()
  return 1
end

local clock = redis.call('TIME')

if op == 'beat' then
  redis.call('SET', lease, '1', 'PX', ARGV[2])
  redis.call('SET', epoch, clock[1], 'NX')
  return {clock[1], clock[2], redis.call('HEXISTS', hash, '~'), redis.call('EXISTS', seal), redis.call('GET', epoch)}
end

-- seal
redis.call('SET', seal, clock[1], 'EX', 7 * 86400)
local answer = {redis.call('HEXISTS', hash, '~')}
local fields = redis.call('HGETALL', hash)
for place = 1, #fields, 2 do
  if fields[place] ~= '~' then answer[#answer + 1] = fields[place + 1] end
end
return answer
