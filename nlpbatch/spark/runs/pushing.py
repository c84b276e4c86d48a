"""Tells a Prometheus Pushgateway how far a run is: a job ends, so nobody could scrape it."""

from typing import Final

from nlpbatch.errors import ConfigError
from nlpbatch.spark.progress import Progress, Show

_TIMEOUT_S: Final = 5.0


def pusher(address: str, run: str) -> Show:
    """Return what pushes a run's progress, grouped by the run's name.

    Raises:
        ConfigError: The driver lacks prometheus-client.

    """
    try:
        from prometheus_client import CollectorRegistry, Gauge, push_to_gateway  # noqa: PLC0415  (drivers may lack it)
    except ImportError as error:
        raise ConfigError(
            "a Pushgateway needs prometheus-client on the driver: install it there, or leave pushgateway out"
        ) from error
    registry = CollectorRegistry()

    def gauge(name: str, says: str) -> "Gauge":
        return Gauge(f"nlpbatch_run_{name}", says, registry=registry)

    rows = gauge("rows", "Rows answered since the driver started")
    done_bytes = gauge("input_done_bytes", "Bytes of input files that are done")
    total_bytes = gauge("input_bytes", "Bytes of input files that this start has to do")
    seconds = gauge("seconds", "Seconds since the driver started")
    throttled = gauge("throttled_ratio", "Share of the requests' time spent waiting because the service asked for it")
    left = gauge("left_seconds", "Seconds left at this rate; NaN while nobody can know")

    def push(progress: Progress) -> None:
        rows.set(progress.rows)
        done_bytes.set(progress.done_bytes)
        total_bytes.set(progress.total_bytes)
        seconds.set(progress.seconds)
        throttled.set(progress.throttled)
        left.set(float("nan") if progress.left_s is None else progress.left_s)
        push_to_gateway(address, job="nlpbatch", registry=registry, grouping_key={"run": run}, timeout=_TIMEOUT_S)

    return push
