-- The pairing of a Redis namespace with a store.
--
-- Keys:
--   KEYS[1] hash: "token" of the store, "store": its name for people
--   KEYS[2] life: exists while a process of that store is running
--
-- ARGV[1] is the operation, followed by its arguments:
--   look                                  -> {token or "", name, milliseconds that the life has left}
--   hold <token> <name> <milliseconds>    pair the namespace, unless another store has it; renew the life
--                                         -> the same, afterwards

local pair, life = KEYS[1], KEYS[2]

if ARGV[1] == 'hold' then
  redis.call('HSETNX', pair, 'token', ARGV[2])
  if redis.call('HGET', pair, 'token') == ARGV[2] then
    redis.call('HSET', pair, 'store', ARGV[3])
    redis.call('SET', life, '1', 'PX', ARGV[4])
  end
end

local found = redis.call('HMGET', pair, 'token', 'store')
return {found[1] or '', found[2] or '', redis.call('PTTL', life)}
