"""E-mail by SMTP. TLS is used wherever the server offers it, and a password never goes without it."""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Final

from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.hook import HookFailed, HookRefused

_PERMANENT: Final = 500
"""Replies of SMTP from here on are final (RFC 5321, 4.2.1)."""
_DOMAIN: Final = "nlpbatch.invalid"
"""Of message ids: the name of the machine is nobody's business."""


@dataclass(frozen=True, slots=True)
class Mail:
    """Sends alerts to addresses.

    Args:
        host: Of the server.
        port: Of the server.
        tls: Whether it speaks TLS from the start; else STARTTLS is used if it is offered.
        sender: Address that it is from.
        to: Addresses that get it.
        user: For the server; None for none.
        password: For the user.

    """

    host: str
    port: int
    tls: bool
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    @property
    def place(self) -> str:
        """Return what logs name it."""
        return f"e-mail by {self.host}:{self.port}"

    def send(self, alert: Alert, timeout_s: float) -> None:
        """Send it to all.

        Raises:
            HookFailed: The server is away or busy; HookRefused: it doesn't take it, or can't be trusted.

        """
        try:
            with self._connected(timeout_s) as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                refused = server.send_message(self._message(alert), self.sender, self.to)
        except ssl.SSLCertVerificationError as error:
            raise HookRefused("its certificate isn't trusted: add its authority to $SSL_CERT_FILE") from error
        except smtplib.SMTPNotSupportedError as error:
            raise HookRefused("the server takes no password: leave it out, or name another server") from error
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise (HookRefused if min(codes) >= _PERMANENT else HookFailed)(
                f"recipients refused ({codes[0]})"
            ) from error
        except smtplib.SMTPResponseException as error:
            failed = HookRefused if error.smtp_code >= _PERMANENT else HookFailed
            raise failed(f"the server answered {error.smtp_code}") from error
        except TimeoutError as error:
            raise HookFailed(f"no answer within {timeout_s:.0f} s") from error
        except (OSError, smtplib.SMTPException) as error:
            raise HookFailed(f"can't be reached ({type(error).__name__})") from error
        if refused:
            raise HookRefused(f"{len(refused)} of {len(self.to)} recipients refused, the others have it")

    @contextmanager
    def _connected(self, timeout_s: float) -> Iterator[smtplib.SMTP]:
        context = ssl.create_default_context()
        if self.tls:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=timeout_s, context=context)
        else:
            server = smtplib.SMTP(self.host, self.port, timeout=timeout_s)
        try:
            server.ehlo_or_helo_if_needed()
            if not self.tls and server.has_extn("starttls"):
                server.starttls(context=context)
            elif not self.tls and self.user is not None:
                raise HookRefused("the server offers no TLS, and a password never goes without: use smtps://, or none")
            yield server
            with suppress(OSError, smtplib.SMTPException):  # it has the message
                server.quit()
        finally:
            server.close()

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self.sender
        message["To"] = ", ".join(self.to)
        message["Subject"] = f"[nlpbatch] {alert.summary}"
        message["Date"] = format_datetime(datetime.fromisoformat(alert.ended_at))
        message["Message-ID"] = make_msgid(domain=_DOMAIN)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(alert.to_text().encode("utf-8", "replace").decode())
        message.add_attachment(alert.to_json().encode(), "application", "json", filename="alert.json")
        return message
