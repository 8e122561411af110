"""Every route by every kind of person: exactly what the matrix says, and a refusal changes nothing.

Each guarded route names a valid request in `asks.py`; a new route without one fails here.
"""

import re
from urllib.parse import urlsplit

import pytest
from django.core.checks import Error
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import clear_url_caches, path, reverse

from permissions.access import public
from permissions.checks import check_routes
from permissions.matrix import DEFAULTS, HouseRole, Role, TeamRole
from permissions.routes import _walk, all_routes
from tests.architecture.asks import ASKS
from tests.architecture.headers import assert_told
from tests.architecture.world import PEOPLE, World, snapshot, taken_back
from tests.permissions.pages import confirm

GUARDED = {route.name: route for route in all_routes() if route.access and route.access.capability}


def _browser(user):
    client = Client()
    if user is not None:
        client.force_login(user)
        confirm(client, user)
    return client


def _send(browser, ask, route_name, method):
    url = reverse(route_name, kwargs=ask.kwargs)
    for value in (ask.body or {}).values():
        if hasattr(value, "seek"):
            value.seek(0)
    response = browser.get(url) if method == "GET" else browser.post(url, ask.body or {})
    assert_told(response)
    # What is a file is closed once it was read.
    b"".join(response)
    return response


def _is_allowed(route, ask, person):
    # Without a place it is demanded everywhere, which is more than a role in a team gives.
    if person not in (Role.values if ask.names_a_place else HouseRole.values):
        return False
    return route.access.capability in DEFAULTS[Role(person)]


@pytest.mark.django_db
@pytest.mark.parametrize("name", GUARDED)
def test_route_answers_as_the_matrix_says(name, subtests):
    world = World()
    ask = ASKS[name](world)
    browsers = {person: _browser(world.people[person]) for person in PEOPLE}
    before = snapshot()

    for method in ("GET", "POST"):
        for person in PEOPLE:
            with subtests.test(method=method, person=person), taken_back():
                response = _send(browsers[person], ask, name, method)

                _assert_as_the_matrix_says(
                    GUARDED[name], ask, method, person, response, is_changed=snapshot() != before
                )


def _assert_as_the_matrix_says(route, ask, method, person, response, *, is_changed):
    if _is_allowed(route, ask, person):
        if method == "GET":
            assert response.status_code == (405 if ask.is_post_only else 200)
        elif ask.body is None:
            assert response.status_code == (200 if ask.ignores_method else 405)
        else:
            assert response.status_code in (200, 302)
            assert is_changed, "the allowed person's request did nothing"
        return
    assert not is_changed
    if person == "anonymous":
        assert response.status_code == 302
        assert urlsplit(response.url).path == reverse("account_login")
    else:
        assert response.status_code == (403 if _sees_the_place(person, ask) else 404)


def _sees_the_place(person, ask):
    """Say whether somebody may do anything at all there; elsewhere, that it exists must not leak."""
    if not ask.names_a_place or person in HouseRole.values:
        return True
    return person in TeamRole.values and not ask.is_elsewhere


def test_every_guarded_route_names_a_valid_request():
    assert set(GUARDED) == set(ASKS)


def test_every_route_declares_its_access():
    assert check_routes(None) == []


def undeclared(request):
    return HttpResponse()


urlpatterns = [path("open", undeclared), path("said", public("a reason")(undeclared))]


def test_a_route_that_declares_nothing_is_refused_by_the_check():
    routes = list(_walk(urlpatterns, prefix="", namespace=""))

    assert [route.pattern for route in routes if route.access is None] == ["open"]


@override_settings(ROOT_URLCONF=__name__)
def test_the_check_names_the_undeclared_route():
    all_routes.cache_clear()
    clear_url_caches()
    try:
        problems = check_routes(None)
    finally:
        all_routes.cache_clear()

    assert [type(problem) for problem in problems] == [Error]
    assert "'open'" in problems[0].msg


@pytest.mark.django_db
def test_a_person_who_may_do_nothing_here_is_told_the_same_as_for_what_does_not_exist(client):
    world = World()
    client.force_login(world.people["outsider"])

    existing = client.get(reverse("payment", kwargs={"app_id": world.game.app_id}))
    missing = client.get(reverse("payment", kwargs={"app_id": "mg_nothing"}))

    assert existing.status_code == missing.status_code == 404
    assert _without_token(existing) == _without_token(missing)


def _without_token(response):
    text = re.sub(r"[A-Za-z0-9]{64}", "", response.content.decode())
    return re.sub(r"/games/[\w-]+/payment", "", text)
