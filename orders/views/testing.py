"""The test notification: send one, and show the last."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from orders import credentials, delivery, record, workbench
from orders.models import DeliveryConfig, TestPush, Verdict
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit.answers import go_to


@requires(Capability.DELIVERY_CONFIG_CHANGE)
@require_POST
def send(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Send a test notification; the page then shows what came of it."""
    push = workbench.send_test_push(game=game, by=request.user, at=timezone.now())
    if push.verdict == Verdict.DELIVERED:
        messages.success(request, _("The test notification was confirmed."))
    else:
        messages.warning(request, _("The test notification was not confirmed: see the reason."))
    return go_to(request, reverse("orders:config", args=[game.app_id]) + "#test")


def has_passed(game: MiniGame) -> bool:
    """Say whether a test notification was ever confirmed."""
    return game.test_pushes.filter(verdict=Verdict.DELIVERED).exists()


def context(game: MiniGame, config: DeliveryConfig | None, now: datetime) -> dict[str, Any]:
    """Return what the page says of test notifications."""
    push = TestPush.objects.filter(game=game).select_related("sent_by").order_by("-sent_at").first()
    return {
        "test_refusal": workbench.why_not(config, credentials.current_key(game, now)),
        "push": push,
        "push_passed": push is not None and push.verdict == Verdict.DELIVERED,
        "push_sentence": delivery.explain(push.verdict) if push else "",
        "push_body": record.pretty(push.body) if push else "",
    }
