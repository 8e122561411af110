"""A game's request for payment, before and after the decision."""

from datetime import timedelta

import pytest

from permissions import enablement
from tests.factories import AT, MerchantFactory
from tests.permissions.pages import confirm


@pytest.fixture
def merchant(team):
    return MerchantFactory(team=team)


@pytest.fixture
def pending(game, merchant, team_admin):
    return enablement.request(game=game, message="Please <b>.", by=team_admin, at=AT)


@pytest.fixture
def approved(pending, reviewer):
    at = AT + timedelta(hours=1)
    return enablement.approve(request_id=pending.pk, by=reviewer, at=at, note="Welcome.")


@pytest.fixture
def as_(request, client):
    """Sign a person in, by the name of their fixture, and return the client."""

    def sign_in(name):
        person = request.getfixturevalue(name)
        client.force_login(person)
        confirm(client, person)
        return client

    return sign_in
