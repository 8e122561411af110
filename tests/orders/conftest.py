"""Each test starts with what a fresh process knows: nothing."""

import pytest
from django.test import Client

from orders import refusals
from permissions import callback_keys
from sasvpay.kit import ratelimit
from tests.factories import CallbackKeyFactory


@pytest.fixture(autouse=True)
def _fresh_process():
    callback_keys.forget_all()
    ratelimit.forget_all()
    refusals.forget_all()


@pytest.fixture
def paying(game):
    """A mini game with payment enabled and a callback key."""
    game.payment_enabled = True
    game.save()
    CallbackKeyFactory(game=game)
    return game


@pytest.fixture
def client():
    # A bug is to come out as an answer, as it does in production.
    return Client(raise_request_exception=False)
