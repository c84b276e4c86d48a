import subprocess
import sys

HEAVY = ("aiohttp", "pyarrow", "numpy", "pandas", "pydantic", "rich", "prometheus_client", "kiwipiepy")


def test_an_executor_that_makes_a_client_imports_nothing_it_may_not_have():
    code = (
        "import sys, nlpbatch.client.sync as sync; sync.Client('http://proxy').close(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
