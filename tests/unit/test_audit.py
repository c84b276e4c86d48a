"""bin/audit says whether versions are weak, and never that they are safe when it could not look them up."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BIN = Path(__file__).parents[2] / "bin"
SAFE = {"name": "aiohttp", "version": "3.0", "vulns": []}
WEAK = {"name": "jinja2", "version": "2.0", "vulns": [{"id": "PYSEC-2019-217", "fix_versions": ["2.10.1"]}]}
SKIPPED = {"name": "urllib3", "skip_reason": "Dependency not found on PyPI and could not be audited: urllib3 (2.0)"}
PEER = """#!/usr/bin/env bash
while [ $# -gt 1 ]; do [ "$1" = --output ] && output=$2; shift; done
{report}
echo 'ERROR:pip_audit._cli:{complaint}' >&2
exit {code}
"""
"""A pip-audit in whose place no database answers, or this one."""


def audit(tmp_path, *found, code=0, complaint="", option=()):
    """Run it with what pip-audit reports; without anything it has failed before its report."""
    shutil.copytree(BIN, tmp_path / "bin")
    tools = tmp_path / ".venv-audit" / "bin"
    tools.mkdir(parents=True)
    (tools / "python").symlink_to(sys.executable)
    report = json.dumps({"dependencies": found, "fixes": []})
    write = f"""printf '%s' '{report}' > "$output" """ if found else ""
    (tools / "pip-audit").write_text(PEER.format(report=write, complaint=complaint, code=code))
    (tools / "pip-audit").chmod(0o755)
    command = [str(tmp_path / "bin" / "audit"), *option]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_versions_that_were_all_looked_up_and_are_not_weak_pass(tmp_path):
    done = audit(tmp_path, SAFE)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "1 versions looked up, 0 known to be weak\n"


@pytest.mark.parametrize("others", [(), (SAFE,), (SKIPPED,)])
def test_a_weak_version_is_named_with_its_remedy_whatever_else_was_found(tmp_path, others):
    done = audit(tmp_path, WEAK, *others, code=1)
    assert done.returncode == 1
    assert "jinja2 2.0: PYSEC-2019-217, mended in 2.10.1" in done.stdout


def test_a_version_that_was_not_looked_up_is_no_pass(tmp_path):
    done = audit(tmp_path, SAFE, SKIPPED)
    assert done.returncode == 3
    assert "1 not looked up: urllib3" in done.stderr
    assert "bin/audit --osv" in done.stderr


@pytest.mark.parametrize(
    ("option", "host", "other"),
    [((), "pypi.org", "bin/audit --osv"), (("--osv",), "api.osv.dev", "database: bin/audit.")],
)
def test_a_database_that_does_not_answer_has_an_exit_code_and_a_remedy(tmp_path, option, host, other):
    done = audit(tmp_path, code=1, complaint="Could not connect to its vulnerability feed", option=option)
    assert done.returncode == 3
    assert "Could not connect to its vulnerability feed" in done.stderr
    assert host in done.stderr
    assert other in done.stderr
    assert "Traceback" not in done.stderr
