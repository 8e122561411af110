"""Send again what was pushed before, and mark as delivered by hand."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from orders import resending
from orders.delivery_forms import DeliverySearchForm, SettleForm
from orders.models import Order
from permissions.access import ConsoleRequest, requires
from permissions.forms import ConfirmForm
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.views import dialogs
from permissions.views.dialogs import Dialog, sent
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError
from sasvpay.kit.models import Job
from sasvpay.kit.tasks import run_job
from sasvpay.kit.templatetags.console import number

if TYPE_CHECKING:
    from django.db.models import QuerySet

_LARGEST_KEY: Final = 2**63 - 1


@dataclass(frozen=True)
class Choice:
    """Which orders a resend is about: those that were marked, or all that a search finds."""

    orders: "QuerySet[Order]"
    fields: list[tuple[str, str]]
    query: str
    is_all: bool


def _chosen(request: ConsoleRequest, game: MiniGame) -> Choice:
    asked = request.POST if request.method == "POST" else request.GET
    form = DeliverySearchForm(asked, at=timezone.now())
    query, searched = form.query(), form.kept()
    if asked.get("all"):
        orders = form.search().rows(game) if form.is_valid() else Order.objects.none()
        return Choice(orders, [*searched, ("all", "1")], query, is_all=True)
    marked = [text for text in asked.getlist("order") if text.isascii() and text.isdecimal()]
    pks = [int(text) for text in marked if int(text) <= _LARGEST_KEY]
    orders = Order.objects.filter(game=game, pk__in=pks[: resending.MOST])
    return Choice(orders, [*searched, *(("order", text) for text in marked)], query, is_all=False)


@requires(Capability.DELIVERY_RESEND)
def resend(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Say how many orders are sent again and which are not, and do it."""
    choice, form = _chosen(request, game), ConfirmForm(sent(request))
    if form.is_valid():
        try:
            return _resent(request, game, choice)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
    found = resending.tally(choice.orders, at=timezone.now())
    context = {
        "game": game,
        "form": form,
        "choice": choice,
        "fit": found.get("", 0),
        "total": sum(found.values()),
        "left_out": resending.told(found),
        "most": resending.MOST,
        "back": _back(game, choice),
    }
    status = 422 if form.is_bound else 200
    return render(request, "orders/resend.html", context, status=status)


def _resent(request: ConsoleRequest, game: MiniGame, choice: Choice) -> HttpResponse:
    now, by = timezone.now(), request.user
    if choice.is_all:
        job = resending.start(game=game, query=choice.query, by=by, at=now)
        # A broker that is away harms nothing: the sweep finds what was not announced.
        transaction.on_commit(partial(run_job.delay, job_id=job.pk), robust=True)
        return go_to(request, reverse("orders:resend-progress", args=[game.app_id, job.pk]))
    pks = list(choice.orders.order_by("pk").values_list("pk", flat=True))
    found = resending.resend(game=game, order_ids=pks, by=by, at=now)
    messages.success(request, " ".join([_said(found.get("", 0)), *resending.told(found)]))
    return go_to(request, _back(game, choice))


def _said(count: int) -> str:
    return ngettext(
        "One order is being sent again.", "%(shown)s orders are being sent again.", count
    ) % {"shown": number(count)}


def _back(game: MiniGame, choice: Choice) -> str:
    marked = [value for name, value in choice.fields if name == "order"]
    if not choice.is_all and not choice.query and len(marked) == 1:
        return reverse("orders:delivery-detail", args=[game.app_id, int(marked[0])])
    page = reverse("orders:delivery-list", args=[game.app_id])
    return f"{page}?{choice.query}" if choice.query else page


@requires(Capability.DELIVERY_RESEND)
@require_safe
def progress(request: ConsoleRequest, game: MiniGame, job_id: int) -> HttpResponse:
    """Show how far a resend of many is, and what came of it."""
    jobs = Job.objects.filter(kind=resending.KIND, subject=f"game:{game.app_id}")
    job = get_object_or_404(jobs.select_related("requested_by"), pk=job_id)
    found: dict[str, Any] = job.params["found"]
    back = reverse("orders:delivery-list", args=[game.app_id])
    context = {
        "game": game,
        "job": job,
        "poll_url": request.path,
        "count": found.get("", 0),
        "left_out": resending.told(found),
        "back": f"{back}?{job.params['query']}" if job.params["query"] else back,
    }
    return render(request, "orders/resend_progress.html", context)


@requires(Capability.DELIVERY_RESEND)
def settle(request: ConsoleRequest, game: MiniGame, order_id: int) -> HttpResponse:
    """Ask why, and mark an order as delivered by hand."""
    order = get_object_or_404(Order, game=game, pk=order_id)
    form, now = SettleForm(sent(request)), timezone.now()
    dialog = Dialog(
        title=_("Mark as delivered by hand"),
        intro=_("It is not pushed any more. The developer's server is not told."),
        submit=_("Mark as delivered"),
        back=reverse("orders:delivery-detail", args=[game.app_id, order.pk]),
    )
    return dialogs.answer(
        request,
        form,
        dialog,
        act=lambda: resending.settle(order=order, by=request.user, at=now, **form.cleaned_data),
        said=_("The order is marked as delivered."),
    )
