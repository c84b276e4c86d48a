"""Every query of the dashboard has data from a real Prometheus, which scrapes a real run: a job, people, failures."""

import asyncio
import itertools
import json
import re
from contextlib import ExitStack

import pytest
import urllib3

from nlpbatch.wire.media import ANALYZE_PATH, IDEMPOTENCY_KEY, JSON, PRIORITY
from proxy.keys import make_key
from tests.fakes.backend import FakeBackend, drop
from tests.fakes.proxy_process import KEY, ProxyProcess
from tests.fakes.running_api import eventually, running_api
from tests.fakes.running_prometheus import CONFIG, ROOT, running_prometheus, running_pushgateway
from tests.fakes.running_store import running_store
from tests.monitoring.submitted import submit

DASHBOARD = json.loads((ROOT / "conf" / "grafana" / "nlpbatch.json").read_text())
QUERIES = [
    (f"{panel['title']} {target['refId']}", target["expr"])
    for panel in DASHBOARD["panels"]
    for target in panel.get("targets", [])
]
OF_GRAFANA = {"$__rate_interval": "20s", "$tenant": ".*"}
GUEST_KEY, GUEST_ENTRY = make_key()
CONFIG_OF_PROXIES = """
[admin]
enabled = false
[upstream]
health_period_s = 0.05
[shared]
url = "{store}"
secret_file = "{secret}"
timeout_s = 5.0
alive_s = 30.0
[tenants.home]
keys = ["{{entry}}"]
[tenants.home.budget]
bytes_per_day = 1_000_000_000
[tenants.guests]
keys = ["{guest}"]
[tenants.guests.quota]
bytes_per_s = 1_000
burst_bytes = 2_000
"""
TEXT = "아버지가 방에 들어가신다"


def asked(query):
    """Return a query as Grafana sends it."""
    for name, value in OF_GRAFANA.items():
        query = query.replace(name, value)
    assert "$" not in query, f"a variable of Grafana that nothing is known of: {query}"
    return query


class Callers:
    """People and programs that call two proxies."""

    def __init__(self, *urls):
        self.urls = urls
        self.http = urllib3.PoolManager(retries=False, timeout=60, maxsize=8)
        self.numbers = itertools.count()

    def ask(self, url, *texts, key=KEY, **headers):
        body = json.dumps({"texts": texts})
        given = {"Content-Type": JSON, "Authorization": f"Bearer {key}"} | headers
        return self.http.request("POST", url + ANALYZE_PATH, body=body, headers=given).status

    def once(self):
        """Ask for all that the dashboard shows."""
        number = next(self.numbers)
        for url in self.urls:
            self.ask(url, TEXT, f"{TEXT} {number}", "\ud800")
            self.ask(url, *[TEXT] * 40, key=GUEST_KEY)
            self.ask(url, TEXT, key="nobody's")
        name = {IDEMPOTENCY_KEY: f'"{number}"', PRIORITY: "u=6"}
        for url in (*self.urls, self.urls[0]):
            self.ask(url, TEXT, f"{number}", **name)


@pytest.fixture
def scene(tmp_path):
    """An API, two proxies that share a store, a Pushgateway, and the ports of all."""
    with ExitStack() as running:

        def folder(name):
            (tmp_path / name).mkdir()
            return tmp_path / name

        store = running.enter_context(running_store(folder("store")))
        pushgateway = running.enter_context(running_pushgateway(folder("pushgateway")))
        cached = "[pool]\nworkers = 2\n[cache]\nsize_bytes = 67_108_864\n"
        api = running.enter_context(running_api("kiwi", folder("api"), cached))
        (tmp_path / "secret").write_text("the secret of two proxies")
        settings = CONFIG_OF_PROXIES.format(store=store.url, secret=tmp_path / "secret", guest=GUEST_ENTRY)

        def start(failing):
            proxies = [
                ProxyProcess(folder(f"proxy-{number}"), api.url, failing, config=settings, options=options)
                for number, options in enumerate([(), ("--processes", "2")])
            ]
            for proxy in proxies:
                running.callback(proxy.kill)
                proxy.start()
            targets = {
                "nlpbatch-proxy": [proxy.url.removeprefix("http://") for proxy in proxies],
                "nlpbatch-api": [api.url.removeprefix("http://")],
                "nlpbatch-runs": [pushgateway],
            }
            prometheus = running.enter_context(running_prometheus(folder("prometheus"), targets))
            return prometheus, [proxy.url for proxy in proxies], targets

        yield start, pushgateway


async def test_every_query_has_data_from_a_real_run(scene, some_reviews, tmp_path):
    start, pushgateway = scene
    async with FakeBackend(drop()) as failing:  # says that it is ready, and then breaks off
        prometheus, urls, targets = await asyncio.to_thread(start, failing.url)
        callers = Callers(*urls)
        options = ("--input", some_reviews, "--text", "review", "--output", tmp_path / "out")
        service = ("--service", ",".join(urls), "--pushgateway", f"http://{pushgateway}")
        job = asyncio.create_task(asyncio.to_thread(submit, *options, *service, NLPBATCH_API_KEY=KEY))
        try:
            while not job.done():
                await asyncio.to_thread(callers.once)
        finally:
            done = await job
        assert done.returncode == 0, done.stdout + done.stderr
        await asyncio.to_thread(eventually, lambda: prometheus.are_up(*targets))
        without_data = {}

        def all_have_data():
            callers.once()
            found = {title: prometheus.query(asked(query)) for title, query in QUERIES}
            without_data.clear()
            without_data.update({title: query for title, query in QUERIES if not found[title]})
            return not without_data

        try:
            await asyncio.to_thread(eventually, all_have_data, 30)
        except AssertionError:
            pytest.fail(f"no data for {json.dumps(without_data, indent=1)}")
        check_figures(prometheus)
        check_rules(prometheus)
        check_names(targets)
        assert {"home", "guests"} <= set(prometheus.ask("label/tenant/values"))


def check_figures(prometheus):
    """What was caused is what is shown."""
    assert prometheus.query("max(nlpbatch_proxy_fleet_proxies)") == [3], "one of them has two processes"
    assert prometheus.query('sum(nlpbatch_proxy_refused_total{tenant="guests", cause="burst"})') > [0]
    assert prometheus.query('sum(nlpbatch_document_errors_total{code="invalid_text"})') > [0]
    assert prometheus.query("sum(nlpbatch_proxy_retries_total)") > [0]
    assert prometheus.query('sum(nlpbatch_proxy_peer_fetches_total{outcome="answered"})') > [0]
    assert prometheus.query("max(nlpbatch_run_rows)") == [4000]
    assert prometheus.query("min(nlpbatch:backends_usable)") <= [2]


def check_rules(prometheus):
    """The rules of conf/prometheus are evaluated without an error."""
    rules = [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]
    assert rules
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


def check_names(targets):
    """Every metric that rules or the dashboard name is one that a program has."""
    http = urllib3.PoolManager(retries=False, timeout=60)
    texts = [http.request("GET", f"http://{one}/metrics").data.decode() for all_ in targets.values() for one in all_]
    known = {name for text in texts for name in re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE)}
    named = re.findall(r"\b(?:nlpbatch_\w+|push_time_seconds)", "\n".join(query for _, query in QUERIES))
    named += re.findall(r"\b(?:nlpbatch_\w+|push_time_seconds)", (CONFIG / "rules.yml").read_text())
    assert {name.removesuffix("_bucket") for name in named} - known == set()
