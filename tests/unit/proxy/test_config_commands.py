import json
from pathlib import Path

import pytest

from nlpbatch.cli import main as nlpbatch

CONF = Path(__file__).parents[3] / "conf"
PROXY = CONF / "proxy.toml"


@pytest.fixture
def file(tmp_path):
    """Return what writes the shipped file with something else in it."""

    def write(old="", new="", name="new.toml"):
        text = PROXY.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / name
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return str(path)

    return write


def test_check_says_what_the_shipped_file_means(capsys):
    assert nlpbatch(["proxy", "check", str(PROXY)]) == 0
    printed = capsys.readouterr()
    assert "tenant default: 100% of the service" in printed.out
    assert printed.err == ""


def test_check_tells_all_that_is_wrong_with_lines(file, capsys):
    path = file("port = 8700", "port = -1")
    text = Path(path).read_text(encoding="utf-8").replace("max_wait_s = 10.0", "max_wait_s = -10.0")
    Path(path).write_text(text + "\n[nonsense]\nx = 1\n", encoding="utf-8")
    assert nlpbatch(["proxy", "check", path]) == 2
    complaint = capsys.readouterr().err
    lines = text.splitlines()
    assert f"{path}:{lines.index('port = -1') + 1}: " in complaint
    assert f"{path}:{lines.index('max_wait_s = -10.0') + 1}: " in complaint
    assert "nonsense" in complaint


def test_check_warns_of_what_is_odd(file, capsys):
    assert nlpbatch(["proxy", "check", file("size_bytes = 268_435_456", "size_bytes = 1024")]) == 0
    assert "warning: queue.size_bytes" in capsys.readouterr().err


def test_diff_against_a_file_says_who_gains_and_loses(file, capsys):
    path = file("# bytes_per_s = 2_000_000", "bytes_per_s = 2_000_000")
    assert nlpbatch(["proxy", "diff", path, "--against", str(PROXY)]) == 0
    (row,) = [line for line in capsys.readouterr().out.splitlines() if "quota, bytes/s" in line]
    assert row.split()[-1] == "loses"
    assert nlpbatch(["proxy", "diff", str(PROXY), "--against", str(PROXY)]) == 0
    assert capsys.readouterr().out == "nothing would change\n"


def test_diff_without_a_running_proxy_says_so(capsys):
    assert nlpbatch(["proxy", "diff", str(PROXY), "--admin", "http://127.0.0.1:9"]) != 0
    assert "no running proxy answers at http://127.0.0.1:9/config" in capsys.readouterr().err


def test_explain_says_which_limit_binds(capsys):
    assert nlpbatch(["proxy", "explain", "--config", str(PROXY), "--tenant", "default", "--bytes", "65536"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.lstrip().startswith("binds")] == [["binds", "backends,"]]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (["--tenant", "nobody"], "--tenant 'nobody' is not in"),
        (["--tenant", "default", "--bytes", "0"], "--bytes 0: give a number above 0"),
        (["--tenant", "default", "--worker-bytes-per-s", "nan"], "--worker-bytes-per-s nan"),
    ],
)
def test_explain_refuses_what_it_can_t_explain(options, wanted, capsys):
    assert nlpbatch(["proxy", "explain", "--config", str(PROXY), *options]) == 2
    assert wanted in capsys.readouterr().err


@pytest.fixture
def workload(tmp_path):
    path = tmp_path / "workload.toml"
    path.write_text(
        'duration_s = 20\n[[backends]]\nworkers = 2\n[[batch]]\ntenant = "default"\nname = "night"\n',
        encoding="utf-8",
    )
    return path


def simulate(workload, *options):
    return nlpbatch(["proxy", "simulate", "--config", str(PROXY), "--workload", str(workload), *options])


def test_simulate_shows_a_table_and_a_picture(workload, tmp_path, capsys):
    picture = tmp_path / "picture.svg"
    assert simulate(workload, "--svg", str(picture)) == 0
    printed = capsys.readouterr().out
    assert "default" in printed
    assert "workers were busy" in printed
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_simulate_prints_figures_for_programs(workload, capsys):
    assert simulate(workload, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert 0 < printed["utilisation"] <= 1
    assert printed["tenants"]["default/batch"]["requests_per_s"] > 0


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("workers = 2", "workers = 0", ":3: backends.0.workers = 0"),
        ('"default"', '"nobody"', "has no tenants nobody: choose from default"),
        (
            "duration_s = 20",
            "duration_s = 20\nfaults = [{kind = 'down', backend = 7, start_s = 1, duration_s = 1}]",
            "a fault is at backend 7, there are 0 to 0",
        ),
        ("[[batch]]", "[[interactive]]", "name"),
    ],
)
def test_simulate_refuses_a_wrong_workload(workload, old, new, wanted, capsys):
    workload.write_text(workload.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert simulate(workload) == 2
    assert wanted in capsys.readouterr().err
