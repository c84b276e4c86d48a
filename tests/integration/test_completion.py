"""The scripts of `nlpbatch completion`, in the shells that they are for."""

import os
import pty
import shutil
import subprocess
import time

import pytest

from nlpbatch.cli.completion import SHELLS
from tests.fakes.commands import run


def shell(name):
    found = shutil.which(name)
    if found is None:
        message = f"needs {name}: apt-get install {name}"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    return found


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    directory = tmp_path_factory.mktemp("completion")
    for name in SHELLS:
        code, out, err = run("completion", name)
        assert (code, err) == (0, "")
        (directory / ("_nlpbatch" if name == "zsh" else f"nlpbatch.{name}")).write_text(out)
    return directory


def bash(scripts, *words):
    line = " ".join(f"'{word}'" for word in words)
    ask = f"source nlpbatch.bash; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _shtab_nlpbatch; "
    ask += 'printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        [shell("bash"), "-c", ask], cwd=scripts, capture_output=True, text=True, timeout=20, check=True
    )
    return [word.strip() for word in done.stdout.split("\n") if word.strip()]


def fish(scripts, *words):
    ask = f"source nlpbatch.fish; complete -C '{' '.join(words)}'"
    done = subprocess.run(
        [shell("fish"), "--no-config", "-c", ask],
        cwd=scripts,
        env=os.environ | {"HOME": str(scripts)},
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def zsh(scripts, *words):
    """Return what zsh shows in a terminal after a TAB: it completes nowhere else."""
    ours, theirs = pty.openpty()
    start = f"fpath=({scripts} $fpath); autoload -Uz compinit; compinit -u -d {scripts}/dump; PS1='ready> '\n"
    with subprocess.Popen(
        [shell("zsh"), "-f", "-i"],
        cwd=scripts,
        env=os.environ | {"TERM": "dumb", "HOME": str(scripts)},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            os.write(ours, start.encode())
            read_until(ours, "\nready> ")
            os.write(ours, f"nlpbatch {' '.join(words[1:])}\t".encode())
            return read_until(ours, None)
        finally:
            process.kill()
            os.close(ours)


def read_until(terminal, wanted):
    """Return what a terminal shows until it has shown this; without it, until it has been silent for a second."""
    shown, last_s = "", time.monotonic()
    os.set_blocking(terminal, False)
    while time.monotonic() - last_s < (20 if wanted else 1):
        try:
            shown += os.read(terminal, 4096).decode(errors="replace").replace("\r", "\n")
            last_s = time.monotonic()
        except BlockingIOError:
            time.sleep(0.02)
        if wanted and wanted in shown:
            break
    return shown


@pytest.mark.parametrize("complete", [bash, fish])
def test_commands_and_options_are_completed(scripts, complete):
    assert complete(scripts, "nlpbatch", "pro") == ["profile", "proxy"]
    assert complete(scripts, "nlpbatch", "proxy", "key", "re") == ["revoke"]
    assert "--master" in complete(scripts, "nlpbatch", "doctor", "--m")
    assert set(complete(scripts, "nlpbatch", "completion", "")) >= set(SHELLS)


@pytest.mark.parametrize("complete", [bash, fish])
def test_file_names_are_completed_where_a_file_is_wanted(scripts, complete):
    (scripts / "proxy.toml").touch()
    found = complete(scripts, "nlpbatch", "proxy", "check", "pro")
    assert "proxy.toml" in found


def test_zsh_completes_the_same(scripts):
    assert "profile" in zsh(scripts, "nlpbatch", "prof")
    assert "revoke" in zsh(scripts, "nlpbatch", "proxy", "key", "rev")
