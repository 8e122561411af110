"""Every form that makes something, sent five times at the same moment: one thing, and no fault."""

from collections import Counter
from functools import partial

import pytest
from django.apps import apps
from django.urls import reverse

from permissions.matrix import DEFAULTS, Role
from permissions.models import Invitation
from permissions.routes import all_routes
from tests.architecture.asks import ASKS
from tests.architecture.world import World
from tests.permissions.pages import as_
from tests.threads import together

NEEDS = {route.name: route.access.capability for route in all_routes() if route.access}
MAKES = {
    "permissions:team-add": ["permissions.Team"],
    "permissions:game-add": ["permissions.MiniGame"],
    "permissions:house-add": ["permissions.User", "account.EmailAddress"],
    # What is granted brings with it what shows its pages.
    "permissions:grant-add": ["permissions.GameGrant", "permissions.GameGrant"],
    "permissions:payment-request": ["permissions.PaymentRequest"],
    "orders:config-edit": ["orders.DeliveryConfig", "orders.DeliveryKey"],
    "items:item-add": ["items.Item", "items.ItemVersion"],
    "items:release-request": ["items.ReleaseRequest"],
    "items:exemption-request": ["items.ExemptionRequest"],
    "items:import-list": ["items.ImportBatch"],
}
# What tells of an act, and is not what it makes.
TOLD = {"kit", "sessions", "usersessions", "contenttypes"}


def counts():
    return Counter(
        {
            model._meta.label: model._default_manager.count()
            for model in apps.get_models(include_auto_created=True)
            if model._meta.app_label not in TOLD
        }
    )


def sent_five_times(world, name):
    """Return the statuses, and what was made."""
    ask = ASKS[name](world)
    role = next(role for role in Role.values if NEEDS[name] in DEFAULTS[Role(role)])
    browsers = [as_(world.people[role]) for _each in range(5)]
    url, before = reverse(name, kwargs=ask.kwargs), counts()

    answers = together(*(partial(browser.post, url, ask.body) for browser in browsers))

    return {answer.status_code for answer in answers}, counts() - before


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_five_times_at_once_makes_one_thing():
    world = World()

    for name, makes in MAKES.items():
        statuses, made = sent_five_times(world, name)

        assert statuses <= {302, 422}, name
        assert made == Counter(makes), name


@pytest.mark.django_db(transaction=True)
def test_an_invitation_sent_five_times_at_once_leaves_one_link_that_opens():
    statuses, _made = sent_five_times(World(), "permissions:member-invite")

    assert statuses <= {302, 422}
    assert Invitation.objects.filter(status=Invitation.Status.PENDING).count() == 1
