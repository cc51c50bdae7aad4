-- Checks that Redis accepts what this package calls: scripts, writes and announcements.
--
-- Keys:
--   KEYS[1] hash of the probe, under the namespace
--   KEYS[2] key of the probe beside the keys of the task queue, which are not under the namespace
--
-- ARGV: channel of announcements, an announcement that concerns no connection
--
-- Returns the time of Redis: {seconds, microseconds}. Raises an error if a write is refused.

redis.call('HSET', KEYS[1], 'probe', '1')
redis.call('PEXPIRE', KEYS[1], 60000)
redis.call('ZADD', KEYS[2], 0, 'probe')
redis.call('PEXPIRE', KEYS[2], 60000)
redis.call('PUBLISH', ARGV[1], ARGV[2])
return redis.call('TIME')
