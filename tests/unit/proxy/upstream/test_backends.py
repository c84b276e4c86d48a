from proxy.metrics import Metrics
from proxy.traffic.concurrency import AdaptiveLimit, FixedLimit
from proxy.upstream.backends import Backends
from proxy.upstream.discovery import Address
from tests.fakes.proxy_parts import proxy_settings

A, B, C = (Address(f"http://{name}") for name in "abc")


class Watched:
    """What is watched."""

    def __init__(self):
        self.urls = set()

    def watch(self, backend):
        self.urls.add(backend.url)

    def forget(self, backend):
        self.urls.remove(backend.url)


def backends(*addresses, **groups):
    """Return backends at these addresses, which are watched."""
    subject = Backends(proxy_settings(**groups), Metrics())
    subject.health = Watched()
    subject.set(addresses)
    return subject


def test_backends_come_and_go_with_their_addresses_and_the_others_stay_as_they_are():
    subject = backends(A, B)
    all_, stays = subject.all, subject.all[1]
    stays.in_flight = 3
    subject.set([B, C])
    assert [backend.url for backend in subject.all] == [B.url, C.url]
    assert subject.all is all_
    assert subject.all[0] is stays
    assert subject.health.urls == {B.url, C.url}


def test_a_backend_that_goes_gets_no_more_requests():
    subject = backends(A, B)
    gone = subject.all[0]
    gone.ready = True
    subject.set([B])
    assert not gone.usable(0.0)


def test_a_backend_that_goes_while_it_is_ejected_no_longer_counts():
    subject = backends(A, B, upstream={"eject_failures": 1})
    subject.all[0].breaker.failed("request", 0.0)
    assert [one["breaker"] for one in subject.to_json()] == ["ejected", "closed"]
    subject.set([B, C])
    subject.all[0].breaker.failed("request", 0.0)
    assert [one["breaker"] for one in subject.to_json()] == ["ejected", "closed"]


def test_an_address_of_a_name_is_checked_against_the_name_s_certificate():
    subject = backends(Address("https://10.0.0.1", "api.example"))
    assert subject.all[0].connection == {"server_hostname": "api.example"}


def test_another_policy_gives_every_backend_a_limit_that_knows_its_workers():
    subject = backends(A, concurrency={"policy": "adaptive"})
    (backend,) = subject.all
    backend.workers = 3
    assert isinstance(backend.limit, AdaptiveLimit)
    subject.adopt(proxy_settings(concurrency={"policy": "fixed", "per_worker": 2.0}))
    assert isinstance(backend.limit, FixedLimit)
    assert backend.limit.value == 6


def test_the_same_policy_keeps_what_limits_have_learned():
    subject = backends(A)
    before = subject.all[0].limit
    subject.adopt(proxy_settings(log_level="debug"))
    assert subject.all[0].limit is before
