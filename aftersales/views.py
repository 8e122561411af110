"""After-sales record: the list and one refund's details."""

from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from aftersales import record
from aftersales.export import REFUNDS
from aftersales.forms import RefundSearchForm
from aftersales.models import Refund
from orders.templatetags.delivery_state import capped
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit import export_pages, listing
from sasvpay.kit.listing import ListingError


@requires(Capability.REFUND_VIEW)
@require_safe
def refund_list(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """List a mini game's refunds, the last initiated first."""
    form = RefundSearchForm(request.GET, at=timezone.now())
    context: dict[str, Any] = {"game": game, "form": form}
    status = 422
    if form.is_valid():
        try:
            context |= _found(request, game, form)
            status = 200
        except ListingError as refusal:
            context["problem"] = refusal.message
    return render(request, "aftersales/refund_list.html", context, status=status)


def _found(request: ConsoleRequest, game: MiniGame, form: RefundSearchForm) -> dict[str, Any]:
    search = form.search()
    rows = search.rows(game)
    page = listing.keyset_page(rows.defer("payload"), request, moment="initiated_at")
    return {
        "refunds": page.rows,
        "pager": {
            "newer_url": page.newer_url,
            "older_url": page.older_url,
            "summary": _summary(listing.capped_count(rows)),
        },
        "span": search.span,
        "last_shown": search.span.last_shown,
        "zone": timezone.get_current_timezone_name(),
    }


def _summary(count: int) -> str:
    return ngettext("%(count)s refund", "%(count)s refunds", count) % {"count": capped(count)}


@requires(Capability.REFUND_VIEW)
@require_safe
def refund_detail(request: ConsoleRequest, game: MiniGame, refund_id: int) -> HttpResponse:
    """Show one refund: what the superapp told of it, and the order that it is of."""
    refund = get_object_or_404(Refund.objects.select_related("order"), game=game, pk=refund_id)
    events, conflicts = record.events_of(refund), record.conflicts_of(refund)
    context = {
        "game": game,
        "refund": refund,
        "order": refund.order,
        "flags": record.flag_notes(refund),
        "events": events,
        "conflicts": conflicts,
        "timeline": record.timeline(refund, events, conflicts),
    }
    return render(request, "aftersales/refund_detail.html", context)


@requires(Capability.REFUND_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def refund_export(request: ConsoleRequest, game: MiniGame) -> HttpResponseBase:
    """Ask how to export the refunds that the filters select, and do it."""
    back = f"{reverse('aftersales:refund-list', args=[game.app_id])}?{request.GET.urlencode()}"
    return export_pages.answer(request, REFUNDS, game, back=back)
