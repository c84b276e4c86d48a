"""Runs of the job on YARN and HDFS in which processes are killed at random times, and what came of them."""

import json
import random
import shutil
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from nlpbatch.cli.stack import Stack, StackOptions
from tests.chaos import victims
from tests.fakes.no_cache import NO_CACHE

PARTS = 10
BATCHES = 5
_PATIENCE_S = 900
_POLL_S = 0.05
COUNTED = ("answered", "answered_bytes", "analysed", "analysed_bytes", "replayed", "replayed_bytes")
_FROM, _TO = 0.05, 0.85
"""Between which parts of a clean run's time victims are killed."""


@dataclass
class Outcome:
    """What a run came to.

    Args:
        rows: All rows of the output, in order of their ids, without the number of their micro-batch.
        summary: The run's own report.
        seconds: From the beginning of the first micro-batch to the end of the last start.
        kills: Seconds, victim and process id.
        starts: Drivers that were started.
        ledger: What the proxies' ledger has counted for the run, whether or not the answers came to be used.
        note: What else there is to say.
        loads: What was sent in the first second after an outage, as a multiple of what was usual.

    """

    rows: pa.Table
    summary: dict[str, Any]
    seconds: float
    ledger: dict[str, int]
    kills: list[tuple[float, str, int]] = field(default_factory=list)
    starts: int = 1
    note: str = ""
    loads: list[float] = field(default_factory=list)

    @property
    def repeated(self) -> float:
        """Return the share of bytes that were analysed more than once."""
        work = self.summary["work"]
        return max(0, work["analysed_bytes"] - work["answered_bytes"]) / work["answered_bytes"]


class Chaos:
    """Runs over the same reviews, each with a service of its own, so that none finds answers of another.

    Args:
        yarn: Where to submit.
        reviews: A table with `review_id` and `review`.
        seed: Of all times and choices.
        directory: For what is fetched.

    """

    def __init__(self, yarn, reviews: pa.Table, seed: int, directory: Path) -> None:
        self._yarn = yarn
        self._hadoop = yarn.hadoop
        self._chance = random.Random(seed)
        self._directory = directory
        self._source, size_bytes = self._upload(reviews)
        self._batch_bytes = -(-size_bytes // BATCHES)
        self._runs = 0
        self.clean_s = 0.0

    def clean(self) -> Outcome:
        """Return what a run comes to in which nobody is killed."""
        outcome = self.run()
        self.clean_s = outcome.seconds
        return outcome

    def run(self, *killed: str, conf=(), around=None, service=None) -> Outcome:
        """Return what a run comes to in which these are killed, each at a random time; a name may come twice.

        Args:
            killed: Of `victims.NAMES`.
            conf: Settings of Spark.
            around: A context manager over the service; what it yields is the address that the job gets.
            service: Makes the service; by default an API with two workers and a proxy.

        """
        due = sorted((self._chance.uniform(_FROM, _TO) * self.clean_s, name) for name in killed)
        self._runs += 1
        output = f"{self._hadoop.url}/chaos/out-{self._runs}"
        kills: list[tuple[float, str, int]] = []
        starts, began_s = 0, None
        make = service or (lambda: Stack(StackOptions(workers=2, server_config=NO_CACHE)))
        with make() as stack, (around or tended)(stack) as address:
            while True:
                starts += 1
                driver = self._submit(output, address, stack.api_key, conf)
                while driver.poll() is None:
                    time.sleep(_POLL_S)
                    if began_s is None and self._has_begun(output):
                        began_s = time.monotonic()
                    passed_s = 0.0 if began_s is None else time.monotonic() - began_s
                    if began_s is not None and due and passed_s >= due[0][0]:
                        pid = victims.kill(due[0][1], self._chance, stack=stack, hadoop=self._hadoop, driver=driver.pid)
                        if pid is not None:  # else there is none at the moment, and the next is waited for
                            kills.append((round(passed_s, 1), due.pop(0)[1], pid))
                if driver.returncode == 0:
                    break
                if not kills or kills[-1][1] != "driver" or starts > len(killed) + 1:
                    raise AssertionError(f"ended with {driver.returncode}: {self._log.read_text()[-4000:]}")
            seconds = time.monotonic() - (began_s or 0.0)
        if "datanode-2" not in self._hadoop.pids:
            self._hadoop.launch("datanode-2")
        rows, summary, ledger = self._fetch(output)
        return Outcome(rows, summary, seconds, ledger, kills, starts)

    @property
    def _log(self) -> Path:
        return self._directory / f"driver-{self._runs}.log"

    def _submit(self, output: str, service: str, api_key: str, conf):
        options = ("--input", self._source, "--text", "review", "--output", output, "--batch-bytes", self._batch_bytes)
        given = {"NLPBATCH_SERVICE": service, "NLPBATCH_API_KEY": api_key}
        with self._log.open("a") as log:
            return self._yarn.submit("analyze.py", *options, conf=conf, log=log, **given)

    def _has_begun(self, output: str) -> bool:
        """Return whether the first micro-batch is being written."""
        path = output.removeprefix(self._hadoop.url)
        with suppress(OSError, ValueError):
            return "staging" in self._hadoop.names(f"{path}/_nlpbatch")
        return False

    def _upload(self, reviews: pa.Table) -> tuple[str, int]:
        folder = self._directory / "reviews"
        folder.mkdir(parents=True)
        part = -(-reviews.num_rows // PARTS)
        for number in range(PARTS):
            pq.write_table(reviews.slice(number * part, part), folder / f"part-{number}.parquet")
        self._hadoop.shell("-mkdir", "-p", "/chaos")
        self._hadoop.shell("-put", "-f", str(folder), "/chaos/reviews")
        return f"{self._hadoop.url}/chaos/reviews", sum(path.stat().st_size for path in folder.iterdir())

    def _fetch(self, output: str) -> tuple[pa.Table, dict[str, Any], dict[str, int]]:
        folder = self._directory / f"out-{self._runs}"
        self._hadoop.shell("-get", output, str(folder))
        summary = json.loads((folder / "_nlpbatch" / "summary.json").read_text())
        rows = ds.dataset(folder, format="parquet").to_table().sort_by("review_id").combine_chunks()
        last: dict[str, dict[str, Any]] = {}  # of each ledger: its counts only grow
        for path in folder.glob("run_batch=*/_batch.json"):
            for count in json.loads(path.read_text())["proxy"]:
                last[count["instance"]] = max(
                    last.get(count["instance"], count), count, key=lambda one: one["answered"]
                )
        ledger = {name: sum(count[name] for count in last.values()) for name in COUNTED}
        shutil.rmtree(folder)
        return rows, summary, ledger


@contextmanager
def tended(stack: Stack, hands_off: threading.Event | None = None):
    """Start again what dies of the service, as `nlpbatch up` and systemd do, except while `hands_off` is set."""
    ended = threading.Event()

    def tend():
        while not ended.wait(_POLL_S):
            if hands_off is None or not hands_off.is_set():
                for _ in stack.tend():
                    pass

    thread = threading.Thread(target=tend)
    thread.start()
    try:
        yield stack.service
    finally:
        ended.set()
        thread.join()
