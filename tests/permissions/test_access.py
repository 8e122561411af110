from typing import Any, cast

import pytest
from django.core.checks import run_checks
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.http import Http404, HttpResponse
from django.template import Context, Template
from django.test import RequestFactory
from django.urls import include, path

from permissions import access, game_grants, routes
from permissions.access import (
    Access,
    can,
    public,
    requires,
    signed_in,
    visible_games,
    visible_teams,
)
from permissions.checks import check_routes
from permissions.matrix import Capability
from permissions.models import User
from tests.factories import AT, MiniGameFactory, UserFactory


def ask(view, user, **kwargs):
    request = RequestFactory().get("/")
    request.user = user
    return view(request, **kwargs)


def declared(view):
    access = vars(view)["access"]
    assert isinstance(access, Access)
    return access


def needs_sign_in(view):
    return vars(view)["login_required"]


@requires(Capability.ITEM_EDIT)
def edit(request, game):
    return HttpResponse(f"edit {game.app_id}")


@requires(Capability.MEMBER_CHANGE)
def change(request, team):
    return HttpResponse(f"change {team.pk}")


@requires(Capability.TEAM_KEEP)
def keep(request):
    return HttpResponse("keep")


# --- The guard ----------------------------------------------------------------------------------


def test_requires_hands_the_view_the_game_of_the_url(game, developer):
    answer = ask(edit, developer, app_id=game.app_id)

    assert answer.content.decode() == f"edit {game.app_id}"


def test_requires_refuses_by_403_who_may_do_something_else_there(game, operator, reviewer):
    for person in (operator, reviewer):
        with pytest.raises(PermissionDenied):
            ask(edit, person, app_id=game.app_id)


def test_requires_hides_by_404_what_one_has_no_part_in(game, team, outsider):
    stranger = UserFactory()

    for person in (outsider, stranger):
        with pytest.raises(Http404):
            ask(edit, person, app_id=game.app_id)
        with pytest.raises(Http404):
            ask(change, person, team_id=team.pk)
    with pytest.raises(Http404):
        ask(edit, outsider, app_id="no_such_game")
    with pytest.raises(Http404):
        ask(change, outsider, team_id=0)


def test_requires_without_a_place_demands_it_everywhere(team_admin, platform_admin):
    assert ask(keep, platform_admin).status_code == 200
    with pytest.raises(PermissionDenied):
        ask(keep, team_admin)


def test_a_grant_on_one_game_opens_that_game_only(game, team, team_admin):
    studio, sibling = UserFactory(), MiniGameFactory(team=team)
    game_grants.grant_on_game(
        game=game, user=studio, capability=Capability.ITEM_EDIT, by=team_admin, at=AT
    )

    assert ask(edit, User.objects.get(pk=studio.pk), app_id=game.app_id).status_code == 200
    with pytest.raises(Http404):
        ask(edit, User.objects.get(pk=studio.pk), app_id=sibling.app_id)
    with pytest.raises(Http404):
        ask(change, User.objects.get(pk=studio.pk), team_id=team.pk)
    assert list(visible_games(User.objects.get(pk=studio.pk))) == [game]
    assert not visible_teams(User.objects.get(pk=studio.pk)).exists()


def test_visible_is_what_one_has_a_part_in(game, team, developer, outsider, super_admin):
    foreign = MiniGameFactory()

    assert set(visible_games(developer)) == {game}
    assert set(visible_teams(developer)) == {team}
    assert set(visible_games(super_admin)) == {game, foreign}
    assert not visible_games(outsider).filter(pk=game.pk).exists()


def test_inactive_people_may_do_nothing(game, team_admin):
    team_admin.is_active = False

    assert not can(team_admin, Capability.ITEM_EDIT, game)
    assert not visible_games(team_admin).exists()


def test_grants_are_read_once_for_all_questions(game, team, developer, django_assert_num_queries):
    person = User.objects.get(pk=developer.pk)

    with django_assert_num_queries(2):
        held = [can(person, capability, game) for capability in Capability]

    assert sum(held) == len(access.grants_of(person).on_game(game))


def test_nobody_is_a_superuser(db):
    with pytest.raises(IntegrityError), transaction.atomic():
        UserFactory(is_superuser=True)

    assert not User.objects.filter(is_superuser=True).exists()


# --- Declarations -------------------------------------------------------------------------------


def test_a_declaration_leaves_the_view_it_wraps_alone():
    def view(request):
        return HttpResponse("shared")

    wrapped = public("a reason")(view)

    assert declared(wrapped).is_public
    assert needs_sign_in(wrapped) is False
    assert not hasattr(view, "access")
    assert needs_sign_in(signed_in("a reason")(view)) is True


def test_a_declaration_covers_all_of_an_include():
    inner = [path("a", keep, name="a"), path("b/", include([path("c", keep, name="c")]))]

    patterns, app_name, namespace = public("a reason")((inner, "inner", "inner"))

    found = routes._walk(cast("Any", patterns), prefix="", namespace="")
    assert [(route.name, declared(route.view).is_public) for route in found] == [
        ("a", True),
        ("c", True),
    ]
    assert (app_name, namespace) == ("inner", "inner")


def test_every_route_declares_its_access():
    assert check_routes(None) == []
    assert not [found for found in run_checks() if found.id == "permissions.E001"]


def test_a_route_without_a_declaration_is_reported(monkeypatch):
    bare = routes.Route(name="", pattern="bare", view=lambda request: HttpResponse(), access=None)
    monkeypatch.setattr("permissions.checks.all_routes", lambda: (bare,))

    assert [found.id for found in check_routes(None)] == ["permissions.E001"]


# --- The button asks the route ------------------------------------------------------------------


def allowed(user, route, on=None):
    request = RequestFactory().get("/")
    request.user = user
    text = "{% load access %}{% allowed route on as shown %}{{ shown }}"
    return Template(text).render(Context({"request": request, "route": route, "on": on})) == "True"


def test_allowed_says_what_the_route_would(team, team_admin, developer, platform_admin):
    assert allowed(team_admin, "permissions:member-remove", team)
    assert not allowed(developer, "permissions:member-remove", team)
    assert not allowed(platform_admin, "permissions:member-remove", team)
    assert allowed(platform_admin, "permissions:team-add")
    assert allowed(developer, "profile")
    with pytest.raises(LookupError):
        allowed(developer, "permissions:no-such-route")
