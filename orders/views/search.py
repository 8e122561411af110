"""The top bar's search: from an order number or OpenId to what it stands for."""

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from orders import search
from orders.filters import Period
from orders.forms import FindForm
from orders.search import Found
from permissions.access import ConsoleRequest, can_somewhere
from permissions.matrix import Capability


@require_safe
def find(request: ConsoleRequest) -> HttpResponse:
    """Go to the one hit; list several, or say that there is none."""
    if not can_somewhere(request.user, Capability.ORDER_VIEW):
        raise PermissionDenied(Capability.ORDER_VIEW.value)
    form = FindForm(request.GET)
    text = form.cleaned_data["q"] if form.is_valid() else ""
    found = search.find(text, by=request.user, at=timezone.now()) if text else None
    if found and found.count == 1:
        return redirect(_address(found, text))
    context = {
        "form": form,
        "text": text,
        "found": found,
        "shown": search.SHOWN,
        "period": Period.YEAR,
    }
    status = 200 if form.is_valid() else 422
    return render(request, "orders/search.html", context, status=status)


def _address(found: Found, text: str) -> str:
    for order in found.orders:
        return reverse("orders:order-detail", args=[order.game.app_id, order.pk])
    [game] = found.games
    bought = search.only_order(game, text, at=timezone.now())
    if bought:
        return reverse("orders:order-detail", args=[game.app_id, bought.pk])
    asked = {"open_id": text, "period": Period.YEAR.value}
    return reverse("orders:order-list", args=[game.app_id], query=asked)
