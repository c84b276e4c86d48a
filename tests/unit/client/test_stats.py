from concurrent.futures import ThreadPoolExecutor

from nlpbatch.client.stats import ClientStats, StatsKeeper
from nlpbatch.errors import Draining, ServiceUnreachable


def test_a_snapshot_does_not_change_afterwards():
    keeper = StatsKeeper()
    before = keeper.snapshot()
    keeper.sent(10, again=False)
    assert before == ClientStats()
    assert keeper.snapshot() == ClientStats(requests=1, sent_bytes=10)


def test_only_waiting_for_an_overloaded_service_is_throttling():
    keeper = StatsKeeper()
    keeper.waits(1.5, Draining("…"))
    keeper.waits(0.5, ServiceUnreachable("…"))
    assert (keeper.snapshot().throttled_s, keeper.snapshot().backoff_s) == (1.5, 0.5)


def test_nothing_is_lost_between_threads():
    keeper = StatsKeeper()

    def work(_):
        for _ in range(500):
            keeper.sent(1, again=False)
            keeper.sent(1, again=True)
            keeper.received(2)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert keeper.snapshot() == ClientStats(requests=4000, retries=4000, sent_bytes=8000, received_bytes=8000)
