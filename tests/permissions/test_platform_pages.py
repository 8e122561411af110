import pytest
from django.test import Client

from permissions.matrix import HouseRole
from permissions.models import Invitation, Merchant, MiniGame, Team, User
from tests.architecture.world import snapshot
from tests.factories import (
    MerchantFactory,
    MiniGameFactory,
    TeamFactory,
    UserFactory,
)
from tests.permissions.pages import as_, url

HTMX = {"hx-request": "true"}
LONG = "Wolkenkuckucksheimgesellschaft " * 2


# --- The platform ----------------------------------------------------------------------------------


def test_team_pages_are_the_platforms(team, team_admin, reviewer, outsider):
    for address in (url("team-list"), url("team-add"), url("team-detail", team.pk)):
        assert as_(team_admin).get(address).status_code == 403
        assert as_(reviewer).get(address).status_code == 403
        assert Client().get(address).status_code == 302
    assert as_(outsider).get(url("team-detail", team.pk)).status_code == 404


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"Star Studio", "Moon_Works"}),
        ("star", {"Star Studio"}),
        ("_", {"Moon_Works"}),
        ("%", set()),
        ("mg_space", {"Moon_Works"}),
        ("space r", {"Moon_Works"}),
        ("m_77", {"Star Studio"}),
        ("'; --", set()),
    ],
)
def test_team_list_finds_by_name_game_and_merchant(platform_admin, text, found):
    MerchantFactory(team=TeamFactory(name="Star Studio"), merchant_id="m_77")
    MiniGameFactory(team=TeamFactory(name="Moon_Works"), app_id="mg_space", name="Space Race")

    page = as_(platform_admin).get(url("team-list"), {"q": text})

    assert {team.name for team in page.context["page"]} == found


@pytest.mark.parametrize("text", ["x" * 6000, "a\x00b"])
def test_team_list_refuses_a_search_it_cannot_make(platform_admin, team, text):
    page = as_(platform_admin).get(url("team-list"), {"q": text})

    assert page.status_code == 200
    assert page.context["form"].errors
    assert list(page.context["page"]) == []


def test_team_list_is_empty_or_long(platform_admin, django_assert_max_num_queries):
    browser = as_(platform_admin)
    assert "No teams yet" in browser.get(url("team-list")).content.decode()

    TeamFactory.create_batch(3)
    with django_assert_max_num_queries(40) as few:
        browser.get(url("team-list"))
    TeamFactory.create_batch(19)
    with django_assert_max_num_queries(40) as many:
        page = browser.get(url("team-list"))

    assert (len(page.context["page"]), page.context["page"].paginator.count) == (20, 22)
    assert len(many) == len(few)


def test_team_is_created_with_an_invited_administrator(platform_admin):
    browser = as_(platform_admin)

    browser.post(url("team-add"), {"name": "Star", "administrator": "boss@example.com"})
    double = browser.post(url("team-add"), {"name": "Star", "administrator": ""})

    team = Team.objects.get()
    assert double.status_code == 422
    assert Invitation.objects.get(team=team).email == "boss@example.com"
    assert "boss@example.com" in browser.get(url("team-detail", team.pk)).content.decode()


def test_team_is_kept(platform_admin, team_admin, team):
    browser = as_(platform_admin)
    detail = url("team-detail", team.pk)
    for name in ("team-rename", "team-merchant", "team-administrator", "game-add"):
        assert browser.get(url(name, team.pk)).status_code == 200

    assert browser.post(url("team-rename", team.pk), {"name": "Sun"}).url == detail
    assert (
        browser.post(url("team-merchant", team.pk), {"merchant_id": "m9", "name": "Nine"}).url
        == detail
    )
    assert (
        browser.post(url("game-add", team.pk), {"name": "Solar", "app_id": "mg_sun"}).url == detail
    )
    solar = MiniGame.objects.get(app_id="mg_sun")
    assert browser.get(url("game-rename", team.pk, solar.pk)).status_code == 200
    assert browser.post(url("game-rename", team.pk, solar.pk), {"name": "Sol"}).url == detail
    refused = browser.post(url("team-administrator", team.pk), {"email": "x@example.com"})

    team.refresh_from_db()
    solar.refresh_from_db()
    assert (team.name, solar.name) == ("Sun", "Sol")
    assert Merchant.objects.get(team=team).merchant_id == "m9"
    assert refused.status_code == 422
    page = browser.get(detail).content.decode()
    assert all(text in page for text in ("Sun", "mg_sun", "m9", team_admin.email))


@pytest.mark.parametrize("app_id", ["a b", "../x", "x" * 65, "ä", "a\x00"])
def test_game_form_refuses_a_wrong_app_id(platform_admin, team, app_id):
    answer = as_(platform_admin).post(url("game-add", team.pk), {"name": "Solar", "app_id": app_id})

    assert answer.status_code == 422
    assert "app_id" in answer.context["form"].errors
    assert team.games.count() == 1


def test_a_game_of_another_team_is_not_renamed(platform_admin, team):
    foreign = MiniGameFactory(name="Foreign")

    answer = as_(platform_admin).post(url("game-rename", team.pk, foreign.pk), {"name": "Mine"})

    assert answer.status_code == 404
    foreign.refresh_from_db()
    assert foreign.name == "Foreign"


# --- The house -------------------------------------------------------------------------------------


def test_house_pages_are_the_super_admins(platform_admin, team_admin):
    for person in (platform_admin, team_admin):
        for address in (url("house-list"), url("house-add")):
            assert as_(person).get(address).status_code == 403


def test_house_people_are_added_and_changed(super_admin):
    browser = as_(super_admin)
    assert browser.get(url("house-add")).status_code == 200

    browser.post(url("house-add"), {"email": "r@example.com", "name": "Rita", "role": "reviewer"})
    rita = User.objects.get(email="r@example.com")
    assert rita.house_role == HouseRole.REVIEWER
    page = browser.get(url("house-list")).content.decode()
    assert url("house-role", rita.pk) in page
    assert url("house-role", super_admin.pk) not in page
    assert browser.get(url("house-role", rita.pk)).status_code == 200
    browser.post(url("house-role", rita.pk), {"role": ""})

    rita.refresh_from_db()
    assert rita.house_role == ""


@pytest.mark.parametrize("role", ["super_admin", "team_admin", "x"])
def test_house_roles_that_cannot_be_given_are_refused(super_admin, platform_admin, role):
    browser = as_(super_admin)

    added = browser.post(url("house-add"), {"email": "r@example.com", "name": "R", "role": role})
    changed = browser.post(url("house-role", platform_admin.pk), {"role": role})
    stays = browser.post(url("house-role", super_admin.pk), {"role": ""})

    assert [added.status_code, changed.status_code, stays.status_code] == [422, 422, 422]
    assert User.objects.exclude(house_role="").count() == 2


@pytest.mark.parametrize(
    ("form", "typed", "field"),
    [
        ("team-add", {"name": "Taken"}, "name"),
        ("team-add", {"name": "New", "administrator": "r@example.com"}, "administrator"),
        ("team-rename", {"name": "Taken"}, "name"),
        ("game-add", {"name": "Taken game"}, "name"),
        ("game-add", {"name": "New", "app_id": "mg_taken"}, "app_id"),
        ("team-merchant", {"merchant_id": "m_1", "name": "Bound"}, "merchant_id"),
        ("team-administrator", {"email": "r@example.com"}, "email"),
    ],
)
def test_a_refusal_stands_at_the_field_it_is_about(platform_admin, form, typed, field):
    team = TeamFactory(name="Mine")
    TeamFactory(name="Taken")
    UserFactory(email="r@example.com", house_role=HouseRole.REVIEWER)
    MiniGameFactory(team=team, app_id="mg_taken", name="Taken game")
    MerchantFactory(team=team, merchant_id="m_1", name="Bound")
    address = url(form) if form == "team-add" else url(form, team.pk)
    browser = as_(platform_admin)
    before = snapshot()

    page = browser.post(address, typed)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert {name: page.context["form"][name].value() for name in typed} == typed
    assert snapshot() == before
