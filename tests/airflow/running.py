"""A running Airflow: API, scheduler and DAG processor as processes on loopback, with SQLite, in a home of its own."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

PATIENCE_S = 300.0
FINAL = ("success", "failed")


def free_port():
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def eventually(look, patience_s=PATIENCE_S, pause_s=0.5):
    """Return what `look` returns as soon as it is true."""
    deadline_s = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline_s, f"not within {patience_s:g} s"
        time.sleep(pause_s)
    return found


class RunningAirflow:
    """What the tests ask of it goes over its public API.

    Args:
        home: An empty directory.
        binaries: Folder of Airflow's commands.
        variables: Of the environment of its tasks.

    """

    def __init__(self, home, binaries, variables):
        self.home, self.binaries = home, binaries
        self.dags = home / "dags"
        self.dags.mkdir(parents=True)
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        self.environ |= {
            "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": self.url.rpartition(":")[2],
            "AIRFLOW__API__SECRET_KEY": "a key of a test",
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API_AUTH__JWT_SECRET": "another key of a test, of the 64 bytes and more that HS512 needs",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "2",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "5",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            **variables,
        }
        self._processes = []
        self._token = ""

    def __enter__(self):
        self.command("db", "migrate")
        for service in ("api-server", "scheduler", "dag-processor"):
            with (self.home / f"{service}.log").open("wb") as log:
                command = [str(self.binaries / "airflow"), service]
                self._processes.append(
                    subprocess.Popen(command, env=self.environ, stdout=log, stderr=log, start_new_session=True)
                )
        self._token = eventually(self._log_in, patience_s=120)
        return self

    def __exit__(self, *_):
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def command(self, *arguments):
        """Run one of Airflow's commands; return what it prints."""
        done = subprocess.run(
            [str(self.binaries / "airflow"), *arguments], env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def call(self, method, path, body=None):
        """Return what Airflow's API answers."""
        request = urllib.request.Request(
            f"{self.url}/api/v2/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                content = answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read()[:1000]!r}") from error
        return json.loads(content) if content else None

    def unpause(self, dag):
        """Wait until a DAG is known, and let it run."""
        eventually(lambda: any(one["dag_id"] == dag for one in self.call("GET", "dags?limit=100")["dags"]), 120)
        self.call("PATCH", f"dags/{dag}", {"is_paused": False})

    def trigger(self, dag, **body):
        """Start a run by hand; return its id."""
        return self.call("POST", f"dags/{dag}/dagRuns", {"logical_date": None, **body})["dag_run_id"]

    def runs(self, dag):
        """Return the runs of a DAG."""
        return self.call("GET", f"dags/{dag}/dagRuns?order_by=id")["dag_runs"]

    def wait(self, dag, run):
        """Return the state in which a run ends."""

        def state():
            found = self.call("GET", f"dags/{dag}/dagRuns/{run}")["state"]
            return found if found in FINAL else None

        return eventually(state)

    def tasks(self, dag, run):
        """Return the tasks of a run, by name."""
        found = self.call("GET", f"dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {one["task_id"]: one for one in found}

    def states(self, dag, run):
        return {name: one["state"] for name, one in self.tasks(dag, run).items()}

    def xcom(self, dag, run, task, key="return_value"):
        return self.call("GET", f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/xcomEntries/{key}?deserialize=true")[
            "value"
        ]

    def log(self, dag, run, task, attempt=1):
        """Return the log of a task, as one text."""
        return json.dumps(
            self.call("GET", f"dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}"), ensure_ascii=False
        )

    def _log_in(self):
        for process in self._processes:
            assert process.poll() is None, f"{process.args} ended: see the logs in {self.home}"
        try:
            with urllib.request.urlopen(f"{self.url}/auth/token", timeout=5) as answer:
                return json.loads(answer.read())["access_token"]
        except OSError:
            return None
