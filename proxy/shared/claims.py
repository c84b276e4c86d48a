"""Which proxy of the fleet answers an Idempotency-Key: the store has a claim for each, with its owner's id.

A claim is `OWNER:NUMBER BACKEND`. Each has another number: a proxy that takes over from an owner that has failed
doesn't take over from the same owner once it has begun again. The backend is where the request was sent, if it was:
whoever takes over sends it there, where the analysis may still be under way.

    free, or its owner is gone ──claim──> this proxy's ──release──> free
                                             ├── its answer is cached: the claim expires about when the answer does
                                             └── taken over, by a proxy that found this one dead or without answer

Claims that come together share a round trip. While the store is away every proxy owns what it gets; what is still in
flight when the store is back is claimed then.
"""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Final

from proxy.shared.claim_scripts import CLAIM, RELEASE, RENEW
from proxy.shared.members import Member
from proxy.shared.store import SharedStore, StoreAway

_MAX_AT_ONCE: Final = 200
"""Claims in one round trip: the store does nothing else meanwhile, for about a millisecond."""
_SETTLE_S: Final = 0.02
"""Claims that end within so long are released together."""
_RENEWALS: Final = 3
"""How often in its life the claim of a request in flight is renewed."""

Name = tuple[str, str]
"""Tenant and Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Who answers an Idempotency-Key.

    Args:
        text: The claim in force, without the backend.
        owner: The other proxy whose it is; None if it is this one's.
        taken_over: Whether it was another proxy's before.
        backend: Where another proxy has sent the request; '' if it hasn't.

    """

    text: str
    owner: Member | None = None
    taken_over: bool = False
    backend: str = ""


@dataclass(eq=False, slots=True)
class _Wanted:
    key: str
    text: str
    instead: str
    turn: "asyncio.Future[Claim | None]"
    abandoned: bool = False


@dataclass(slots=True)
class _Held:
    key: str
    text: str
    backend: str = ""
    released: bool = False

    @property
    def full_text(self) -> str:
        return f"{self.text} {self.backend}".rstrip()


@dataclass(slots=True)
class _Due:
    """What is to be written when there is time."""

    releases: list[_Held] = field(default_factory=list)
    sent: list[_Held] = field(default_factory=list)
    renewal: bool = False


class Claims:
    """This proxy's claims.

    Args:
        store: Has all of them.
        instance: This proxy's id.
        ttl_s: How long a claim lives that isn't renewed; may be replaced.

    """

    def __init__(self, store: SharedStore, instance: str, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._store = store
        self._instance = instance
        self._numbers = count(1)
        self._wanted: list[_Wanted] = []
        self._held: dict[Name, _Held] = {}
        self._due = _Due()
        self._wake = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._settling: asyncio.Task[None] | None = None
        store.on_change.append(self._on_change)

    def start(self) -> None:
        """Release and renew claims from now on."""
        self._settling = asyncio.create_task(self._settle(), name="claims")

    async def close(self) -> None:
        """Stop; the claims that are left are void once this proxy has left the fleet."""
        tasks = [task for task in (self._sending, self._settling) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def claim(self, name: Name, instead: Claim | None = None) -> Claim:
        """Return who answers a key: this proxy, if nobody else does or the store can't be asked in time.

        Args:
            name: Tenant and key.
            instead: A claim of another proxy's that this one replaces, if it is still in force.

        """
        wanted = _Wanted(
            self._store.key("answer", self._store.hidden("answer", *name)),
            f"{self._instance}:{next(self._numbers)}",
            "" if instead is None else instead.text,
            asyncio.get_running_loop().create_future(),
        )
        claim = await self._ask(wanted) or Claim(wanted.text)
        if claim.owner is None:
            self._held[name] = _Held(wanted.key, wanted.text, claim.backend)
        return claim

    def sent(self, name: Name, backend: str) -> None:
        """Tell whoever takes over that the request is at this backend."""
        held = self._held.get(name)
        if held is not None and held.backend != backend:
            held.backend = backend
            self._due.sent.append(held)
            self._wake.set()

    def release(self, name: Name) -> None:
        """Let another proxy claim the key: this one has no answer to it."""
        held = self._held.pop(name, None)
        if held is not None:
            self._release(held)

    def leave(self, name: Name) -> None:
        """Leave the claim to itself: the answer is cached, and expires at about the same time."""
        self._held.pop(name, None)

    async def _ask(self, wanted: _Wanted) -> Claim | None:
        """Return the store's word, None without one."""
        if self._store.away:
            return None
        self._wanted.append(wanted)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name="claim")
        give_up = asyncio.get_running_loop().call_later(self._store.settings.timeout_s, _give_up, wanted.turn)
        try:
            return await wanted.turn
        except asyncio.CancelledError:
            wanted.abandoned = True
            raise
        finally:
            give_up.cancel()

    async def _send(self) -> None:
        """Ask for all claims that are wanted, one round trip after the other."""
        while self._wanted:
            batch, self._wanted = self._wanted[:_MAX_AT_ONCE], self._wanted[_MAX_AT_ONCE:]
            try:
                found = await self._claim_all(batch)
            except StoreAway:
                found = [None] * len(batch)
            for wanted, claim in zip(batch, found, strict=True):
                if not wanted.turn.done():
                    wanted.turn.set_result(claim)
                elif wanted.abandoned:  # its caller hung up meanwhile
                    self._release(_Held(wanted.key, wanted.text))

    def _release(self, held: _Held) -> None:
        held.released = True
        self._due.releases.append(held)
        self._wake.set()

    async def _claim_all(self, batch: list[_Wanted]) -> list[Claim | None]:
        store = self._store
        keys = [store.key("beats"), store.key("members"), *(wanted.key for wanted in batch)]
        texts = [f"{wanted.text} {wanted.instead}" if wanted.instead else wanted.text for wanted in batch]
        gone_us, ttl_ms = round(store.settings.alive_s * 1e6), round(self.ttl_s * 1000)
        found = iter(await store.run(CLAIM, keys, [self._instance, gone_us, ttl_ms, *texts]))
        return [_claim(wanted.text, *islice(found, 3)) for wanted in batch]

    async def _settle(self) -> None:
        loop = asyncio.get_running_loop()
        renewed_s = loop.time()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(renewed_s + self.ttl_s / _RENEWALS):
                    await self._wake.wait()
                    await asyncio.sleep(_SETTLE_S)
            self._wake.clear()
            due, self._due = self._due, _Due()
            if due.renewal or loop.time() >= renewed_s + self.ttl_s / _RENEWALS:
                due.renewal, renewed_s = True, loop.time()
            # What can't be written now is void when it expires.
            with contextlib.suppress(StoreAway):
                await self._write(due)

    async def _write(self, due: _Due) -> None:
        for some in _in_parts(due.releases):
            await self._store.run(RELEASE, [held.key for held in some], [held.text for held in some])
        ttl_ms = round(self.ttl_s * 1000)
        renewed = [*self._held.values()] if due.renewal else [held for held in due.sent if not held.released]
        for some in _in_parts(renewed):
            await self._store.run(RENEW, [held.key for held in some], [ttl_ms, *(held.full_text for held in some)])

    def _on_change(self) -> None:
        """Claim what is in flight when the store is back: it may be empty."""
        if not self._store.away:
            self._due.renewal = True
            self._wake.set()


def _in_parts(claims: list[_Held]) -> list[list[_Held]]:
    return [claims[start : start + _MAX_AT_ONCE] for start in range(0, len(claims), _MAX_AT_ONCE)]


def _give_up(turn: "asyncio.Future[Claim | None]") -> None:
    if not turn.done():
        turn.set_result(None)


def _claim(text: str, how: bytes, held: bytes, said: bytes) -> Claim:
    its, _, backend = held.decode().partition(" ")
    if how != b"held":
        return Claim(text, taken_over=how == b"taken", backend=backend)
    owner = its.partition(":")[0]
    try:
        return Claim(its, Member.from_json(owner, json.loads(said)), backend=backend)
    except (ValueError, TypeError, AttributeError):  # it says nothing that this version understands
        return Claim(its, Member(owner), backend=backend)
