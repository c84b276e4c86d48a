"""`nlpbatch up` as a process, and what it has started."""

import subprocess
import sys
import time
from pathlib import Path

PATIENCE_S = 60


class Up:
    """One running `nlpbatch up`."""

    def __init__(self, directory):
        self.env_file = directory / "env"
        self._log = directory / "up.log"
        with self._log.open("wb") as log:
            command = ["up", "--port", "0", "--workers", "1", "--env-file", str(self.env_file)]
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nlpbatch", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Started in the background by a shell without job control it would ignore SIGINT.
            )

    def wait_ready(self):
        """Wait for the announcement and return what a shell makes of the env file."""
        wait_for(lambda: "Ctrl-C stops both" in self.said or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        show = ["sh", "-c", f'. {self.env_file} && printf "%s %s" "$NLPBATCH_SERVICE" "$NLPBATCH_API_KEY"']
        return subprocess.run(show, capture_output=True, text=True, check=True, env={}).stdout.split()

    @property
    def said(self):
        return self._log.read_text()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)


def wait_for(reached):
    deadline_s = time.monotonic() + PATIENCE_S
    while not reached():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def started(pid, words):
    """Return the descendant whose command has these words, None if there isn't one, or one that is gone."""
    for child in descendants(pid):
        try:
            if words in Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ") and alive(child):
                return child
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def descendants(pid):
    """Process ids below one, at any depth, as Linux knows them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # "pid (name) state parent …", where the name may hold anything
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, level = set(), {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found |= level
    return found


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def command_lines(processes):
    return [Path(f"/proc/{pid}/cmdline").read_text() for pid in processes]
