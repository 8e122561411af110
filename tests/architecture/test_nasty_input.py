"""Every page and every form with what nobody should send: an answer, never a fault of ours."""

import os
import re

import pytest
from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode

from permissions.matrix import DEFAULTS, Role
from permissions.routes import all_routes
from sasvpay.kit.models import AuditEvent
from tests.architecture import nasty
from tests.architecture.asks import ASKS, Ask
from tests.architecture.world import World, taken_back
from tests.permissions.pages import as_

GUARDED = {route.name: route for route in all_routes() if route.access and route.access.capability}
REFUSED = {400, 404, 409, 422}
pytestmark = pytest.mark.django_db


def _plain(name):
    """Say whether a route without a capability names no place."""
    try:
        return name and name not in GUARDED and bool(reverse(name))
    except NoReverseMatch:
        return False


OTHERS = sorted({route.name for route in all_routes() if _plain(route.name)} - {"account_logout"})


def _one_who_may(world, name):
    """Return a browser of somebody who may do it."""
    if name not in GUARDED:
        return as_(world.people["team_admin"])
    access = GUARDED[name].access
    assert access is not None
    wanted = access.capability
    return as_(world.people[next(role for role in Role.values if wanted in DEFAULTS[Role(role)])])


# Every value in every field takes many minutes: by hand, with NASTY=full.
FULL = os.environ.get("NASTY") == "full"
FEW = list(nasty.IN_FORMS)[:2]


def _quoted(**asked):
    return urlencode({name: value.encode(errors="surrogatepass") for name, value in asked.items()})


def _queries(page):
    """Return each value in all fields at once; where one searches, in each field as well."""
    fields = set(re.findall(r'name="([\w-]+)"', page)) - {"csrfmiddlewaretoken", "viewport"}
    for value in nasty.VALUES if FULL else FEW:
        yield _quoted(**dict.fromkeys([*fields, *nasty.NAMES], value))
        if "period" in fields:
            yield _quoted(period="custom", since=value, until=value)
        if FULL and "period" in fields and value in nasty.IN_FORMS:
            yield from (_quoted(**{name: value}) for name in sorted(fields))


@pytest.mark.parametrize("name", [*GUARDED, *OTHERS])
def test_no_query_string_is_a_fault_of_ours(name):
    world = World()
    ask = ASKS[name](world) if name in GUARDED else Ask()
    browser = _one_who_may(world, name)
    address = reverse(name, kwargs=ask.kwargs)
    page = browser.get(address)
    if page.status_code != 200 or not page.headers["Content-Type"].startswith("text/html"):
        return

    for query in _queries(page.content.decode()):
        with taken_back():
            answer = browser.get(f"{address}?{query}")

        assert answer.status_code < 500, query
        assert b"<script>alert" not in b"".join(answer), query


def _wrong_bodies(body):
    """Return the valid body with one of its fields, or any it might have, wrong in each way."""
    for name, right in body.items():
        if isinstance(right, str | int | list):
            for value in nasty.IN_FORMS if FULL else FEW:
                yield {**body, name: value}
            yield {key: kept for key, kept in body.items() if key != name}


@pytest.mark.parametrize("name", GUARDED)
def test_no_field_of_a_form_is_a_fault_of_ours_and_a_refusal_changes_nothing(name):
    world = World()
    ask = ASKS[name](world)
    browser = _one_who_may(world, name)
    address = reverse(name, kwargs=ask.kwargs)
    before = AuditEvent.objects.count()

    for body in _wrong_bodies(ask.body or {}):
        with taken_back():
            answer = browser.post(address, body)
            happened = AuditEvent.objects.count() - before

        assert answer.status_code < 500, body
        assert b"<script>alert" not in b"".join(answer), body
        assert not (answer.status_code in REFUSED and happened), body


@pytest.mark.parametrize("name", [name for name in GUARDED if "/" in GUARDED[name].pattern])
def test_no_address_is_a_fault_of_ours(name):
    world = World()
    ask = ASKS[name](world)
    browser = _one_who_may(world, name)
    wrong = [0, 2**31, 2**63, 10**30, "\x00", "%00", "é", "'", "x" * 5000]

    for key in ask.kwargs:
        for value in wrong:
            try:
                address = reverse(name, kwargs={**ask.kwargs, key: value})
            except NoReverseMatch:
                continue
            assert browser.get(address).status_code < 500, address
