"""An HTTP proxy on loopback: it forwards requests, and connects for those with TLS."""

import http.client
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536


@dataclass
class ForwardProxy:
    """What it was asked.

    Args:
        url: Where it is.
        asked: Method and host of each request that it was asked for.
        credentials: `Proxy-Authorization` of each.

    """

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    credentials: list[str | None] = field(default_factory=list)


@contextmanager
def forward_proxy(*, refuses: int | None = None) -> Iterator[ForwardProxy]:
    """Run one; it answers all with the status `refuses`, if that is given."""
    noted = ForwardProxy()

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self._is_refused(self.path):
                return
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as other:
                self.send_response(200)
                self.end_headers()
                _pump(self.connection, other)
            self.close_connection = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            parts = urlsplit(self.path)
            if self._is_refused(parts.netloc):
                return
            passed = http.client.HTTPConnection(parts.netloc)
            headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
            passed.request("POST", parts.path, body, headers)
            self.send_response(passed.getresponse().status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            passed.close()

        def _is_refused(self, host: str) -> bool:
            noted.asked.append((self.command, host))
            noted.credentials.append(self.headers["Proxy-Authorization"])
            if refuses is not None:
                self.send_response(refuses)
                self.send_header("Content-Length", "0")
                self.end_headers()
            return refuses is not None

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        noted.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield noted
        finally:
            server.shutdown()
            thread.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until one side has closed."""
    while True:
        ready, _, _ = select.select([one, other], [], [], 30)
        for source in ready:
            data = source.recv(_CHUNK_BYTES)
            if not data:
                return
            (other if source is one else one).sendall(data)
        if not ready:
            return
