"""Order record: the list and one order's details."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from orders import filters, record
from orders.forms import OrderSearchForm
from orders.models import DeliveryConfig, Order
from orders.templatetags.delivery_state import capped
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit import listing
from sasvpay.kit.listing import ListingError


@requires(Capability.ORDER_VIEW)
@require_safe
def order_list(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """List a mini game's orders, the newest first."""
    form = OrderSearchForm(request.GET, at=timezone.now())
    context: dict[str, Any] = {"game": game, "form": form}
    status = 422
    if form.is_valid():
        try:
            context |= _found(request, game, form)
            status = 200
        except ListingError as refusal:
            context["problem"] = refusal.message
    return render(request, "orders/order_list.html", context, status=status)


def _found(request: ConsoleRequest, game: MiniGame, form: OrderSearchForm) -> dict[str, Any]:
    search = form.search()
    rows = search.rows(game)
    shown = rows.select_related("delivery", "item_version").defer("payload", "attach")
    page = listing.keyset_page(shown, request)
    return {
        "orders": page.rows,
        "pager": {
            "newer_url": page.newer_url,
            "older_url": page.older_url,
            "summary": _summary(listing.capped_count(rows)),
        },
        "span": search.span,
        "last_shown": filters.last_shown(search.span),
        "zone": timezone.get_current_timezone_name(),
    }


def _summary(count: int) -> str:
    return ngettext("%(count)s order", "%(count)s orders", count) % {"count": capped(count)}


@requires(Capability.ORDER_VIEW)
@require_safe
def order_detail(request: ConsoleRequest, game: MiniGame, order_id: int) -> HttpResponse:
    """Show one order: what was paid, what was sent where, and what came of it."""
    rows = Order.objects.select_related("delivery", "item_version__item")
    order = get_object_or_404(rows, game=game, pk=order_id)
    return render(request, "orders/order_detail.html", {"game": game, **_told(order)})


def _told(order: Order) -> dict[str, Any]:
    attempts, conflicts = record.attempts_of(order), record.conflicts_of(order)
    work = getattr(order, "delivery", None)
    config = DeliveryConfig.objects.filter(game=order.game_id).first()
    return {
        "order": order,
        "work": work,
        "item": order.item_version,
        "flags": record.flag_notes(order),
        "attempts": attempts,
        "conflicts": conflicts,
        "timeline": record.timeline(order, attempts, conflicts),
        "next_attempt_at": record.next_attempt_at(work),
        "why_held": record.why_held(order, config),
        "delivery_id": record.delivery_id_of(order),
        "sent_body": record.sent_body(order, attempts[0].made.signature) if attempts else "",
        "payload_pretty": record.pretty(order.payload),
    }
