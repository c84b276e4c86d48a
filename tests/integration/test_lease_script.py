"""The store's script and the simulator's bucket are the same rules: both get the same reports, at the same times."""

import random

import pytest
from redis.asyncio import Redis

from proxy.shared.leases import _EXCHANGE, _arguments
from proxy.traffic.lease_bucket import Grant, LeaseBucket, LeaseReport
from proxy.traffic.quotas import Rule
from tests.fakes.running_store import running_store

MEMBERS = "abcd"
# The store's clock is taken from the last argument, and nothing else of the script is changed.
SCRIPT = _EXCHANGE.source.replace("redis.call('TIME')", "{math.floor(ARGV[#ARGV] / 1000000), ARGV[#ARGV] % 1000000}")


def report(chance, rule):
    wanted = chance.choice((0, chance.randrange(rule.burst_bytes)))
    return LeaseReport(
        rule,
        spent_bytes=chance.choice((0, chance.randrange(rule.burst_bytes))),
        wanted_bytes=wanted,
        needed_bytes=chance.choice((0, 0, wanted)),
        in_use=chance.randrange(4),
        wanted_slots=chance.randrange(10),
        known_bytes=chance.choice((None, 0, chance.randrange(rule.burst_bytes))),
        rejoins=chance.random() < 0.05,
    )


@pytest.mark.parametrize("seed", range(20))
async def test_the_script_grants_what_the_bucket_of_the_simulator_grants(tmp_path, seed):
    chance = random.Random(seed)
    rule = Rule(chance.choice((None, 1000, 1_000_000)), chance.choice((5_000, 3_000_000)), chance.choice((None, 1, 8)))
    bucket, now_us = LeaseBucket(), 1_700_000_000_000_000
    with running_store(tmp_path) as store:
        async with Redis(port=store.port) as client:
            await client.zadd("beats", dict.fromkeys(MEMBERS, 1))
            alive = set(MEMBERS)
            for _ in range(200):
                now_us += chance.randrange(200_000)
                if chance.random() < 0.02 and len(alive) > 1:
                    gone = chance.choice(sorted(alive))
                    alive.discard(gone)
                    await client.zrem("beats", gone)
                member, one = chance.choice(sorted(alive)), report(chance, rule)
                rows = await client.eval(SCRIPT, 2, "beats", "quota", member, *_arguments(one), now_us)
                granted = bucket.exchange(member, one, now_us, alive)
                got = Grant(*map(int, rows[0]))
                # The store keeps thousandths of a byte.
                assert abs(got.level_bytes - granted.level_bytes) <= 1
                assert abs(got.lease_bytes - granted.lease_bytes) <= 1
                assert (got.slots, got.free_slots) == (granted.slots, granted.free_slots)
                assert abs(got.elsewhere_bytes - granted.elsewhere_bytes) <= len(MEMBERS)
