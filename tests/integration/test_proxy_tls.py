import asyncio
import json
import ssl

import aiohttp
import pytest
import trustme

from nlpbatch import AsyncClient, Client, RetryPolicy
from nlpbatch.errors import ServiceError
from nlpbatch.serving import tls
from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings, TlsSettings
from nlpbatch.serving.settings import check
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.limits import SizeLimits
from proxy.config import ProxySettings
from proxy.main import build_app
from tests.fakes.backend import FakeBackend, answer, echo
from tests.fakes.running_proxy import AUTHORIZED, KEY, TENANTS, running_proxy


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def written(certificate, directory):
    """Return the settings of a listener with this certificate."""
    directory.mkdir(exist_ok=True)
    certificate.cert_chain_pems[0].write_to_path(directory / "chain.pem")
    for more in certificate.cert_chain_pems[1:]:
        more.write_to_path(directory / "chain.pem", append=True)
    certificate.private_key_pem.write_to_path(directory / "key.pem")
    return TlsSettings(cert_file=str(directory / "chain.pem"), key_file=str(directory / "key.pem"))


@pytest.fixture
def certificate(authority, tmp_path):
    return written(authority.issue_cert("127.0.0.1", "localhost"), tmp_path / "proxy")


def trusting(authority):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def settings(url, **upstream):
    upstream = {"health_period_s": 0.05} | upstream
    return check({"backends": [{"url": url}], "tenants": TENANTS, "upstream": upstream}, ProxySettings, "test")


def url_of(listener):
    return f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


def secure_session(authority):
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting(authority)))


async def status_of(session, url):
    async with session.get(url) as got:
        return got.status


async def test_both_sides_speak_tls(authority, certificate, tmp_path):
    """A proxy behind a proxy: the outer one is the inner one's caller over TLS, with a key that the inner one lacks."""
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    async with FakeBackend(echo()) as backend:
        inner = await build_app(settings(backend.url))
        async with running(inner, EndpointSettings(tls=certificate)) as listener:
            outer = await build_app(settings(url_of(listener), ca_file=str(ca_file)))
            async with (
                running(outer, EndpointSettings(tls=certificate)) as outer_listener,
                secure_session(authority) as session,
            ):
                async with asyncio.timeout(10):
                    while await status_of(session, f"{url_of(outer_listener)}/readyz") != 200:
                        await asyncio.sleep(0.02)
                async with session.post(f"{url_of(outer_listener)}/v1/analyze", headers=AUTHORIZED, data=b"{}") as got:
                    # It got through to the inner proxy, to which the caller's key is not passed on.
                    assert (got.status, (await got.json())["code"]) == (401, "unauthenticated")


async def test_a_backend_whose_certificate_is_not_trusted_gets_nothing(authority, certificate, caplog):
    inner = await build_app(settings("http://127.0.0.1:1"))
    async with (
        running(inner, EndpointSettings(tls=certificate)) as listener,
        running_proxy(url_of(listener), ready=False, wait_s=0.2) as proxy,
    ):
        assert (await proxy.ask(data=b"{}")).status == 503
        assert await proxy.metric("backend_ready") == 0
        logged = [record for record in caplog.records if getattr(record, "backend", None) == url_of(listener)]
    assert "Certificate" in logged[0].reason


async def test_a_renewed_certificate_is_taken_over(authority, certificate, tmp_path, monkeypatch):
    monkeypatch.setattr(tls, "_POLL_S", 0.05)
    app = await build_app(settings("http://127.0.0.1:1"))
    async with running(app, EndpointSettings(tls=certificate)) as listener:
        port = listener.sockets[0].getsockname()[1]

        async def serial():
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority))
            number = writer.get_extra_info("peercert")["serialNumber"]
            writer.close()
            return number

        before = await serial()
        (tmp_path / "proxy" / "key.pem").write_text("half written")
        await asyncio.sleep(0.2)
        assert await serial() == before
        written(authority.issue_cert("127.0.0.1"), tmp_path / "proxy")
        async with asyncio.timeout(10):
            while await serial() == before:
                await asyncio.sleep(0.02)


async def test_plain_http_to_a_tls_port_harms_nobody(authority, certificate):
    app = await build_app(settings("http://127.0.0.1:1"))
    async with running(app, EndpointSettings(tls=certificate)) as listener:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"200" not in await reader.read()
        writer.close()
        async with secure_session(authority) as session:
            assert await status_of(session, f"{url_of(listener)}/healthz") == 200


async def test_a_client_trusts_the_authority_that_the_environment_names(authority, certificate, tmp_path, monkeypatch):
    catalogue = json.dumps(Catalogue((), SizeLimits()).to_json()).encode()
    async with FakeBackend(answer(catalogue)) as backend:
        app = await build_app(settings(backend.url))
        async with running(app, EndpointSettings(tls=certificate)) as listener:
            with pytest.raises(ServiceError, match=r"unable to get local issuer certificate.*SSL_CERT_FILE"):
                await asyncio.to_thread(_catalogue, url_of(listener))
            ca_file = tmp_path / "ca.pem"
            authority.cert_pem.write_to_path(ca_file)
            monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
            assert await asyncio.to_thread(_catalogue, url_of(listener)) == Catalogue((), SizeLimits())


async def test_both_clients_say_why_there_is_no_trust(certificate):
    app = await build_app(settings("http://127.0.0.1:1"))
    async with (
        running(app, EndpointSettings(tls=certificate)) as listener,
        AsyncClient(url_of(listener), api_key=KEY) as client,
    ):
        with pytest.raises(ServiceError, match="unable to get local issuer certificate"):
            await client.analyzers()


def _catalogue(url):
    with Client(url, api_key=KEY, retry=RetryPolicy(patience_s=5)) as client:
        return client.analyzers()
