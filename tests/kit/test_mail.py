import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from sasvpay.kit import crypto, mail
from sasvpay.kit.models import Mail
from tests.kit.mail_server import MailServer

AT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TEMPLATE = (
    "Subject: Key for {{ game }}\n\nDear {{ name }},\n\nyour key is {{ key }}. {{ site_url }}\n"
)


@pytest.fixture
def server(settings):
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address[:2]
        settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def _templates(settings, tmp_path):
    settings.SITE_URL = "https://console.example.com"
    folder = tmp_path / "templates" / "orders" / "mail"
    folder.mkdir(parents=True)
    (folder / "key.txt").write_text(TEMPLATE)
    (folder / "translated.txt").write_text(
        "{% load i18n %}\nSubject: {% translate 'Yes' %}\n\n{% translate 'No' %}\n"
    )
    (folder / "wrong.txt").write_text("Dear {{ name }}\n")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path / "templates"]}]


def send(*, to="dev@example.com", game="Cat & Co", at=AT, template="orders/key", **more):
    context = {"game": game, "name": "<Ann>", "key": "canary-4711"}
    return mail.send(to=to, template=template, context=context, kind="key_issued", at=at, **more)


def test_send_writes_one_encrypted_row_and_sends_nothing(db, server):
    letter = send()

    stored = Mail.objects.get()
    assert (stored.to, stored.subject, stored.kind) == (
        "dev@example.com",
        "Key for Cat & Co",
        letter.kind,
    )
    assert (stored.created_at, stored.due_at, stored.sent_at) == (AT, AT, None)
    assert stored.body_encrypted is not None
    assert b"canary" not in bytes(stored.body_encrypted)
    assert crypto.decrypt(stored.body_encrypted) == (
        "Dear <Ann>,\n\nyour key is canary-4711. https://console.example.com\n"
    )
    assert server.letters == []


def test_send_writes_in_the_language_asked_for(db):
    letter = send(template="orders/translated", language="de")

    assert letter.subject == "Ja"
    assert crypto.decrypt(letter.body_encrypted) == "Nein\n"


@pytest.mark.parametrize(
    "wrong",
    [
        {"to": "dev@example.com\nBcc: x@example.com"},
        {"to": "dev@example.com\r"},
        {"to": ""},
        {"to": "dev@example.com\x00"},
        {"game": "Cat\r\nBcc: x@example.com"},
        {"game": "Cat\nBcc: x@example.com"},
        {"game": "Cat\u2028Bcc: x@example.com"},
        {"game": "Cat\x00"},
    ],
)
def test_send_refuses_what_would_change_the_headers(db, wrong):
    with pytest.raises(mail.UnsafeMailError):
        send(**wrong)

    assert Mail.objects.count() == 0


def test_send_refuses_a_template_without_a_subject(db):
    with pytest.raises(ValueError, match="orders/wrong"):
        send(template="orders/wrong")


def test_send_shortens_a_long_subject(db):
    assert len(send(game="x" * 500).subject) == 200


def test_deliver_due_sends_and_erases(db, server):
    letter = send()

    accepted = mail.deliver_due(at=AT)

    [received] = server.letters
    assert accepted == 1
    assert received["To"] == "dev@example.com"
    assert received["Subject"] == "Key for Cat & Co"
    assert "canary-4711" in received.get_payload()
    letter.refresh_from_db()
    assert letter.sent_at >= AT
    assert (letter.body_encrypted, letter.lease_until, letter.attempts) == (None, None, 1)
    assert mail.deliver_due(at=AT + MINUTE) == 0
    assert len(server.letters) == 1


@pytest.mark.django_db(transaction=True)
def test_a_letter_of_a_failed_transaction_is_never_sent(server):
    with contextlib.suppress(ZeroDivisionError), transaction.atomic():
        send()
        raise ZeroDivisionError

    assert mail.deliver_due(at=AT) == 0
    assert server.letters == []


def elsewhere(*, at, times):
    """Deliver from several threads at once, each with its own connection."""
    barrier = threading.Barrier(times)

    def deliver(_number):
        try:
            barrier.wait()
            return mail.deliver_due(at=at)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(deliver, range(times)))


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_nothing_is_sent_before_the_commit(server):
    with transaction.atomic():
        send()
        before = elsewhere(at=AT, times=1)

    assert before == [0]
    assert mail.deliver_due(at=AT) == 1


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_several_workers_send_each_letter_once(server):
    server.delay = 0.02
    for number in range(20):
        send(game=str(number))

    accepted = elsewhere(at=AT, times=4)

    assert sum(accepted) == 20
    assert sorted(letter["Subject"] for letter in server.letters) == sorted(
        f"Key for {number}" for number in range(20)
    )


def test_a_refusing_server_is_tried_again_after_growing_gaps(db, server):
    server.refusal = b"451 later"
    letter = send()
    gaps, now = [], AT
    for _ in range(5):
        assert mail.deliver_due(at=now) == 0
        letter.refresh_from_db()
        gaps.append(round((letter.due_at - now) / MINUTE))
        assert mail.deliver_due(at=letter.due_at - MINUTE / 2) == 0
        now = letter.due_at
    server.refusal = b""

    accepted = mail.deliver_due(at=now)

    assert gaps == [1, 5, 15, 60, 60]
    assert accepted == 1
    assert len(server.letters) == 1
    letter.refresh_from_db()
    assert (letter.attempts, letter.last_error, letter.body_encrypted) == (6, "", None)


def test_a_server_that_is_down_leaves_the_letter_and_the_reason(db, server):
    server.server_close()
    server.shutdown()
    letter = send()

    accepted = mail.deliver_due(at=AT)

    letter.refresh_from_db()
    assert accepted == 0
    assert letter.last_error.startswith("ConnectionRefusedError")
    assert "canary" not in letter.last_error
    assert (letter.sent_at, letter.failed_at, letter.lease_until) == (None, None, None)
    assert letter.body_encrypted is not None


def test_a_letter_is_given_up_and_erased_within_a_day(db, server):
    server.refusal = b"550 no such mailbox"
    letter = send()
    now = AT
    while letter.failed_at is None:
        mail.deliver_due(at=now)
        letter.refresh_from_db()
        now = letter.due_at

    assert AT + timedelta(hours=22) < letter.failed_at <= AT + timedelta(hours=24)
    assert letter.body_encrypted is None
    assert "550" in letter.last_error
    assert mail.deliver_due(at=now + timedelta(days=2)) == 0


def test_a_letter_that_nobody_could_send_for_a_day_is_erased_unsent(db, server):
    letter = send()

    accepted = mail.deliver_due(at=AT + timedelta(hours=24, seconds=1))

    letter.refresh_from_db()
    assert accepted == 0
    assert server.letters == []
    assert (letter.body_encrypted, letter.attempts) == (None, 0)
    assert letter.failed_at is not None


def test_a_letter_in_other_hands_is_left_alone_until_its_lease_ends(db, server):
    letter = send()
    Mail.objects.update(lease_until=AT + 3 * MINUTE, attempts=1)

    during = mail.deliver_due(at=AT + 2 * MINUTE)
    after = mail.deliver_due(at=AT + 3 * MINUTE)

    assert (during, after) == (0, 1)
    letter.refresh_from_db()
    assert letter.attempts == 2


def test_one_bad_letter_does_not_stop_the_others(db, server, settings):
    bad, good = send(game="bad"), send(game="good")
    Mail.objects.filter(pk=bad.pk).update(body_encrypted=b"not ours")

    accepted = mail.deliver_due(at=AT)

    bad.refresh_from_db()
    good.refresh_from_db()
    assert accepted == 1
    assert bad.last_error.startswith("UnreadableSecretError")
    assert good.sent_at is not None


def test_a_repetition_carries_the_same_message_id(db, server):
    letter = send()
    mail.deliver_due(at=AT)
    body = crypto.encrypt("again")
    Mail.objects.filter(pk=letter.pk).update(sent_at=None, body_encrypted=body)

    mail.deliver_due(at=AT + MINUTE)

    first, second = server.letters
    assert first["Message-ID"] == second["Message-ID"]


def test_a_slow_sweep_leaves_the_rest_to_the_next(db, server, monkeypatch):
    monkeypatch.setattr(mail, "SWEEP_SECONDS", 0.05)
    server.delay = 0.06
    send()
    send()

    accepted = mail.deliver_due(at=AT)

    assert accepted == 1
    assert mail.deliver_due(at=AT) == 1
