"""Delivery log: the list, one order's delivery, one attempt in full."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from orders import delivery, delivery_config, receivers, record
from orders.delivery_forms import DeliverySearchForm
from orders.models import DeliveryAttempt, DeliveryConfig, DeliveryStatus, Order
from orders.templatetags.delivery_state import capped
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit import listing
from sasvpay.kit.listing import ListingError


@requires(Capability.DELIVERY_VIEW)
@require_safe
def delivery_list(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """List how the deliveries of a mini game's orders stand, the newest order first."""
    form = DeliverySearchForm(request.GET, at=timezone.now())
    context: dict[str, Any] = {"game": game, "form": form, **_standing(game)}
    status = 422
    if form.is_valid():
        try:
            context |= _found(request, game, form)
            status = 200
        except ListingError as refusal:
            context["problem"] = refusal.message
    return render(request, "orders/delivery_list.html", context, status=status)


def _standing(game: MiniGame) -> dict[str, Any]:
    config = DeliveryConfig.objects.filter(game=game).first()
    return {
        "config": config,
        "backlog": delivery_config.backlog(game, config),
        "paused_envs": receivers.paused_envs(game),
    }


def _found(request: ConsoleRequest, game: MiniGame, form: DeliverySearchForm) -> dict[str, Any]:
    search = form.search()
    rows = search.rows(game)
    shown = rows.select_related("delivery").defer("payload", "attach")
    page = listing.keyset_page(shown, request)
    count = listing.capped_count(rows)
    return {
        "orders": [(order, _sentence(order)) for order in page.rows],
        "kept": form.kept(),
        "query": form.query(),
        "count": count,
        "pager": {
            "newer_url": page.newer_url,
            "older_url": page.older_url,
            "summary": _summary(count),
        },
        "span": search.span,
        "last_shown": search.span.last_shown,
        "zone": timezone.get_current_timezone_name(),
    }


def _sentence(order: Order) -> str:
    """Return why an order is not delivered yet, as the last answer tells."""
    work = order.delivery
    if not work.last_verdict or order.delivery_status == DeliveryStatus.DELIVERED:
        return ""
    return delivery.explain(work.last_verdict)


def _summary(count: int) -> str:
    return ngettext("%(count)s order", "%(count)s orders", count) % {"count": capped(count)}


@requires(Capability.DELIVERY_VIEW)
@require_safe
def delivery_detail(request: ConsoleRequest, game: MiniGame, order_id: int) -> HttpResponse:
    """Show what was tried to deliver one order, and what people did about it."""
    order = _order(game, order_id)
    attempts, acts = record.attempts_of(order), record.acts_of(order)
    config = DeliveryConfig.objects.filter(game=game).first()
    context = {
        "game": game,
        "order": order,
        "work": order.delivery,
        "attempts": attempts,
        "timeline": record.timeline(order, attempts, [], acts),
        "next_attempt_at": record.next_attempt_at(order.delivery),
        "is_paused": order.env in receivers.paused_envs(game),
        "why_held": record.why_held(order, config),
        "delivery_id": record.delivery_id_of(order),
    }
    return render(request, "orders/delivery_detail.html", context)


@requires(Capability.DELIVERY_VIEW)
@require_safe
def attempt_detail(
    request: ConsoleRequest, game: MiniGame, order_id: int, number: int
) -> HttpResponse:
    """Show one attempt in full: what was sent where, what was signed, what came back."""
    order = _order(game, order_id)
    made = get_object_or_404(
        DeliveryAttempt.objects.select_related("key"), delivery=order.pk, number=number
    )
    context = {
        "game": game,
        "order": order,
        "attempt": record.Attempt(made, delivery.explain(made.verdict)),
        "delivery_id": record.delivery_id_of(order),
        "sent_body": record.sent_body(order, made.signature),
        "signed_text": record.signed_text(order),
    }
    return render(request, "orders/attempt_detail.html", context)


def _order(game: MiniGame, order_id: int) -> Order:
    return get_object_or_404(Order.objects.select_related("delivery"), game=game, pk=order_id)
