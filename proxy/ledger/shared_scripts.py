"""The scripts by which a fleet's ledger is written and read in its store; each is one atomic step.

Numbers of a row are text, joined by commas: a double is exact up to 2**53, which is 9 petabytes.
"""

from typing import Final

from proxy.shared.store import Script

CARRY: Final = Script("""
-- Adds a part of a batch, unless it was added before.
-- KEYS: ledger (hash), journals (hash), seen, open, index (sorted sets); then for each group its rows (hash) and its
--   tenant's bytes (hash).
-- ARGV: journal, number of the batch, number of the part, id for a new ledger, the oldest day that is kept and its
--   number, microseconds for which journals are remembered and for which missing ones are reported, the most jobs of a
--   group, seconds after which a tenant's bytes expire, the name of further jobs; then for each group its name, day,
--   the day's number, when it expires (seconds since 1970), its bytes, how many jobs it has, and each one's name and
--   counters. The job '=' is the sum of the group.
-- Returns the time in microseconds, and 0 if it was added, 1 if it had been, 2 if a later batch had been.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_text = string.format('%.0f', now)
redis.call('HSETNX', KEYS[1], 'id', ARGV[4])
redis.call('HSETNX', KEYS[1], 'started_us', now_text)
local function add(key, job, given)
  local had = redis.call('HGET', key, job)
  if had then
    local sums, more = {}, string.gmatch(given, '%d+')
    for number in string.gmatch(had, '%d+') do
      table.insert(sums, string.format('%.0f', number + (more() or 0)))
    end
    for number in more do
      table.insert(sums, number)
    end
    given = table.concat(sums, ',')
  end
  redis.call('HSET', key, job, given)
end
local number, part = tonumber(ARGV[2]), tonumber(ARGV[3])
local last, last_part = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '0:0', '(%d+):(%d+)')
last, last_part = tonumber(last), tonumber(last_part)
redis.call('ZADD', KEYS[4], now, ARGV[1])
if last > number then
  return {now_text, 2}
end
if last == number and last_part >= part then
  return {now_text, 1}
end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
redis.call('ZADD', KEYS[3], now, ARGV[1])
local argument, key = 12, 6
while argument <= #ARGV do
  local group, day, score, expires_at, bytes, jobs = unpack(ARGV, argument, argument + 5)
  argument = argument + 6
  local rows, sums = KEYS[key], KEYS[key + 1]
  key = key + 2
  for _ = 1, jobs do
    local job = ARGV[argument]
    if redis.call('HEXISTS', rows, job) == 0 and job ~= '=' and redis.call('HLEN', rows) > tonumber(ARGV[9]) then
      job = ARGV[11]
    end
    add(rows, job, ARGV[argument + 1])
    argument = argument + 2
  end
  redis.call('EXPIREAT', rows, expires_at)
  redis.call('ZADD', KEYS[5], score, group)
  if redis.call('HEXISTS', sums, day) == 0 then
    for _, old in ipairs(redis.call('HKEYS', sums)) do
      if old < string.sub(ARGV[5], 1, #old) then
        redis.call('HDEL', sums, old)
      end
    end
  end
  redis.call('HINCRBY', sums, day, bytes)
  redis.call('HINCRBY', sums, string.sub(day, 1, 7), bytes)
  redis.call('EXPIRE', sums, ARGV[10])
end
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', '(' .. ARGV[6])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - ARGV[8])
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now - ARGV[7], 'LIMIT', 0, 100)) do
  redis.call('HDEL', KEYS[2], old)
  redis.call('ZREM', KEYS[3], old)
end
return {now_text, 0}
""")

TOUCH: Final = Script("""
-- Notes that a journal has brought everything up to now. KEYS: open (sorted set). ARGV: journal.
-- Returns the time in microseconds.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZADD', KEYS[1], now, ARGV[1])
return string.format('%.0f', now)
""")

LEAVE: Final = Script("""
-- Notes that a journal won't bring anything any more. KEYS: open (sorted set). ARGV: journal.
return redis.call('ZREM', KEYS[1], ARGV[1])
""")

FIND: Final = Script("""
-- Finds the groups of some days, and how complete they are.
-- KEYS: ledger (hash), open, index (sorted sets). ARGV: the reader's journal, id for a new ledger, the first and the
--   last day as numbers, microseconds after which a silent journal is missing, and for which it is reported.
-- Returns id of the ledger, when it began, the time, until when everything is in it (microseconds), how many journals
-- are missing, and the groups' names.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local now_text = string.format('%.0f', now)
redis.call('HSETNX', KEYS[1], 'id', ARGV[2])
redis.call('HSETNX', KEYS[1], 'started_us', now_text)
local complete, missing = now, 0
local silent = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now - ARGV[6]), now, 'WITHSCORES')
for number = 1, #silent, 2 do
  local seen = tonumber(silent[number + 1])
  if silent[number] ~= ARGV[1] then
    if seen <= now - ARGV[5] then
      missing = missing + 1
    elseif seen < complete then
      complete = seen
    end
  end
end
local found = redis.call('HMGET', KEYS[1], 'id', 'started_us')
table.insert(found, now_text)
table.insert(found, string.format('%.0f', complete))
table.insert(found, missing)
for _, group in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], ARGV[3], ARGV[4])) do
  table.insert(found, group)
end
return found
""")

READ_JOB: Final = Script("""
-- Reads one job of several groups. KEYS: each group's rows (hash). ARGV: job, '=' for the sum of all.
-- Returns the counters of each, '' where it has none.
local found = {}
for number, key in ipairs(KEYS) do
  found[number] = redis.call('HGET', key, ARGV[1]) or ''
end
return found
""")

READ_ALL: Final = Script("""
-- Reads all jobs of a group. KEYS: its rows (hash). Returns names and counters in turns.
return redis.call('HGETALL', KEYS[1])
""")

READ_BYTES: Final = Script("""
-- Reads a tenant's analysed bytes. KEYS: its bytes (hash). ARGV: a day or a month.
return redis.call('HGET', KEYS[1], ARGV[1]) or '0'
""")
