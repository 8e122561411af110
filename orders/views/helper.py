"""For the developer's engineers: the protocol with the team's own values, and the signature helper."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from orders import credentials, receivers, signatures, vectors
from orders.delivery_forms import SignatureForm
from orders.models import DeliveryConfig
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.views.dialogs import sent
from sasvpay.kit.errors import DomainError


@requires(Capability.DELIVERY_CONFIG_VIEW)
@require_safe
def protocol(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show the protocol, the plan, the vectors and code that verifies a notification."""
    plan = [timedelta(seconds=gap) for gap in settings.DELIVERY_RETRY_SECONDS]
    context = {
        "game": game,
        "config": DeliveryConfig.objects.filter(game=game).first(),
        "key": credentials.current_key(game, timezone.now()),
        "plan": plan,
        "attempts": len(plan) + 1,
        "whole": sum(plan, timedelta(0)),
        "timeout": settings.DELIVERY_TIMEOUT_SECONDS,
        "paused_after": receivers.PAUSED_AFTER,
        "patience": receivers.PATIENCE,
        "probe_every": receivers.PROBE_EVERY,
        "drain": settings.DELIVERY_DRAIN_A_SECOND,
        "vectors": vectors.VECTORS,
        "samples": vectors.SAMPLES,
    }
    return render(request, "orders/protocol.html", context)


@requires(Capability.DELIVERY_CONFIG_REQUEST_KEY)
@never_cache
def signature(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Compare a developer's signature with what is right."""
    form = SignatureForm(sent(request))
    context: dict[str, Any] = {
        "game": game,
        "form": form,
        "back": reverse("orders:config", args=[game.app_id]),
    }
    if form.is_valid():
        try:
            context["check"] = signatures.check(
                game=game, by=request.user, at=timezone.now(), **form.cleaned_data
            )
        except DomainError as refusal:
            form.add_error("text", refusal.message)
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "orders/signature.html", context, status=status)
