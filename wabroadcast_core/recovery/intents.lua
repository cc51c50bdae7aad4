-- The intents of one worker: the messages whose send has begun, so that they may have left.
--
-- Keys:
--   KEYS[1] hash of intents: one field for each group of messages that start together; the value is their ids,
--           separated by commas. Two more fields: "~" is the run in which the worker wrote all its intents, "#" the
--           number of the latest group
--   KEYS[2] seal: exists once the worker's claims are being settled; it may then start no more messages
--   KEYS[3] lease: until when the worker counts as alive
--   KEYS[4] epoch: since when Redis has its keys, and the run in which that was noted
--   KEYS[5] hash of the clock (clock.lua, which comes before this text). Times are in steady time.
--
-- ARGV[1] is the operation, ARGV[2] the least that steady time can be; the arguments of the operation follow:
--   mark <acknowledged> <number> <n> <group>*n [<group> <ids>]...
--                           remove n groups, write the others; number is the latest group's
--                           -> 1 written, 0 the hash is not complete, -1 sealed
--   open ... as mark        the same, but make the hash complete -> 1 written, -1 sealed
--   beat <acknowledged> <milliseconds>
--                           renew the lease for this time
--                           -> {now, sum of the clock's jumps, hash is complete, sealed, epoch}
--   since                   -> {now, epoch}; without an epoch {now}
--   alive                   -> 1 if the worker is alive, 0 if its lease is over, -1 if it has none
--   seal                    forbid the worker to start more messages
--                           -> {hash exists, it was written in this run, number of the latest group, ids...}
--
-- Redis may come back from a snapshot, or a replica that is behind may take its place: then the keys exist and the
-- newest writes are missing. Each of these begins a new run, and so does a restart that loses nothing. A hash is
-- complete if it was written in this run and has the latest group that Redis acknowledged to the worker. Then a claimed
-- message that is not among the ids has certainly not been started. In a new run the workers write their intents again,
-- and the epoch begins again.

local KEEP_SECONDS = 40 * 86400  -- of a lease whose worker the store has forgotten

local hash, seal, lease, epoch = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local op = ARGV[1]
local run = run_name()

local function is_complete(acknowledged)
  local number = tonumber(redis.call('HGET', hash, '#') or '')
  return redis.call('HGET', hash, '~') == run and number ~= nil and number >= tonumber(acknowledged)
end

local function write_groups()
  local number, ended = tonumber(ARGV[4]), tonumber(ARGV[5])
  for place = 6, 5 + ended do redis.call('HDEL', hash, ARGV[place]) end
  for place = 6 + ended, #ARGV, 2 do redis.call('HSET', hash, ARGV[place], ARGV[place + 1]) end
  if number > tonumber(redis.call('HGET', hash, '#') or '-1') then redis.call('HSET', hash, '#', number) end
end

if op == 'mark' then
  if redis.call('EXISTS', seal) == 1 then return -1 end
  if not is_complete(ARGV[3]) then return 0 end
  write_groups()
  return 1
end

if op == 'open' then
  if redis.call('EXISTS', seal) == 1 then return -1 end
  if not is_complete(ARGV[3]) then redis.call('DEL', hash) end  -- what an old snapshot has of it is over
  redis.call('HSET', hash, '~', run)
  write_groups()
  return 1
end

local now, jump = read_clock(KEYS[5], ARGV[2])
local now_text = string.format('%.6f', now)

-- Return since when Redis has its keys, as text; false if that is not known.
local function keys_since()
  local since, noted_in = string.match(redis.call('GET', epoch) or '', '^(%S+) (.+)$')
  if since and noted_in ~= run then
    since = now_text
    redis.call('SET', epoch, since .. ' ' .. run)
  end
  return since or false
end

if op == 'since' then return {now_text, keys_since()} end

if op == 'alive' then
  local ends_at = tonumber(redis.call('GET', lease) or '')
  return ends_at == nil and -1 or (ends_at > now and 1 or 0)
end

if op == 'beat' then
  redis.call('SET', lease, string.format('%.6f', now + tonumber(ARGV[4]) / 1000), 'EX', KEEP_SECONDS)
  if not keys_since() then redis.call('SET', epoch, now_text .. ' ' .. run) end
  return {now_text, string.format('%.6f', jump), is_complete(ARGV[3]) and 1 or 0, redis.call('EXISTS', seal), keys_since()}
end

-- seal
redis.call('SET', seal, now_text, 'EX', 7 * 86400)
local written_in = redis.call('HGET', hash, '~')
local answer = {written_in and 1 or 0, written_in == run and 1 or 0, tonumber(redis.call('HGET', hash, '#') or '0')}
local fields = redis.call('HGETALL', hash)
for place = 1, #fields, 2 do
  if fields[place] ~= '~' and fields[place] ~= '#' then answer[#answer + 1] = fields[place + 1] end
end
return answer
