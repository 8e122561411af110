"""What the roof knows across apps: the frame of every page, and the mini games at a glance."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from permissions.access import can, can_somewhere, visible_games, visible_teams
from permissions.matrix import Capability, Role
from permissions.models import MiniGame, Team, User
from permissions.routes import demand_of
from sasvpay import waiting
from sasvpay.kit import export_pages

# The switcher lists so many; whoever sees more finds the rest through the teams.
GAMES_SHOWN: Final = 50


@dataclass(frozen=True)
class Entry:
    """One line of the menu; shown to whoever may use its route."""

    label: Any
    route: str
    icon: str
    count: Callable[[], int] | None = None


DASHBOARD_MENU: Final = (Entry(_("Dashboard"), "dashboard", "layout-dashboard"),)
GAME_MENU: Final = (
    Entry(_("Enable payment"), "payment", "badge-check"),
    Entry(_("Basic configuration"), "orders:config", "settings-2"),
    Entry(_("Virtual item management"), "items:item-list", "package"),
    Entry(_("Order record"), "orders:order-list", "receipt-text"),
    Entry(_("After-sales record"), "aftersales:refund-list", "undo-2"),
)
OPERATIONS_MENU: Final = (
    Entry(_("Delivery log"), "orders:delivery-list", "truck"),
    Entry(_("Audit log"), "game-audit", "scroll-text"),
)
REVIEW_MENU: Final = (Entry(_("Review queue"), "review-queue", "clipboard-check", waiting.count),)
TEAM_MENU: Final = (
    Entry(_("Team dashboard"), "team-dashboard", "chart-column"),
    Entry(_("Members"), "permissions:member-list", "users"),
    Entry(_("Team's audit log"), "team-audit", "scroll-text"),
)
PLATFORM_MENU: Final = (
    Entry(_("Teams"), "permissions:team-list", "building-2"),
    Entry(_("House roles"), "permissions:house-list", "shield-check"),
    Entry(_("House's audit log"), "house-audit", "scroll-text"),
)


def shell(request: HttpRequest) -> dict[str, Any]:
    """Give every page its frame: games, menu, role, and how the person likes it."""
    return {"shell": SimpleLazyObject(lambda: _shell(request))}


def _shell(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    look = {
        "language": get_language(),
        "theme": getattr(user, "theme", "") or request.COOKIES.get("theme", ""),
        "density": getattr(user, "density", "") or request.COOKIES.get("density", ""),
    }
    if not isinstance(user, User):
        return look
    game, team = _place(request, user)
    return look | {
        "games": _games(user, game),
        "game": game,
        "team": team,
        "nav": _menu(request, user, game, team),
        "role": _role(user, team),
        "finds_orders": can_somewhere(user, Capability.ORDER_VIEW),
        "export": export_pages.awaited(request),
    }


def _place(request: HttpRequest, user: User) -> tuple[MiniGame | None, Team | None]:
    """Return the game and team that the page is about, or the ones last looked at."""
    asked = request.resolver_match.kwargs if request.resolver_match else {}
    games = visible_games(user)
    game = None
    if "\x00" not in asked.get("app_id", "\x00"):
        game = games.filter(app_id=asked["app_id"]).first()
    if game is not None:
        request.session["app_id"] = game.app_id
        return game, game.team
    team = visible_teams(user).filter(pk=asked["team_id"]).first() if "team_id" in asked else None
    game = games.filter(app_id=request.session.get("app_id", "")).first()
    if game is None or (team is not None and game.team_id != team.pk):
        game = (games.filter(team=team) if team else games).order_by("pk").first()
    return game, team or (game.team if game else visible_teams(user).order_by("pk").first())


def _games(user: User, current: MiniGame | None) -> list[dict[str, Any]]:
    return [
        {
            "name": game.name,
            "app_id": game.app_id,
            "team": game.team.name,
            "url": reverse("payment", args=[game.app_id]),
            "current": current is not None and game.pk == current.pk,
        }
        for game in visible_games(user).order_by("team__name", "name")[:GAMES_SHOWN]
    ]


def _menu(
    request: HttpRequest, user: User, game: MiniGame | None, team: Team | None
) -> list[dict[str, Any]]:
    groups: tuple[tuple[Any, tuple[Entry, ...], MiniGame | Team | None, list[Any]], ...] = (
        ("", DASHBOARD_MENU, game, [game.app_id] if game else []),
        (_("Virtual payment"), GAME_MENU, game, [game.app_id] if game else []),
        (_("Review"), REVIEW_MENU, None, []),
        (_("Operations"), OPERATIONS_MENU, game, [game.app_id] if game else []),
        (_("Team"), TEAM_MENU, team, [team.pk] if team else []),
        (_("Platform"), PLATFORM_MENU, None, []),
    )
    menu = []
    for label, entries, place, args in groups:
        if not args and entries in (DASHBOARD_MENU, GAME_MENU, OPERATIONS_MENU, TEAM_MENU):
            continue
        shown = [_line(request, entry, args) for entry in entries if _may_open(user, entry, place)]
        if shown:
            menu.append({"label": label, "entries": shown})
    return menu


def _may_open(user: User, entry: Entry, place: MiniGame | Team | None) -> bool:
    capability = demand_of(entry.route).capability
    return capability is not None and can(user, capability, place)


def _line(request: HttpRequest, entry: Entry, args: list[Any]) -> dict[str, Any]:
    url = reverse(entry.route, args=args)
    return {
        "label": entry.label,
        "url": url,
        "icon": entry.icon,
        "current": request.path == url or request.path.startswith(f"{url}/"),
        "count": entry.count() if entry.count else None,
    }


def _role(user: User, team: Team | None) -> str:
    code = user.role_in(team.pk if team else None)
    return str(Role(code).label) if code else str(_("Guest"))
