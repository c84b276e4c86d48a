"""`python -m tests.airflow`: recipes in a real Airflow, which is installed in a virtual environment of its own.

It takes some minutes and 700 MB, so that it is not part of `bin/test`. Arguments go to pytest.
"""

import sys
from pathlib import Path

import pytest

sys.exit(pytest.main(["-v", *sys.argv[1:], str(Path(__file__).with_name("scenarios.py"))]))
