import socket

import pytest

from proxy.config import BackendSettings
from proxy.upstream.discovery import Address, Discovery, look_up
from tests.fakes.virtual_time import virtual_time


class Names:
    """A name service that gives these addresses."""

    def __init__(self, **addresses):
        self.addresses = addresses

    async def __call__(self, host, _port):
        found = self.addresses.get(host.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found


def backend(url, *, resolve=True):
    return BackendSettings(url=url, resolve=resolve)


@virtual_time
async def test_each_address_of_a_name_is_a_backend_and_a_plain_one_is_as_it_is():
    discovery = Discovery(Names(api_internal=["10.0.0.1", "[fe80::1]"]))
    backends = [backend("http://api.internal:8701/x"), backend("http://10.0.0.9:1", resolve=False)]
    urls = ["http://10.0.0.1:8701/x", "http://[fe80::1]:8701/x", "http://10.0.0.9:1"]
    assert await discovery.addresses(backends) == tuple(Address(url) for url in urls)


@virtual_time
async def test_over_tls_the_certificate_is_still_the_name_s():
    discovery = Discovery(Names(api_internal=["10.0.0.1"]))
    found = await discovery.addresses([backend("https://api.internal")])
    assert found == (Address("https://10.0.0.1:443", "api.internal"),)


@virtual_time
async def test_names_are_looked_up_each_time_and_an_address_is_used_once():
    names = Names(api=["10.0.0.1"])
    discovery, found = Discovery(names), []
    for addresses in (["10.0.0.1"], ["10.0.0.1", "10.0.0.1", "10.0.0.2"], ["10.0.0.2"]):
        names.addresses["api"] = addresses
        found.append(await discovery.addresses([backend("http://api:1")]))
    assert [len(addresses) for addresses in found] == [1, 2, 1]


@virtual_time
async def test_a_name_that_nobody_knows_any_more_keeps_its_addresses():
    names = Names(api=["10.0.0.1"])
    discovery = Discovery(names)
    before = await discovery.addresses([backend("http://api:1")])
    del names.addresses["api"]
    assert await discovery.addresses([backend("http://api:1")]) == before == (Address("http://10.0.0.1:1"),)


@virtual_time
async def test_a_name_that_never_had_an_address_holds_nothing_else_up():
    discovery = Discovery(Names(api=["10.0.0.1"]))
    found = await discovery.addresses([backend("http://nowhere:1"), backend("http://api:1")])
    assert found == (Address("http://10.0.0.1:1"),)


async def test_a_name_that_no_name_service_can_be_asked_for_has_no_address():
    assert await Discovery().addresses([backend("http://a..b:1")]) == ()


async def test_the_system_s_name_service_knows_localhost():
    assert set(await look_up("localhost", 80)) & {"127.0.0.1", "[::1]"}
    with pytest.raises(OSError, match=r"."):
        await look_up("nowhere.invalid", 80)
