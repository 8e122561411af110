"""Pages of no single app: home, probes, the reviewer's queue, a game's payment page, the trail."""

from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from items import reviewing
from orders.templatetags.delivery_state import capped
from permissions import enablement
from permissions.access import ConsoleRequest, requires, visible_games
from permissions.enablement import State
from permissions.matrix import Capability
from permissions.models import MiniGame, Team
from sasvpay import attention, changes, dashboard, health, metrics, waiting
from sasvpay.audit_export import AUDIT_LOG
from sasvpay.kit import export_pages, listing
from sasvpay.kit.listing import ListingError
from sasvpay.readiness import readiness
from sasvpay.trail import AuditSearchForm, Place
from sasvpay.waiting import Asked, Kind

GAMES_PER_PAGE = 20


def alive(request: HttpRequest) -> HttpResponse:
    """Answer that this process serves."""
    return JsonResponse({"status": "ok"})


def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when every part works, else 503 with the parts that do not."""
    report = health.report(at=timezone.now())
    is_ready = all(state == "ok" for state in report.values())
    return JsonResponse(
        {"status": "ok" if is_ready else "unready", **report}, status=200 if is_ready else 503
    )


@require_safe
def metrics_text(request: HttpRequest) -> HttpResponse:
    """Answer the metrics to whoever shows METRICS_TOKEN; without that setting there are none."""
    if not settings.METRICS_TOKEN:
        raise Http404
    shown = request.headers.get("Authorization", "")
    if not constant_time_compare(shown, f"Bearer {settings.METRICS_TOKEN}"):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.text(at=timezone.now()), content_type=metrics.CONTENT_TYPE)


def home(request: ConsoleRequest) -> HttpResponse:
    """Show the mini games that a person may see, and how far each is."""
    games = visible_games(request.user).select_related("team__merchant", "delivery_config")
    games = games.annotate(is_asked_for=Exists(enablement.waiting().filter(game=OuterRef("pk"))))
    page = Paginator(games.order_by("team__name", "name"), GAMES_PER_PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "sasvpay/home.html", {"page": page})


@requires(Capability.PAYMENT_VIEW)
def payment(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show how a mini game stands with payment, how it came to that, and what is still missing."""
    now = enablement.current(game)
    context = {
        "game": game,
        "now": now,
        "history": enablement.history(game),
        "steps": readiness(game, by=request.user) if now.state == State.APPROVED else [],
        "key": game.callback_keys.filter(retires_at=None).first(),
    }
    return render(request, "permissions/payment.html", context)


@requires(Capability.DASHBOARD_VIEW)
@require_safe
def game_dashboard(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show what a mini game sold, and what needs attention."""
    concerns = attention.of_game(game, at=timezone.now())
    return _dashboard(request, Q(game=game), {"game": game, "concerns": concerns})


@requires(Capability.DASHBOARD_VIEW)
@require_safe
def team_dashboard(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Show what the mini games of a team sold, together and each."""
    waiting_games = attention.of_team(team, at=timezone.now())
    return _dashboard(request, Q(game__team=team), {"team": team, "waiting": waiting_games})


def _dashboard(request: ConsoleRequest, of: Q, context: dict[str, Any]) -> HttpResponse:
    context |= {"periods": dashboard.Period.choices, "asked": request.GET.get("period", "")}
    try:
        period = dashboard.period_of(context["asked"])
    except ListingError as refusal:
        context["problem"] = refusal.message
        return render(request, "sasvpay/dashboard.html", context, status=422)
    context |= dashboard.show(of, period, team=context.get("team"), at=timezone.now())
    return render(request, "sasvpay/dashboard.html", context)


@requires(Capability.PAYMENT_DECIDE)
def review_queue(request: ConsoleRequest) -> HttpResponse:
    """Show what waits for the reviewer, the oldest first: of all kinds, teams and games, or one."""
    asked = Asked(*(request.GET.get(name, "") for name in ("kind", "team", "game")))
    page = waiting.queue(asked).get_page(request.GET.get("page"))
    games = waiting.games()
    context = {
        # First: what arrives while the rest is read is not shown.
        **_every(request, asked),
        "asked": asked,
        "page": page,
        "entries": waiting.entries(page),
        "kinds": Kind.choices,
        "games": games,
        "teams": waiting.teams(games),
        "kept": [(name, value) for name, value in vars(asked).items() if value],
        "releases": waiting.counts(asked)[Kind.RELEASE],
    }
    return render(request, "sasvpay/review_queue.html", context)


def _every(request: ConsoleRequest, asked: Asked) -> dict[str, Any]:
    """Return whether all releases are selected, and up to where the reviewer looks."""
    if not request.GET.get("all"):
        return {"is_all": False}
    requests = reviewing.waiting(team=asked.team, app_id=asked.game)
    return {"is_all": True, "upto": reviewing.bound(requests).text}


@requires(Capability.AUDIT_VIEW)
@require_safe
def game_audit(request: ConsoleRequest, game: MiniGame) -> HttpResponse:
    """Show what people did to a mini game, the newest first."""
    return _audit(request, game, {"game": game})


@requires(Capability.AUDIT_VIEW)
@require_safe
def team_audit(request: ConsoleRequest, team: Team) -> HttpResponse:
    """Show what people did in a team and to its mini games, the newest first."""
    return _audit(request, team, {"team": team})


# A team's administrator views an audit log too, but not this one: it is for who keeps teams.
@requires(Capability.TEAM_KEEP)
@require_safe
def house_audit(request: ConsoleRequest) -> HttpResponse:
    """Show what belongs to no team: people, house roles, sign-ins."""
    return _audit(request, None, {})


def _audit(
    request: ConsoleRequest, place: MiniGame | Team | None, context: dict[str, Any]
) -> HttpResponse:
    form = AuditSearchForm(request.GET, at=timezone.now())
    context |= {"form": form}
    status = 422
    if form.is_valid():
        try:
            context |= _found(request, place, form)
            status = 200
        except ListingError as refusal:
            context["problem"] = refusal.message
    return render(request, "sasvpay/audit_list.html", context, status=status)


def _found(
    request: ConsoleRequest, place: MiniGame | Team | None, form: AuditSearchForm
) -> dict[str, Any]:
    search = form.search()
    rows = search.rows(Place.of(place))
    page = listing.keyset_page(rows, request, moment="at")
    count = listing.capped_count(rows)
    return {
        "events": [changes.told(row) for row in page.rows],
        "pager": {
            "newer_url": page.newer_url,
            "older_url": page.older_url,
            "summary": ngettext("%(count)s event", "%(count)s events", count)
            % {"count": capped(count)},
        },
        "span": search.span,
        "last_shown": search.span.last_shown,
        "zone": timezone.get_current_timezone_name(),
    }


@requires(Capability.AUDIT_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def game_audit_export(request: ConsoleRequest, game: MiniGame) -> HttpResponseBase:
    """Ask how to export what the filters select of a mini game's audit log, and do it."""
    return _audit_export(request, game, reverse("game-audit", args=[game.app_id]))


@requires(Capability.AUDIT_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def team_audit_export(request: ConsoleRequest, team: Team) -> HttpResponseBase:
    """Ask how to export what the filters select of a team's audit log, and do it."""
    return _audit_export(request, team, reverse("team-audit", args=[team.pk]))


@requires(Capability.AUDIT_EXPORT)
@require_http_methods(["GET", "HEAD", "POST"])
def house_audit_export(request: ConsoleRequest) -> HttpResponseBase:
    """Ask how to export what the filters select of the house's audit log, and do it."""
    return _audit_export(request, None, reverse("house-audit"))


def _audit_export(
    request: ConsoleRequest, place: MiniGame | Team | None, page: str
) -> HttpResponseBase:
    back = f"{page}?{request.GET.urlencode()}"
    return export_pages.answer(request, AUDIT_LOG, place, back=back)
