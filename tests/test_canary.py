"""C8: known secrets go through what the console does, and come out nowhere but where they must."""

import io
import logging
import re
from itertools import chain

import pytest
from allauth.mfa.models import Authenticator
from celery.signals import before_task_publish
from cryptography.fernet import Fernet  # noqa: TID251 -- makes the master key of this test
from django.conf import settings
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from structlog.stdlib import ProcessorFormatter

from orders import credentials, delivery_config
from orders.models import DeliveryAttempt, Order
from permissions import callback_keys
from permissions.matrix import HouseRole, TeamRole
from permissions.models import MiniGame
from permissions.sign_in import ConsoleMfaAdapter
from sasvpay.kit import crypto, jobs, logs, mail
from sasvpay.kit.tasks import run_job
from tests.factories import MembershipFactory, MiniGameFactory, UserFactory
from tests.orders.callbacks import post, purchase, signed
from tests.orders.dispatching import dispatching, receiving, statuses, wait_until
from tests.permissions.pages import as_

TOTP = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
PASSWORD = "canary-password-8f21"
ORDERS = (
    "orders:config",
    "orders:protocol",
    "orders:signature",
    "orders:delivery-list",
    "orders:order-list",
)


@pytest.fixture
def log():
    """Everything that is logged, at every level, as production writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    (console,) = [
        each for each in logging.getLogger().handlers
        if isinstance(each.formatter, ProcessorFormatter)
    ]  # fmt: skip
    handler.setFormatter(console.formatter)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture
def messages():
    """Everything that is handed to the broker."""
    seen = []

    def note(body, headers, **facts):
        seen.append(repr((body, headers)))

    before_task_publish.connect(note)
    yield seen
    before_task_publish.disconnect(note)


def tell_all(job, progress):
    """Do a job that fails, and tells in its error what it should not."""
    game = MiniGame.objects.get(app_id=job.subject)
    keys = [crypto.decrypt(key.secret_encrypted) for key in game.callback_keys.all()]
    raise RuntimeError(f"{keys} {settings.MASTER_KEYS} {TOTP}")


def _tables():
    """Return every value of every table, bytes as they are."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'select * from "{table}"')  # noqa: S608 -- the database's own names
            for value in chain.from_iterable(cursor.fetchall()):
                yield bytes(value) if isinstance(value, memoryview | bytes) else str(value)


def _pages(browser, game):
    """Return what a person is shown and given: pages, an export."""
    names = ("payment", "game-audit", "dashboard", *ORDERS)
    for name in names:
        answer = browser.get(reverse(name, args=[game.app_id]))
        assert answer.status_code == 200, name
        yield answer.content
    order, attempt = Order.objects.get(), DeliveryAttempt.objects.get()
    yield browser.get(reverse("orders:order-detail", args=[game.app_id, order.pk])).content
    yield browser.get(f"/games/{game.app_id}/deliveries/{order.pk}/attempts/1").content
    assert attempt.signature
    form = {"format": "csv", "columns": ["number"]}
    export = browser.post(reverse("orders:order-export", args=[game.app_id]), form)
    assert export.status_code == 200
    yield b"".join(export)


def _held_by(places, secret):
    """Return the places in which a secret is, as text or as bytes."""
    return [
        place
        for place in places
        if (secret if isinstance(place, str) else secret.encode()) in place
    ]


def _keys_in(letter):
    """Return the secrets of a letter with a delivery key: the key, and a line of the private key."""
    begin = letter.index("PRIVATE KEY-----\n") + len("PRIVATE KEY-----\n")
    return letter[begin : begin + 60], *re.findall(r"\b[0-9a-f]{64}\b", letter)


def _live_through(game, admin, reviewer, url):
    """Issue, rotate, pay, forge, deliver, mail, sign in, fail: everything that touches a secret."""
    at = timezone.now()
    callback_keys.issue(game=game, by=reviewer, at=at)
    key = callback_keys.rotate(game=game, by=reviewer, at=at)
    secret = callback_keys.show(key_id=key.pk, by=reviewer, at=at)
    delivery_config.save(game=game, url=url, test_url=url, by=admin, at=at)
    delivery_config.switch_on(game=game, push_waiting=True, by=admin, at=at)
    credentials.rotate(game=game, by=admin, at=at, active_from=at)
    for body in (
        signed(purchase(), secret=secret),
        signed(purchase(Quantity=2), secret=secret),
        signed(secret="0" * 64),
        signed("{", secret=secret),
    ):
        post(Client(), game, body)
    with dispatching():
        wait_until(lambda: statuses(game) == {"delivered": 1})
    for password in (f"wrong {PASSWORD}", PASSWORD):
        Client().post(reverse("account_login"), {"login": admin.email, "password": password})
    data = {"secret": ConsoleMfaAdapter().encrypt(TOTP)}
    Authenticator.objects.create(user=admin, type="totp", data=data)
    job = jobs.start(kind="tell", by=admin, subject=game.app_id, at=at)
    run_job.delay(job_id=job.pk)
    jobs.run(job_id=job.pk)
    mail.deliver_due(timezone.now())
    return secret


@pytest.mark.django_db(transaction=True)
def test_a_secret_comes_out_nowhere_but_where_it_must(settings, mailoutbox, log, messages):
    settings.MASTER_KEYS = [Fernet.generate_key().decode()]
    settings.JOB_KINDS = {"tell": "tests.test_canary.tell_all", **settings.JOB_KINDS}
    callback_keys.forget_all()
    admin = MembershipFactory(role=TeamRole.TEAM_ADMIN).user
    # Not by the factory, which logs what it is given.
    admin.set_password(PASSWORD)
    admin.save()
    game = MiniGameFactory(team=admin.memberships.get().team, payment_enabled=True)
    reviewer = UserFactory(house_role=HouseRole.REVIEWER)

    with receiving() as server:
        callback_key = _live_through(game, admin, reviewer, server.url)
    letters = [letter for letter in mailoutbox if "PRIVATE KEY" in letter.body]
    keys = [secret for letter in letters for secret in _keys_in(letter.body)]
    pages = list(_pages(as_(admin), game))

    assert [letter.to for letter in letters] == [[admin.email]] * 2
    secrets = {callback_key, *keys, *settings.MASTER_KEYS, PASSWORD, TOTP}
    assert len(secrets) == 8
    others = [str(letter.message()) for letter in mailoutbox if letter not in letters]
    everywhere = [*_tables(), *messages, log.getvalue(), *pages, *others]
    assert messages
    assert others
    assert "job_failed" in log.getvalue()
    assert not [secret for secret in secrets if _held_by(everywhere, secret)]


@pytest.mark.parametrize(
    ("event", "kept"),
    [
        ({"password": "x"}, {"password": "[redacted]"}),
        (
            {"facts": {"new_password": "x", "n": 1}},
            {"facts": {"new_password": "[redacted]", "n": 1}},
        ),
        ({"rows": ["a" * 64, None]}, {"rows": ["[redacted]", None]}),
        (
            {"request": "GET /x?token=abc&page=2&new_password=p"},
            {"request": "GET /x?[redacted]&page=2&[redacted]"},
        ),
        ({"why": "Bearer abc"}, {"why": "Bearer [redacted]"}),
        ({"url": "postgres://u:p@db/x"}, {"url": "postgres://[redacted]@db/x"}),
        ({"request": "GET /invitations/tok"}, {"request": "GET /invitations/[redacted]"}),
        (
            {"request": "GET /account/password/reset/2a-tok"},
            {"request": "GET /account/password/reset/[redacted]"},
        ),
        ({"request": "GET /account/password/reset/sent"},) * 2,
        ({"number": "T1", "took": 1.5, "ok": True},) * 2,
    ],
)
def test_logs_cut_what_is_or_looks_like_a_secret(event, kept):
    assert logs.redact(None, "info", event) == kept
