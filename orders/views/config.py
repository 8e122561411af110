"""Basic configuration: URLs, switch, key and certificate."""

from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from items import exemption
from orders import certificates, credentials, delivery_config
from orders.forms import DeliveryConfigForm, RotateKeyForm, SwitchOnForm
from orders.models import DeliveryConfig
from orders.views import testing
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.sign_in import confirmed_sign_in
from sasvpay.kit.answers import go_to


def _page(game: MiniGame) -> str:
    return reverse("orders:config", args=[game.app_id])


def _config_of(game: MiniGame) -> DeliveryConfig | None:
    return (
        DeliveryConfig.objects.filter(game=game)
        .select_related("changed_by", "first_saved_by")
        .first()
    )


@requires(Capability.DELIVERY_CONFIG_VIEW)
@require_safe
def show(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show how delivery notification is configured."""
    now, config = timezone.now(), _config_of(game)
    context = {
        "game": game,
        "config": config,
        "is_unencrypted": bool(config and config.url.lower().startswith("http://")),
        "ending": certificates.ending(game, now),
        "now": now,
        "backlog": delivery_config.backlog(game, config),
        "exemption": exemption.current(game),
        "exemption_history": exemption.history(game),
        **_key_context(game, now),
        **testing.context(game, config, now),
    }
    return render(request, "orders/config.html", context)


def _key_context(game: MiniGame, now: datetime) -> dict[str, Any]:
    keys = [
        ("current", credentials.current_key(game, now)),
        ("coming", credentials.coming_key(game, now)),
    ]
    return {
        "keys": [
            {"row": key, "is_coming": name == "coming", "letter": credentials.letter_of(key)}
            for name, key in keys
            if key
        ]
    }


@requires(Capability.DELIVERY_CONFIG_CHANGE)
@confirmed_sign_in
def edit(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show the form of the two URLs, and save it."""
    config = _config_of(game)
    saved = {"url": config.url, "test_url": config.test_url} if config else None
    form = DeliveryConfigForm(_typed(request), initial=saved)
    if request.method == "POST" and form.is_valid():
        delivery_config.save(game=game, by=request.user, at=timezone.now(), **form.cleaned_data)
        messages.success(request, _saved_message(request, is_first=config is None))
        return go_to(request, _page(game))
    context = {"game": game, "config": config, "form": form, "back": _page(game)}
    return render(request, "orders/config_form.html", context, status=_status(request))


def _saved_message(request: ConsoleRequest, *, is_first: bool) -> str:
    if not is_first:
        return _("The URLs were saved.")
    return _("The URLs were saved. Certificate and delivery key are on their way to %(email)s.") % {
        "email": request.user.email
    }


@requires(Capability.DELIVERY_CONFIG_CHANGE)
def switch_on(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Ask what becomes of the waiting orders, and switch notification on."""
    config = _config_of(game)
    backlog = delivery_config.backlog(game, config)
    is_on = bool(config and config.is_enabled)
    form = SwitchOnForm(_typed(request), is_on=is_on, has_waiting=bool(backlog.pushable))
    if request.method == "POST" and form.is_valid():
        pushed = delivery_config.switch_on(
            game=game, push_waiting=form.push_waiting, by=request.user, at=timezone.now()
        )
        messages.success(request, _on_message(pushed))
        return go_to(request, _page(game))
    context = {
        "game": game,
        "is_on": is_on,
        "is_untested": not testing.has_passed(game),
        "backlog": backlog,
        "form": form,
        "back": _page(game),
    }
    return render(request, "orders/switch_on.html", context, status=_status(request))


def _on_message(pushed: int) -> str:
    if not pushed:
        return _("Delivery notification is on.")
    return ngettext(
        "Delivery notification is on, and one waiting order is being pushed.",
        "Delivery notification is on, and %(count)d waiting orders are being pushed.",
        pushed,
    ) % {"count": pushed}


@requires(Capability.DELIVERY_CONFIG_CHANGE)
def switch_off(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Ask once more, and switch notification off."""
    if request.method == "POST":
        delivery_config.switch_off(game=game, by=request.user, at=timezone.now())
        messages.success(request, _("Delivery notification is off. New orders are held."))
        return go_to(request, _page(game))
    return render(request, "orders/switch_off.html", {"game": game, "back": _page(game)})


@requires(Capability.DELIVERY_CONFIG_REQUEST_KEY)
@confirmed_sign_in
def rotate_key(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Ask from when a new key signs, and issue it."""
    form = RotateKeyForm(_typed(request))
    if request.method == "POST" and form.is_valid() and _rotated(request, game, form):
        return go_to(request, _page(game))
    key = credentials.current_key(game, timezone.now())
    context = {"game": game, "form": form, "key": key, "back": _page(game)}
    return render(request, "orders/key_form.html", context, status=_status(request))


def _rotated(request: ConsoleRequest, game: MiniGame, form: RotateKeyForm) -> bool:
    """Issue the new key, or say at the field why that moment cannot be chosen."""
    now = timezone.now()
    try:
        key = credentials.rotate(
            game=game, by=request.user, at=now, active_from=form.active_from(now)
        )
    except credentials.MomentRefusedError as refusal:
        form.add_error("moment", refusal.message)
        return False
    messages.success(
        request,
        _("The new certificate and delivery key are on their way to %(email)s.")
        % {"email": key.sent_to},
    )
    return True


def _typed(request: ConsoleRequest) -> QueryDict | None:
    """Return what was sent, even if that is nothing at all."""
    return request.POST if request.method == "POST" else None


def _status(request: ConsoleRequest) -> int:
    """Return 422 where a form was sent and is shown again."""
    return 422 if request.method == "POST" else 200
