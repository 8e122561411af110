"""A session ends by the clock, and everywhere when what a person is or may do has changed."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client

from permissions import house, people, teams
from permissions.matrix import HouseRole, TeamRole
from tests.factories import AT, PASSWORD, MembershipFactory, UserFactory
from tests.permissions.pages import membership

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def sign_in(user):
    browser = Client()
    answer = browser.post("/account/login", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return browser


def is_in(browser):
    return browser.get("/profile").status_code == 200


@pytest.mark.parametrize(("idle", "expected"), [(29, True), (32, False)])
def test_half_an_hour_without_a_click_ends_it(idle, expected):
    with time_machine.travel(AT, tick=False) as clock:
        browser = sign_in(UserFactory())
        clock.shift(20 * MINUTE)
        assert is_in(browser)
        clock.shift(idle * MINUTE)

        assert is_in(browser) == expected
        assert ("_auth_user_id" in browser.session) == expected


def test_twelve_hours_end_it_however_busy_one_was():
    with time_machine.travel(AT, tick=False) as clock:
        browser = sign_in(UserFactory())
        hours = [is_in(browser)]
        for _ in range(12 * 4):
            clock.shift(15 * MINUTE)
            hours.append(is_in(browser))

    assert hours == [True] * 48 + [False]


def test_signing_in_again_begins_anew():
    with time_machine.travel(AT, tick=False) as clock:
        person = UserFactory()
        browser = sign_in(person)
        is_in(browser)
        clock.shift(40 * MINUTE)
        browser.post("/account/login", {"login": person.email, "password": PASSWORD})

        assert is_in(browser)


def _role_changed(person, by):
    teams.set_role(membership=membership(person), role=TeamRole.OPERATOR, by=by, at=AT)


def _removed(person, by):
    teams.remove(membership=membership(person), by=by, at=AT)


def _became_reviewer(person, by):
    teams.remove(membership=membership(person), by=by, at=AT)
    house.set_house_role(user=person, role=HouseRole.REVIEWER, by=by, at=AT)


@pytest.mark.parametrize("act", [_role_changed, _removed, _became_reviewer])
def test_both_browsers_are_signed_out_when_role_or_membership_changes(act, team, team_admin):
    person = MembershipFactory(team=team, role=TeamRole.DEVELOPER).user
    browsers = [sign_in(person), sign_in(person)]
    bystander = sign_in(team_admin)
    assert [is_in(browser) for browser in browsers] == [True, True]

    act(person, team_admin)

    assert [is_in(browser) for browser in browsers] == [False, False]
    assert is_in(bystander)
    assert is_in(sign_in(person))


def test_a_house_role_that_is_taken_away_ends_the_sessions_too(super_admin, reviewer):
    browser = sign_in(reviewer)

    house.set_house_role(user=reviewer, role="", by=super_admin, at=AT)

    assert not is_in(browser)


def test_a_new_password_by_mail_ends_every_session():
    person = people.create(email="ada@example.com", name="Ada", password=PASSWORD)
    browsers = [sign_in(person), sign_in(person)]

    person.set_password("another long enough password")
    person.save()

    assert [is_in(browser) for browser in browsers] == [False, False]


def test_a_stolen_session_cannot_try_passwords_without_end():
    browser = sign_in(UserFactory())

    statuses = {
        browser.post("/account/reauthenticate", {"password": f"wrong {n}"}).status_code
        for n in range(12)
    }

    assert 429 in statuses
