-- The limiter of one connection: gives the times (slots) at which messages may start.
--
-- Redis runs one script at a time, so all processes share one sequence of slots. All times are in steady time, which
-- the clock of all scripts (clock.lua, which comes before this text) derives from Redis' own clock: so where that one
-- jumps, no slot is further ahead than before, and what was given before counts for as long as before.
--
-- A restart of Redis, or a replica that takes over, may have lost the latest slots. So the hashes note the run of Redis
-- in which they were written, and count as cold in another one.
--
-- KEYS[1]   hash of the connection; KEYS[2] hash of the clock; KEYS[3..] one hash for each broadcast that has its own rate
-- ARGV[1]   JSON; known is the least that steady time can be; op is one of
--   reserve  {count, lead, horizon, reach, interval, margin, quotas: [[messages, seconds]], jitter: [min, max], randoms,
--             candidates: [{rank, key, interval, margin, fresh, ready}],
--             reporter, report, unused: [slot...], tail: [first, last], late: {slot, shift}}
--             Returns {now, jump, [slot...], [candidate of each slot...], time of the next possible slot, factor, shift,
--             [the earliest slot that each candidate's own rate allows...]}, where jump is the sum of the clock's jumps,
--             or {now, jump, false} if the hash is cold, or does not know what was sent before for one of the quotas: then
--             prime must be called first. In the second case the report is counted. A last element is 1 if the slot is
--             a probe.
--             Without any limit it returns {now, jump, start, count, probe}: count messages may start at the same time.
--             A candidate gets at most as many slots as it has messages ready.
--             unused: slots at which no message started; they are returned to the quotas.
--             reporter, report: the client that reports them (hexadecimal), and the growing number of its report.
--             tail: the first and the last of unused slots that were given together; if the last one is the last slot
--             given at all, the sequence continues from the first one.
--             late: a slot whose message started later than the margin allows; the sequence is shifted by the lateness
--             before the slot's window is over. Shifts add up: late.shift is the shift at the time when the slot was
--             given, plus the lateness.
--   prime    {next, asked, quotas: [{seconds, buckets: {number: count}}]}
--             Stores the recent starts that the store knows: of all quotas if the hash is still cold, else of the quotas
--             whose earlier starts are still unknown. asked: the time of the answer after which the store was read.
--             Returns 1 if anything was stored, else 0.
--   look     {reach, quotas: [[messages, seconds]]}
--             Takes no slots and changes none. Returns {now, jump, next, cool, factor, [[[time, count]...]...], [next...]}:
--             the earliest next slot of the connection (-1 if it must be primed first) and of each broadcast; no slot
--             before cool; for each quota, when its used slots stop to count, and how many do.
--   slow     {slot, wait, least, refused}
--             Lowers the rate after the provider throttled the message of that slot. The answers of one period, a second
--             or two intervals, count together: if all messages were throttled the rate is halved, if a tenth was it
--             loses a twentieth. Returns 1 if a new period began, else 0.
--             After a period without throttling the rate grows toward the level at which throttling came back the last
--             time (top), by half of the difference in each period, and later beyond it, faster and faster. Where few
--             messages are throttled whatever the rate is, it holds.
--             refused: for how many seconds the provider has throttled every message. Beyond a second a slower rate does
--             not help: nothing is sent for a while, then one message, the probe. With each probe that is throttled too,
--             the silence grows. The rate stays as it was.
--   answered {}
--             Ends the silence: the provider has accepted a message.
--
-- Fields of the hash: run (of Redis, in which next was written), next (earliest next slot), last (latest slot given),
-- since (slots before it are not known), shift (sum of all shifts so far), factor, factor_at (when the period began in
-- which the factor was set), base (the factor when it began), hits (throttled messages in it), sent (slots of the period
-- before), gave (slots since it began), hit_at (the last throttling), top, interval (between slots at full rate),
-- cool (no slot before this time), silence (length of the present silence), probe (slot of the last probe),
-- q<seconds>:<bucket> (slots given in that part of a quota's window), q<seconds>:oldest (first bucket not yet deleted),
-- counted (the lengths of the quotas whose slots are counted, see read_counted), q<seconds>:since (when that began, for
-- a quota that was added to a warm hash), n<seconds>:<bucket> (slots given since then, while what was sent before is
-- unknown), reported:<start of a reporter> (the last report of unused slots: reporter:number).
-- Times are seconds. They are returned as strings, because Redis truncates numbers to integers.

local BUCKETS = 128         -- parts of a quota's window
local STRETCH = 1.01        -- a quota's window is longer by this factor, because the network latency varies
local CAUGHT_UP = 0.4       -- part of the margin of a broadcast's rate that may be caught up
local PERIOD = 1            -- seconds in which throttled messages count together, at least
local FEW = 0.2             -- share of throttled messages that a rate may meet and still grow, by one step a period
local STEP = 0.08
local LATE_END = 1.2        -- periods: one ends when a message is throttled after it
local NEAR_TOP = 4          -- periods of growth after which the factor may exceed the top
local PROBE = 0.04          -- part of the rate, times the square of the periods since then
local LONGEST_COOL = 86400  -- seconds; nothing asks for a longer wait, so a later end of one is a mistake
local BLOCKED = 1           -- seconds in which all messages are throttled, before the silence begins
local SILENCE_GROWTH = 1.25
local LONGEST_SILENCE = 300 -- seconds
local KEEP_SECONDS = 40 * 86400
local ABSENT = 60           -- seconds for which the slots of a quota that was removed are still counted

local ask = cjson.decode(ARGV[1])
local now, jump = read_clock(KEYS[2], ask.known)
local hash, run = KEYS[1], run_name()

local function number_of(key, field)
  local value = redis.call('HGET', key, field)
  return value and tonumber(value)
end

local function set(key, field, value)
  redis.call('HSET', key, field, string.format('%.6f', value))
end

-- Return the next slot of a hash; nil if it is cold.
local function next_slot(key)
  local stored = redis.call('HMGET', key, 'run', 'next')
  return stored[1] == run and tonumber(stored[2] or '') or nil
end

local function set_next_slot(key, t)
  redis.call('HSET', key, 'run', run, 'next', string.format('%.6f', t))
end

-- Return the length of the period in which throttled messages count together: long enough for two messages.
local function period_of(factor) return math.max(PERIOD, 2 * (number_of(hash, 'interval') or 0) / factor) end

-- Return the time before which the provider wants no message.
local function cool_until()
  local cool = number_of(hash, 'cool') or 0
  return cool <= now + LONGEST_COOL and cool or 0
end

-- Return the length of the silence; nil unless the provider throttles every message.
local function silence_now() return number_of(hash, 'silence') end

-- Note a probe: nothing more is sent until its answer, or for as long as the silence lasts.
local function note_probe(slot, silence)
  set(hash, 'probe', slot)
  set(hash, 'cool', slot + silence)
end

local function factor_now()
  local factor, hit_at, top = number_of(hash, 'factor'), number_of(hash, 'hit_at'), number_of(hash, 'top')
  if not factor or not hit_at or not top then return 1 end
  local periods = (now - hit_at) / period_of(factor) - 1
  if periods <= 0 then return factor end
  local grown = top - math.max(0, top - factor) * 0.5 ^ periods
  return math.min(1, math.max(factor, grown) + PROBE * math.max(0, periods - NEAR_TOP) ^ 2)
end

-- Return the name of a quota in the fields: its length, exactly.
local function name_of(seconds)
  local short = string.format('%.6g', seconds)
  return tonumber(short) == seconds and short or string.format('%.14g', seconds)
end

-- Return the window of a quota as buckets with counts. Bucket b counts the slots in [b * length, (b + 1) * length). A
-- slot at t is allowed while the bucket of t and the BUCKETS before it count fewer slots than the quota.
-- kind: q, or n for a quota of which it is unknown what was sent before.
local function open_quota(messages, seconds, kind)
  local quota = {messages = messages, length = seconds * STRETCH / BUCKETS, counts = {}, added = {}}
  quota.prefix = kind .. name_of(seconds) .. ':'
  local oldest = math.floor(now / quota.length) - BUCKETS - 1
  quota.newest = math.floor((now + ask.reach) / quota.length) + 1
  local fields = {}
  for bucket = oldest, quota.newest do fields[#fields + 1] = quota.prefix .. string.format('%d', bucket) end
  fields[#fields + 1] = 'q' .. name_of(seconds) .. ':since'
  local values = redis.call('HMGET', hash, unpack(fields))
  -- A slot that was given before that is one of those that the store knows, and may be as far ahead as slots can be.
  quota.since = values[#fields] and tonumber(values[#fields]) + ask.reach or 0
  for place = 1, #fields - 1 do
    if values[place] then quota.counts[oldest + place - 1] = tonumber(values[place]) end
  end
  return quota
end

-- Delete the fields of one kind of a quota.
-- Returns the counts by bucket that they had.
local function delete_buckets(kind, name)
  local prefix, counts = kind .. name .. ':', {}
  for _, field in ipairs(redis.call('HKEYS', hash)) do
    if string.sub(field, 1, #prefix) == prefix then
      local bucket = string.sub(field, #prefix + 1)
      if string.match(bucket, '^%d+$') then counts[bucket] = tonumber(redis.call('HGET', hash, field)) end
      redis.call('HDEL', hash, field)
    end
  end
  return counts
end

-- Parse the list of the quotas that are counted: their lengths, separated by spaces. A question mark follows where it is
-- unknown what was sent before, and @<time> where no quota of that length is in force since then: a worker that has read
-- the limits earlier or later than others must leave no gap in their counts.
local function read_counted(stored)
  local counted = {}
  for name, mark, absent in string.gmatch(stored, '([^%s?@]+)(%??)@?(%S*)') do
    counted[#counted + 1] = {name = name, is_new = mark ~= '', absent = tonumber(absent)}
  end
  return counted
end

local function write_counted(counted)
  local words = {}
  for place, one in ipairs(counted) do
    words[place] = one.name .. (one.is_new and '?' or '') .. (one.absent and string.format('@%.0f', one.absent) or '')
  end
  if #words == 0 then
    redis.call('HDEL', hash, 'counted')
  else
    redis.call('HSET', hash, 'counted', table.concat(words, ' '))
  end
end

-- Return the entry of a quota in the list; nil if it is not counted.
local function find_counted(counted, name)
  for _, one in ipairs(counted) do
    if one.name == name then return one end
  end
end

-- Return the names of the quotas of the request.
local function asked_names()
  local names = {}
  for place, quota in ipairs(ask.quotas) do names[place] = name_of(quota[2]) end
  return names
end

-- Change the list after the limits were changed. A quota that was added is counted from now on, and the store is read
-- after that: so no start is missing between the two.
local function follow_limits(names, stored)
  local counted, changed, is_asked = read_counted(stored), {}, {}
  for place, name in ipairs(names) do
    local one = find_counted(counted, name)
    if not one then set(hash, 'q' .. name .. ':since', now) end
    changed[place], is_asked[name] = {name = name, is_new = not one or one.is_new}, true
  end
  for _, one in ipairs(counted) do
    one.absent = one.absent or now
    if is_asked[one.name] then
      -- it is in the list
    elseif now - one.absent <= ABSENT then
      changed[#changed + 1] = one
    else
      delete_buckets('q', one.name)
      delete_buckets('n', one.name)
    end
  end
  write_counted(changed)
  return changed
end

-- Return the quotas that count slots: those of the request, and those that were removed lately, which limit nothing.
-- The second value says whether it is known for all of the request what was sent before.
local function open_quotas()
  local names, stored = asked_names(), redis.call('HGET', hash, 'counted') or ''
  local counted, quotas, are_known = nil, {}, true
  if stored ~= table.concat(names, ' ') then counted = follow_limits(names, stored) end
  for place, quota in ipairs(ask.quotas) do
    local is_new = counted and counted[place].is_new
    quotas[place] = open_quota(quota[1], quota[2], is_new and 'n' or 'q')
    are_known = are_known and not is_new
  end
  for place = #names + 1, counted and #counted or 0 do
    local one = counted[place]
    quotas[place] = open_quota(math.huge, tonumber(one.name), one.is_new and 'n' or 'q')
  end
  return quotas, are_known
end

-- Return how many slots the quota counts for a slot in this bucket. Slots are given in order, so buckets after it are
-- empty, except for messages that were claimed when the quota was primed: they may start as late as slots can be ahead.
local function held(quota, bucket)
  local sum = 0
  for each = bucket - BUCKETS, math.max(bucket, quota.newest) do sum = sum + (quota.counts[each] or 0) end
  return sum
end

-- Return the earliest time from t on that the quota allows; far beyond the horizon an estimate is sufficient.
local function allowed_from(quota, t)
  local bucket = math.floor(t / quota.length)
  local sum = held(quota, bucket)
  while sum >= quota.messages do
    sum = sum - (quota.counts[bucket - BUCKETS] or 0)
    bucket = bucket + 1
    t = bucket * quota.length
  end
  return t
end

local function take(quota, t, amount)
  local bucket = math.floor(t / quota.length)
  quota.counts[bucket] = (quota.counts[bucket] or 0) + amount
  quota.added[bucket] = (quota.added[bucket] or 0) + amount
end

-- Return whether a report was counted before: a client repeats a call whose connection was cut. Clients share 256 fields,
-- so that the hash does not grow with each process that reports.
local function is_repeated()
  local field = 'reported:' .. string.sub(ask.reporter, 1, 2)
  local reporter, report = string.match(redis.call('HGET', hash, field) or '', '(%x+):(%d+)')
  if reporter == ask.reporter and ask.report <= tonumber(report) then return true end
  redis.call('HSET', hash, field, string.format('%s:%d', ask.reporter, ask.report))
  return false
end

-- Return unused slots to the quotas. Slots from before a loss of Redis' keys, or from before a quota was added, are not
-- counted, so they are skipped.
local function take_back(quotas)
  if #ask.unused == 0 or #quotas == 0 or is_repeated() then return end
  local since = number_of(hash, 'since') or 0
  for _, slot in ipairs(ask.unused) do
    for _, quota in ipairs(quotas) do
      local bucket = math.floor(slot / quota.length)
      if slot >= math.max(since, quota.since) and (quota.counts[bucket] or 0) > 0 then
        quota.counts[bucket] = quota.counts[bucket] - 1
        quota.added[bucket] = (quota.added[bucket] or 0) - 1
      end
    end
  end
end

-- Move the next slot back over unused slots at the end of the sequence, and forward for late starts.
-- Returns the next slot and the total shift.
local function move_row(free)
  local shift, moved = number_of(hash, 'shift') or 0, free
  if ask.tail and number_of(hash, 'last') == ask.tail[2] then moved = ask.tail[1] end
  if ask.late and ask.late[1] >= (number_of(hash, 'since') or 0) and ask.late[2] > shift then
    moved, shift = moved + ask.late[2] - shift, ask.late[2]
    set(hash, 'shift', shift)
  end
  if moved ~= free then
    set_next_slot(hash, moved)
    redis.call('HDEL', hash, 'last')
  end
  return moved, shift
end

local function save(quota)
  for bucket, amount in pairs(quota.added) do
    redis.call('HINCRBY', hash, quota.prefix .. string.format('%d', bucket), amount)
  end
  local keep = math.floor(now / quota.length) - BUCKETS - 2
  local oldest = number_of(hash, quota.prefix .. 'oldest') or keep
  for bucket = oldest, math.min(keep - 1, oldest + 4 * BUCKETS) do
    redis.call('HDEL', hash, quota.prefix .. string.format('%d', bucket))
  end
  set(hash, quota.prefix .. 'oldest', keep)
end

-- Return the candidate for a slot at t: of the highest rank with an allowed candidate, the one with the fewest slots.
-- If no candidate is allowed at t, return the earliest time at which one is allowed. The list is ordered by rank.
local function choose(candidates, t)
  local best, soonest
  for place, candidate in ipairs(candidates) do
    if best and candidates[best].rank > candidate.rank then break end
    if candidate.given >= candidate.ready then
      -- it has no message for another slot
    elseif candidate.next <= t then
      if not best or candidate.given < candidates[best].given then best = place end
    elseif not soonest or candidate.next < soonest then
      soonest = candidate.next
    end
  end
  return best, soonest
end

local function open_candidates()
  for _, candidate in ipairs(ask.candidates) do
    candidate.given, candidate.next = 0, 0
    if candidate.key > 0 then
      candidate.next = next_slot(KEYS[candidate.key])
      if not candidate.next then
        -- It is cold: it may be lost, and slots that were given before the loss may be as far ahead as slots can be.
        -- That time is stored, so that it passes: computed anew at each call, it would never come.
        candidate.next = candidate.fresh and 0 or now + ask.reach + candidate.interval
        candidate.changed = not candidate.fresh
      end
    end
  end
  return ask.candidates
end

local function give(candidate, t)
  candidate.given = candidate.given + 1
  if candidate.key > 0 then
    -- The connection's sequence may make a slot late; a part of the margin may be caught up, never more.
    candidate.next = math.max(candidate.next, t - CAUGHT_UP * candidate.margin) + candidate.interval
    candidate.changed = true
  end
end

-- Return the seconds between one slot and the next one.
local function gap_after(place, interval)
  if not ask.jitter then return interval end
  return math.max(interval, ask.jitter[1] + ask.randoms[place] * (ask.jitter[2] - ask.jitter[1]))
end

local function gap_at_most() return ask.jitter and math.max(ask.interval, ask.jitter[2]) or ask.interval end

local function reserve()
  local free = next_slot(hash)
  local answer = {string.format('%.6f', now), string.format('%.6f', jump)}
  if not free then
    answer[3] = false
    return answer
  end
  local quotas, are_known = open_quotas()
  if ask.interval == 0 and not ask.jitter and #ask.quotas == 0 and #ask.candidates == 0 then
    local start, silence = math.max(now, cool_until()), silence_now()
    local count = start > now + ask.horizon and 0 or ask.count
    if silence then count = math.min(count, 1) end
    if silence and count > 0 then note_probe(start, silence) end
    for _, quota in ipairs(quotas) do
      if count > 0 then take(quota, start, count) end
      save(quota)
    end
    answer[3], answer[4], answer[5] = string.format('%.6f', start), count, silence and count or 0
    return answer
  end

  take_back(quotas)
  local moved, shift = move_row(free)
  free = moved
  if not are_known then
    for _, quota in ipairs(quotas) do save(quota) end
    answer[3] = false
    return answer
  end
  local factor, candidates = factor_now(), open_candidates()

  local slots, whose, silence = {}, {}, silence_now()
  local most = silence and math.min(ask.count, 1) or ask.count
  local t = math.max(free, now + ask.lead, cool_until())
  while #slots < most do
    for _, quota in ipairs(quotas) do t = allowed_from(quota, t) end
    if t > now + ask.lead + ask.horizon then break end
    local chosen, soonest = 0, nil
    if #candidates > 0 then chosen, soonest = choose(candidates, t) end
    if not chosen and not soonest then break end  -- no candidate can use another slot
    if chosen then
      slots[#slots + 1], whose[#whose + 1] = string.format('%.6f', t), chosen
      if chosen > 0 then give(candidates[chosen], t) end
      for _, quota in ipairs(quotas) do take(quota, t, 1) end
      free = t + gap_after(#slots, ask.interval / factor)
      t = free
    else
      t = soonest
    end
  end

  if silence and #slots > 0 then
    note_probe(tonumber(slots[1]), silence)
    t = math.max(t, cool_until())
  end
  if ask.count == 0 then
    for _, quota in ipairs(quotas) do t = allowed_from(quota, t) end
  end
  if #slots > 0 then
    set_next_slot(hash, free)
    redis.call('HSET', hash, 'last', slots[#slots], 'interval', gap_at_most())
    redis.call('HINCRBY', hash, 'gave', #slots)
    redis.call('EXPIRE', hash, KEEP_SECONDS)
  end
  for _, quota in ipairs(quotas) do save(quota) end
  for _, candidate in ipairs(candidates) do
    if candidate.changed then
      set_next_slot(KEYS[candidate.key], candidate.next)
      redis.call('EXPIRE', KEYS[candidate.key], KEEP_SECONDS)
    end
  end
  local nexts = {}
  for place, candidate in ipairs(candidates) do nexts[place] = string.format('%.6f', candidate.next) end
  for _, part in ipairs({slots, whose, string.format('%.6f', t), tostring(factor), tostring(shift), nexts,
                         silence and #slots or 0}) do
    answer[#answer + 1] = part
  end
  return answer
end

-- Return when the slots of a quota stop to count, and how many do then.
local function uses_of(quota)
  local uses = {}
  for bucket, count in pairs(quota.counts) do
    if count > 0 then
      uses[#uses + 1] = {string.format('%.6f', (bucket + BUCKETS + 1) * quota.length), count}
    end
  end
  return uses
end

-- Return whether it is known for all these quotas what was sent before.
local function are_counted(names)
  local counted = read_counted(redis.call('HGET', hash, 'counted') or '')
  for _, name in ipairs(names) do
    local one = find_counted(counted, name)
    if not one or one.is_new then return false end
  end
  return true
end

local function look()
  local uses, nexts = {}, {}
  for place, quota in ipairs(ask.quotas) do uses[place] = uses_of(open_quota(quota[1], quota[2], 'q')) end
  for place = 3, #KEYS do nexts[#nexts + 1] = string.format('%.6f', next_slot(KEYS[place]) or 0) end
  local next, cool = next_slot(hash) or -1, cool_until()
  if not are_counted(asked_names()) then next = -1 end
  local answer = {}
  for place, time in ipairs({now, jump, next, cool}) do answer[place] = string.format('%.6f', time) end
  answer[5], answer[6], answer[7] = tostring(factor_now()), uses, nexts
  return answer
end

-- Fields that a cold hash keeps when it is primed: what the provider demanded is not in the store.
local KEPT = {'cool', 'silence', 'probe', 'factor', 'factor_at', 'base', 'hits', 'sent', 'hit_at', 'top', 'interval'}

local function forget_slots()
  local kept = redis.call('HMGET', hash, unpack(KEPT))
  redis.call('DEL', hash)
  for place, field in ipairs(KEPT) do
    if kept[place] then redis.call('HSET', hash, field, kept[place]) end
  end
end

local function add_buckets(name, buckets)
  for bucket, count in pairs(buckets) do redis.call('HINCRBY', hash, 'q' .. name .. ':' .. bucket, count) end
end

-- Add what was sent before the quotas were added. Starts that were read from the store before that are not all of them.
local function prime_new_quotas()
  local counted, primed = read_counted(redis.call('HGET', hash, 'counted') or ''), 0
  for _, quota in ipairs(ask.quotas) do
    local name = name_of(quota.seconds)
    local one = find_counted(counted, name)
    if one and one.is_new and (number_of(hash, 'q' .. name .. ':since') or math.huge) <= ask.asked then
      local since = redis.call('HGET', hash, 'q' .. name .. ':since')
      delete_buckets('q', name)
      redis.call('HSET', hash, 'q' .. name .. ':since', since)
      add_buckets(name, delete_buckets('n', name))
      add_buckets(name, quota.buckets)
      one.is_new, primed = false, 1
    end
  end
  if primed == 1 then write_counted(counted) end
  return primed
end

local function prime()
  if next_slot(hash) then return prime_new_quotas() end
  forget_slots()
  set_next_slot(hash, ask.next)
  set(hash, 'since', ask.next)
  local counted = {}
  for place, quota in ipairs(ask.quotas) do
    counted[place] = {name = name_of(quota.seconds)}
    add_buckets(counted[place].name, quota.buckets)
  end
  write_counted(counted)
  return 1
end

-- Begin a period of throttled messages.
local function begin_period(factor)
  local hits, sent, hit_at = number_of(hash, 'hits'), number_of(hash, 'sent'), number_of(hash, 'hit_at')
  local period, interval = period_of(factor), number_of(hash, 'interval') or 0
  if not hit_at or now - hit_at > 2 * period then
    set(hash, 'top', factor)  -- throttling came back at this level
  elseif hits / sent <= FEW then
    factor = math.min(1, factor + STEP)
  end
  local at_full_use = interval > 0 and LATE_END * period * factor / interval or math.huge
  set(hash, 'base', factor)
  set(hash, 'sent', math.max(1, math.min(number_of(hash, 'gave') or 0, at_full_use)))
  set(hash, 'factor_at', now)
  redis.call('HSET', hash, 'hits', 0, 'gave', 0)
end

-- Begin a silence, or make it longer after its probe was throttled too.
local function keep_silent()
  local silence, probe = silence_now(), number_of(hash, 'probe')
  if not silence then
    silence = 1
  elseif probe and ask.slot >= probe - 0.001 then
    silence = math.min(silence * SILENCE_GROWTH, LONGEST_SILENCE)
  end
  set(hash, 'silence', silence)
  set(hash, 'cool', math.max(cool_until(), now + silence))
end

local function answered()
  if silence_now() then redis.call('HDEL', hash, 'silence', 'probe', 'cool') end
  return 1
end

local function slow()
  if ask.wait > 0 then
    set(hash, 'cool', math.max(cool_until(), now + math.min(ask.wait, LONGEST_COOL)))
  end
  if silence_now() or ask.refused > BLOCKED then
    keep_silent()
    return 0
  end
  local factor, since = factor_now(), number_of(hash, 'factor_at')
  local is_new = not since or (ask.slot > since and now - since >= period_of(factor))
  if is_new then begin_period(factor) end
  local share = math.min(1, redis.call('HINCRBY', hash, 'hits', 1) / number_of(hash, 'sent'))
  set(hash, 'factor', math.max(ask.least, number_of(hash, 'base') * (1 - share / 2)))
  set(hash, 'hit_at', now)
  return is_new and 1 or 0
end

if ask.op == 'reserve' then return reserve() end
if ask.op == 'prime' then return prime() end
if ask.op == 'answered' then return answered() end
if ask.op == 'look' then return look() end
return slow()
