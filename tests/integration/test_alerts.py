"""Alerts over real connections: a web server, a mail server with and without TLS, and commands."""

import base64
import json
import os
import ssl
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from nlpbatch.alerts.alert import Alert
from nlpbatch.alerts.command import Command
from nlpbatch.alerts.delivery import Alerts
from nlpbatch.alerts.mail import Mail
from nlpbatch.alerts.webhook import Webhook
from tests.fakes.alert_checks import check
from tests.fakes.alert_receivers import SECRET_PATH, mail_server, webhook_server
from tests.fakes.forward_proxy import forward_proxy
from tests.fakes.run_records import job

ALERT = Alert(
    *("run", "recipe", "reviews.toml", "/out", "failed", "2026-11-02T03:20:00.000+00:00"),
    variables={"ds": "2026-11-01"},
    error={"code": "patience_exhausted", "message": "gave up after 300 s: 서비스"},
)


def deliver(hook, **given):
    said = []
    Alerts([hook], frozenset({"failed"})).deliver(ALERT, said.append, sleep=lambda _: None, **given)
    return said


def test_a_webhook_gets_the_json_with_the_key_and_the_version():
    with webhook_server() as server:
        said = deliver(Webhook(server.url, "k3y"))
    port = server.url.split(":")[2].split("/")[0]
    assert said == [f"alert, webhook at 127.0.0.1:{port}: sent"]
    assert server.alerts == [json.loads(ALERT.to_json())]
    headers = server.headers[0]
    assert [headers[name] for name in ("Content-Type", "Authorization", "Nlpbatch-Alert")] == [
        "application/json",
        "Bearer k3y",
        "1",
    ]


@pytest.mark.parametrize(
    ("statuses", "asked", "ends"),
    [
        ((503, 429), 3, "sent"),
        ((500, 502, 503), 3, "not sent: it answered HTTP 503, 3 times"),
        ((404,), 1, "not sent: it answered HTTP 404"),
        ((307,), 1, "not sent: it answered HTTP 307"),
    ],
)
def test_a_webhook_is_asked_again_only_if_that_may_help(statuses, asked, ends):
    with webhook_server(*statuses) as server:
        said = deliver(Webhook(server.url))
    assert len(server.alerts) == asked
    assert said[0].endswith(ends)
    assert SECRET_PATH not in said[0]


def test_a_webhook_that_never_answers_or_is_not_there_costs_no_more_than_the_time_that_is_given():
    with webhook_server(hangs=True) as server:
        began_s = time.monotonic()
        said = deliver(Webhook(server.url), patience_s=0.5)
        assert time.monotonic() - began_s < 10
    assert "not sent: " in said[0]
    gone = deliver(Webhook(server.url))  # its port is closed now
    assert gone[0].endswith("not sent: can't be reached, 3 times")
    assert SECRET_PATH not in said[0] + gone[0]


def test_a_webhook_whose_certificate_nobody_signed_is_refused(tls):
    server_context, _ = tls
    with webhook_server(context=server_context) as server:
        said = deliver(Webhook(server.url.replace("http:", "https:")))
    assert said[0].endswith("not sent: its certificate isn't trusted: add its authority to $SSL_CERT_FILE")
    assert server.alerts == []


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """Return the context of a server on 127.0.0.1, and what has clients trust it."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    return context, lambda: monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))


def test_an_answer_without_an_end_is_not_read():
    with webhook_server(endless=True) as server:
        assert deliver(Webhook(server.url), patience_s=5)[0].endswith(": sent")


def through(proxy):
    return proxy.url.replace("http://", "http://me:p%40ss@")


def test_a_webhook_is_reached_through_a_proxy_with_its_password(tls):
    context, trust = tls
    trust()
    with forward_proxy() as proxy:
        with webhook_server() as plain:
            said = deliver(Webhook(plain.url, "k3y", through(proxy)))
        with webhook_server(context=context) as server:
            said += deliver(Webhook(server.url.replace("http:", "https:"), "k3y", through(proxy)))
    assert [line.endswith(": sent") for line in said] == [True, True]
    assert [len(plain.alerts), len(server.alerts)] == [1, 1]
    assert [method for method, _ in proxy.asked] == ["POST", "CONNECT"]
    assert proxy.credentials == [f"Basic {base64.b64encode(b'me:p@ss').decode()}"] * 2
    assert server.headers[0]["Authorization"] == "Bearer k3y"
    assert "Proxy-Authorization" not in plain.headers[0] | server.headers[0]


def test_a_proxy_that_refuses_or_is_away_is_a_line_without_secrets(unused_tcp_port):
    with forward_proxy(refuses=407) as proxy:
        said = deliver(Webhook("https://hooks.example/s3cret", None, through(proxy)))
        said += deliver(Webhook("http://hooks.example/s3cret", None, through(proxy)))
    said += deliver(Webhook("https://hooks.example/s3cret", None, f"http://me:p4ss@127.0.0.1:{unused_tcp_port}"))
    refusal = "its proxy can't be reached, or refuses"
    ends = [f"{refusal} (OSError), 3 times", "it answered HTTP 407", f"{refusal} (NewConnectionError), 3 times"]
    assert said == [f"alert, webhook at hooks.example: not sent: {end}" for end in ends]


def test_the_environment_names_the_proxy(tmp_path):
    job(tmp_path / "runs" / "a", "failed", reason="no")
    with webhook_server() as server, forward_proxy() as proxy:
        given = {"NLPBATCH_ALERT_WEBHOOK": server.url, "HTTP_PROXY": proxy.url, "NO_PROXY": ""}
        assert ": sent" in check(tmp_path / "runs", "--alerts", **given).stderr
        assert len(proxy.asked) == 1
        assert ": sent" in check(tmp_path / "runs", "--alerts", **{**given, "NO_PROXY": "127.0.0.1"}).stderr
        assert len(proxy.asked) == 1
    assert len(server.alerts) == 2


def mail(port, **given):
    return Mail("127.0.0.1", port, False, "nlpbatch@example.com", ("ops@example.com", "data@example.com"), **given)


def test_an_e_mail_goes_to_all_with_the_json_attached():
    with mail_server() as server:
        assert deliver(mail(server.port)) == [f"alert, e-mail by 127.0.0.1:{server.port}: sent"]
    (message,) = server.mails
    assert server.recipients == [["ops@example.com", "data@example.com"]]
    assert message["Subject"] == "[nlpbatch] reviews.toml 2026-11-01: failed"
    assert message["From"] == "nlpbatch@example.com"
    body, attached = message.iter_parts()
    assert "patience_exhausted: gave up after 300 s: 서비스" in body.get_content()
    assert json.loads(attached.get_content()) == json.loads(ALERT.to_json())


def test_names_of_a_run_become_no_headers():
    with mail_server() as server:
        Alerts([mail(server.port)], frozenset({"failed"})).deliver(
            replace(ALERT, name="a\r\nBcc: thief@example.com"), lambda _: None
        )
    assert server.mails[0]["Bcc"] is None
    assert server.recipients == [["ops@example.com", "data@example.com"]]


def test_a_password_goes_over_tls_alone(tls):
    context, trust = tls
    with mail_server(context=context, password="p4ss") as server:
        untrusted = deliver(mail(server.port, user="me", password="p4ss"))
        trust()
        said = deliver(mail(server.port, user="me", password="p4ss"))
        wrong = deliver(mail(server.port, user="me", password="other"))
    assert untrusted[0].endswith("not sent: its certificate isn't trusted: add its authority to $SSL_CERT_FILE")
    assert said[0].endswith(": sent")
    assert (server.encrypted, set(server.users)) == ([True], {"me"})
    assert wrong[0].endswith("not sent: the server answered 535")
    with mail_server(password="p4ss") as server:
        plain = deliver(mail(server.port, user="me", password="p4ss"))
    assert "the server offers no TLS, and a password never goes without" in plain[0]
    assert (server.users, server.mails) == ([], [])
    assert "p4ss" not in "".join((*untrusted, *said, *wrong, *plain))


@pytest.mark.parametrize(
    ("replies", "ends"),
    [
        (["451 later"], "sent"),
        (["451 later"] * 3, "not sent: the server answered 451, 3 times"),
        (["554 never"], "not sent: the server answered 554"),
    ],
)
def test_a_mail_server_is_asked_again_only_if_it_is_busy(replies, ends):
    with mail_server(*replies) as server:
        assert deliver(mail(server.port))[0].endswith(ends)


def test_a_mail_server_that_is_away_is_a_line(unused_tcp_port):
    assert deliver(mail(unused_tcp_port))[0].endswith("not sent: can't be reached (ConnectionRefusedError), 3 times")


def command(tmp_path, code, **given):
    file = tmp_path / "got.json"
    words = (sys.executable, "-c", f"import sys, os, time\nfile = {str(file)!r}\n{code}")
    return Command(words, {"PATH": os.environ["PATH"]} | given), file


def test_a_command_gets_the_json_and_what_it_says_is_not_logged(tmp_path, capfd):
    hook, file = command(
        tmp_path, "open(file, 'w').write(sys.stdin.read()); print('a secret'); print(1, file=sys.stderr)"
    )
    assert deliver(hook)[0].endswith(": sent")
    assert json.loads(file.read_text()) == json.loads(ALERT.to_json())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "ends", "times"),
    [
        ("open(file, 'a').write('x'); sys.exit(7)", "not sent: ended with 7, 3 times", 3),
        ("open(file, 'a').write('x'); sys.exit(7 * (os.path.getsize(file) < 2))", "sent", 2),
    ],
)
def test_a_command_that_fails_is_run_again(tmp_path, code, ends, times):
    hook, file = command(tmp_path, code)
    assert deliver(hook)[0].endswith(ends)
    assert file.read_text() == "x" * times


def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    started = "import subprocess; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    hook, file = command(tmp_path, f"{started}\nopen(file, 'w').write(str(child.pid))\ntime.sleep(600)")
    began_s = time.monotonic()
    said = deliver(hook, patience_s=3)
    assert time.monotonic() - began_s < 20
    assert "not sent" in said[0]
    deadline_s = time.monotonic() + 20
    while _runs(int(file.read_text())):
        assert time.monotonic() < deadline_s
        time.sleep(0.1)


def _runs(process):
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_command_that_cannot_be_run_is_a_line(tmp_path):
    file = tmp_path / "tell"
    file.write_text("no program")
    file.chmod(0o755)
    assert deliver(Command((str(file),), {}))[0].startswith("alert, command tell: not sent: can't be run: ")
