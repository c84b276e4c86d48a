import pyarrow as pa

from nlpbatch.engine.quarantine import Quarantine

ODD = "이상한 글".encode()


def documents(*texts):
    return pa.array(texts, pa.binary())


def offended(times, document=ODD):
    quarantine = Quarantine()
    for _ in range(times):
        quarantine.offend(document, "worker_died", 0.0)
    return quarantine


def test_one_offence_is_an_accident_and_two_are_a_habit():
    assert offended(1).find(documents(ODD), 1.0) == {}
    found = offended(2).find(documents(b"fine", None, ODD, b"x" * len(ODD)), 1.0)
    assert list(found) == [2]
    assert found[2].code == "quarantined"
    assert "has cost 2 workers (worker_died)" in found[2].message


def test_after_an_hour_it_is_forgotten():
    quarantine = offended(2)
    assert quarantine.find(documents(ODD), 3599.0)
    assert quarantine.find(documents(ODD), 3600.0) == {}
    quarantine.offend(ODD, "worker_died", 3600.0)
    assert quarantine.find(documents(ODD), 3600.0) == {}


def test_they_can_be_given_another_chance():
    quarantine = offended(5)
    quarantine.clear()
    assert (quarantine.find(documents(ODD), 1.0), quarantine.to_json(1.0)) == ({}, [])


def test_listed_offenders_show_no_text():
    (refused,) = offended(2).to_json(600.0)
    assert refused == {
        "sha256": refused["sha256"],
        "size_bytes": len(ODD),
        "codes": {"worker_died": 2},
        "refused_for_s": 3000.0,
    }
    assert len(refused["sha256"]) == 64


def test_they_are_bounded_and_the_oldest_make_room():
    quarantine = offended(2)
    for number in range(1000):
        quarantine.offend(b"%d" % number, "worker_died", 1.0)
    assert quarantine.find(documents(ODD), 2.0) == {}
    assert len(quarantine._offenders) == 1000
    assert sum(quarantine._sizes.values()) == 1000
