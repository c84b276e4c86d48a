import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_mypy_reads_the_public_api_as_promised():
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "tests/typing/public_api.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
