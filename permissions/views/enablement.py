"""Enable payment: the team asks, the reviewer decides and hands the callback key over."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from permissions import callback_keys, enablement
from permissions.access import ConsoleRequest, requires
from permissions.enablement import State
from permissions.forms import PaymentApproveForm, PaymentRefuseForm, PaymentRequestForm
from permissions.matrix import Capability
from permissions.models import Merchant, MiniGame, PaymentRequest
from permissions.sign_in import confirmed_sign_in
from permissions.views.dialogs import sent
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError


@dataclass(frozen=True)
class Decision:
    """One thing that a reviewer may do to a request: its words, its form, from which state."""

    act: Callable[..., PaymentRequest]
    form: type[forms.Form]
    since: State
    title: str | Promise
    intro: str | Promise
    submit: str | Promise
    said: str | Promise
    is_danger: bool = True


APPROVE: Final = Decision(
    act=enablement.approve,
    form=PaymentApproveForm,
    since=State.PENDING,
    title=gettext_lazy("Approve payment"),
    intro=gettext_lazy(
        "Players can pay in this mini game as soon as an item is released. Its callback key is "
        "issued, unless it has one."
    ),
    submit=gettext_lazy("Approve"),
    said=gettext_lazy("Payment is enabled for “%(game)s”."),
    is_danger=False,
)
REJECT: Final = Decision(
    act=enablement.reject,
    form=PaymentRefuseForm,
    since=State.PENDING,
    title=gettext_lazy("Reject the request"),
    intro=gettext_lazy("Payment stays off. The team reads your reason and may ask again."),
    submit=gettext_lazy("Reject"),
    said=gettext_lazy("The request for “%(game)s” was rejected."),
)
DISABLE: Final = Decision(
    act=enablement.disable,
    form=PaymentRefuseForm,
    since=State.APPROVED,
    title=gettext_lazy("Disable payment"),
    intro=gettext_lazy(
        "Payment is switched off at once. Callbacks that still arrive are stored, delivered and "
        "flagged, because the player has paid; the callback key stays. The team may ask again."
    ),
    submit=gettext_lazy("Disable payment"),
    said=gettext_lazy("Payment is disabled for “%(game)s”."),
)


@requires(Capability.PAYMENT_REQUEST)
def payment_request(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Ask the superapp to enable payment."""
    now = enablement.current(game)
    if request.method != "POST" and not now.can_be_requested:
        # The page says why: no merchant, pending, or enabled already.
        return go_to(request, _payment(game))
    form = PaymentRequestForm(sent(request))
    if form.is_valid():
        act = partial(
            enablement.request,
            game=game,
            message=form.cleaned_data["message"],
            by=request.user,
            at=timezone.now(),
        )
        return _act(request, game, act, _("The request was sent to the superapp's reviewer."))
    return _page(
        request,
        "permissions/payment_request.html",
        form,
        {"game": game, "now": now, "back": _payment(game)},
    )


@requires(Capability.PAYMENT_DECIDE)
def payment_approve(request: ConsoleRequest, game: MiniGame, request_id: int) -> HttpResponse:
    """Say yes to a request."""
    return _decide(request, game, request_id, APPROVE)


@requires(Capability.PAYMENT_DECIDE)
def payment_reject(request: ConsoleRequest, game: MiniGame, request_id: int) -> HttpResponse:
    """Say no to a request, and why."""
    return _decide(request, game, request_id, REJECT)


@requires(Capability.PAYMENT_DECIDE)
def payment_disable(request: ConsoleRequest, game: MiniGame, request_id: int) -> HttpResponse:
    """Switch payment off again, and say why."""
    return _decide(request, game, request_id, DISABLE)


def _decide(
    request: ConsoleRequest, game: MiniGame, request_id: int, decision: Decision
) -> HttpResponse:
    asked = get_object_or_404(game.payment_requests.select_related("requested_by"), pk=request_id)
    state = enablement.state_of(asked)
    if state != decision.since:
        told = _("This request is “%(state)s” by now. Nothing was changed.")
        messages.error(request, told % {"state": state.label})
        return go_to(request, _payment(game))
    form = decision.form(sent(request))
    if form.is_valid():
        facts = {"request_id": asked.pk, "by": request.user, "at": timezone.now()}
        note = form.cleaned_data["note"]
        return _act(
            request, game, partial(decision.act, **facts, note=note), decision.said % {"game": game}
        )
    return _page(
        request,
        "permissions/payment_decide.html",
        form,
        {
            "game": game,
            "asked": asked,
            "merchant": Merchant.objects.filter(team_id=game.team_id).first(),
            "decision": decision,
            "back": _payment(game),
            "submit_tone": "danger" if decision.is_danger else "primary",
        },
    )


def _act(
    request: ConsoleRequest, game: MiniGame, act: Callable[[], object], said: str
) -> HttpResponse:
    """Act, say what happened, and lead to the payment page: also when somebody else was first."""
    try:
        act()
    except DomainError as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, said)
    return go_to(request, _payment(game))


def _page(
    request: ConsoleRequest, template: str, form: forms.Form, facts: dict[str, object]
) -> HttpResponse:
    context = {"form": form, **facts}
    return render(request, template, context, status=422 if form.is_bound else 200)


def _payment(game: MiniGame) -> str:
    # The page looks across apps, so it is the roof's: named here, not imported.
    return reverse("payment", args=[game.app_id])


@requires(Capability.CALLBACK_KEY_ROTATE)
@never_cache
def callback_key(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show what became of a mini game's callback keys; a key itself never."""
    return _keys(request, game)


@requires(Capability.CALLBACK_KEY_ROTATE)
@never_cache
@require_POST
@confirmed_sign_in
def callback_key_show(request: ConsoleRequest, game: MiniGame, key_id: int) -> HttpResponse:
    """Answer with the key, once. No redirect: that would leave it in the session."""
    key = get_object_or_404(game.callback_keys, pk=key_id)
    try:
        secret = callback_keys.show(key_id=key.pk, by=request.user, at=timezone.now())
    except DomainError as refusal:
        messages.error(request, refusal.message)
        return go_to(request, _key_page(game))
    return _keys(request, game, secret=secret)


@requires(Capability.CALLBACK_KEY_ROTATE)
@never_cache
@confirmed_sign_in
def callback_key_rotate(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Issue a new key, after asking again; the present one verifies for 24 more hours."""
    get_object_or_404(game.callback_keys, retires_at=None)
    if request.method != "POST":
        context = {"game": game, "back": _key_page(game)}
        return render(request, "permissions/callback_key_rotate.html", context)
    callback_keys.rotate(game=game, by=request.user, at=timezone.now())
    messages.success(request, _("A new callback key was issued. Show it and hand it over."))
    return go_to(request, _key_page(game))


def _key_page(game: MiniGame) -> str:
    return reverse("permissions:callback-key", args=[game.app_id])


def _keys(request: ConsoleRequest, game: MiniGame, *, secret: str = "") -> HttpResponse:
    keys = list(game.callback_keys.select_related("issued_by", "shown_by").order_by("-pk"))
    context = {
        "game": game,
        "keys": keys,
        "current": next((key for key in keys if key.retires_at is None), None),
        "secret": secret,
        "now": timezone.now(),
    }
    return render(request, "permissions/callback_key.html", context)
