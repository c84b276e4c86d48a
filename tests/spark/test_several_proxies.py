"""A job over several proxies, of which one was never there and another one is killed."""

import json
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq

from nlpbatch.errors import NlpbatchError
from nlpbatch.spark.job import run
from tests.fakes.proxy_process import KEY, running_proxies
from tests.fakes.running_api import eventually


def counted(proxy, job):
    try:
        return proxy.usage(job).analysed
    except NlpbatchError:
        return 0


def test_a_job_loses_nothing_when_one_address_is_dead_and_a_proxy_is_killed(
    spark, stack, options, reviews, tmp_path, unused_port, rows
):
    with running_proxies(tmp_path, stack.api) as proxies, ThreadPoolExecutor() as threads:
        service = [f"http://127.0.0.1:{unused_port}", *(proxy.url for proxy in proxies)]
        given = options(input=str(reviews), text=("review",), service=",".join(service), api_key=KEY, patience_s=60.0)
        job = threads.submit(run, spark, given)
        file = tmp_path / "out" / "_nlpbatch" / "run.json"
        eventually(lambda: file.exists() or job.done())
        name = json.loads(file.read_text())["run"]
        eventually(lambda: sum(counted(proxy, name) for proxy in proxies) >= 4 or job.done())
        busiest = max(proxies, key=lambda proxy: counted(proxy, name))
        assert not job.done()
        busiest.kill()
        report = job.result()
    ids = pq.read_table(reviews, columns=["review_id"])["review_id"].to_pylist()
    assert sorted(row["review_id"] for row in rows()) == sorted(ids)
    assert (report.rows, report.dead, report.errors) == (len(ids), 0, {})
    assert report.client["moves"] >= 1
    assert report.service == ",".join(service)
