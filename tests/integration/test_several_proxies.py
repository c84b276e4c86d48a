"""Clients of two real proxies before one real API, while one proxy or the other is away."""

import asyncio
import random
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from nlpbatch import AsyncClient, Client, RetryPolicy
from nlpbatch.client.bulk import PART_DOCUMENTS
from nlpbatch.errors import PatienceExhausted
from nlpbatch.kiwi import Kiwi
from tests.fakes.proxy_process import KEY, running_proxies
from tests.fakes.running_api import eventually, running_api
from tests.fakes.service import ScriptedService, analysis

PARTS = 20
TEXTS = [f"{number} 글" for number in range(PARTS * PART_DOCUMENTS)]
MIDDLE = PARTS // 4 * PART_DOCUMENTS + 5
"""A text of a part that holds back more parts than a client takes ahead."""
RETRY = RetryPolicy(patience_s=60)


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    with running_api("obedient", tmp_path_factory.mktemp("api"), "[pool]\nworkers = 2\n") as running:
        yield running


@pytest.fixture
def proxies(api, tmp_path):
    with running_proxies(tmp_path, api.url) as running:
        yield running


@pytest.fixture
def service(proxies):
    return ", ".join(proxy.url for proxy in proxies)


def analyse_blocking(service, texts, job):
    with Client(service, api_key=KEY, job=job, retry=RETRY) as client:
        return client.analyze(texts), client.stats.snapshot()


def analyse_with_asyncio(service, texts, job):
    async def analyse():
        async with AsyncClient(service, api_key=KEY, job=job, retry=RETRY) as client:
            return await client.analyze(texts), client.stats.snapshot()

    return asyncio.run(analyse())


def used_first(proxies, job):
    """Return the proxies, the one that the job's client calls first."""
    return sorted(proxies, key=lambda proxy: proxy.usage(job).analysed, reverse=True)


@pytest.mark.parametrize("analyse", [analyse_blocking, analyse_with_asyncio])
@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_proxy_that_ends_in_the_middle_of_a_call_costs_no_document(analyse, end, proxies, service, tmp_path):
    reached, gate = tmp_path / "reached", tmp_path / "gate"
    texts = list(TEXTS)
    texts[MIDDLE] += f" !sign={reached} !wait={gate}"
    with ThreadPoolExecutor() as threads:
        call = threads.submit(analyse, service, texts, "bulk")
        eventually(reached.exists)
        used, other = used_first(proxies, "bulk")
        ending = threads.submit(getattr(used, end))
        eventually(lambda: ending.done() or not used.is_ready())
        gate.touch()
        outcomes, stats = call.result()
        ending.result()
    assert [outcome.error for outcome in outcomes] == [None] * len(TEXTS)
    assert [outcome.tokens[0].form for outcome in outcomes] == [text.split()[0] for text in TEXTS]
    assert stats.moves == 1
    assert other.usage("bulk").analysed > 0


def test_a_proxy_that_is_back_is_not_called_until_the_other_one_ends(proxies, service):
    clients = [Client(service, api_key=KEY, job="many", retry=RETRY) for _ in range(12)]
    first, second = proxies

    def call_all():
        with ThreadPoolExecutor(len(clients)) as threads:
            return list(threads.map(lambda client: client.analyze(TEXTS[:50])[0].tokens[0].form, clients))

    def moves():
        return sum(client.stats.snapshot().moves for client in clients)

    call_all()
    at_first = first.usage("many").analysed
    assert at_first + second.usage("many").analysed == len(clients)
    first.kill()
    assert call_all() == ["0"] * len(clients)
    assert moves() == at_first
    first.start()
    time.sleep(2.1)  # the longest first back-off
    for _ in range(3):
        call_all()
    assert first.usage("many").analysed == 0
    assert moves() == at_first
    second.kill()
    assert call_all() == ["0"] * len(clients)
    assert first.usage("many").analysed == len(clients)
    assert moves() == at_first + len(clients)
    for client in clients:
        client.close()


def test_if_no_proxy_is_there_the_error_names_all_and_the_first_one_that_is_back_is_found(proxies, service):
    quick = RetryPolicy(patience_s=3, attempt_timeout_s=1, connect_timeout_s=1)
    with Client(service, api_key=KEY, retry=quick) as client:
        for proxy in proxies:
            proxy.kill()
        with pytest.raises(PatienceExhausted, match="gave up on") as caught:
            client.analyze("가")
        assert all(caught.value.message.count(proxy.url) >= 2 for proxy in proxies)
        assert "Connection refused" in caught.value.message
        proxies[1].start()
        assert client.analyze("가")[0].tokens[0].form == "가"


def test_kiwi_over_several_proxies(proxies, service):
    with Kiwi(service=[proxy.url for proxy in proxies], api_key=KEY) as kiwi:
        proxies[0].kill()
        assert [token.form for token in kiwi.tokenize("가 나")] == ["가", "나"]
        assert kiwi._remote.client.service == service.replace(" ", "")


class TwoAddresses:
    """Resolves one name to an address where nobody listens, and then to loopback."""

    NAME = "proxies.example"

    def __init__(self, system):
        self._system = system
        self.asked = 0

    def __call__(self, host, *arguments, **named):
        if host not in (self.NAME, self.NAME.encode()):
            return self._system(host, *arguments, **named)
        self.asked += 1
        return [*self._system("127.0.0.2", *arguments, **named), *self._system("127.0.0.1", *arguments, **named)]


@pytest.mark.parametrize("analyse", [analyse_blocking, analyse_with_asyncio])
def test_each_address_of_a_name_is_tried_without_a_retry(analyse, monkeypatch):
    resolve = TwoAddresses(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with ScriptedService(analysis()) as scripted:
        port = scripted.url.rpartition(":")[2]
        outcomes, stats = analyse(f"http://{resolve.NAME}:{port}", ["가"], "one")
    assert outcomes[0].tokens[0].form == "가"
    assert (stats.retries, stats.moves) == (0, 0)
    assert resolve.asked


def test_clients_that_start_together_spread(proxies, service):
    random.seed(1)
    barrier = threading.Barrier(20)

    def start():
        barrier.wait()
        analyse_blocking(service, TEXTS[:1], "spread")

    threads = [threading.Thread(target=start) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = [proxy.usage("spread").analysed for proxy in proxies]
    assert sum(counts) == 20
    assert min(counts) >= 4
