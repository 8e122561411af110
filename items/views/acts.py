"""Acts on one or many items: request release, withdraw, remove, delete; and what came of each."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from items import catalog, exemption, outcomes, release, rows
from items.batches import MAX_BATCH, Outcome
from items.filters import APPLIES, Act
from items.forms import ReleaseForm
from items.models import Item
from items.selection import Selection, selection_of
from permissions.access import ConsoleRequest, requires
from permissions.forms import ConfirmForm
from permissions.matrix import Capability
from permissions.models import MiniGame
from permissions.views.dialogs import sent
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError
from sasvpay.kit.templatetags.console import number

NAMED: Final = 20
LINES_PER_PAGE: Final = 100


@dataclass(frozen=True)
class Plan:
    """One act on items: its words, what is typed for it, and the topic function."""

    act: Act
    run: Callable[..., list[Outcome]]
    title: str | Promise
    intro: str | Promise
    submit: str | Promise
    form: type[forms.Form] = ConfirmForm
    is_danger: bool = False


REQUEST: Final = Plan(
    act=Act.REQUEST,
    run=release.request,
    form=ReleaseForm,
    title=gettext_lazy("Request release"),
    intro=gettext_lazy("The superapp's reviewer looks at these versions as they are now."),
    submit=gettext_lazy("Request release"),
)
RELEASE: Final = Plan(
    act=Act.REQUEST,
    run=release.request,
    title=gettext_lazy("Release"),
    intro=gettext_lazy("This game is exempt from approval: they are on sale at once."),
    submit=gettext_lazy("Release"),
)
WITHDRAW: Final = Plan(
    act=Act.WITHDRAW,
    run=release.withdraw,
    title=gettext_lazy("Withdraw from review"),
    intro=gettext_lazy("They become drafts again. What is on sale stays on sale."),
    submit=gettext_lazy("Withdraw"),
)
REMOVE: Final = Plan(
    act=Act.REMOVE,
    run=catalog.remove_many,
    title=gettext_lazy("Remove from sale"),
    intro=gettext_lazy(
        "Players cannot buy them from now on. Their history stays, and they can be released again. "
        "A draft of theirs that is in review is withdrawn."
    ),
    submit=gettext_lazy("Remove from sale"),
    is_danger=True,
)
DELETE: Final = Plan(
    act=Act.DELETE,
    run=catalog.delete_many,
    title=gettext_lazy("Delete"),
    intro=gettext_lazy(
        "They were never released. They are gone for good, and their IDs are never used again."
    ),
    submit=gettext_lazy("Delete"),
    is_danger=True,
)


@requires(Capability.ITEM_REQUEST_RELEASE)
def release_request(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Ask for items to be put on sale; with an exemption they are, at once."""
    return _act(request, game, RELEASE if exemption.in_force(game) else REQUEST)


@requires(Capability.ITEM_REQUEST_RELEASE)
def release_withdraw(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Take requests back."""
    return _act(request, game, WITHDRAW)


@requires(Capability.ITEM_REMOVE)
def item_remove(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Take items off sale, after naming them."""
    return _act(request, game, REMOVE)


@requires(Capability.ITEM_REMOVE)
def item_delete(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Delete items that were never released, after naming them."""
    return _act(request, game, DELETE)


def _act(request: ConsoleRequest, game: MiniGame, plan: Plan) -> HttpResponse:
    is_post = request.method == "POST"
    selection = selection_of(game, request.POST if is_post else request.GET)
    form = plan.form(sent(request))
    if form.is_valid():
        try:
            found = _run(request, game, plan, selection, form)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return _end(request, game, plan, selection, found)
    context = _confirmation(game, plan, selection) | {"form": form}
    return render(request, "items/act.html", context, status=422 if is_post else 200)


class NothingChosenError(DomainError):
    """An act on nothing."""

    code = "nothing_chosen"
    status = 422


def _run(
    request: ConsoleRequest, game: MiniGame, plan: Plan, selection: Selection, form: forms.Form
) -> list[Outcome]:
    if selection.bound:
        selection.bound.check()
    # One more than the limit is enough to be told that it is too much.
    pks = list(selection.items.order_by("pk").values_list("pk", flat=True)[: MAX_BATCH + 1])
    if not pks:
        raise NothingChosenError(_("Choose at least one item."))
    return plan.run(
        game=game,
        item_ids=pks,
        upto=selection.upto,
        by=request.user,
        at=timezone.now(),
        **form.cleaned_data,
    )


def _end(
    request: ConsoleRequest,
    game: MiniGame,
    plan: Plan,
    selection: Selection,
    found: list[Outcome],
) -> HttpResponse:
    """Say what came of one item, or show what came of each of many."""
    back = selection.back
    if selection.later:
        messages.info(request, _later(selection))
    if len(found) == 1:
        [only] = found
        say = messages.success if only.ok else messages.error
        say(request, f"{only.item_id}: {only.message}")
        return go_to(request, back)
    token = outcomes.keep(str(plan.title), found, back=back, by=request.user)
    return go_to(request, reverse("items:act-result", args=[game.app_id, token]))


def _later(selection: Selection) -> str:
    """Return how many match but were not there, or not so, when the person looked."""
    return ngettext(
        "One more that matches was added or changed meanwhile: it stays as it is.",
        "%(shown)s more that match were added or changed meanwhile: they stay as they are.",
        selection.later,
    ) % {"shown": number(selection.later)}


def _confirmation(game: MiniGame, plan: Plan, selection: Selection) -> dict[str, Any]:
    applies = selection.items.filter(APPLIES[plan.act])
    skipped = selection.items.exclude(APPLIES[plan.act])
    total, fit = selection.items.count(), applies.count()
    return {
        "game": game,
        "plan": plan,
        "selection": selection,
        "total": total,
        "fit": fit,
        "named": _named(applies),
        "more": max(0, fit - NAMED),
        "skipped": total - fit,
        "skipped_named": _named(skipped) if total > fit else [],
        "skipped_more": max(0, total - fit - NAMED),
        "later": _later(selection) if selection.later else "",
        "limit": MAX_BATCH if total > MAX_BATCH else 0,
        "back": selection.back,
        "submit_tone": "danger" if plan.is_danger else "primary",
    }


def _named(items: Iterable[Item]) -> list[rows.Row]:
    return rows.rows_of(rows.with_versions(items.order_by("-pk"))[:NAMED])  # type: ignore[attr-defined]  # -- a queryset


@requires(Capability.ITEM_VIEW)
@require_safe
def act_result(request: ConsoleRequest, game: MiniGame, token: str) -> HttpResponse:
    """Show what came of each item."""
    report, shown = outcomes.read(token, by=request.user), request.GET.get("show", "")
    context = {
        "game": game,
        "report": report,
        "page": Paginator(report.shown(shown) if report else [], LINES_PER_PAGE).get_page(
            request.GET.get("page")
        ),
        "show": shown,
        "back": report.back if report else reverse("items:item-list", args=[game.app_id]),
    }
    return render(request, "items/act_result.html", context)
