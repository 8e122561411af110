"""REQUIRE_MFA: who is led to set up a second factor, before which pages, and how they go on."""

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from django.urls import reverse

from permissions import second_factor
from permissions.matrix import DEFAULTS, HouseRole, Role
from permissions.routes import all_routes
from tests.architecture.asks import ASKS
from tests.architecture.world import World, snapshot
from tests.permissions.pages import as_, confirm, place

pytestmark = pytest.mark.django_db
REQUIRED = reverse("second_factor_required")
DEMANDS = {
    route.name: route.access.capability
    for route in all_routes()
    if route.access and route.access.capability
}
HOUSE = [role.value for role in HouseRole]
SENSITIVE = {
    "delivery_config.change",
    "delivery_config.request_key",
    "callback_key.rotate",
    "payment.decide",
    "exemption.decide",
    "release.decide",
}


@pytest.fixture(autouse=True)
def _required(settings):
    settings.REQUIRE_MFA = True


def give(user, kind="totp"):
    Authenticator.objects.create(user=user, type=kind, data={})


def is_led_away(answer):
    return answer.status_code == 302 and place(answer).startswith(f"{REQUIRED}?next=")


@pytest.mark.parametrize("name", DEMANDS)
def test_what_needs_a_second_factor_changes_nothing_without_one(name):
    demand, world = DEMANDS[name], World()
    ask = ASKS[name](world)
    url = reverse(name, kwargs=ask.kwargs)

    for role in (role.value for role in Role if demand in DEFAULTS[role]):
        needs_one = role in HOUSE or demand.value in SENSITIVE
        browser, before = as_(world.people[role]), snapshot()
        answers = [browser.get(url), browser.post(url, ask.body or {}) if needs_one else None]

        assert [is_led_away(one) for one in answers if one] == [needs_one] * (1 + needs_one)
        if needs_one:
            assert snapshot() == before
            give(world.people[role])
            assert not is_led_away(browser.get(url))


@pytest.mark.parametrize("role", ["operator", "outsider"])
def test_who_may_not_do_it_is_refused_and_not_asked_for_a_second_factor(role):
    world = World()
    url = reverse("orders:config-edit", kwargs={"app_id": world.game.app_id})

    assert as_(world.people[role]).get(url).status_code == (403 if role == "operator" else 404)


@pytest.mark.parametrize("role", HOUSE)
def test_people_of_the_house_reach_nothing_but_their_own_account(role):
    world = World()
    browser = as_(world.people[role])

    assert is_led_away(browser.get("/"))
    for name in ("profile", "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "account_logout"):
        assert browser.get(reverse(name)).status_code == 200
    page = browser.get(place(browser.get("/")))
    assert (page.status_code, page.templates[0].name) == (200, "mfa/required.html")


def test_members_of_teams_work_without_one_as_long_as_no_url_or_key_is_at_stake():
    world = World()
    browser = as_(world.people["team_admin"])

    assert browser.get("/").status_code == 200
    assert browser.get(reverse("payment", args=[world.game.app_id])).status_code == 200


def test_recovery_codes_alone_are_no_second_factor(reviewer):
    give(reviewer, "recovery_codes")

    assert second_factor.is_missing(reviewer)


def test_once_set_up_one_goes_on_to_the_page_one_wanted(reviewer):
    browser = as_(reviewer)
    asked = browser.get(f"{reverse('review-queue')}?kind=payment")
    assert browser.get(place(asked)).status_code == 200

    give(reviewer, "webauthn")

    assert place(browser.get(REQUIRED)) == "/review?kind=payment"
    assert place(browser.get(REQUIRED)) == "/"


def test_the_page_leads_nowhere_outside(reviewer):
    browser = as_(reviewer)
    browser.get(REQUIRED, {"next": "https://evil.example/"})
    give(reviewer)

    assert place(browser.get(REQUIRED, {"next": "//evil.example/"})) == "/"


def test_a_dialog_leads_the_whole_page_there(senior_developer, game):
    page = reverse("orders:config", args=[game.app_id])
    answer = as_(senior_developer).get(
        reverse("orders:config-edit", args=[game.app_id]),
        headers={"hx-request": "true", "hx-current-url": f"http://testserver{page}"},
    )

    assert answer["HX-Redirect"] == f"{REQUIRED}?next={page.replace('/', '%2F')}"


def test_the_callback_asks_nobody_for_a_second_factor(game):
    answer = Client().post(f"/callback/{game.app_id}", b"{}", "application/json")

    assert answer.json()["returnCode"] != "0"
    assert answer.status_code == 400


def test_where_it_is_not_required_nobody_is_asked(settings, reviewer):
    settings.REQUIRE_MFA = False

    assert as_(reviewer).get(reverse("review-queue")).status_code == 200


@pytest.mark.parametrize(
    ("route", "person"),
    [
        ("orders:config-edit", "senior_developer"),
        ("orders:key-rotate", "senior_developer"),
        ("permissions:callback-key-show", "reviewer"),
        ("permissions:callback-key-rotate", "reviewer"),
    ],
)
def test_whatever_changes_or_shows_a_url_or_key_asks_to_confirm_the_sign_in(
    settings, route, person
):
    settings.REQUIRE_MFA = False
    world = World()
    ask = ASKS[route](world)
    user, url = world.people[person], reverse(route, kwargs=ask.kwargs)
    browser, before = Client(), None
    browser.force_login(user)
    before = snapshot()

    plain = browser.post(url, ask.body)
    dialog = browser.post(url, ask.body, headers={"hx-request": "true"})

    assert place(plain).startswith(reverse("account_reauthenticate"))
    assert dialog["HX-Redirect"].startswith(reverse("account_reauthenticate"))
    assert snapshot() == before
    confirm(browser, user)
    assert browser.post(url, ask.body).status_code in (200, 302)
    assert snapshot() != before
