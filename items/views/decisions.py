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
from items.bounds import Bound
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


@dataclass(frozen=True)
class Chosen:
    """What waits of what was chosen, and the fields that say so again; of all, how far they go."""

    requests: "QuerySet[ReleaseRequest]"
    fields: list[tuple[str, str]]
    bound: Bound | None = None


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
    chosen, form = _chosen(asked), decision.form(sent(request))
    if form.is_valid():
        try:
            found = _run(request, decision, chosen, form)
        except DomainError as refusal:
            form.add_error(None, refusal.message)
        else:
            return _end(request, decision, asked, found)
    context = _confirmation(asked, decision, chosen) | {"form": form}
    return render(request, "items/decide.html", context, status=422 if is_post else 200)


def _chosen(asked: QueryDict) -> Chosen:
    """Return what was marked, or all that wait for a team or game."""
    if asked.get("all"):
        waits = reviewing.waiting(team=asked.get("team", ""), app_id=asked.get("game", ""))
        bound = reviewing.bound(waits, asked.get("upto", ""))
        fields = [("all", "1"), ("upto", bound.text)]
        return Chosen(reviewing.upto(waits, bound), fields, bound)
    marked = asked.getlist("request")
    waits = release.waiting().filter(pk__in=keys(marked))
    return Chosen(waits, [("request", value) for value in marked])


def _run(
    request: ConsoleRequest, decision: Decision, chosen: Chosen, form: forms.Form
) -> list[Outcome]:
    if chosen.bound:
        chosen.bound.check()
        pks = list(chosen.requests.values_list("pk", flat=True)[: MAX_BATCH + 1])
    else:
        # What was decided meanwhile is told, not left out.
        marked = keys([value for _name, value in chosen.fields])
        requests = ReleaseRequest.objects.filter(pk__in=marked)
        pks = list(requests.order_by("pk").values_list("pk", flat=True))
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


def _confirmation(asked: QueryDict, decision: Decision, chosen: Chosen) -> dict[str, Any]:
    total = chosen.requests.count()
    search = [(name, asked[name]) for name in SEARCH if asked.get(name)]
    return {
        "decision": decision,
        "fields": [*search, *chosen.fields],
        "total": total,
        "changes": reviewing.changes(chosen.requests[:NAMED]),
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
