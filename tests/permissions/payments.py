"""What the tests of payment share: addresses, and whatever a refusal must not change."""

from datetime import timedelta

from django.urls import reverse

from permissions.models import CallbackKey, MiniGame, PaymentRequest
from sasvpay.kit.models import AuditEvent
from tests.factories import AT

LATER = AT + timedelta(hours=1)
LAST = AT + timedelta(hours=2)
TEAM = ["team_admin", "senior_developer", "developer", "operator"]
PLATFORM = ["super_admin", "platform_admin"]
EVERYBODY = [*TEAM, *PLATFORM, "reviewer"]


def everything():
    """Return whatever a refusal must not change."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (PaymentRequest, MiniGame, CallbackKey)
    ] + [list(AuditEvent.objects.exclude(event="signed_in").order_by("pk").values())]


def address(name, game, *args):
    """Return the address of a page about the game's payment."""
    return reverse(name if name == "payment" else f"permissions:{name}", args=[game.app_id, *args])


def text(response):
    """Return what a page says."""
    return response.content.decode()
