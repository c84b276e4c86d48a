"""The command that looks for runs that failed or are late."""

import os
import subprocess
import sys


def check(directory, *options, **environment):
    words = [sys.executable, "-m", "nlpbatch", "runs", str(directory), "--check", *options]
    return subprocess.run(words, capture_output=True, text=True, check=False, env={**os.environ, **environment})
