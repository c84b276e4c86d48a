"""Tries one Spark with one Python: a job that is killed, all of a classic session, and all of a Connect session."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from nlpbatch.wire.fields import DEFAULT_FIELDS
from tests.benchmarks.suite.environments import Unavailable
from tests.compatibility.environments import connect_jar
from tests.compatibility.expected import FILES, TEXTS, Verdict, expected_answers, judge
from tests.compatibility.surroundings import Surroundings

ROOT = Path(__file__).parents[2]
SCENARIO = Path(__file__).with_name("scenario.py")
MODES = ("classic", "connect")
TIMEOUT_S = 300
_LOOK_S = 0.05
_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
_INHERITED = ("PATH", "HOME", "JAVA_HOME", "LANG")


@dataclass(frozen=True, slots=True)
class Trial:
    """What one environment came to.

    Args:
        spark: Minor version.
        python: Minor version.
        versions: Of Spark, PySpark, Python and pyarrow, as the environment says.
        verdicts: By mode and part.

    """

    spark: str
    python: str
    versions: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, dict[str, Verdict]] = field(default_factory=dict)

    @property
    def wrong(self) -> list[str]:
        """Return what no user may meet."""
        return [
            f"Spark {self.spark}, Python {self.python}, {mode}, {part}: {verdict.note}"
            for mode, parts in self.verdicts.items()
            for part, verdict in parts.items()
            if verdict.state == "wrong"
        ]


def try_spark(spark: str, python: str, interpreter: Path, surroundings: Surroundings) -> Trial:
    """Return what a Spark comes to with a Python, in both modes."""
    place = surroundings.directory / f"{spark}-{python}"
    place.mkdir()
    trial = Trial(spark, python)
    expected = expected_answers(surroundings.strict)
    setting = _Setting(interpreter, surroundings, place)
    killed = _kill_job(setting)
    _scenario(trial, setting, "classic", expected)
    if trial.verdicts["classic"].get("resume") == Verdict("works"):
        trial.verdicts["classic"]["resume"] = _whole(killed, expected["analyze"])
    try:
        with _connect_server(spark, setting) as remote:
            _scenario(trial, setting, "connect", expected, remote)
    except Unavailable as error:
        trial.verdicts["connect"] = dict.fromkeys(trial.verdicts["classic"], Verdict("not tried", str(error)))
    return trial


@dataclass(frozen=True, slots=True)
class _Setting:
    interpreter: Path
    surroundings: Surroundings
    place: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return variables for processes: a plain environment, with the bundle and nothing else of nlpbatch."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        stack = self.surroundings.strict
        return inherited | {
            "PYTHONPATH": str(self.surroundings.bundle),
            "PYSPARK_PYTHON": str(self.interpreter),
            "PYSPARK_DRIVER_PYTHON": str(self.interpreter),
            "SPARK_LOCAL_IP": "127.0.0.1",
            # These JVMs live for seconds: compiling fast beats compiling well.
            "JAVA_TOOL_OPTIONS": "-XX:TieredStopAtLevel=1",
            "NLPBATCH_SERVICE": stack.service,
            "NLPBATCH_API_KEY": stack.api_key or "",
        }

    def command(self, name: str) -> str:
        """Return a command of this PySpark."""
        return str(self.interpreter.parent / name)

    def job(self) -> dict[str, Any]:
        """Return the options of the job that is killed."""
        return {"input": str(self.place / "in"), "text": "text", "output": str(self.place / "out"), "batch_bytes": 1024}


def _kill_job(setting: _Setting) -> Path:
    """Start a job as users do, and kill it, its JVM included, once it has written something; return its output."""
    job = setting.job()
    Path(job["input"]).mkdir()
    for number in range(FILES):
        ids = range(number * len(TEXTS), (number + 1) * len(TEXTS))
        pq.write_table(pa.table({"id": list(ids), "text": TEXTS}), f"{job['input']}/{number}.parquet")
    command = [setting.command("spark-submit"), "--master", "local[2]", "--py-files", str(setting.surroundings.bundle)]
    options = [part for name, value in job.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    output, log = Path(job["output"]), setting.place / "killed.log"
    with (
        log.open("wb") as said,
        _group([*command, str(ROOT / "jobs" / "analyze.py"), *options], setting, said) as started,
    ):
        deadline_s = time.monotonic() + TIMEOUT_S
        while not list(output.glob("run_batch=*")) and started.poll() is None and time.monotonic() < deadline_s:
            time.sleep(_LOOK_S)
    return output


@contextmanager
def _group(command: list[str], setting: _Setting, said: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command for the time of the context; kill it with all that it started."""
    environment = setting.environment
    with subprocess.Popen(
        command, env=environment, cwd=setting.place, stdout=said, stderr=said, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _scenario(trial: Trial, setting: _Setting, mode: str, expected: dict[str, Any], remote: str = "") -> None:
    """Run the scenario of a mode and add its verdicts to the trial."""
    surroundings, place = setting.surroundings, setting.place
    strict, generous = surroundings.strict, surroundings.generous
    question, answer, log = (place / f"{mode}.{kind}" for kind in ("json", "answer.json", "log"))
    asked = {
        "service": strict.service,
        "api_key": strict.api_key,
        "generous": {"service": generous.service, "api_key": generous.api_key},
        "bundle": str(surroundings.bundle),
        "directory": str(place),
        "remote": remote,
        "texts": TEXTS,
        "job": setting.job(),
    }
    question.write_text(json.dumps(asked), encoding="utf-8")
    command = [str(setting.interpreter), str(SCENARIO), mode, str(question), str(answer)]
    with log.open("wb") as said, _group(command, setting, said) as process, suppress(subprocess.TimeoutExpired):
        process.wait(TIMEOUT_S)
    if not answer.exists():
        trial.verdicts[mode] = {"session": Verdict("wrong", log.read_text(encoding="utf-8", errors="replace")[-3000:])}
        return
    found = json.loads(answer.read_text(encoding="utf-8"))
    trial.versions.update(found["versions"])
    trial.verdicts[mode] = {name: judge(name, one, expected) for name, one in found["parts"].items()}


def _whole(output: Path, tokens: list[Any]) -> Verdict:
    """Return whether each row of the job's input is in its output once, with its tokens."""
    rows = ds.dataset(output, format="parquet", exclude_invalid_files=True).to_table().sort_by("id").to_pylist()
    found = [row["tokens"] and [[one[name] for name in DEFAULT_FIELDS] for one in row["tokens"]] for row in rows]
    if [row["id"] for row in rows] != list(range(FILES * len(TEXTS))):
        return Verdict("wrong", f"the output has the rows {[row['id'] for row in rows]}")
    return Verdict("works") if found == tokens * FILES else Verdict("wrong", "the output has other tokens")


@contextmanager
def _connect_server(spark: str, setting: _Setting) -> Iterator[str]:
    """Run a Connect server for the time of the context; give the address for clients.

    Raises:
        Unavailable: Its jar can't be had here.

    """
    jar = connect_jar(spark)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"spark.connect.grpc.binding.port": str(port), "spark.ui.enabled": "false"}
    command = [setting.command("spark-submit"), "--master", "local[2]", "--class", _SERVER]
    command += [part for name, value in settings.items() for part in ("--conf", f"{name}={value}")]
    command += ["--jars", str(jar)] if jar else []
    with (
        (setting.place / "server.log").open("wb") as said,
        _group([*command, "spark-internal"], setting, said) as server,
    ):
        deadline_s = time.monotonic() + TIMEOUT_S
        while server.poll() is None and time.monotonic() < deadline_s and not _listens(port):
            time.sleep(_LOOK_S)
        yield f"sc://127.0.0.1:{port}"
    shutil.rmtree(setting.place / "spark-warehouse", ignore_errors=True)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
