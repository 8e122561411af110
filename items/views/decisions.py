"""The reviewer's decisions on releases: one or many, from the review queue."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from items import outcomes, release, reviewing
from items.batches import MAX_BATCH, Outcome
from items.forms import NoteForm, ReasonForm
from items.models import ReleaseRequest
from items.selection import keys
from items.views.acts import LINES_PER_PAGE, NAMED, NothingChosenError
from permissions.access import ConsoleRequest, requires
from permissions.matrix import Capability
from permissions.views.dialogs import sent
from sasvpay.kit.answers import go_to
from sasvpay.kit.errors import DomainError

if TYPE_CHECKING:
    from django.db.models import QuerySet

# What the queue was showing: kept, so that it can be gone back to.
SEARCH: Final = ("kind", "team", "game")


@dataclass(frozen=True)
class Decision:
    """One way to decide: its words, its form, the topic function."""

    run: Callable[..., list[Outcome]]
    form: type[forms.Form]
    title: str | Promise
    intro: str | Promise
    submit: str | Promise
    is_danger: bool = False


APPROVE: Final = Decision(
    run=release.approve,
    form=NoteForm,
    title=gettext_lazy("Approve releases"),
    intro=gettext_lazy("Exactly these versions go on sale, each in place of the one before it."),
    submit=gettext_lazy("Approve"),
)
REJECT: Final = Decision(
    run=release.reject,
    form=ReasonForm,
    title=gettext_lazy("Reject releases"),
    intro=gettext_lazy("What is on sale stays. The team reads your reason and may ask again."),
    submit=gettext_lazy("Reject"),
    is_danger=True,
)


@requires(Capability.RELEASE_DECIDE)
def release_approve(request: ConsoleRequest) -> HttpResponse:
    """Say yes to one or many."""
    return _decide(request, APPROVE)


@requires(Capability.RELEASE_DECIDE)
def release_reject(request: ConsoleRequest) -> HttpResponse:
    """Say no to one or many, and why."""
    return _decide(request, REJECT)


def _decide(request: ConsoleRequest, decision: Decision) -> HttpResponse:
    is_post = request.method == "POST"
    asked = request.POST if is_post else request.GET
    requests, form = _chosen(asked, is_sent=is_post), decision.form(sent(request))
    if form.is_valid():
        try:
            found = _run(request, decision, asked, form)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return _end(request, decision, asked, found)
    context = _confirmation(asked, decision, requests) | {"form": form}
    return render(request, "items/decide.html", context, status=422 if is_post else 200)


def _chosen(asked: QueryDict, *, is_sent: bool) -> "QuerySet[ReleaseRequest]":
    """Return what waits of what was marked, or all that wait for a team or game.

    All are those that waited when the reviewer looked: what came later was seen by nobody.
    """
    if asked.get("all"):
        waits = reviewing.waiting(team=asked.get("team", ""), app_id=asked.get("game", ""))
        looked = keys([asked.get("upto", "")]) or [0 if is_sent else reviewing.newest(waits)]
        return waits.filter(pk__lte=looked[0])
    return release.waiting().filter(pk__in=keys(asked.getlist("request")))


def _run(
    request: ConsoleRequest, decision: Decision, asked: QueryDict, form: forms.Form
) -> list[Outcome]:
    if asked.get("all"):
        chosen = _chosen(asked, is_sent=True)
        pks = list(chosen.values_list("pk", flat=True)[: MAX_BATCH + 1])
    else:
        # What was decided meanwhile is told, not left out.
        marked = ReleaseRequest.objects.filter(pk__in=keys(asked.getlist("request")))
        pks = list(marked.order_by("pk").values_list("pk", flat=True))
    if not pks:
        raise NothingChosenError(_("Choose at least one request."))
    return decision.run(request_ids=pks, by=request.user, at=timezone.now(), **form.cleaned_data)


def _end(
    request: ConsoleRequest, decision: Decision, asked: QueryDict, found: list[Outcome]
) -> HttpResponse:
    back = _back(asked)
    if len(found) == 1:
        [only] = found
        say = messages.success if only.ok else messages.error
        say(request, f"{only.item_id}: {only.message}" if only.item_id else only.message)
        return go_to(request, back)
    token = outcomes.keep(str(decision.title), found, back=back, by=request.user)
    return go_to(request, reverse("items:release-result", args=[token]))


def _back(asked: QueryDict) -> str:
    # The queue looks across apps, so it is the roof's: named here, not imported.
    search = urlencode([(name, asked[name]) for name in SEARCH if asked.get(name)])
    return f"{reverse('review-queue')}?{search}" if search else reverse("review-queue")


def _confirmation(
    asked: QueryDict, decision: Decision, requests: "QuerySet[ReleaseRequest]"
) -> dict[str, Any]:
    total = requests.count()
    search = [(name, asked[name]) for name in SEARCH if asked.get(name)]
    marked = [("request", value) for value in asked.getlist("request")]
    every = [("all", "1"), ("upto", str(reviewing.newest(requests)))]
    return {
        "decision": decision,
        "fields": [*search, *(every if asked.get("all") else marked)],
        "total": total,
        "changes": reviewing.changes(requests[:NAMED]),
        "more": max(0, total - NAMED),
        "limit": MAX_BATCH if total > MAX_BATCH else 0,
        "back": _back(asked),
        "submit_tone": "danger" if decision.is_danger else "primary",
    }


@requires(Capability.RELEASE_DECIDE)
@require_safe
def release_result(request: ConsoleRequest, token: str) -> HttpResponse:
    """Show what came of each request."""
    report, shown = outcomes.read(token, by=request.user), request.GET.get("show", "")
    context = {
        "report": report,
        "page": Paginator(report.shown(shown) if report else [], LINES_PER_PAGE).get_page(
            request.GET.get("page")
        ),
        "show": shown,
        "back": report.back if report else reverse("review-queue"),
    }
    return render(request, "items/act_result.html", context)
