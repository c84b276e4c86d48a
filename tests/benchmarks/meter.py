"""CPU seconds and memory of processes by role, read from /proc while they run (Linux only)."""

import os
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

PERIOD_S = 0.1
MEMORY_EVERY = 20
"""Memory is read every so many periods: the kernel walks all pages of a process for it."""
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def descendants(*pids: int) -> dict[int, list[str]]:
    """Return the command lines of processes and of all below them, by process id."""
    parents = {
        int(name): _parent(name)
        for name in os.listdir("/proc")  # noqa: PTH208  (read ten times a second)
        if name.isdecimal()
    }
    found = set(pids)
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: _command(each) for each in found}


def cpu_s(pid: int) -> float:
    """Return user and system seconds that a process has used; 0 for one that is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def machine_cpu_s() -> float:
    """Return the CPU seconds of everything on this machine, those that its host took away included."""
    user, nice, system, _, _, irq, soft_irq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + soft_irq + steal) / _TICKS_PER_S


def memory_mb(pid: int) -> float:
    """Return a process's memory, each shared page divided by its sharers (PSS), in MB; 0 for one that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0) / 1000


class Meter:
    """Sums CPU seconds, and finds the peak of memory, by role from entering to leaving the context.

    Args:
        roots: Process ids whose trees are watched; may grow while measuring (`watch`).
        role: Names the role of a process from its id and command line.

    """

    def __init__(self, roots: list[int], role: Callable[[int, list[str]], str]) -> None:
        self._roots = list(roots)
        self._role = role
        self._first: dict[int, float] = {}
        self._last: dict[int, float] = {}
        self._roles: dict[int, str] = {}
        self._peaks_mb: dict[str, float] = defaultdict(float)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        for pid in self._look():
            self._first[pid] = self._last[pid]
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def watch(self, pid: int) -> None:
        """Measure one more tree, from its beginning."""
        self._roots.append(pid)

    def cpu_by_role(self) -> dict[str, float]:
        """Return CPU seconds by role."""
        sums: dict[str, float] = defaultdict(float)
        for pid, last in self._last.items():
            sums[self._roles[pid]] += last - self._first.get(pid, 0.0)
        return {role: round(seconds, 2) for role, seconds in sorted(sums.items())}

    def peak_mb_by_role(self) -> dict[str, int]:
        """Return the peaks of memory in MB by role, and of all of them together as "all"."""
        return {role: round(peak) for role, peak in sorted(self._peaks_mb.items())}

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(PERIOD_S):
            seen = self._look()
            if number % MEMORY_EVERY == 0:
                self._weigh(seen)
            number += 1

    def _look(self) -> list[int]:
        seen = descendants(*self._roots)
        for pid, command in seen.items():
            self._last[pid] = max(cpu_s(pid), self._last.get(pid, 0.0))
            # A process is forked before it becomes another program: the newest command line holds.
            self._roles[pid] = self._role(pid, command) if command else self._roles.get(pid, "other")
        return list(seen)

    def _weigh(self, pids: list[int]) -> None:
        now_mb: dict[str, float] = defaultdict(float)
        for pid in pids:
            size_mb = memory_mb(pid)
            now_mb[self._roles[pid]] += size_mb
            now_mb["all"] += size_mb
        for role, size_mb in now_mb.items():
            self._peaks_mb[role] = max(self._peaks_mb[role], size_mb)


def _parent(name: str) -> int:
    try:
        with open(f"/proc/{name}/stat", "rb", buffering=0) as file:  # noqa: PTH123  (read ten times a second)
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []
