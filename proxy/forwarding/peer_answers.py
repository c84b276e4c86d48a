"""Answers across the proxies of a fleet: each request with an Idempotency-Key has one owner, and the others ask it.

claim ──this proxy's──────────────────────────> analyse
  └──another's──> ask it ──answer────────────> replay
                   ├──under way──> ask again
                   └──dead, without the answer, or garbage──> take over
                         ├──first to do so──> analyse
                         └──second──> ask the new owner
"""

import asyncio
import logging
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit

from nlpbatch.errors import IdempotencyConflict, ServiceTimeout
from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.tls import client_context, client_kept_current
from proxy.forwarding.peer_listener import peer_application
from proxy.forwarding.single_flight import CONFLICT, Flight, SingleFlight
from proxy.live import Live
from proxy.shared.claims import Claim
from proxy.shared.fleet import Fleet
from proxy.shared.members import Member
from proxy.traffic.ticket import Arrival
from proxy.upstream.client import UpstreamResponse
from proxy.upstream.peers import Missed, PeerQuestion, Peers

Outcome = Literal["answered", "under_way", "unknown", "conflict", "unreachable", "garbage"]
_MIN_PERIOD_S: Final = 0.05
_LOOPBACK: Final = ("127.", "localhost", "::1")
_log = logging.getLogger("nlpbatch.proxy")


class PeerObserver(Protocol):
    """Counts what happens between proxies."""

    def peer_fetched(self, outcome: str) -> None:
        """Count a question to another proxy."""
        ...

    def taken_over(self) -> None:
        """Count a request that was another proxy's."""
        ...


class PeerAnswers:
    """Finds out who answers a request, and asks the one who does.

    Args:
        fleet: The other proxies, and the store with all claims.
        single_flight: What this proxy answers itself.
        live: Says how long requests may wait, and where this proxy listens for the others.
        observer: Counts.

    """

    def __init__(self, fleet: Fleet, single_flight: SingleFlight, live: Live, observer: PeerObserver) -> None:
        self._fleet = fleet
        self._single_flight = single_flight
        self._live = live
        self._observer = observer
        self._counts: Counter[str] = Counter()
        self._warned: set[tuple[str, str]] = set()
        self._listening = AsyncExitStack()
        self._peers: Peers | None = None
        single_flight.on_kept = fleet.claims.leave
        single_flight.on_unknown = fleet.claims.release

    async def start(self) -> None:
        """Listen for the other proxies, and tell them where.

        Raises:
            ConfigError: The address can't be bound, or a certificate can't be used.

        """
        settings, fleet = self._live.now.settings.peer, self._fleet
        # To peers that ask for a certificate, this proxy shows its listener's.
        own = (None, None) if settings.tls is None else (settings.tls.cert_file, settings.tls.key_file)
        tls = client_context(settings.ca_file, *own)
        self._peers = Peers(fleet.store.peer_secret, tls)
        app = peer_application(self._single_flight, fleet.store, fleet.members.me.id)
        try:
            await self._listening.enter_async_context(client_kept_current(tls, *own))
            listener = await self._listening.enter_async_context(running(app, settings, "peer"))
        except BaseException:
            await self._peers.close()
            raise
        host, port, *_ = listener.sockets[0].getsockname()
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        fleet.members.say(peer_url=settings.advertise or f"{'http' if settings.tls is None else 'https'}://{address}")
        await fleet.members.beat()

    async def close(self) -> None:
        """Stop listening and asking."""
        await self._listening.aclose()
        if self._peers is not None:
            await self._peers.close()

    async def claim(self, tenant: str, key: str) -> Claim:
        """Return who answers a request."""
        return self._count(await self._fleet.claims.claim((tenant, key)))

    def sent(self, tenant: str, key: str, backend: str) -> None:
        """Note where a request of this proxy's own has been sent."""
        self._fleet.claims.sent((tenant, key), backend)

    async def fetch(
        self, question: PeerQuestion, claim: Claim | None, flight: Flight, arrival: Arrival
    ) -> UpstreamResponse | Claim:
        """Return the answer of the proxy that owns the request, or the claim of this one, which is to analyse it.

        Args:
            question: The request.
            claim: Who owns it; None to ask the store.
            flight: Is noted whether it is this proxy's own.
            arrival: How long its caller waits.

        Raises:
            IdempotencyConflict: The key was used for another request.
            ServiceTimeout: The owner was still at it after as long as the request may take.

        """
        if claim is None:
            claim = await self.claim(question.tenant, question.key)
        if claim.owner is None:
            return claim
        patience_s = self._patience_s(arrival)
        try:
            async with asyncio.timeout(patience_s):
                return await self._fetch(question, claim, flight)
        except TimeoutError:
            raise ServiceTimeout(f"another proxy had no answer within {patience_s:g} s: send again") from None

    def to_json(self) -> dict[str, int]:
        """Return what has been counted."""
        return dict(self._counts)

    async def _fetch(self, question: PeerQuestion, claim: Claim, flight: Flight) -> UpstreamResponse | Claim:
        name = (question.tenant, question.key)
        while claim.owner is not None:
            flight.own = False
            found = await self._ask(claim.owner, question)
            if isinstance(found, UpstreamResponse):
                return found
            # Others may ask for it from the moment on that the store has the new claim.
            flight.own = True
            claim = self._count(await self._fleet.claims.claim(name, instead=claim))
        return claim

    async def _ask(self, owner: Member, question: PeerQuestion) -> UpstreamResponse | Missed:
        """Return the answer of an owner, or why there is none, after waiting while it is under way."""
        peers = self._peers
        if peers is None:
            raise RuntimeError("call start() first")
        while True:
            asked_s = time.monotonic()
            found = await peers.ask(owner, question)
            outcome: Outcome = "answered" if isinstance(found, UpstreamResponse) else found
            if outcome == "under_way":
                # An owner says so after a while; whatever says so at once isn't asked without a pause.
                await asyncio.sleep(asked_s + _MIN_PERIOD_S - time.monotonic())
                continue
            self._counts[outcome] += 1
            self._observer.peer_fetched(outcome)
            if outcome == "conflict":
                raise IdempotencyConflict(CONFLICT)
            self._warn(owner, outcome)
            return found

    def _count(self, claim: Claim) -> Claim:
        if claim.taken_over:
            self._counts["taken_over"] += 1
            self._observer.taken_over()
        return claim

    def _patience_s(self, arrival: Arrival) -> float:
        settings = self._live.now.settings
        max_s: float = getattr(settings.classes, arrival.class_name).max_wait_s
        wait_s = max_s if arrival.wait_s is None else min(arrival.wait_s, max_s)
        return wait_s + settings.upstream.timeout_s

    def _warn(self, owner: Member, outcome: Outcome) -> None:
        """Log the first failure of each kind of each proxy: many may follow."""
        if outcome not in {"unreachable", "garbage"} or (owner.id, outcome) in self._warned:
            return
        self._warned = {pair for pair in self._warned if pair[0] in self._fleet.members.alive} | {(owner.id, outcome)}
        _log.warning(
            "no answer from another proxy", extra={"peer": owner.peer_url, "reason": self._reason(owner, outcome)}
        )

    def _reason(self, owner: Member, outcome: Outcome) -> str:
        host = urlsplit(owner.peer_url).hostname or ""
        if owner.host != self._fleet.members.me.host and host.startswith(_LOOPBACK):
            return f"it is on {owner.host}, and gave an address that only that machine reaches: set peer.host there"
        return outcome
