import pytest

from proxy.scaling import Scaling, agreed
from proxy.shared.members import Member
from proxy.traffic.concurrency import FixedLimit
from proxy.traffic.controller import TrafficController
from proxy.traffic.slots import Backend
from tests.fakes.proxy_parts import proxy_settings


def member(id_, started_at, workers):
    wanted = None if workers is None else {"wanted_workers": workers, "reason": id_}
    return Member(id_, started_at=started_at, wanted=wanted)


def test_all_say_what_the_one_says_that_has_run_longest():
    fleet = [member("a", "2026-01-02", 5), member("b", "2026-01-01", 3), member("c", "2026-01-03", 9)]
    assert agreed(fleet, store_away=False) == {"wanted_workers": 3, "reason": "b"}


def test_one_that_knows_nothing_yet_is_not_asked():
    assert agreed([member("a", "2026-01-01", None), member("b", "2026-01-02", 3)], store_away=False)["reason"] == "b"
    assert agreed([member("a", "2026-01-01", None)], store_away=False) is None


def test_while_the_store_is_away_the_greatest_number_that_was_heard_stays():
    fleet = [member("a", "2026-01-02", 9), member("b", "2026-01-01", 3)]
    assert agreed(fleet, store_away=True) == {"wanted_workers": 9, "reason": "a"}


def test_what_a_proxy_wants_reaches_the_others_and_older_ones_say_nothing():
    assert Member.from_json("a", {"wanted": {"wanted_workers": 4}}).wanted == {"wanted_workers": 4}
    assert Member.from_json("a", {}).wanted is None


@pytest.mark.parametrize(("registers", "from_s"), [(True, 40), (False, 15)])
def test_while_backends_may_still_have_to_register_no_number_is_said(tmp_path, registers, from_s):
    secret = tmp_path / "secret"
    secret.write_text("a secret of the backends")
    registration = {"ttl_s": 40.0, "secret_file": str(secret)} if registers else {}
    settings = proxy_settings(registration=registration)
    backends = [Backend("http://b", FixedLimit(4), asked=True, ready=True, workers=2)]
    traffic = TrafficController(settings, backends, chance=lambda: 0.5, choose=lambda _: 0)
    scaling = Scaling(settings, traffic, None)
    said = []
    for now_s in range(100, 160):
        scaling.look(float(now_s))
        said.append(scaling.wanted_workers)
    assert said == [None] * from_s + [2] * (60 - from_s)
    assert scaling.to_json()["workers"] == 2
