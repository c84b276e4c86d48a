"""What one proxy process costs: the time that it adds to a small call, and the requests a second that it carries.

    python tests/benchmarks/proxy_price.py          # needs nginx, wrk, and Redis or Valkey

The backend is nginx, which answers at once. In front of it, in turns: nothing, the proxy with everything on and the
least that an aiohttp proxy can be, both on the event loops of asyncio and uvloop, the proxy with a shared store on
uvloop, and nginx with limit_req. wrk sends:
small requests one after the other, small ones on 32 connections, and 64 KiB up and 150 KB down on 32 connections. All
share the machine's cores. The backend's log proves that each request and each byte came through. `busy` is the part of
a core that the contender used: at nearly 1, neither wrk nor the backend holds it back.
"""

import argparse
import contextlib
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from nlpbatch.serving.loop import LOOP_VARIABLE
from proxy.keys import make_key
from tests.benchmarks.processes import Process, free_port, wait_ready
from tests.fakes.running_store import RunningStore

KEY, ENTRY = make_key()
UP_BYTES, DOWN_BYTES = 64 * 1024, 150_000
BODIES = {"small": b'{"texts": ["\xea\xb0\x80"]}', "large": b"x" * UP_BYTES}
ANSWERS = {"small": b'{"outcomes": []}', "large": b"x" * DOWN_BYTES}
LOADS = {"one": ("small", 1), "small": ("small", 32), "large": ("large", 32)}
"""What is sent, and on how many connections."""
LOOPS = ("asyncio", "uvloop")
WITH_STORE = "proxy with a store, uvloop"
HERE = Path(__file__).parent
NGINX = """
daemon off; worker_processes 2; pid {work}/{name}.pid; error_log {work}/{name}.log;
events {{ worker_connections 4096; }}
http {{
  log_format bytes "$uri $status $content_length $body_bytes_sent";
  access_log off; keepalive_requests 1000000; client_max_body_size 16m; client_body_buffer_size 256k;
  client_body_temp_path {work}/{name}-body; proxy_temp_path {work}/{name}-proxy; fastcgi_temp_path {work}/{name}-f;
  uwsgi_temp_path {work}/{name}-u; scgi_temp_path {work}/{name}-s;
  {extra}
}}
"""
BACKEND = """
  server {{ listen 127.0.0.1:{port}; root {work};
    location = /readyz {{ return 200 '{{"ready": true, "workers": 64}}'; }}
    location /v1/ {{ error_page 405 =200 $uri; default_type application/json;
                     access_log {work}/answered bytes; }}
  }}
"""
FRONT = """
  limit_req_zone $http_authorization zone=keys:10m rate=1000000r/s;
  upstream backend {{ server 127.0.0.1:{backend}; keepalive 256; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ limit_req zone=keys burst=1000 nodelay; proxy_pass http://backend; proxy_http_version 1.1;
                  proxy_set_header Connection ""; proxy_buffers 64 8k; }}
  }}
"""
LUA = """
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer {key}"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Nlpbatch-Job"] = "price"
local file = io.open("{body}", "rb")
wrk.body = file:read("*a")
local count = 0
local threads = 0
function setup(t) t:set("thread", threads); threads = threads + 1 end
function request()
  count = count + 1
  wrk.headers["Idempotency-Key"] = "k" .. thread .. "-" .. count .. "-{run}"
  return wrk.format()
end
"""
RUNS = count()


@dataclass
class Contender:
    """What stands in front of the backend, and its figures by load."""

    port: int
    process: Process | None = None
    latency_ms: dict[str, list[float]] = field(default_factory=dict)
    requests_per_s: dict[str, list[float]] = field(default_factory=dict)
    busy: dict[str, list[float]] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Return the CPU time of its process, and of nginx's workers."""
        if self.process is None:
            return 0.0
        pids = subprocess.run(
            ["pgrep", "-P", str(self.process.pid)], check=False, capture_output=True, text=True
        ).stdout.split()
        return sum(_cpu_s(pid) for pid in (str(self.process.pid), *pids))


def _cpu_s(pid: str) -> float:
    times = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def process(*command: str, log: Path, **environment: str) -> Iterator[Process]:
    with log.open("ab") as stderr:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=stderr, env=os.environ | environment)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def nginx(work: Path, name: str, extra: str) -> contextlib.AbstractContextManager[Process]:
    config = work / f"{name}.conf"
    config.write_text(NGINX.format(work=work, name=name, extra=extra), encoding="utf-8")
    return process("nginx", "-p", str(work), "-c", str(config), log=work / f"{name}.err")


def measure(work: Path, contender: Contender, load: str, seconds: float) -> None:
    """Send for so long, check that the backend has answered every request, and add the figures."""
    kind, connections = LOADS[load]
    (work / "body").write_bytes(BODIES[kind])
    script = work / "post.lua"
    script.write_text(LUA.format(key=KEY, body=work / "body", run=next(RUNS)), encoding="utf-8")
    options = ("-t", str(min(2, connections)), "-c", str(connections), "-d", f"{seconds:g}s", "--latency")
    url = f"http://127.0.0.1:{contender.port}/v1/{kind}"
    (work / "answered").write_bytes(b"")  # nginx appends
    cpu_s, started_s = contender.cpu_s(), time.monotonic()
    output = subprocess.run(
        ["wrk", *options, "-s", str(script), url], check=True, capture_output=True, text=True
    ).stdout
    busy = (contender.cpu_s() - cpu_s) / (time.monotonic() - started_s)
    check_work(work, kind, output, connections)
    contender.busy.setdefault(load, []).append(busy)
    contender.requests_per_s.setdefault(load, []).append(float(_find(r"Requests/sec:\s+([\d.]+)", output)[1]))
    contender.latency_ms.setdefault(load, []).append(_ms(_find(r"50%\s+([\d.]+)(us|ms|s)", output)))


def check_work(work: Path, kind: str, output: str, connections: int) -> None:
    """Check that wrk got only good answers, and that the backend has given each of them."""
    assert "Non-2xx" not in output, output
    assert "Socket errors" not in output, output
    time.sleep(0.1)  # what was under way at the end
    lines = [line.split() for line in (work / "answered").read_text(encoding="utf-8").splitlines()]
    requests = int(_find(r"(\d+) requests in", output)[1])
    # At its end wrk breaks off what is under way.
    assert requests <= len(lines) <= requests + 2 * connections, (requests, len(lines))
    assert all(line[:2] == [f"/v1/{kind}", "200"] for line in lines)
    # nginx drops a body without counting it; on connections that are kept, a wrong length would garble what follows.
    assert all(int(line[2]) == len(BODIES[kind]) for line in lines)
    assert sum(int(line[3]) == len(ANSWERS[kind]) for line in lines) >= requests


def _find(pattern: str, output: str) -> "re.Match[str]":
    found = re.search(pattern, output)
    assert found is not None, output
    return found


def _ms(found: "re.Match[str]") -> float:
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


@contextlib.contextmanager
def contenders(work: Path, backend: int, log_level: str) -> Iterator[dict[str, Contender]]:
    """Run all of them."""
    config, shared = work / "proxy.toml", work / "shared.toml"
    (work / "secret").write_text("the secret of a benchmark", encoding="utf-8")
    config.write_text(
        f'log_level = "{log_level}"\n[admin]\nenabled = false\n[quota]\nbytes_per_s = 100_000_000_000\n'
        f'[[backends]]\nurl = "http://127.0.0.1:{backend}"\n'
        f'[tenants.a]\nkeys = ["{ENTRY}"]\n[tenants.a.quota]\nbytes_per_s = 100_000_000_000\nconcurrency = 100_000\n'
        f"[tenants.a.key_quota]\nbytes_per_s = 100_000_000_000\n",
        encoding="utf-8",
    )
    found = {"none": Contender(backend)}
    with contextlib.ExitStack() as stack:
        store = RunningStore(work)
        store.start()
        stack.callback(store.stop)
        lines = f'[shared]\nurl = "{store.url}"\nsecret_file = "{work / "secret"}"\n'
        shared.write_text(config.read_text(encoding="utf-8") + lines, encoding="utf-8")

        def start(name: str, port: int, child: contextlib.AbstractContextManager[Process]) -> None:
            found[name] = Contender(port, stack.enter_context(child))
            wait_ready(f"http://127.0.0.1:{port}", found[name].process)

        for loop in LOOPS:
            port, log = free_port(), work / f"{loop}.err"
            command = (sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(config), "--port", str(port))
            start(f"proxy, {loop}", port, process(*command, log=log, **{LOOP_VARIABLE: loop}))
            port = free_port()
            command = (sys.executable, str(HERE / "contenders" / "pass_through.py"), str(port))
            there = f"http://127.0.0.1:{backend}"
            root = str(HERE.parents[1])
            start(f"pass-through, {loop}", port, process(*command, there, loop, log=log, PYTHONPATH=root))
        port = free_port()
        command = (sys.executable, "-m", "nlpbatch", "proxy", "serve", "--config", str(shared), "--port", str(port))
        start(WITH_STORE, port, process(*command, log=work / "shared.err", **{LOOP_VARIABLE: "uvloop"}))
        port = free_port()
        start("nginx", port, nginx(work, "front", FRONT.format(port=port, backend=backend)))
        yield found


def summary(found: dict[str, Contender]) -> dict[str, dict[str, object]]:
    """Return medians, and each with the least and the most."""
    none_ms = statistics.median(found["none"].latency_ms["one"])
    figures: dict[str, dict[str, object]] = {}
    for name, one in found.items():
        added = [value - none_ms for value in one.latency_ms["one"]]
        figures[name] = {"added_p50_ms": _spread(added, 3)} | {
            f"{load}_requests_per_s": _spread(one.requests_per_s[load], 0) for load in ("small", "large")
        }
        figures[name]["busy"] = {load: round(statistics.median(values), 2) for load, values in one.busy.items()}
    alone, shared = figures["proxy, uvloop"], figures[WITH_STORE]
    figures["with a store / alone"] = {
        key: round(shared[key][0] / alone[key][0], 3)  # type: ignore[index]
        for key in ("added_p50_ms", "small_requests_per_s", "large_requests_per_s")
    }
    for loop in LOOPS:
        proxy, least = figures[f"proxy, {loop}"], figures[f"pass-through, {loop}"]
        figures[f"proxy / pass-through, {loop}"] = {
            key: round(proxy[key][0] / least[key][0], 3)  # type: ignore[index]
            for key in ("added_p50_ms", "small_requests_per_s", "large_requests_per_s")
        }
    return figures


def _spread(values: list[float], digits: int) -> tuple[float, float, float]:
    middle = statistics.median(values)
    return round(middle, digits), round(min(values), digits), round(max(values), digits)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement")
    parser.add_argument("--log-level", default="warning", help="of the proxy; info logs each request")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    for needed in ("nginx", "wrk"):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed} is not installed: apt-get install nginx-light wrk")
    with tempfile.TemporaryDirectory() as name:
        work, backend = Path(name), free_port()
        work.chmod(0o755)
        (work / "v1").mkdir()
        for kind, content in ANSWERS.items():
            (work / "v1" / kind).write_bytes(content)
        with (
            nginx(work, "backend", BACKEND.format(port=backend, work=work)),
            contenders(work, backend, arguments.log_level) as found,
        ):
            for _ in range(arguments.rounds):
                for load in LOADS:
                    for contender in found.values():
                        measure(work, contender, load, arguments.seconds)
            figures = summary(found)
    for key, value in figures.items():
        print(f"{key}: {json.dumps(value)}")
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
