"""Certificates of callers (mTLS): to the proxy, to an API behind it, and renewed or revoked while both run."""

import asyncio
import contextlib
import json
import ssl

import aiohttp
import pytest
import trustme

from nlpbatch import AsyncClient, Client, RetryPolicy
from nlpbatch.errors import ConfigError, ServiceError
from nlpbatch.serving import tls
from nlpbatch.serving.lifecycle import running
from nlpbatch.serving.listen import EndpointSettings, TlsSettings
from nlpbatch.serving.settings import check
from nlpbatch.wire.analyzer import Catalogue
from nlpbatch.wire.limits import SizeLimits
from proxy.config import ProxySettings
from proxy.main import PROXY, build_app
from tests.fakes.backend import FakeBackend, answer
from tests.fakes.running_proxy import AUTHORIZED, KEY, TENANTS

CATALOGUE = Catalogue((), SizeLimits())


class Files:
    """A service's certificate, the authority of its callers, and a caller's certificate, as files."""

    def __init__(self, directory):
        self.directory = directory
        self.services, self.callers = trustme.CA(), trustme.CA()
        self.ca_file = directory / "ca.pem"
        self.services.cert_pem.write_to_path(self.ca_file)
        self.callers_ca = directory / "callers.pem"
        self.callers.cert_pem.write_to_path(self.callers_ca)
        self.server = self.write("server", self.services.issue_cert("127.0.0.1"))
        self.caller = self.write("caller", self.callers.issue_cert("job"))

    def write(self, name, certificate):
        cert, key = self.directory / f"{name}.crt", self.directory / f"{name}.key"
        certificate.cert_chain_pems[0].write_to_path(cert)
        certificate.private_key_pem.write_to_path(key)
        return str(cert), str(key)

    @property
    def settings(self):
        cert, key = self.server
        return TlsSettings(cert_file=cert, key_file=key, client_ca_file=str(self.callers_ca))

    def context(self, caller=None):
        context = ssl.create_default_context(cafile=self.ca_file)
        if caller:
            context.load_cert_chain(*caller)
        return context


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def settings(url, **upstream):
    upstream = {"health_period_s": 0.05} | upstream
    return check({"backends": [{"url": url}], "tenants": TENANTS, "upstream": upstream}, ProxySettings, "test")


def url_of(listener):
    return f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}"


async def status(url, context, path="/healthz"):
    """Return the status of an answer over a connection of its own, None if there is no connection."""
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        with contextlib.suppress(aiohttp.ClientError):
            async with session.get(url + path, headers=AUTHORIZED) as got:
                return got.status
    return None


async def until(condition):
    async with asyncio.timeout(20):
        while not await condition():
            await asyncio.sleep(0.05)


async def test_without_a_certificate_of_the_authority_nobody_is_heard(files):
    stranger = files.write("stranger", trustme.CA().issue_cert("job"))
    app = await build_app(settings("http://127.0.0.1:1"))
    async with running(app, EndpointSettings(tls=files.settings)) as listener:
        url = url_of(listener)
        assert await status(url, files.context(files.caller)) == 200
        assert await status(url, files.context()) is None
        assert await status(url, files.context(stranger)) is None


async def test_both_clients_show_the_certificate_that_the_environment_names(files, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca_file))
    body = json.dumps(CATALOGUE.to_json()).encode()
    async with FakeBackend(answer(body)) as backend:
        app = await build_app(settings(backend.url))
        async with running(app, EndpointSettings(tls=files.settings)) as listener:
            url = url_of(listener)
            with pytest.raises(ServiceError):
                await asyncio.to_thread(catalogue, url)
            monkeypatch.setenv("NLPBATCH_CLIENT_CERT", files.caller[0])
            monkeypatch.setenv("NLPBATCH_CLIENT_KEY", files.caller[1])
            assert await asyncio.to_thread(catalogue, url) == CATALOGUE
            async with AsyncClient(url, api_key=KEY, retry=RetryPolicy(patience_s=5)) as client:
                assert await client.analyzers() == CATALOGUE


def catalogue(url):
    with Client(url, api_key=KEY, retry=RetryPolicy(patience_s=0.5)) as client:
        return client.analyzers()


@pytest.mark.parametrize("wrong", ["nowhere.pem", "ca.pem"])
def test_a_client_s_certificate_that_cannot_be_used_is_named(files, monkeypatch, wrong):
    monkeypatch.setenv("NLPBATCH_CLIENT_CERT", str(files.directory / wrong))
    with pytest.raises(ConfigError, match=f"{wrong}.*NLPBATCH_CLIENT_CERT"):
        Client("https://127.0.0.1:1")
    Client("http://127.0.0.1:1").close()


async def test_an_authority_that_is_taken_out_of_the_file_lets_nobody_in_any_more(files, monkeypatch):
    monkeypatch.setattr(tls, "_POLL_S", 0.05)
    other = trustme.CA()
    new_caller = files.write("new", other.issue_cert("job"))
    app = await build_app(settings("http://127.0.0.1:1"))
    async with running(app, EndpointSettings(tls=files.settings)) as listener:
        url, old, new = url_of(listener), files.context(files.caller), files.context(new_caller)
        assert [await status(url, one) for one in (old, new)] == [200, None]
        files.callers_ca.write_text("half written")
        await asyncio.sleep(0.2)
        assert [await status(url, one) for one in (old, new)] == [200, None]
        other.cert_pem.write_to_path(files.callers_ca, append=False)

        async def only_the_new_one():
            return [await status(url, one) for one in (old, new)] == [None, 200]

        await until(only_the_new_one)


async def test_no_session_of_an_older_tls_is_resumed_past_its_authority(files):
    app = await build_app(settings("http://127.0.0.1:1"))
    async with running(app, EndpointSettings(tls=files.settings)) as listener:
        context = files.context(files.caller)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await status(url_of(listener), context) is None


def test_a_half_renewed_certificate_leaves_the_working_one(files):
    context = tls.client_context(str(files.ca_file), *files.caller)
    renewed, _ = files.write("renewed", files.callers.issue_cert("job"))
    with pytest.raises(ConfigError, match="key is not the certificate's"):
        tls._load_client_certificate(context, renewed, files.caller[1])
    to_service, to_caller = ssl.MemoryBIO(), ssl.MemoryBIO()
    service = tls.server_context(files.settings).wrap_bio(to_service, to_caller, server_side=True)
    caller = context.wrap_bio(to_caller, to_service, server_hostname="127.0.0.1")
    for side in (caller, service) * 3:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    assert service.getpeercert()["subject"]


async def test_the_proxy_shows_its_certificate_to_an_api_and_a_renewed_one_without_a_restart(files, monkeypatch):
    monkeypatch.setattr(tls, "_POLL_S", 0.05)
    cert, key = files.caller
    own = {"ca_file": str(files.ca_file), "cert_file": cert, "key_file": key, "retry_min": 0}
    async with FakeBackend() as fake, contextlib.AsyncExitStack() as running_all:
        # A proxy does for an API: it listens the same way.
        api = await build_app(settings(fake.url))
        api_url = url_of(await running_all.enter_async_context(running(api, EndpointSettings(tls=files.settings))))
        app = await build_app(settings(api_url, **own))
        bare = await build_app(settings(api_url, ca_file=str(files.ca_file)))
        for one in (app, bare):
            await running_all.enter_async_context(running(one, EndpointSettings()))

        async def is_ready():
            return (await app[PROXY].readiness())[0]

        await until(is_ready)
        assert not (await bare[PROXY].readiness())[0]
        renewed = trustme.CA()
        files.write("caller", renewed.issue_cert("renewed"))
        renewed.cert_pem.write_to_path(files.callers_ca, append=False)

        async def api_takes_the_new_one():
            return await status(api_url, files.context(files.caller)) == 200

        await until(api_takes_the_new_one)
        await asyncio.sleep(0.3)  # the proxy looks at its files as often
        await app[PROXY]._upstream._connections.close()  # so that a new one is needed
        assert await app[PROXY]._upstream.try_address(api_url) is None
        assert await bare[PROXY]._upstream.try_address(api_url) is not None


def test_a_certificate_without_its_key_is_refused(files):
    with pytest.raises(ConfigError, match="cert_file and key_file belong together"):
        settings("https://127.0.0.1:1", cert_file=files.caller[0])
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        tls.server_context(files.settings.model_copy(update={"client_ca_file": "nowhere.pem"}))
