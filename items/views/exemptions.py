"""Approval exemption: the team asks, the reviewer decides and revokes."""

from functools import partial

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_safe

from items import exemption
from items.exemption import State
from items.forms import ExemptionForm, NoteForm, ReasonForm, RevokeForm
from items.models import ExemptionRequest
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.views.dialogs import Dialog, answer, sent
from sasvpay.kit.answers import go_to


@requires(Capability.EXEMPTION_VIEW)
@require_safe
def show(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show how a mini game stands with the exemption, and how it came to that."""
    context = {
        "game": game,
        "exemption": exemption.current(game),
        "exemption_history": exemption.history(game),
    }
    return render(request, "items/exemption.html", context)


@requires(Capability.EXEMPTION_REQUEST)
def ask(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Ask the superapp to release the game's items without approval."""
    form = ExemptionForm(sent(request))
    dialog = Dialog(
        title=_("Request exemption from approval"),
        intro=_("With it the items of this game are released without review, at once."),
        submit=_("Confirm"),
        back=_page(game),
    )
    act = partial(_ask, request, game, form)
    said = _("The request was sent to the superapp's reviewer.")
    return answer(request, form, dialog, act=act, said=said)


def _ask(request: ConsoleRequest, game: MiniGame, form: ExemptionForm) -> None:
    exemption.request(game=game, by=request.user, at=timezone.now(), **form.cleaned_data)


@requires(Capability.EXEMPTION_DECIDE)
def approve(request: ConsoleRequest, game: MiniGame, request_id: int) -> HttpResponse:
    """Say yes to a request."""
    asked, form = _asked(game, request_id), NoteForm(sent(request))
    if gone := _not_any_more(request, asked, State.PENDING):
        return gone
    dialog = Dialog(
        title=_("Approve the exemption of %(game)s") % {"game": game.name},
        intro=_("Its items are released without your review from now on. They said: %(message)s")
        % {"message": asked.message},
        submit=_("Approve"),
        back=_page(game),
    )
    return answer(
        request,
        form,
        dialog,
        act=lambda: exemption.approve(
            request_id=asked.pk, by=request.user, at=timezone.now(), **form.cleaned_data
        ),
        said=_("“%(game)s” is exempt from approval.") % {"game": game.name},
    )


@requires(Capability.EXEMPTION_DECIDE)
def reject(request: ConsoleRequest, game: MiniGame, request_id: int) -> HttpResponse:
    """Say no to a request, and why."""
    asked, form = _asked(game, request_id), ReasonForm(sent(request))
    if gone := _not_any_more(request, asked, State.PENDING):
        return gone
    dialog = Dialog(
        title=_("Reject the exemption of %(game)s") % {"game": game.name},
        intro=_("Its items go on being reviewed. They said: %(message)s")
        % {"message": asked.message},
        submit=_("Reject"),
        back=_page(game),
        is_danger=True,
    )
    return answer(
        request,
        form,
        dialog,
        act=lambda: exemption.reject(
            request_id=asked.pk, by=request.user, at=timezone.now(), **form.cleaned_data
        ),
        said=_("The request of “%(game)s” was rejected.") % {"game": game.name},
    )


@requires(Capability.EXEMPTION_DECIDE)
def revoke(request: ConsoleRequest, game: MiniGame, request_id: int) -> HttpResponse:
    """End an exemption, say why, and choose what becomes of what was released under it."""
    asked, form = _asked(game, request_id), RevokeForm(sent(request))
    if gone := _not_any_more(request, asked, State.APPROVED):
        return gone
    live = exemption.released_under(asked).count()
    dialog = Dialog(
        title=_("Revoke the exemption of %(game)s") % {"game": game.name},
        intro=_("From now on every release is reviewed again.") + " " + _under(live),
        submit=_("Revoke"),
        back=_page(game),
        is_danger=True,
    )
    said = _("The exemption of “%(game)s” was revoked.") % {"game": game.name}
    act = partial(_revoke, request, asked, form)
    return answer(request, form, dialog, act=act, said=said)


def _revoke(request: ConsoleRequest, asked: ExemptionRequest, form: RevokeForm) -> None:
    removed = exemption.revoke(
        request_id=asked.pk, by=request.user, at=timezone.now(), **form.cleaned_data
    )
    if removed:
        told = ngettext(
            "One item was taken off sale.", "%(count)d items were taken off sale.", removed
        )
        messages.warning(request, told % {"count": removed})


def _under(live: int) -> str:
    if not live:
        return _("Nothing that was released under it is on sale now.")
    return ngettext(
        "One item that was released under it is on sale.",
        "%(count)d items that were released under it are on sale.",
        live,
    ) % {"count": live}


def _asked(game: MiniGame, request_id: int) -> ExemptionRequest:
    return get_object_or_404(game.exemption_requests, pk=request_id)


def _not_any_more(
    request: ConsoleRequest, asked: ExemptionRequest, since: State
) -> HttpResponse | None:
    """Say what became of a request that somebody decided before; nothing while it is open."""
    state = exemption.state_of(asked)
    if state == since:
        return None
    told = _("This request is “%(state)s” by now. Nothing was changed.")
    messages.error(request, told % {"state": state.label})
    return go_to(request, _page(asked.game))


def _page(game: MiniGame) -> str:
    return reverse("items:exemption", args=[game.app_id])
