"""The service at one address: whether it answers, takes the key, has the time, and analyses a text."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

import urllib3

import nlpbatch
from nlpbatch.client.address import ServiceAddress
from nlpbatch.client.settings import header_value
from nlpbatch.client.tls import client_certificate_context
from nlpbatch.doctor.finding import Finding
from nlpbatch.doctor.versions import compare_versions
from nlpbatch.errors import NlpbatchError
from nlpbatch.wire import media
from nlpbatch.wire.problem import from_answer

BOUND_S: Final = 30.0
LATE: Final = "the service is overloaded or hangs: look at its log, and at nlpbatch_proxy_queue_requests"
_CONNECT_S: Final = 3.0
_READ_S: Final = 10.0
_SAMPLE: Final = "아버지가 방에 들어가신다"
"""Our own sentence; nothing of the user's is sent."""
_SKEW_S: Final = 5.0
"""From here on the clocks disagree; the header that tells has whole seconds."""
_BAD_SKEW_S: Final = 300.0
"""From here on Kerberos refuses, and records of runs are in the wrong order."""
_OK: Final = 200
_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    skew_s: float | None
    """The peer's clock less this one's; None if it doesn't say."""
    seconds: float

    def members(self) -> dict[str, Any]:
        """Return the JSON object in it, an empty one if there is none."""
        with suppress(ValueError, RecursionError):
            found = json.loads(self.body)
            if isinstance(found, dict):
                return found
        return {}


class ServiceCheck:
    """Looks at one address.

    Args:
        address: The proxy, or an API.
        api_key: The key for it; None sends none.

    """

    def __init__(self, address: ServiceAddress, api_key: str | None) -> None:
        self._address = address
        self._key = api_key
        self._details = {"service": address.url}

    def run(self) -> Iterator[Finding]:
        """Yield what is found; only the first finding if nothing answers."""
        # One connection, closed at the end: this is no client that stays.
        with urllib3.PoolManager(retries=False, ssl_context=client_certificate_context()) as http:
            self._http = http
            try:
                ready = self._ask("GET", "/readyz", with_key=False)
            except urllib3.exceptions.HTTPError as error:
                yield self._unreachable(error)
                return
            yield self._reached(ready)
            yield self._clock(ready)
            version = ready.members().get("version")
            if isinstance(version, str):
                yield compare_versions(self._address.url, nlpbatch.__version__, version)
            try:
                yield from self._behind_the_key()
            except urllib3.exceptions.HTTPError as error:
                yield self._failed("service", f"broke off: {type(error).__name__}", LATE)

    def _behind_the_key(self) -> Iterator[Finding]:
        limits = self._ask("GET", media.LIMITS_PATH)
        yield self._key_finding(limits)
        if limits.status in {_UNAUTHORIZED, _TOO_MANY}:
            return
        yield self._analyzers(self._ask("GET", media.ANALYZERS_PATH))
        asked = json.dumps({"texts": [_SAMPLE]}).encode()
        yield self._analysis(self._ask("POST", media.ANALYZE_PATH, asked))

    def _reached(self, ready: _Answer) -> Finding:
        members = ready.members()
        if "ready" not in members:
            said = f"what answers is no nlpbatch service: HTTP {ready.status} at /readyz"
            return self._failed("service", said, "check host and port: nlpbatch up prints the address of its proxy")
        kind = "proxy" if "backends" in members else "API"
        details = self._details | {"kind": kind, "ready": members["ready"], "seconds": round(ready.seconds, 4)}
        if not members["ready"]:
            remedy = (
                "see which backends are down: nlpbatch_proxy_backend_ready" if kind == "proxy" else "it may be loading"
            )
            return Finding("service", "failed", self._said(f"the {kind} answers, but isn't ready"), remedy, details)
        said = f"the {kind} answers and is ready ({ready.seconds * 1000:.0f} ms)"
        return Finding("service", "fine", self._said(said), details=details)

    def _unreachable(self, error: urllib3.exceptions.HTTPError) -> Finding:
        reason = str(getattr(error, "reason", None) or error.args[-1] if error.args else error)[:200]
        if isinstance(error, urllib3.exceptions.SSLError):
            remedy = (
                "set SSL_CERT_FILE to the certificates of your authority; if the service asks for a certificate of "
                "yours, set NLPBATCH_CLIENT_CERT and NLPBATCH_CLIENT_KEY"
            )
            return self._failed("service", f"its certificate isn't accepted, or ours: {reason}", remedy)
        if isinstance(error, urllib3.exceptions.NameResolutionError):
            return self._failed("service", "the name is unknown to DNS", "check its spelling, and the resolver here")
        remedy = "check that it runs, its host and port, and what a firewall lets through"
        return self._failed("service", f"no connection: {reason}", remedy)

    def _clock(self, answer: _Answer) -> Finding:
        if answer.skew_s is None:
            return Finding("clock", "skipped", self._said("doesn't say what time it has"), details=self._details)
        details = self._details | {"skew_s": round(answer.skew_s, 1)}
        size_s = abs(answer.skew_s)
        if size_s <= _SKEW_S:
            said = "its clock and this one agree, to a few seconds"
            return Finding("clock", "fine", self._said(said), details=details)
        which = "ahead of" if answer.skew_s > 0 else "behind"
        return Finding(
            "clock",
            "failed" if size_s >= _BAD_SKEW_S else "look",
            self._said(f"its clock is {size_s:,.0f} s {which} this one"),
            "run chrony or systemd-timesyncd on both: keys expire and budgets begin by the service's clock",
            details,
        )

    def _key_finding(self, limits: _Answer) -> Finding:
        members = limits.members()
        if limits.status == _OK:
            details = self._details | {name: members.get(name) for name in ("tenant", "key", "paused")}
            said = f"the key {members.get('key')} of tenant {members.get('tenant')} is valid"
            if members.get("paused"):
                return Finding("key", "failed", f"{said}, but the operator has paused the tenant", "ask why", details)
            return Finding("key", "fine", said, details=details)
        if limits.status == _NOT_FOUND:
            said = "an API without a proxy asks for no key, and limits nobody"
            return Finding("key", "skipped", self._said(said), "give the address of the proxy", self._details)
        error = self._error(limits)
        if limits.status in {_UNAUTHORIZED, _TOO_MANY} and self._key is None:
            remedy = "set NLPBATCH_API_KEY; the operator makes one with nlpbatch proxy key create --tenant NAME"
            return self._failed("key", "asks for a key, and none is given", remedy)
        return self._failed("key", error.message, "check NLPBATCH_API_KEY, or ask the operator for a new key")

    def _analyzers(self, answer: _Answer) -> Finding:
        found = answer.members().get("analyzers")
        if answer.status != _OK or not isinstance(found, list):
            error = self._error(answer)
            return self._failed("analyzers", f"{error.code}: {error.message}", "look at the proxy's /readyz and log")
        names = {
            str(one.get("name")): {name: one.get(name) for name in ("engine", "model", "fingerprint")}
            for one in found
            if isinstance(one, dict)
        }
        said = "; ".join(f"{name}: {one['engine']}, model {one['model']}" for name, one in names.items())
        return Finding("analyzers", "fine", said or "none", details=self._details | {"analyzers": names})

    def _analysis(self, answer: _Answer) -> Finding:
        outcomes = answer.members().get("outcomes")
        tokens = outcomes[0].get("tokens") if isinstance(outcomes, list) and len(outcomes) == 1 else None
        if answer.status == _OK and tokens:
            details = self._details | {"tokens": len(tokens), "seconds": round(answer.seconds, 4)}
            said = f"a sentence of ours came back as {len(tokens)} tokens in {answer.seconds * 1000:.0f} ms"
            return Finding("analysis", "fine", said, details=details)
        if answer.status == _OK:
            said = "the analyzer default answered a sentence of ours without tokens"
            remedy = "name another one with --analyzer where you ask, if that is how it is configured"
            return Finding("analysis", "look", said, remedy, self._details)
        error = self._error(answer)
        if error.code in {"unknown_analyzer", "unknown_operation"}:
            return Finding("analysis", "look", error.message, "name an analyzer where you ask", self._details)
        return self._failed("analysis", f"{error.code}: {error.message}", "wait and try again, or ask the operator")

    def _ask(self, method: str, path: str, body: bytes | None = None, *, with_key: bool = True) -> _Answer:
        headers = {"User-Agent": "nlpbatch-doctor", "Accept": media.JSON, "Priority": "u=3"}
        if body is not None:
            headers["Content-Type"] = media.JSON
        if with_key and self._key is not None:
            headers["Authorization"] = f"Bearer {header_value('api_key', self._key, secret=True)}"
        began_s, monotonic_s = time.time(), time.monotonic()
        answer = self._http.request(
            method,
            self._address.url + path,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
            redirect=False,
        )
        seconds = time.monotonic() - monotonic_s
        skew_s = _skew_s(answer.headers.get("Date"), began_s, began_s + seconds)
        return _Answer(answer.status, answer.headers, answer.data, skew_s, seconds)

    def _error(self, answer: _Answer) -> NlpbatchError:
        return from_answer(answer.status, answer.headers, answer.body, now_s=time.time())

    def _failed(self, check: str, said: str, remedy: str) -> Finding:
        return Finding(check, "failed", self._said(said), remedy, self._details)

    def _said(self, said: str) -> str:
        return f"{self._address.url}: {said}"


def not_named() -> Iterator[Finding]:
    """Yield that no service was named."""
    remedy = "give --service http://HOST:PORT or set NLPBATCH_SERVICE; nlpbatch up starts one on this machine"
    yield Finding("service", "skipped", "none is named", remedy)


def _skew_s(date: str | None, began_s: float, ended_s: float) -> float | None:
    """Return by how much a clock is ahead: 0 if its whole seconds fit anywhere into the time of the request."""
    if date is None:
        return None
    try:
        theirs_s = parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
    if theirs_s > ended_s:
        return theirs_s - ended_s
    return min(0.0, theirs_s + 1.0 - began_s)
