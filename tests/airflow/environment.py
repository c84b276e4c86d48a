"""The virtual environment of Airflow: made once in .airflow, with Airflow's constraints where they can be fetched."""

import subprocess
import sys
from pathlib import Path

VERSION = "3.3.2"
ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".airflow"
STAMP = FOLDER / f"installed-{VERSION}"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
CONSTRAINTS = f"https://raw.githubusercontent.com/apache/airflow/constraints-{VERSION}/constraints-{PYTHON}.txt"


def airflow_binaries():
    """Return the folder of Airflow's commands; install it first if it isn't there."""
    binaries = FOLDER / "venv" / "bin"
    if not STAMP.exists():
        subprocess.run([sys.executable, "-m", "venv", str(FOLDER / "venv")], check=True)
        wanted = [f"apache-airflow=={VERSION}", "--editable", f"{ROOT}[airflow]"]
        install = [str(binaries / "python"), "-m", "pip", "install", "--quiet", *wanted]
        done = subprocess.run([*install, "--constraint", CONSTRAINTS], check=False)
        if done.returncode:  # they can't be fetched, or don't go with what nlpbatch needs
            subprocess.run(install, check=True)
        STAMP.touch()
    return binaries
