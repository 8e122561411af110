"""Order record: the list and one order's details."""

from typing import Any

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from orders import filters, receivers, record, settlement
from orders.forms import OrderSearchForm, SettleForm
from orders.models import DeliveryConfig, Order
from orders.templatetags.delivery_state import capped
from orders.totals import SUMMED, totals_of
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit import listing
from sasvpay.kit.answers import go_to
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
    page = listing.keyset_page(filters.listed(rows), request)
    totals = totals_of(rows)
    return {
        "orders": page.rows,
        "totals": totals,
        "summed": SUMMED,
        "pager": {
            "newer_url": page.newer_url,
            "older_url": page.older_url,
            "summary": _summary(totals.orders),
        },
        "span": search.span,
        "last_shown": search.span.last_shown,
        "zone": timezone.get_current_timezone_name(),
    }


def _summary(count: int) -> str:
    return ngettext("%(count)s order", "%(count)s orders", count) % {"count": capped(count)}


@requires(Capability.ORDER_VIEW)
@require_safe
def order_detail(request: ConsoleRequest, game: MiniGame, order_id: int) -> HttpResponse:
    """Show one order: what was paid, what was sent where, and what came of it."""
    rows = Order.objects.select_related("delivery", "item_version__item", "settlement__settled_by")
    order = get_object_or_404(rows, game=game, pk=order_id)
    return render(request, "orders/order_detail.html", {"game": game, **_told(order)})


def _told(order: Order) -> dict[str, Any]:
    attempts, conflicts = record.attempts_of(order), record.conflicts_of(order)
    acts = record.acts_of(order)
    work = getattr(order, "delivery", None)
    config = DeliveryConfig.objects.filter(game=order.game_id).first()
    return {
        "order": order,
        "work": work,
        "item": order.item_version,
        "flags": record.flag_notes(order),
        "settlement": getattr(order, "settlement", None),
        "attempts": attempts,
        "conflicts": conflicts,
        "timeline": record.timeline(order, attempts, conflicts, acts),
        "next_attempt_at": record.next_attempt_at(work),
        "is_paused": order.env in receivers.paused_envs(order.game),
        "why_held": record.why_held(order, config),
        "delivery_id": record.delivery_id_of(order),
        "sent_body": record.sent_body(order, attempts[0].made.signature) if attempts else "",
        "payload_pretty": record.pretty(order.payload),
    }


@requires(Capability.DELIVERY_RESEND)
def settle(request: ConsoleRequest, game: MiniGame, order_id: int) -> HttpResponse:
    """Ask what came of looking at an order's flags, and settle them."""
    order = get_object_or_404(Order, ~Q(flags=""), game=game, pk=order_id)
    is_sent = request.method == "POST"
    form = SettleForm(request.POST if is_sent else None)
    back = reverse("orders:order-detail", args=[game.app_id, order.pk])
    if order.settled_at and not is_sent:
        # Who was first, and the note, stand there.
        return go_to(request, back)
    if is_sent and form.is_valid():
        note = form.cleaned_data["note"]
        settlement.settle(order=order, note=note, by=request.user, at=timezone.now())
        messages.success(request, _("The order's attention flags are settled."))
        return go_to(request, back)
    context = {"game": game, "order": order, "form": form, "back": back}
    return render(request, "orders/settle.html", context, status=422 if is_sent else 200)
