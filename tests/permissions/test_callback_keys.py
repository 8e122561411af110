"""Callback keys: one is current, the one before it lasts a day, each is shown once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from permissions import callback_keys
from permissions.callback_keys import KeyAlreadyShownError, NoCallbackKeyError
from permissions.models import CallbackKey
from sasvpay.kit import crypto
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, CALLBACK_SECRET, CallbackKeyFactory, MiniGameFactory


@pytest.fixture(autouse=True)
def _fresh_process():
    callback_keys.forget_all()


def age(seconds):
    """Make what this process remembers older."""
    for app_id, (read_at, keys) in callback_keys._known.items():
        callback_keys._known[app_id] = (read_at - seconds, keys)
    for app_id, read_at in callback_keys._unknown.items():
        callback_keys._unknown[app_id] = read_at - seconds


def found_of(game):
    found = callback_keys.find(game.app_id)
    assert found
    return found


def events():
    return list(AuditEvent.objects.order_by("id").values_list("event", flat=True))


def test_issue_makes_a_key(game, reviewer):
    key = callback_keys.issue(game=game, by=reviewer, at=AT)

    secret = crypto.decrypt(key.secret_encrypted)
    assert len(secret) == 64
    assert (key.game, key.issued_by, key.issued_at) == (game, reviewer, AT)
    assert key.shown_at is key.retires_at is None
    assert events() == ["callback_key_issued"]
    assert secret not in str(AuditEvent.objects.get().facts)


def test_issue_keeps_the_current_key(game, reviewer):
    key = callback_keys.issue(game=game, by=reviewer, at=AT)

    again = callback_keys.issue(game=game, by=reviewer, at=AT + timedelta(days=1))

    assert again == key
    assert events() == ["callback_key_issued"]


def test_rotate_retires_the_old_key_a_day_later(game, reviewer):
    old = callback_keys.issue(game=game, by=reviewer, at=AT)

    new = callback_keys.rotate(game=game, by=reviewer, at=AT)

    old.refresh_from_db()
    assert old.retires_at == AT + timedelta(hours=24)
    assert new.retires_at is None
    assert crypto.decrypt(new.secret_encrypted) != crypto.decrypt(old.secret_encrypted)
    assert events() == ["callback_key_issued", "callback_key_rotated"]


def test_rotate_refuses_where_there_is_no_key(game, reviewer):
    with pytest.raises(NoCallbackKeyError):
        callback_keys.rotate(game=game, by=reviewer, at=AT)

    assert not CallbackKey.objects.exists()
    assert events() == []


def test_show_shows_a_key_once(game, reviewer):
    key = CallbackKeyFactory(game=game)

    shown = callback_keys.show(key_id=key.pk, by=reviewer, at=AT)
    with pytest.raises(KeyAlreadyShownError) as refusal:
        callback_keys.show(key_id=key.pk, by=reviewer, at=AT + timedelta(hours=1))

    key.refresh_from_db()
    assert shown == CALLBACK_SECRET
    assert (key.shown_at, key.shown_by) == (AT, reviewer)
    assert "Rotate" in refusal.value.message
    assert events() == ["callback_key_shown"]


def test_show_does_not_show_a_retired_key(game, reviewer):
    key = CallbackKeyFactory(game=game, retires_at=AT)

    with pytest.raises(KeyAlreadyShownError):
        callback_keys.show(key_id=key.pk, by=reviewer, at=AT)

    key.refresh_from_db()
    assert key.shown_at is None


@pytest.mark.django_db(transaction=True)
def test_show_tells_one_of_two_at_once(game, reviewer):
    key = CallbackKeyFactory(game=game)
    barrier = Barrier(2)

    def ask(_):
        barrier.wait()
        try:
            return callback_keys.show(key_id=key.pk, by=reviewer, at=AT)
        except KeyAlreadyShownError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask, range(2)))

    assert set(answers) == {None, CALLBACK_SECRET}
    assert events() == ["callback_key_shown"]


def test_find_returns_the_current_key_and_those_that_still_verify(game, reviewer):
    now = timezone.now()
    CallbackKeyFactory(game=game, retires_at=now - timedelta(seconds=1))
    old = CallbackKeyFactory(game=game, retires_at=now + timedelta(hours=1))
    old.secret_encrypted = crypto.encrypt("old")
    old.save()
    CallbackKeyFactory(game=game, issued_at=AT + timedelta(days=1))

    found = found_of(game)

    assert found.game_id == game.pk
    assert found.valid(now) == [CALLBACK_SECRET, "old"]
    assert found.valid(now + timedelta(hours=2)) == [CALLBACK_SECRET]


def test_find_returns_nothing_for_a_game_without_a_key(game):
    CallbackKeyFactory()

    assert callback_keys.find(game.app_id) is None
    assert callback_keys.find("unknown") is None


def test_find_costs_one_statement_in_five_seconds(game):
    CallbackKeyFactory(game=game)

    with CaptureQueriesContext(connection) as first:
        for _ in range(10):
            callback_keys.find(game.app_id)
    age(4)
    with CaptureQueriesContext(connection) as trusted:
        callback_keys.find(game.app_id)
    age(1)
    with CaptureQueriesContext(connection) as later:
        callback_keys.find(game.app_id)

    assert (len(first), len(trusted), len(later)) == (1, 0, 1)


def test_find_again_reads_once_a_second(game):
    CallbackKeyFactory(game=game)
    callback_keys.find(game.app_id)

    with CaptureQueriesContext(connection) as at_once:
        callback_keys.find(game.app_id, again=True)
    age(1)
    with CaptureQueriesContext(connection) as later:
        for _ in range(10):
            callback_keys.find(game.app_id, again=True)

    assert (len(at_once), len(later)) == (0, 1)


def test_find_reads_an_unknown_game_once_a_second(game):
    with CaptureQueriesContext(connection) as first:
        for again in (False, True, False):
            assert callback_keys.find(game.app_id, again=again) is None
    CallbackKeyFactory(game=game)
    age(1)

    found = found_of(game)

    assert len(first) == 1
    assert found.game_id == game.pk


@pytest.mark.parametrize("app_id", ["", "\x00", "a/b", "é", "x" * 65, "x\n"])
def test_find_asks_no_database_for_what_is_no_app_id(db, app_id):
    with CaptureQueriesContext(connection) as queries:
        assert callback_keys.find(app_id) is None

    assert len(queries) == 0


def test_find_remembers_few_unknown_games_and_keeps_the_real_ones(game, monkeypatch):
    monkeypatch.setattr(callback_keys, "MAX_UNKNOWN", 5)
    CallbackKeyFactory(game=game)
    callback_keys.find(game.app_id)

    for n in range(20):
        callback_keys.find(f"invented-{n}")

    assert list(callback_keys._unknown) == [f"invented-{n}" for n in range(15, 20)]
    assert list(callback_keys._known) == [game.app_id]


@pytest.mark.django_db(transaction=True)
def test_new_key_is_found_at_once_where_it_was_issued(reviewer):
    game = MiniGameFactory()
    assert callback_keys.find(game.app_id) is None

    key = callback_keys.issue(game=game, by=reviewer, at=AT)
    issued = found_of(game)
    callback_keys.rotate(game=game, by=reviewer, at=timezone.now())
    rotated = found_of(game)

    secret = crypto.decrypt(key.secret_encrypted)
    assert issued.valid(timezone.now()) == [secret]
    assert len(rotated.valid(timezone.now())) == 2
    assert secret in rotated.valid(timezone.now())
