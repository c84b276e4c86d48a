"""`nlpbatch up` as a developer uses it: two processes that come and go together."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions, _ports
from nlpbatch.errors import ConfigError, ServiceUnreachable

PATIENCE_S = 60


class Up:
    """One running `nlpbatch up`."""

    def __init__(self, directory):
        self.env_file = directory / "env"
        self._log = directory / "up.log"
        with self._log.open("wb") as log:
            command = ["up", "--port", "0", "--workers", "1", "--env-file", str(self.env_file)]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nlpbatch", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Started in the background by a shell without job control it would ignore SIGINT.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
            )

    def wait_ready(self):
        """Wait for the announcement and return what a shell makes of the env file."""
        wait_for(lambda: "Ctrl-C stops both" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        show = ["sh", "-c", f'. {self.env_file} && printf "%s %s" "$NLPBATCH_SERVICE" "$NLPBATCH_API_KEY"']
        return subprocess.run(show, capture_output=True, text=True, check=True, env={}).stdout.split()

    @property
    def said(self):
        return self._log.read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


def wait_for(reached):
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def descendants(pid):
    """Process ids below one, at any depth, as Linux knows them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # "pid (name) state parent …", where the name may hold anything
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, level = set(), {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= level
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def up(tmp_path):
    running = Up(tmp_path)
    yield running
    running.stop()


def test_it_says_how_to_use_it_and_a_text_sent_so_is_analysed(up):
    service, key = up.wait_ready()
    assert f"export NLPBATCH_SERVICE={service}" in up.said
    assert f"export NLPBATCH_API_KEY={key}" in up.said
    with Client(service, api_key=key) as client:
        assert client.analyze("아버지가 방에")[0].tokens[0].form == "아버지"
    assert up.env_file.stat().st_mode & 0o077 == 0
    assert key not in "".join(command_lines([up.process.pid, *descendants(up.process.pid)]))
    up.process.send_signal(signal.SIGHUP)  # its terminal is closed
    assert up.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_one_signal_stops_all_and_leaves_nothing(up, number):
    up.wait_ready()
    processes = descendants(up.process.pid)
    directories = set(re.findall(r"/[^\0]*nlpbatch-[^/\0]*", "\0".join(command_lines(processes))))
    assert len(processes) >= 4  # API, proxy, the process that has Kiwi, a worker
    assert directories
    up.process.send_signal(number)
    assert up.process.wait(PATIENCE_S) == 0
    assert up.said.endswith("stopped\n")
    assert not up.env_file.exists()
    wait_for(lambda: not any(map(alive, processes)))
    assert not any(Path(directory).exists() for directory in directories)


def command_lines(processes):
    return [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes]


def test_when_one_process_ends_the_other_is_stopped_too(up):
    up.wait_ready()
    processes = descendants(up.process.pid)
    (proxy,) = [pid for pid in processes if "proxy\0serve" in command_lines([pid])[0]]
    os.kill(proxy, signal.SIGKILL)
    assert up.process.wait(PATIENCE_S) == 1
    assert "the proxy ended" in up.said
    wait_for(lambda: not any(map(alive, processes)))


@pytest.mark.parametrize("option", ["--port", "--api-port"])
def test_a_port_that_is_taken_is_named_with_the_option_before_kiwi_is_loaded(tmp_path, option):
    env_file = tmp_path / "env"
    env_file.write_text("export NLPBATCH_SERVICE=http://127.0.0.1:1\n")  # of the one that has the port
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = ["up", "--port", "0", option, str(port), "--env-file", str(env_file)]
        done = subprocess.run(
            [sys.executable, "-m", "nlpbatch", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert done.returncode == 2
    assert f"port {port} can't be used (Address already in use): choose another with {option}" in done.stderr
    assert env_file.exists()


def test_ports_out_of_range_or_both_the_same_are_refused():
    with pytest.raises(ConfigError, match="port 70000 is not 0 to 65535: choose another with --port"):
        _ports(StackOptions(port=70_000))
    api_port, port = _ports(StackOptions())
    assert api_port != port
    with pytest.raises(ConfigError, match=f"port {port} can't be used"):
        _ports(StackOptions(port=port, api_port=port))


def test_a_configuration_that_cannot_be_read_ends_it_with_its_own_message(tmp_path, capfd):
    config = tmp_path / "server.toml"
    config.write_text("[pool]\nworkes = 2\n")
    with (
        pytest.raises(ServiceUnreachable, match="the api ended while starting"),
        Stack(StackOptions(server_config=config)),
    ):
        pytest.fail("nothing runs")
    assert "workes: unknown key: did you mean workers?" in capfd.readouterr().err
