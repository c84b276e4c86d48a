"""The report, from figures of two made-up contenders: what is measured is the suite's own business."""

import pytest

from tests.benchmarks.suite.__main__ import main
from tests.benchmarks.suite.memory import memory_ratios
from tests.benchmarks.suite.pictures import draw
from tests.benchmarks.suite.report import ratios_of, summarise, to_markdown
from tests.benchmarks.suite.turn import NotDone, check_work

BARE = {"documents": 100, "tokens": 1000, "cpu_s": 10.0, "seconds": 5.0, "process_s": 6.0}
BARE |= {"cpu_by_process_s": {"python of bare": 11.0}, "peak_mb_by_process": {"python of bare": 600, "all": 600}}
JOB = {"documents": 100, "tokens": 1000, "seconds": 6.0, "process_s": 12.0, "analysed_code_points": 50}
JOB |= {
    "cpu_by_process_s": {"kiwi workers": 10.0, "spark jvm": 2.0},
    "peak_mb_by_process": {"kiwi workers": 700, "spark jvm": 500, "all": 1200},
}
MEMORY = [{"workers": 2, "documents": 9, "peak_mb": {"job": {"all": 900}, "udf": {"all": 1800}}, "job / udf": 0.5}]


class Texts:
    documents = 100
    distinct_code_points = 50


def test_the_report_has_every_figure_and_names_its_pictures(tmp_path):
    results = {"bare": [BARE] * 3, "job": [JOB] * 3}
    ratios = ratios_of(results)
    report = summarise(results, ratios | memory_ratios(MEMORY), MEMORY, {"ray": "can't be installed: no network"}, 2)
    assert report["contenders"]["job"]["documents_per_s"]["median"] == 16.6667
    assert report["ratios"]["job / bare, with start"]["median"] == 0.5
    assert report["ratios"]["CPU not Kiwi's / Kiwi's, job"]["median"] == 0.2
    pictures = draw(report, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(pictures)
    assert all("<svg" in (tmp_path / name).read_text() for name in pictures)
    text = to_markdown(report, pictures)
    assert "| job / bare | 0.833 | 0.833 to 0.833 |" in text
    assert "| 2 | 900 | 1,800 | 0.50 |" in text
    assert "Not measured: ray: can't be installed: no network." in text
    assert all(f"]({name})" in text for name in pictures)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"documents": 99}, "99 documents of 100"),
        ({"tokens": 998}, "998 tokens, the bare engine has 1,000"),
        ({"cpu_by_process_s": {"kiwi workers": 4.9}}, "4.9 s of CPU in kiwi workers, at least 5.0 s are needed"),
        ({"analysed_code_points": 49}, "49 code points of 50 analysed"),
    ],
)
def test_a_contender_that_shows_less_work_is_no_figure(change, fault):
    check_work("job", JOB, BARE, Texts)
    with pytest.raises(NotDone, match=fault):
        check_work("job", JOB | change, BARE, Texts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--only", "job,sparks"], "there is no contender 'sparks'"),
        (["--rounds", "2", "--record", "x.json"], "2 rounds have no spread to compare"),
        (["--check", "nowhere.json"], "there is no nowhere.json"),
        (["--memory", "2,x"], "--memory '2,x' is no list of numbers"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_measured(options, message, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--input", "reviews.parquet", "--report", str(tmp_path / "report"), *options])
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "report").exists()
