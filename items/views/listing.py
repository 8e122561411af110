"""The list of a mini game's items."""

from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from items import exemption, filters, rows
from items.filters import Act, Tab
from items.forms import ItemSearchForm
from items.selection import bound, kept
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from sasvpay.kit import listing


@requires(Capability.ITEM_VIEW)
@require_safe
def item_list(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """List a mini game's items, the newest first."""
    form = ItemSearchForm(request.GET)
    context = {
        "game": game,
        "form": form,
        "currency": settings.CURRENCY,
        "is_exempt": exemption.in_force(game) is not None,
        "kept": kept(request.GET),
        "place": urlencode(kept(request.GET)),
    }
    if form.is_valid():
        context |= _found(request, game, form)
    return render(request, "items/item_list.html", context, status=200 if form.is_valid() else 422)


def _found(request: ConsoleRequest, game: MiniGame, form: ItemSearchForm) -> dict[str, Any]:
    search = form.search()
    counts = search.tab_counts(game)
    total = counts.get(search.status, 0)
    found = search.rows(game)
    is_all = bool(request.GET.get("all")) and total > 0
    # Before the rows: what arrives while they are read is not shown.
    upto = bound(found, game).text if is_all else ""
    shown = rows.with_versions(found.order_by("-pk"))
    pages = listing.numbered_pages(shown, size=int(form.cleaned_data["size"]), length=total)
    page = pages.get_page(request.GET.get("page"))
    return {
        "page": page,
        "rows": rows.rows_of(page),
        "total": total,
        "tabs": [(tab.value, tab.label, counts.get(tab.value, 0)) for tab in Tab],
        "status": search.status,
        "rejected": counts.get(Tab.REJECTED, 0),
        "is_all": is_all,
        "upto": upto,
        "acts": _acts(filters.act_counts(found) if is_all else {}),
    }


def _acts(counts: dict[str, int]) -> dict[str, int]:
    """Return to how many items each act applies, as far as the page does not count for itself."""
    return {act.value: counts.get(act.value, 0) for act in Act}
