"""Pushes the progress of a run to a Prometheus Pushgateway, because a job ends before it could be scraped.

It speaks HTTP and the text format itself: in cluster mode the driver has only what was bundled, and prometheus-client
isn't. https://github.com/prometheus/pushgateway#api
"""

from typing import Final
from urllib.parse import quote

from urllib3 import PoolManager, Timeout

from nlpbatch.errors import ConfigError
from nlpbatch.spark.progress import Progress, Show

_TIMEOUT_S: Final = 5.0
_SAYS: Final = {
    "rows": "Rows answered since the driver started",
    "input_done_bytes": "Bytes of input files that are done",
    "input_bytes": "Bytes of input files that this start has to do",
    "seconds": "Seconds since the driver started",
    "throttled_ratio": "Share of the requests' time spent waiting because the service asked for it",
    "left_seconds": "Seconds left at this rate; NaN while unknown",
}


def pusher(address: str, run: str) -> Show:
    """Return a function that pushes a run's progress under the run's name; it raises if the gateway refuses it.

    Raises:
        ConfigError: The address is not a URL.

    """
    if not address.startswith(("http://", "https://")):
        raise ConfigError(f"pushgateway is {address!r}: give its URL, such as http://pushgateway:9091")
    url = f"{address.rstrip('/')}/metrics/job/nlpbatch/run/{quote(run, safe='')}"
    pool = PoolManager(timeout=Timeout(_TIMEOUT_S), retries=False)

    def push(progress: Progress) -> None:
        answer = pool.request("PUT", url, body=exposition(progress), headers={"Content-Type": "text/plain"})
        if answer.status >= 300:  # noqa: PLR2004  (success ends here)
            raise ConnectionError(f"{address} answered {answer.status}")

    return push


def exposition(progress: Progress) -> bytes:
    """Return the gauges in Prometheus's text format."""
    left_s = 0.0 if progress.share >= 1 else progress.left_s
    values = {
        "rows": progress.rows,
        "input_done_bytes": progress.done_bytes,
        "input_bytes": progress.total_bytes,
        "seconds": progress.seconds,
        "throttled_ratio": progress.throttled,
        "left_seconds": float("nan") if left_s is None else left_s,
    }
    lines: list[str] = []
    for name, value in values.items():
        full = f"nlpbatch_run_{name}"
        lines += [f"# HELP {full} {_SAYS[name]}", f"# TYPE {full} gauge", f"{full} {str(value).replace('nan', 'NaN')}"]
    return "\n".join([*lines, ""]).encode()
