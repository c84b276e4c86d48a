import asyncio
import sys

import pytest
import uvloop

from nlpbatch.errors import ConfigError
from nlpbatch.serving.loop import loop_factory, run_in_loop


async def kind(found):
    found.append(type(asyncio.get_running_loop()))


@pytest.mark.parametrize(
    ("chosen", "module"), [("asyncio", "asyncio"), ("uvloop", "uvloop"), (None, "uvloop"), ("", "uvloop")]
)
def test_a_server_runs_in_the_chosen_loop_or_the_faster_one(chosen, module):
    found = []
    run_in_loop(kind(found), chosen)
    assert found[0].__module__.partition(".")[0] == module
    assert (found[0] is uvloop.Loop) == (module == "uvloop")


def test_without_uvloop_a_server_runs_in_the_loop_of_asyncio(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory(None) is asyncio.new_event_loop
    with pytest.raises(ConfigError, match="uvloop is not installed: pip install uvloop, or unset it"):
        loop_factory("uvloop")


def test_an_unknown_loop_is_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match="NLPBATCH_LOOP = 'trio': no such event loop: choose from asyncio, uvloop"):
        run_in_loop(kind([]), "trio")
