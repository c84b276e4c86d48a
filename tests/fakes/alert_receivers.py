"""Those who get alerts: a web server and a mail server on loopback that keep what they got."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

from tests.benchmarks.processes import free_port

SECRET_PATH = "/services/T0000/a-secret-path"


@dataclass
class WebhookServer:
    """What a webhook got.

    Args:
        url: Where it is; its path is a secret.
        statuses: What it answers, one after another; 204 after the last.
        alerts: The bodies, as JSON.
        headers: The headers of each request.
        hangs: Whether it answers nothing at all until it ends.
        endless: Whether its answers don't end.

    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    hangs: bool = False
    endless: bool = False


@contextmanager
def webhook_server(
    *statuses: int, hangs: bool = False, endless: bool = False, context: Any = None
) -> Iterator[WebhookServer]:
    """Run one.

    Args:
        statuses: As of `WebhookServer`.
        hangs: As of `WebhookServer`.
        endless: As of `WebhookServer`.
        context: Of TLS; None for plain HTTP.

    """
    received, over = WebhookServer(statuses=list(statuses), hangs=hangs, endless=endless), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.alerts.append(json.loads(body))
            received.headers.append(dict(self.headers))
            if received.hangs:
                over.wait()
                return
            status = received.statuses.pop(0) if received.statuses else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            if received.endless:
                self.end_headers()
                with suppress(OSError):
                    while not over.is_set():
                        self.wfile.write(b"x" * 65_536)
                return
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        received.url = f"http://127.0.0.1:{server.server_address[1]}{SECRET_PATH}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield received
        finally:
            over.set()
            server.shutdown()
            thread.join()


@dataclass
class MailServer:
    """What a mail server got.

    Args:
        port: Where it listens, on 127.0.0.1.
        replies: What it answers to whole messages, one after another; "250 OK" after the last.
        mails: The messages.
        recipients: Of each message.
        encrypted: Whether each came over TLS.
        users: Who logged in.

    """

    port: int = 0
    replies: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        if self.replies:
            return self.replies.pop(0)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        self.recipients.append(list(envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 OK"


@contextmanager
def mail_server(*replies: str, context: Any = None, password: str | None = None) -> Iterator[MailServer]:
    """Run one.

    Args:
        replies: As of `MailServer`.
        context: Of TLS, which is offered by STARTTLS; None for no TLS.
        password: What users must give; None for no users.

    """
    received = MailServer(replies=list(replies))

    def authenticator(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: LoginPassword) -> AuthResult:
        received.users.append(data.login.decode())
        return AuthResult(success=data.password.decode() == password, handled=False)

    given = {} if password is None else {"authenticator": authenticator, "auth_require_tls": context is not None}
    received.port = free_port()
    server = Controller(received, hostname="127.0.0.1", port=received.port, tls_context=context, **given)
    server.start()
    try:
        yield received
    finally:
        server.stop()
