"""What the proxy adds by itself: time to a small call, and requests a second of 64 KiB up and 150 KB down.

    python tests/benchmarks/proxy_price.py          # needs nginx and wrk

The backend is nginx, which answers at once. In front of it, in turns: nothing, the proxy with everything on, the least
that an aiohttp proxy can be, and nginx with limit_req. wrk sends; all share the machine's cores.
"""

import argparse
import contextlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from proxy.keys import make_key
from tests.benchmarks.processes import free_port, running, wait_ready

KEY, ENTRY = make_key()
UP_BYTES, DOWN_BYTES = 64 * 1024, 150_000
SMALL = b'{"texts": ["\xea\xb0\x80"]}'
HERE = Path(__file__).parent
NGINX = """
daemon off; worker_processes 2; pid {work}/{name}.pid; error_log {work}/{name}.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000; client_max_body_size 16m; client_body_buffer_size 256k;
  client_body_temp_path {work}/{name}-body; proxy_temp_path {work}/{name}-proxy; fastcgi_temp_path {work}/{name}-f;
  uwsgi_temp_path {work}/{name}-u; scgi_temp_path {work}/{name}-s;
  {extra}
}}
"""
BACKEND = """
  server {{ listen 127.0.0.1:{port}; root {work};
    location = /readyz {{ return 200 '{{"ready": true, "workers": 64}}'; }}
    location /v1/ {{ error_page 405 =200 $uri; default_type application/json; }}
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
local thread = 0
local threads = 0
function setup(t) t:set("thread", threads); threads = threads + 1 end
function request()
  count = count + 1
  wrk.headers["Idempotency-Key"] = "k" .. thread .. "-" .. count .. "-{run}"
  return wrk.format()
end
"""


@contextlib.contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield child
    finally:
        child.terminate()
        child.wait()


def nginx(work: Path, name: str, extra: str) -> contextlib.AbstractContextManager[Any]:
    config = work / f"{name}.conf"
    config.write_text(NGINX.format(work=work, name=name, extra=extra), encoding="utf-8")
    return process("nginx", "-p", str(work), "-c", str(config))


def wrk(work: Path, port: int, path: str, body: bytes, *, connections: int, seconds: float) -> dict[str, float]:
    """Send for so long; return requests a second and the median latency."""
    (work / "body").write_bytes(body)
    script = work / "post.lua"
    wrk.runs = getattr(wrk, "runs", 0) + 1  # type: ignore[attr-defined]
    script.write_text(LUA.format(key=KEY, body=work / "body", run=wrk.runs), encoding="utf-8")  # type: ignore[attr-defined]
    threads = min(2, connections)
    options = ("-t", str(threads), "-c", str(connections), "-d", f"{seconds:g}s", "--latency", "-s", str(script))
    told = subprocess.run(
        ["wrk", *options, f"http://127.0.0.1:{port}{path}"], check=True, capture_output=True, text=True
    ).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", told)
    return {
        "requests_per_s": float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]),  # type: ignore[index]
        "p50_ms": _ms(re.search(r"50%\s+([\d.]+)(us|ms|s)", told)),
        "failed": float(failed[1]) if failed else 0.0,
    }


def _ms(found: "re.Match[str] | None") -> float:
    assert found is not None
    return float(found[1]) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found[2]]


@contextlib.contextmanager
def contenders(work: Path, backend: int) -> Iterator[dict[str, int]]:
    """Run all of them; their ports."""
    ports = {"proxy": free_port(), "aiohttp": free_port(), "nginx": free_port()}
    config = work / "proxy.toml"
    config.write_text(
        f'log_level = "warning"\n[admin]\nenabled = false\n[quota]\nbytes_per_s = 100_000_000_000\n'
        f'[[backends]]\nurl = "http://127.0.0.1:{backend}"\n'
        f'[tenants.a]\nkeys = ["{ENTRY}"]\n[tenants.a.quota]\nbytes_per_s = 100_000_000_000\nconcurrency = 100_000\n'
        f"[tenants.a.key_quota]\nbytes_per_s = 100_000_000_000\n",
        encoding="utf-8",
    )
    pass_through = (sys.executable, str(HERE / "contenders" / "pass_through.py"))
    with (
        running("proxy", "serve", "--config", str(config), "--port", str(ports["proxy"])) as proxy,
        process(*pass_through, str(ports["aiohttp"]), f"http://127.0.0.1:{backend}"),
        nginx(work, "front", FRONT.format(port=ports["nginx"], backend=backend)) as front,
    ):
        wait_ready(f"http://127.0.0.1:{ports['proxy']}", proxy)
        wait_ready(f"http://127.0.0.1:{ports['aiohttp']}", proxy)
        wait_ready(f"http://127.0.0.1:{ports['nginx']}", front)
        yield {"none": backend} | ports


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    for needed in ("nginx", "wrk"):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed} is not installed: apt-get install nginx-light wrk")
    results: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name:
        work, backend = Path(name), free_port()
        work.chmod(0o755)
        (work / "v1").mkdir()
        (work / "v1" / "small").write_bytes(b'{"outcomes": []}')
        (work / "v1" / "large").write_bytes(b"x" * DOWN_BYTES)
        with nginx(work, "backend", BACKEND.format(port=backend, work=work)), contenders(work, backend) as ports:
            for _ in range(arguments.rounds):
                for contender, port in ports.items():
                    small = wrk(work, port, "/v1/small", SMALL, connections=1, seconds=arguments.seconds)
                    large = wrk(work, port, "/v1/large", b"x" * UP_BYTES, connections=32, seconds=arguments.seconds)
                    found = results.setdefault(contender, {"p50_ms": [], "requests_per_s": [], "failed": []})
                    found["p50_ms"].append(small["p50_ms"])
                    found["requests_per_s"].append(large["requests_per_s"])
                    found["failed"].append(small["failed"] + large["failed"])
                    print(contender, json.dumps({key: values[-1] for key, values in found.items()}), file=sys.stderr)
    summary = {
        contender: {
            "added_p50_ms": round(statistics.median(found["p50_ms"]) - statistics.median(results["none"]["p50_ms"]), 3),
            "requests_per_s": round(statistics.median(found["requests_per_s"])),
            "failed": sum(found["failed"]),
        }
        for contender, found in results.items()
    }
    print(json.dumps(summary, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
