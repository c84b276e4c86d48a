"""Which of several scalers is at work: the one that holds a lease in the shared store."""

from typing import Final

from proxy.shared.store import Script, SharedStore, StoreAway

_HOLD: Final = Script("""
-- KEYS: who scales. ARGV: this scaler, milliseconds that the lease lasts; 0 gives it back. Returns who has it.
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ARGV[1]
""")


class ScalerLease:
    """Held by one scaler of a service at a time; renewed each time that it is held.

    Args:
        store: The fleet's.
        service: What is scaled: several services of one fleet have a scaler each.
        me: Names this scaler.
        lasts_s: After so long without being renewed, another scaler may have it.

    """

    def __init__(self, store: SharedStore, service: str, me: str, lasts_s: float) -> None:
        self._store = store
        self._keys = [store.key("scaler", service)]
        self._me = me
        self._lasts_ms = max(1, round(lasts_s * 1000))

    async def hold(self) -> str | None:
        """Take or renew it; return what keeps this scaler from it, None if it has it.

        A store that is away keeps it from all of them: then none changes anything.
        """
        try:
            holder = await self._store.run(_HOLD, self._keys, [self._me, self._lasts_ms], timeout_s=1.0)
        except StoreAway as error:
            return str(error)
        name = holder.decode()
        return None if name == self._me else f"scaler {name} has the lease"

    async def give_back(self) -> None:
        """Let another scaler have it at once."""
        try:
            await self._store.run(_HOLD, self._keys, [self._me, 0], timeout_s=1.0)
        except StoreAway:
            return
