import subprocess
import sys

import pytest

HEAVY = ("aiohttp", "pyarrow", "numpy", "pandas", "pydantic", "rich", "prometheus_client", "kiwipiepy")


@pytest.mark.parametrize(
    "made",
    [
        "nlpbatch.client.sync import Client; Client('http://proxy')",
        "nlpbatch.kiwi import Kiwi; Kiwi(service='http://proxy')",
    ],
)
def test_an_executor_that_makes_a_client_imports_nothing_it_may_not_have(made):
    code = f"import sys; from {made}.close(); print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
