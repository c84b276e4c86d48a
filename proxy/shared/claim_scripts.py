"""What the store does with claims, each script in one step: see `claims.py`."""

from typing import Final

from proxy.shared.store import Script

CLAIM: Final = Script("""
-- KEYS: the last beat of each proxy, what each says of itself, then one claim per request.
-- ARGV: this proxy's id, microseconds after which a silent proxy is gone, milliseconds that a claim lives;
-- then for each request the claim that is wanted, and behind a space one that it may replace, if there is one.
-- Returns for each request how it was found (free, taken, or held by another proxy), its claim, what its owner says.
local time = redis.call('TIME')
local gone = time[1] * 1000000 + time[2] - ARGV[2]
local found = {}
for i = 3, #KEYS do
  local wanted, instead = string.match(ARGV[i + 1], '^(%S*) ?(%S*)$')
  local held = redis.call('GET', KEYS[i])
  local how, said = 'free', ''
  if held then
    local owner = string.match(held, '^[^:]*')
    local beat = redis.call('ZSCORE', KEYS[1], owner)
    if owner == ARGV[1] then
      how = 'free'
    elseif string.match(held, '^%S*') == instead or not beat or tonumber(beat) < gone then
      how = 'taken'
    else
      how = 'held'
      said = redis.call('HGET', KEYS[2], owner) or ''
    end
  end
  if how ~= 'held' then
    local backend = held and string.match(held, ' %S+$') or ''
    redis.call('SET', KEYS[i], wanted .. backend, 'PX', ARGV[3])
  end
  table.insert(found, how)
  table.insert(found, held or '')
  table.insert(found, said)
end
return found
""")

RELEASE: Final = Script("""
-- KEYS: claims. ARGV: what each has to be, but for the backend.
for i = 1, #KEYS do
  local held = redis.call('GET', KEYS[i])
  if held and string.match(held, '^%S*') == ARGV[i] then
    redis.call('DEL', KEYS[i])
  end
end
""")

RENEW: Final = Script("""
-- KEYS: claims. ARGV: milliseconds that they live from now on, then each as it is to be, with its backend; it has to be
-- this one already, whatever its backend is. Puts back what has vanished.
for i = 1, #KEYS do
  local held = redis.call('GET', KEYS[i])
  if not held or string.match(held, '^%S*') == string.match(ARGV[i + 1], '^%S*') then
    redis.call('SET', KEYS[i], ARGV[i + 1], 'PX', ARGV[1])
  end
end
""")
