"""Pages of no single app: home, probes, the reviewer's queue, a game's payment page."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from permissions import enablement
from permissions.access import ConsoleRequest, requires, visible_games
from permissions.enablement import State
from permissions.matrix import Capability
from permissions.models import MiniGame, Team
from sasvpay import attention, dashboard, health, waiting
from sasvpay.kit.listing import ListingError
from sasvpay.readiness import readiness
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
        "asked": asked,
        "page": page,
        "entries": waiting.entries(page),
        "kinds": Kind.choices,
        "games": games,
        "teams": waiting.teams(games),
        "kept": [(name, value) for name, value in vars(asked).items() if value],
        "releases": waiting.counts(asked)[Kind.RELEASE],
        "is_all": bool(request.GET.get("all")),
    }
    return render(request, "sasvpay/review_queue.html", context)
