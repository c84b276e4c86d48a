import tomllib

import pytest

from nlpbatch.cli import main as nlpbatch
from nlpbatch.serving.settings import check
from proxy.config import ProxySettings
from proxy.keys import KeyRing


@pytest.mark.parametrize("tenant", ["home", "home.east", "a-b_c", "7"])
def test_a_new_key_authenticates_with_the_lines_that_were_printed(tenant, capsys):
    assert nlpbatch(["proxy", "key", "--tenant", tenant]) == 0
    printed = capsys.readouterr()
    lines = printed.err[printed.err.index("[tenants") :]
    members = tomllib.loads(f'[[backends]]\nurl = "http://127.0.0.1:8701"\n{lines}')
    settings = check(members, ProxySettings, "proxy.toml")
    ring = KeyRing({name: tenant.keys for name, tenant in settings.tenants.items()})
    assert ring.find(f"Bearer {printed.out.strip()}")[0] == tenant


def test_the_key_alone_is_on_stdout(capsys):
    nlpbatch(["proxy", "key", "--tenant", "home"])
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.out.strip() not in printed.err


@pytest.mark.parametrize("tenant", ["", "a b", "한국", 'a"]', "x" * 65, "a\n"])
def test_a_name_that_no_tenant_can_have_gets_no_key(tenant, capsys):
    assert nlpbatch(["proxy", "key", "--tenant", tenant]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"--tenant {tenant!r}" in printed.err


def test_key_alone_says_what_is_missing(capsys):
    assert nlpbatch(["proxy", "key"]) == 2
    assert "key without --tenant: give it, or one of create, list and revoke" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["key", "list"], ["key", "revoke", "0" * 12], ["audit"]])
def test_without_a_running_proxy_the_command_says_so(arguments, capsys):
    assert nlpbatch(["proxy", *arguments, "--admin", "http://127.0.0.1:9"]) == 1
    assert "no running proxy answers at http://127.0.0.1:9/" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("\nlisten = 5\n", ":2: listen = 5: "),
        ("[listen]\nport = 1\n", ": backends: missing"),
        ("[[backends]\n", ":1: not TOML"),
        ("", ": tenants: missing"),
    ],
)
def test_a_wrong_file_ends_with_2_and_says_what_is_wrong(text, wanted, tmp_path, capsys):
    file = tmp_path / "proxy.toml"
    file.write_text(text)
    assert nlpbatch(["proxy", "serve", "--config", str(file), "--port", "0"]) == 2
    assert f"{file}{wanted}" in capsys.readouterr().err


def test_a_missing_file_ends_with_2(tmp_path, capsys):
    assert nlpbatch(["proxy", "serve", "--config", str(tmp_path / "none.toml")]) == 2
    assert "can't be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "wanted"), [(["--port", "99999"], "listen.port = 99999"), (["--backend", "x"], "backends.0.url = 'x'")]
)
def test_options_are_checked_like_the_file(option, wanted, tmp_path, capsys):
    file = tmp_path / "proxy.toml"
    file.write_text("")
    assert nlpbatch(["proxy", "serve", "--config", str(file), *option]) == 2
    assert wanted in capsys.readouterr().err


@pytest.mark.parametrize("count", ["0", "many", "1000"])
def test_a_number_of_processes_that_is_none_ends_with_2(count, tmp_path, capsys):
    assert nlpbatch(["proxy", "serve", "--config", str(tmp_path / "proxy.toml"), "--processes", count]) == 2
    assert f"--processes {count} is not 1 to 256, or auto" in capsys.readouterr().err
