import pytest

from nlpbatch.doctor.executors import _failure, findings_of
from nlpbatch.doctor.interpreter import installed_version
from nlpbatch.doctor.versions import compare_versions

HERE = installed_version("pyarrow")


def executor(**changes):
    values = {
        "host": "node-1",
        "python": "3.12.1",
        "executable": "/usr/bin/python3",
        "packages": {"pyarrow": HERE, "pyspark": "4.0.0", "pandas": None},
        "unreachable": {},
        "at_s": 1000.5,
    }
    return values | changes


def found(*executors):
    record = {"spark": "4.0.0", "java": "17", "tasks": 4, "began_s": 1000.0, "ended_s": 1001.0, "executors": executors}
    return {one.check: one for one in findings_of("yarn", record)}


def test_executors_that_have_what_they_need_are_fine():
    assert [one.state for one in found(executor(), executor(host="node-2")).values()] == ["fine", "fine"]


@pytest.mark.parametrize(("version", "state"), [(None, "failed"), ("14.0.1", "failed"), ("9999.0.0", "look")])
def test_pyarrow_of_an_executor(version, state):
    one = found(executor(), executor(host="node-2", packages={"pyarrow": version}))["executors' pyarrow"]
    assert one.state == state
    assert one.remedy


def test_a_service_that_nodes_do_not_reach_is_named_with_the_node():
    one = found(executor(unreachable={"127.0.0.1:8700": "Connection refused"}))["executors' service"]
    assert (one.state, one.found) == ("failed", "127.0.0.1:8700 from node-1: Connection refused")


def test_a_node_with_another_time_is_named():
    one = found(executor(), executor(host="node-9", at_s=900.0))["executors' clocks"]
    assert (one.state, one.found) == ("look", "node-9 -100 s")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("… [PYTHON_VERSION_MISMATCH] Python in worker …", "another Python"),
        ('java.io.IOException: Cannot run program "python9": error=2', 'Cannot run program "python9"'),
        ("HADOOP_CONF_DIR or YARN_CONF_DIR must be set", "where YARN is"),
        ("noise\nCaused by: java.net.UnknownHostException: nowhere\nnoise", "UnknownHostException: nowhere"),
        ("", "it said nothing"),
    ],
)
def test_the_cause_is_shown_of_what_spark_says(output, said):
    one = _failure("yarn", output)
    assert one.state == "failed"
    assert said in one.found
    assert one.remedy


@pytest.mark.parametrize(
    ("ours", "theirs", "state"),
    [
        ("0.1.0", "0.1.9", "fine"),
        ("0.1.0", "0.2.0", "look"),
        ("1.4", "1.9.2", "fine"),
        ("1.0", "2.0", "look"),
        ("1.0.0", "0.1.0", "fine"),
    ],
)
def test_versions_fit_within_a_major_and_before_the_first_within_a_minor(ours, theirs, state):
    assert compare_versions("http://a", ours, theirs).state == state
