"""The callback key in the browser: shown once, to the reviewer, and rotated."""

from datetime import timedelta

import pytest
from django.urls import reverse

from permissions.models import CallbackKey
from sasvpay.kit import crypto
from sasvpay.kit.models import AuditEvent
from tests.factories import AT, PASSWORD, MiniGameFactory, UserFactory
from tests.permissions.pages import confirm
from tests.permissions.payments import PLATFORM, TEAM, address, everything, text

pytestmark = pytest.mark.django_db


def _show(client, game):
    return client.post(address("callback-key-show", game, CallbackKey.objects.latest("pk").pk))


def test_the_key_is_shown_once_and_never_stored_by_anybody(as_, game, approved, reviewer):
    client = as_("reviewer")
    secret = crypto.decrypt(bytes(CallbackKey.objects.get().secret_encrypted))
    assert secret not in text(client.get(address("callback-key", game)))

    response = _show(client, game)

    assert response.status_code == 200
    assert secret in text(response)
    assert "no-store" in response["Cache-Control"]
    key = CallbackKey.objects.get()
    assert (key.shown_by, key.shown_at is not None) == (reviewer, True)
    assert AuditEvent.objects.filter(event="callback_key_shown").count() == 1
    assert secret not in str(list(AuditEvent.objects.values()))
    assert secret not in str(dict(client.session))
    again = client.post(address("callback-key-show", game, key.pk), follow=True)
    assert again.redirect_chain == [(address("callback-key", game), 302)]
    assert secret not in text(again)
    assert ["Rotate" in str(message) for message in again.context["messages"]] == [True]
    assert secret not in text(client.get(address("callback-key", game)))
    assert AuditEvent.objects.filter(event="callback_key_shown").count() == 1


def test_looking_is_not_showing(as_, game, approved):
    client = as_("reviewer")
    url = address("callback-key-show", game, CallbackKey.objects.get().pk)

    assert client.get(url).status_code == 405

    assert CallbackKey.objects.get().shown_at is None


@pytest.mark.parametrize("who", [*TEAM, *PLATFORM])
def test_others_neither_see_nor_rotate_the_key(as_, who, game, approved):
    client = as_(who)
    before = everything()

    assert client.get(address("callback-key", game)).status_code == 403
    assert client.get(address("callback-key-rotate", game)).status_code == 403
    assert client.post(address("callback-key-rotate", game)).status_code == 403
    assert _show(client, game).status_code == 403

    assert everything() == before


def test_a_key_is_shown_under_its_own_game_only(as_, approved):
    key, other = CallbackKey.objects.get(), MiniGameFactory()

    response = as_("reviewer").post(address("callback-key-show", other, key.pk))

    assert response.status_code == 404
    assert CallbackKey.objects.get().shown_at is None


def test_rotating_asks_for_the_sign_in_again_and_keeps_the_old_key_for_a_day(
    client, game, approved, reviewer
):
    client.force_login(reviewer)
    rotate, old = address("callback-key-rotate", game), CallbackKey.objects.get()

    asked = client.get(rotate)
    assert (asked.status_code, CallbackKey.objects.count()) == (302, 1)
    assert asked["Location"].startswith(reverse("account_reauthenticate"))
    refused = client.post(rotate)
    assert (refused.status_code, CallbackKey.objects.count()) == (302, 1)
    client.post(reverse("account_reauthenticate"), {"password": PASSWORD, "next": "/elsewhere"})
    assert (client.get(rotate).status_code, CallbackKey.objects.count()) == (200, 1)
    response = client.post(rotate)

    assert (response.status_code, response["Location"]) == (302, address("callback-key", game))
    old.refresh_from_db()
    new = CallbackKey.objects.get(retires_at=None)
    assert new.issued_by == reviewer
    assert old.retires_at == new.issued_at + timedelta(hours=24)
    page = text(client.get(address("callback-key", game)))
    assert "Still verifies" in page
    assert "Show key" in page
    assert AuditEvent.objects.filter(event="callback_key_rotated").count() == 1


def test_a_retired_key_that_was_never_shown_is_not_shown_any_more(as_, game, approved):
    key = CallbackKey.objects.get()
    CallbackKey.objects.update(retires_at=AT)

    as_("reviewer").post(address("callback-key-show", game, key.pk))

    key.refresh_from_db()
    assert key.shown_at is None


def test_before_approval_there_is_no_key_and_the_page_says_so(as_, game):
    client = as_("reviewer")

    assert client.post(address("callback-key-rotate", game)).status_code == 404
    assert "No callback key yet" in text(client.get(address("callback-key", game)))


def test_two_people_of_the_house_see_the_key_once_between_them(as_, client, game, approved):
    as_("reviewer")
    secret = crypto.decrypt(bytes(CallbackKey.objects.get().secret_encrypted))
    assert secret in text(_show(client, game))
    other = UserFactory(house_role="reviewer")
    client.force_login(other)
    confirm(client, other)

    assert secret not in text(_show(client, game))
