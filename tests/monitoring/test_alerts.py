"""Somebody is told, also when the mail server was down meanwhile."""

import datetime as dt
import http.server
import json
import socketserver
import threading

import pytest
from django.utils import timezone

from monitoring.health import alerts
from monitoring.health.conditions import Condition, Happened, Result, Status
from monitoring.health.watching import Watch
from monitoring.models import Alert
from tests.monitoring.conftest import ILL, State, patient, rounds
from tests.services import free_port

pytestmark = pytest.mark.django_db(transaction=True)
NOON = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)


def made(*facts, **when):
    alert = alerts.about(*facts, **when)
    assert alert is not None
    return alert


class Mailbox(socketserver.ThreadingTCPServer):
    """As much of a mail server as it takes to be handed a letter."""

    allow_reuse_address = daemon_threads = True

    def __init__(self, port):
        self.letters = []
        super().__init__(("127.0.0.1", port), Postman)


class Postman(socketserver.StreamRequestHandler):
    server: Mailbox

    def handle(self):
        self.say("220 here")
        while line := self.rfile.readline():
            word = line.split(None, 1)[0].upper() if line.strip() else b""
            if word == b"DATA":
                self.say("354 go on")
                letter = b""
                while (line := self.rfile.readline()) not in {b".\r\n", b""}:
                    letter += line
                self.server.letters.append(letter.decode())
            elif word == b"QUIT":
                self.say("221 bye")
                return
            self.say("250 ok")

    def say(self, line):
        self.wfile.write(f"{line}\r\n".encode())


class Hook(http.server.ThreadingHTTPServer):
    def __init__(self):
        self.got, self.status = [], 200
        super().__init__(("127.0.0.1", 0), Taker)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/hook?key=secret"


class Taker(http.server.BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["Content-Type"], json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def do_GET(self):
        self.server.got.append((self.path, None, None))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_):
        """Not into the tests' output."""


@pytest.fixture
def serving():
    """Start servers; they end with the test."""
    started = []

    def start(server):
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.fixture
def mail_port(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", free_port(), 5
    settings.ALERT_EMAIL = ["operator@example.org"]
    return settings.EMAIL_PORT


def test_alerts_made_while_the_mail_server_was_down_arrive_when_it_is_up(settings, monkeypatch, serving, mail_port):
    monkeypatch.setattr(alerts, "FIRST_PAUSE", dt.timedelta(milliseconds=20))
    state = State(ILL)
    watch = Watch([patient(state)])
    rounds(watch, lambda: Alert.objects.filter(tries__gte=2).exists())
    state.trouble = None
    rounds(watch, lambda: Alert.objects.filter(kind="recovery", tries__gte=1).exists())
    assert not Alert.objects.filter(mailed_at__isnull=False).exists()

    mailbox = serving(Mailbox(mail_port))
    rounds(watch, lambda: Alert.objects.filter(mailed_at__isnull=False).count() == 2)
    for _again in range(3):
        watch.round()

    subjects = [line for letter in mailbox.letters for line in letter.splitlines() if line.startswith("Subject")]
    assert subjects == ["Subject: DietIntel: patient is unhealthy", "Subject: DietIntel: patient is well again"]
    assert all("To: operator@example.org" in letter for letter in mailbox.letters)
    assert "It does not work." in mailbox.letters[0]
    assert watch.alerts == []


def test_webhook_gets_json_and_its_refusal_is_no_delivery(settings, serving):
    hook = serving(Hook())
    settings.ALERT_WEBHOOK_URL = hook.url
    alert = made(
        Happened.CONFIRMED, "queue", Condition(since=NOON), Result(Status.UNHEALTHY, "It stands still."), now=NOON
    )

    hook.status = 500
    alerts.send([alert])
    refused = (alert.hooked_at, alert.tries)
    hook.status = 204
    alerts.send([alert])

    assert refused == (None, 1)
    assert alerts.done(alert)
    path, kind, body = hook.got[-1]
    assert (path, kind) == ("/hook?key=secret", "application/json")
    assert body == {
        "kind": "incident",
        "check": "queue",
        "subject": "DietIntel: queue is unhealthy",
        "text": "It stands still.\nSince 2026-03-02 12:00:00 UTC. The admin's page Health shows what was tried.",
        "at": NOON.isoformat(),
        "id": str(alert.pk),
    }


def test_what_one_channel_took_is_not_sent_over_it_again(settings, serving, mail_port):
    hook = serving(Hook())
    settings.ALERT_WEBHOOK_URL = hook.url
    alert = made(Happened.RECOVERED, "queue", Condition(), Result(Status.HEALTHY), now=NOON)

    for _try in range(3):
        alerts.send([alert])

    assert (alert.mailed_at, alert.tries, len(hook.got)) == (None, 3, 1)
    assert not alerts.is_due(alert, now=timezone.now())
    assert alerts.is_due(alert, now=timezone.now() + alerts.LONGEST_PAUSE)


def test_letter_that_cannot_be_written_keeps_no_other_channel_waiting_and_is_tried_less_and_less(settings, serving):
    hook = serving(Hook())
    settings.ALERT_EMAIL, settings.ALERT_WEBHOOK_URL = ["nobody@a@b\nc"], hook.url
    alert = made(Happened.CONFIRMED, "queue", Condition(), Result(Status.UNHEALTHY), now=NOON)

    alerts.send([alert])

    assert (alert.mailed_at, alert.hooked_at is not None, alert.tries, len(hook.got)) == (None, True, 1, 1)
    assert not alerts.is_due(alert, now=timezone.now())


def test_what_is_better_only_is_not_called_well():
    condition = Condition(status=Status.DEGRADED, since=NOON)
    alert = made(Happened.RECOVERED, "disk", condition, Result(Status.DEGRADED, "Only 900 MB are free."), now=NOON)

    assert alert.subject == "DietIntel: disk is better, and degraded"


def test_secrets_of_the_addresses_are_in_no_log(settings, caplog):
    settings.ALERT_WEBHOOK_URL = f"http://127.0.0.1:{free_port()}/hook?key=planted-secret"
    alert = made(Happened.CONFIRMED, "queue", Condition(), Result(Status.UNHEALTHY), now=NOON)

    alerts.send([alert])

    assert "could not be sent" in caplog.text
    assert "planted-secret" not in caplog.text


def test_without_channels_an_alert_is_kept_as_a_note_and_nobody_waits_for_it():
    alert = made(Happened.CONFIRMED, "queue", Condition(), Result(Status.UNHEALTHY), now=NOON)

    assert alerts.done(alert)


def test_pauses_between_tries_grow_up_to_a_bound():
    seconds = [alerts.pause_after(tries).total_seconds() for tries in (1, 2, 3, 50)]

    assert seconds == [15, 30, 60, 900]


def test_ping_goes_out_once_a_minute_while_the_watch_lives(settings, serving):
    from monitoring.watch import Rounds

    hook = serving(Hook())
    settings.PING_URL = hook.url
    rounds_of_all = Rounds()

    for _round in range(3):
        rounds_of_all.look_around()
    for chore in rounds_of_all.chores:
        chore.end()

    assert [path for path, _kind, _body in hook.got] == ["/hook?key=secret"]
