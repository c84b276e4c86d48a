"""`nlpbatch doctor --master`: a real job of Spark looks at its executors."""

import json

from tests.fakes.commands import run


def doctor(*arguments, **variables):
    code, out, err = run("doctor", "--json", "--master", "local[2]", *arguments, **variables)
    assert err == ""
    return code, {one["check"]: one for one in json.loads(out)["checks"]}


def test_executors_have_python_pyarrow_and_reach_the_service(stack):
    code, found = doctor("--service", stack.service, "--api-key", stack.api_key)
    assert code == 0
    assert {one["state"] for one in found.values()} == {"fine"}
    executors = found["executors"]["details"]
    assert executors["tasks"] == 4
    assert executors["python"] == [found["python"]["details"]["version"]]
    assert "executors' service" not in found


def test_a_python_that_executors_do_not_have_is_named(tmp_path, unused_port):
    code, found = doctor("--service", f"http://127.0.0.1:{unused_port}", PYSPARK_PYTHON=str(tmp_path / "python9"))
    assert (code, found["executors"]["state"]) == (1, "failed")
    assert "python9" in found["executors"]["found"]
    assert "PYSPARK_PYTHON" in found["executors"]["remedy"]


def test_executors_that_do_not_reach_the_service_are_named(unused_port):
    code, found = doctor("--service", f"http://127.0.0.1:{unused_port}")
    assert (code, found["executors' service"]["state"]) == (1, "failed")
    assert f"127.0.0.1:{unused_port} from " in found["executors' service"]["found"]


def test_a_job_that_does_not_end_in_time_is_a_finding():
    code, found = doctor("--patience", "1")
    assert (code, found["executors"]["state"]) == (1, "failed")
    assert "within 1 s" in found["executors"]["found"]
