"""`nlpbatch doctor` looks at real HDFS and at executors on YARN."""

import json

from tests.fakes.commands import run


def doctor(*arguments, **variables):
    code, out, err = run("doctor", "--json", *arguments, **variables)
    assert err == ""
    return code, {one["check"]: one for one in json.loads(out)["checks"]}


def test_a_path_of_hdfs_is_looked_up(hadoop):
    code, found = doctor("--hdfs", f"{hadoop.url}/")
    assert (code, found["hdfs"]["state"]) == (0, "fine")
    code, found = doctor("--hdfs", f"{hadoop.url}/nowhere")
    assert (code, found["hdfs"]["state"]) == (3, "look")


def test_executors_on_yarn_are_looked_at(yarn, hadoop, stack, tmp_path):
    settings = yarn._settings("client")
    (tmp_path / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    code, found = doctor(
        *("--master", "yarn", "--service", stack.service, "--api-key", stack.api_key),
        HADOOP_CONF_DIR=str(hadoop.configuration),
        SPARK_CONF_DIR=str(tmp_path),
        SPARK_LOCAL_IP="127.0.0.1",
    )
    assert (code, found["executors"]["state"], found["executors' pyarrow"]["state"]) == (0, "fine", "fine"), found
    assert str(yarn.python) in found["executors"]["found"]
    assert "executors' service" not in found
