"""What requests that wait cost the proxy: resident memory with 10,000 of them, 64 KiB each, in its queue.

    python tests/benchmarks/proxy_memory.py [--requests 10000]

The backend never answers. Each caller sends as much of its body as the system takes.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import socket
import sys
import tempfile
import time
from pathlib import Path

import urllib3

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.keys import make_key
from tests.benchmarks.processes import free_port, running, wait_ready
from tests.fakes.backend import FakeBackend, hang

KEY, ENTRY = make_key()
BODY = b"x" * 65_536


def resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("no VmRSS")


def queued(port: int) -> float:
    """Return the requests that wait."""
    text = urllib3.request("GET", f"http://127.0.0.1:{port}/metrics", timeout=30.0).data.decode()
    lines = (line for line in text.splitlines() if line.startswith("nlpbatch_proxy_queue_requests{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines)


async def call(port: int, number: int) -> socket.socket:
    """Send a request as far as it can be sent."""
    loop = asyncio.get_running_loop()
    caller = socket.socket()
    caller.setblocking(False)
    # Loopback addresses of its own: one has not enough ports.
    caller.bind((f"127.0.1.{number % 200 + 1}", 0))
    await loop.sock_connect(caller, ("127.0.0.1", port))
    head = (
        f"POST /v1/analyze HTTP/1.1\r\nHost: proxy\r\nAuthorization: Bearer {KEY}\r\nPriority: u=6\r\n"
        f"Nlpbatch-Job: memory\r\nContent-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    left = memoryview(head.encode() + BODY)
    with contextlib.suppress(BlockingIOError):
        while left:
            left = left[caller.send(left) :]
    return caller


async def measure(count: int, directory: Path) -> dict[str, float]:
    port = free_port()
    async with FakeBackend(hang()) as backend:
        file = directory / "proxy.toml"
        file.write_text(
            f'log_level = "error"\n[admin]\nenabled = false\n[queue]\nrequests = 100_000\nsize_bytes = 8_000_000_000\n'
            f"[classes.batch]\nmax_wait_s = 600\ntarget_delay_s = 600\n"
            f'[[backends]]\nurl = "{backend.url}"\n[tenants.a]\nkeys = ["{ENTRY}"]\n',
            encoding="utf-8",
        )
        with running("proxy", "serve", "--config", str(file), "--port", str(port)) as proxy:
            await asyncio.to_thread(wait_ready, f"http://127.0.0.1:{port}", proxy)
            before = resident_bytes(proxy.pid)
            callers = [await call(port, number) for number in range(count)]
            deadline_s = time.monotonic() + 120
            while (waiting := await asyncio.to_thread(queued, port)) < count - 100 and time.monotonic() < deadline_s:
                await asyncio.sleep(0.5)
            after = resident_bytes(proxy.pid)
            for caller in callers:
                caller.close()
            while (left := await asyncio.to_thread(queued, port)) and time.monotonic() < deadline_s + 30:
                await asyncio.sleep(0.2)
    return {
        "requests_waiting": waiting,
        "body_megabytes": round(waiting * len(BODY) / 1e6),
        "resident_before_megabytes": round(before / 1e6, 1),
        "resident_after_megabytes": round(after / 1e6, 1),
        "added_megabytes": round((after - before) / 1e6, 1),
        "waiting_after_hang_up": left,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000)
    arguments = parser.parse_args()
    files = arguments.requests + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, max(files, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(asyncio.run(measure(arguments.requests, Path(name))), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
