"""What `nlpbatch top` makes of a proxy's figures."""

import pytest
from rich.console import Console

from nlpbatch.cli import main as nlpbatch
from nlpbatch.cli.top_screen import amount, screen, seconds, size

FLOW = {
    "in_flight": 1,
    "waiting": 2,
    "bytes_per_s": 65_536,
    "answers_per_s": 1.0,
    "wait_s": 0.25,
    "longest_wait_s": None,
    "refused": 3,
}
FOUND = {
    "at": "2026-11-18T11:06:41Z",
    "draining": False,
    "config": {"generation": 2, "valid": False, "faults": ["proxy.toml:3: port is -1: give 0 to 65,535"]},
    "totals": FLOW | {"slots": 4, "refused_per_s": 0.0},
    "fleet": {"store_away": True, "same_config": False},
    "fullest": [
        {
            "whose": "tenant a",
            "what": "rate",
            "used": 9e6,
            "limit": 1e7,
            "unit": "bytes/s",
            "part": 0.9,
            "full_in_s": None,
        },
        {
            "whose": "tenant a",
            "what": "budget of the day",
            "used": 5,
            "limit": 10,
            "unit": "bytes",
            "part": 0.5,
            "full_in_s": 7200,
        },
    ],
    "tenants": [FLOW | {"tenant": "a", "paused": True}],
    "jobs": [FLOW | {"job": "[red]nightly\x1b", "tenant": "a", "class": "batch"}],
    "backends": [{"url": "http://b", "ready": True, "breaker": "ejected", "in_flight": 0, "limit": 4, "workers": 2}],
    "refusals": {
        "reasons": [
            {"tenant": "a", "job": "", "class": "batch", "code": "queue_full", "cause": "requests", "count": 1234}
        ],
        "last": [
            {
                "at": "2026-11-18T11:06:40Z",
                "tenant": "a",
                "job": None,
                "code": "queue_full",
                "cause": "requests",
                "reason": "too many wait",
            }
        ],
    },
}


def printed(*, plain=False):
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        for part in screen(FOUND, plain=plain):
            console.print(part)
    return captured.get()


def test_all_that_an_operator_asks_for_is_there():
    text = printed()
    for words in (
        "tenant a: rate",
        "90%",
        "9.0 MB/s",
        "2.0 h",
        "a (paused)",
        "nightly",
        "ejected",
        "queue_full",
        "1,234",
        "too many wait",
    ):
        assert words in text
    for fault in ("was not taken over: proxy.toml:3", "the shared store is away", "different configurations"):
        assert fault in text


def test_names_are_no_markup_and_no_orders_to_the_terminal():
    assert r"[red]nightly\x1b" in printed()


def test_a_plain_terminal_gets_ascii():
    assert printed(plain=True).isascii()
    assert not printed().isascii()


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0 B"), (999, "999 B"), (1e3, "1.0 kB"), (2.5e6, "2.5 MB"), (3e9, "3.0 GB"), (4e12, "4.0 TB")],
)
def test_sizes_are_written_as_people_read_them(value, text):
    assert size(value) == text


def test_amounts_have_their_units():
    assert (amount(5, "requests"), amount(5e3, "bytes/s"), amount(5e3, "bytes")) == ("5", "5.0 kB/s", "5.0 kB")


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0025, "2.5 ms"), (5, "5.0 s"), (130, "2.2 min"), (7200, "2.0 h"), (200_000, "2.3 d")],
)
def test_times_are_written_as_people_read_them(value, text):
    assert seconds(value) == text


@pytest.mark.parametrize("period", ["0", "-1", "1e9", "nan"])
def test_a_period_that_is_none_is_refused(period, capsys):
    assert nlpbatch(["top", "--period", period]) == 2
    assert f"--period is {float(period):g}: give 0.1 to 3,600 seconds" in capsys.readouterr().err


def test_one_line_says_that_the_proxy_is_away(capsys):
    assert nlpbatch(["top", "--admin", "http://127.0.0.1:9"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "no running proxy answers at http://127.0.0.1:9/" in line
