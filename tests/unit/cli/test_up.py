import shlex
import stat
import subprocess

import pytest

from nlpbatch.cli import main as nlpbatch
from nlpbatch.cli import up
from nlpbatch.cli.stack import Stack, StackOptions
from nlpbatch.errors import ConfigError

KEY = "nlpb_0123456789ab_$(touch pwned) 'x'"


@pytest.fixture
def stack():
    return Stack(StackOptions(), service="http://127.0.0.1:8700", api_key=KEY)


def test_the_env_file_is_for_its_owner_only_and_gone_afterwards(stack, tmp_path):
    file = tmp_path / "env"
    with up._exported(stack, file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()


def test_a_shell_reads_from_the_env_file_exactly_what_was_meant(stack, tmp_path):
    file = tmp_path / "env"
    show = f'. {shlex.quote(str(file))}; printf \'%s\\n%s\' "$NLPBATCH_SERVICE" "$NLPBATCH_API_KEY"'
    with up._exported(stack, file):
        shown = subprocess.run(["sh", "-c", show], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert shown == f"http://127.0.0.1:8700\n{KEY}"
    assert not (tmp_path / "pwned").exists()


def test_without_a_key_of_its_own_only_the_address_is_exported(tmp_path):
    stack = Stack(StackOptions(), service="http://127.0.0.1:8700")
    with up._exported(stack, None) as exports:
        assert exports == ["export NLPBATCH_SERVICE=http://127.0.0.1:8700"]


def test_an_env_file_left_over_is_replaced_whoever_could_read_it(stack, tmp_path):
    file = tmp_path / "env"
    file.write_text("export NLPBATCH_SERVICE=http://127.0.0.1:1\n")
    file.chmod(0o644)
    up._check_env_file(file)
    with up._exported(stack, file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert ":8700" in file.read_text()


@pytest.mark.parametrize("content", [b"PATH=/usr/bin\n", b"export NLPBATCH_SERVICE=x\nrm -rf /\n", b"\xff\xfe"])
def test_a_file_that_holds_something_else_is_never_replaced(tmp_path, capsys, content, monkeypatch):
    monkeypatch.setattr(up, "stop_on_signals", lambda: None)
    file = tmp_path / "env"
    file.write_bytes(content)
    assert nlpbatch(["up", "--env-file", str(file)]) == 2
    assert "holds something else: choose another path with --env-file" in capsys.readouterr().err
    assert file.read_bytes() == content


def test_a_path_that_cannot_be_written_is_a_config_error(stack, tmp_path):
    with pytest.raises(ConfigError, match="can't be written: No such file or directory: choose another path"):  # noqa: SIM117
        with up._exported(stack, tmp_path / "nowhere" / "env"):
            pytest.fail("nothing to announce")


def test_the_key_is_not_in_what_is_printed_of_a_stack(stack):
    assert KEY not in repr(stack)
