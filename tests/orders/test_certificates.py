"""Certificates that end soon, and changes of URL and key: the administrators are told, once."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from orders import certificates, credentials, delivery_config
from permissions import callback_keys
from permissions.matrix import TeamRole
from sasvpay.kit import crypto
from sasvpay.kit.models import Mail
from tests.factories import AT, CallbackKeyFactory, DeliveryKeyFactory, MembershipFactory
from tests.permissions import letters
from tests.permissions.pages import as_

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
URL = "https://pay.example.com/deliver"


@pytest.fixture
def second_admin(team):
    return MembershipFactory(team=team, role=TeamRole.TEAM_ADMIN).user


def told(kind):
    return sorted(Mail.objects.filter(kind=kind).values_list("to", flat=True))


def test_administrators_get_one_letter_thirty_days_before_a_certificate_ends(
    game, team_admin, second_admin, developer
):
    DeliveryKeyFactory(game=game, serial="5e41a1", expires_at=AT + 30 * DAY)

    early = certificates.warn(at=AT - DAY)
    sweeps = [certificates.warn(at=AT + n * DAY) for n in range(3)]

    assert (early, sweeps) == (0, [1, 0, 0])
    assert told("certificate_ending") == sorted([team_admin.email, second_admin.email])
    assert "Serial number: 5e41a1" in letters.bodies(team_admin.email)[0]
    assert "ends on 2026-12-20 09:30 UTC" in letters.bodies(team_admin.email)[0]


def test_a_certificate_that_was_replaced_worries_nobody(game, team_admin):
    DeliveryKeyFactory(game=game, expires_at=AT + DAY)
    DeliveryKeyFactory(game=game, expires_at=AT + 365 * DAY)

    assert certificates.warn(at=AT) == 0
    assert certificates.ending(game, AT) is None


@pytest.mark.parametrize(
    ("left", "said"),
    [(29, "The certificate ends at <time"), (-1, "The certificate ended at <time")],
)
def test_the_configuration_page_says_so_and_whoever_may_is_led_to_a_new_one(
    game, senior_developer, operator, left, said
):
    DeliveryKeyFactory(game=game, expires_at=timezone.now() + left * DAY)
    page, rotate = (
        reverse(f"orders:{name}", args=[game.app_id]) for name in ("config", "key-rotate")
    )

    may, may_not = (as_(user).get(page).content.decode() for user in (senior_developer, operator))

    assert said in may
    assert said in may_not
    assert f'<a href="{rotate}">' in may
    assert rotate not in may_not


def test_the_page_says_nothing_of_a_certificate_that_lasts(game, operator):
    DeliveryKeyFactory(game=game, expires_at=timezone.now() + 31 * DAY)

    page = as_(operator).get(reverse("orders:config", args=[game.app_id])).content.decode()

    assert "The certificate" not in page.replace("The certificate's", "")


def test_administrators_are_told_of_every_change_of_a_url_and_of_nothing_else(
    game, team_admin, second_admin, senior_developer
):
    def save(url):
        delivery_config.save(game=game, url=url, test_url="", by=senior_developer, at=AT)

    save(URL)
    save(URL)
    save("https://elsewhere.example.com/")

    assert told("delivery_url_changed") == sorted([team_admin.email, second_admin.email] * 2)
    letter = letters.bodies(team_admin.email)[-1]
    assert senior_developer.email in letter
    assert "URL: https://elsewhere.example.com/\nbefore: https://pay.example.com/deliver" in letter
    assert told("delivery_key_changed") == []


def test_administrators_are_told_of_a_new_delivery_key_and_learn_no_secret(
    game, team_admin, senior_developer
):
    credentials.issue(game=game, by=senior_developer, at=AT, active_from=AT)

    key = credentials.rotate(game=game, by=senior_developer, at=AT, active_from=AT + DAY)

    assert told("delivery_key_changed") == [team_admin.email]
    [letter] = letters.bodies(team_admin.email)
    assert key.serial in letter
    assert "2026-11-21 09:30:00 UTC" in letter
    assert "PRIVATE KEY" not in letter
    assert crypto.decrypt(key.secret_encrypted) not in letter


def test_administrators_are_told_of_a_new_callback_key(game, team_admin, reviewer):
    CallbackKeyFactory(game=game)

    callback_keys.rotate(game=game, by=reviewer, at=AT)

    assert told("callback_key_rotated") == [team_admin.email]
