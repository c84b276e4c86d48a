"""`nlpbatch up` as a developer uses it: two processes that come and go together."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nlpbatch import Client
from nlpbatch.cli.stack import Stack, StackOptions, _ports
from nlpbatch.errors import ConfigError, ServiceUnreachable
from tests.fakes.running_up import PATIENCE_S, Up, alive, command_lines, descendants, wait_for


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
