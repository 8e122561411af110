"""The one question, `can`, and the declarations that every route makes.

`requires(capability)` takes `app_id` or `team_id` out of the URL and hands the view the `game` or
`team`: 404 when the person may do nothing at all there (that it exists must not leak), 403 when not
this; who needs a second factor for it is led to set one up. Without an id it demands the capability everywhere. `signed_in(reason)` is for pages that need
a person only, `public(reason)` for those that need none. Each also wraps an `include()`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, Final, TypeVar, cast

from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import URLPattern, URLResolver

from permissions import second_factor
from permissions.grants import Grants
from permissions.matrix import Capability
from permissions.models import MiniGame, Team, User

View = Callable[..., HttpResponseBase]
Target = TypeVar("Target", bound="View | tuple[Any, Any, Any]")
_CACHED: Final = "_grants"


class ConsoleRequest(HttpRequest):
    """A request of somebody who signed in: the guard has seen to it."""

    user: User


@dataclass(frozen=True)
class Access:
    """What a route declares: a capability, or a reason why none is demanded."""

    capability: Capability | None = None
    is_public: bool = False
    reason: str = ""


def grants_of(user: Any) -> Grants:
    """Return what a person is granted, read once per user object (that is: per request)."""
    if not isinstance(user, User) or not user.is_active:
        return Grants(everywhere=frozenset(), by_team={}, by_game={})
    grants = user.__dict__.get(_CACHED)
    if grants is None:
        grants = user.__dict__[_CACHED] = Grants.read(user)
    return cast("Grants", grants)


def can(user: Any, capability: Capability, on: MiniGame | Team | None = None) -> bool:
    """Say whether a person may do this there; without a place: everywhere."""
    return capability in _held(grants_of(user), on)


def can_somewhere(user: Any, capability: Capability) -> bool:
    """Say whether a person may do this on any mini game or team at all."""
    grants = grants_of(user)
    held = (grants.everywhere, *grants.by_team.values(), *grants.by_game.values())
    return any(capability in each for each in held)


def visible_games(user: Any) -> QuerySet[MiniGame]:
    """Return the mini games on which a person may do anything at all."""
    return _visible(MiniGame.objects.select_related("team"), user, by_team="team_id")


def games_with(user: Any, capability: Capability) -> QuerySet[MiniGame]:
    """Return the mini games on which a person may do this."""
    grants, games = grants_of(user), MiniGame.objects.select_related("team")
    if capability in grants.everywhere:
        return games
    return games.filter(
        Q(team_id__in=[pk for pk, held in grants.by_team.items() if capability in held])
        | Q(pk__in=[pk for pk, held in grants.by_game.items() if capability in held])
    )


def visible_teams(user: Any) -> QuerySet[Team]:
    """Return the teams in which a person may do anything at all."""
    return _visible(Team.objects.all(), user, by_team="pk")


def _visible(rows: QuerySet[Any], user: Any, *, by_team: str) -> QuerySet[Any]:
    grants = grants_of(user)
    if grants.everywhere:
        return rows
    seen = Q(**{f"{by_team}__in": list(grants.by_team)})
    if by_team != "pk":
        seen |= Q(pk__in=list(grants.by_game))
    return rows.filter(seen)


def requires(capability: Capability) -> Callable[[Target], Target]:
    """Declare that a route demands a capability, and see to it."""
    return _declare(Access(capability=capability), _guarded(capability))


def signed_in(reason: str) -> Callable[[Target], Target]:
    """Declare that a route needs a person but no capability, and why."""
    return _declare(Access(reason=reason), lambda view: view)


def public(reason: str) -> Callable[[Target], Target]:
    """Declare that a route needs nobody to be signed in, and why."""
    return _declare(Access(is_public=True, reason=reason), lambda view: view)


def _declare(access: Access, guard: Callable[[View], View]) -> Callable[[Target], Target]:
    def declare(target: Target) -> Target:
        if isinstance(target, tuple):
            patterns, app_name, namespace = target
            routes = getattr(patterns, "urlpatterns", patterns)
            return cast("Target", (_declared(routes, declare), app_name, namespace))
        guarded = wraps(target)(_passing(guard(target)))
        guarded.access = access  # type: ignore[attr-defined]  # -- read by permissions.routes
        guarded.login_required = not access.is_public  # type: ignore[attr-defined]  # -- read by LoginRequiredMiddleware
        return cast("Target", guarded)

    return declare


def _passing(view: View) -> View:
    """Wrap, so that what is declared of a route does not stick to a view shared with others."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs)

    return guarded


def _declared(
    routes: Sequence[URLPattern | URLResolver], declare: Callable[[Any], Any]
) -> list[URLPattern | URLResolver]:
    declared: list[URLPattern | URLResolver] = []
    for route in routes:
        if isinstance(route, URLPattern):
            view = declare(route.callback)
            declared.append(URLPattern(route.pattern, view, route.default_args, route.name))
        else:
            inner = _declared(route.url_patterns, declare)
            declared.append(
                URLResolver(
                    route.pattern, inner, route.default_kwargs, route.app_name, route.namespace
                )
            )
    return declared


def _guarded(capability: Capability) -> Callable[[View], View]:
    def guard(view: View) -> View:
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            place = _place(kwargs)
            held = _held(grants_of(request.user), place)
            if place is not None and not held:
                raise Http404
            if capability not in held:
                raise PermissionDenied(capability.value)
            if second_factor.is_missing(request.user, capability):
                return second_factor.ask(request)
            return view(request, *args, **kwargs)

        return guarded

    return guard


def _place(kwargs: dict[str, Any]) -> MiniGame | Team | None:
    """Take the id out of the URL's arguments and put the object there."""
    if any("\x00" in str(value) for value in kwargs.values()):
        # PostgreSQL takes no such text: it names nothing.
        raise Http404
    if "app_id" in kwargs:
        game = MiniGame.objects.select_related("team").filter(app_id=kwargs.pop("app_id")).first()
        if game is None:
            raise Http404
        kwargs["game"] = game
        return game
    if "team_id" in kwargs:
        team = Team.objects.filter(pk=kwargs.pop("team_id")).first()
        if team is None:
            raise Http404
        kwargs["team"] = team
        return team
    return None


def _held(grants: Grants, on: MiniGame | Team | None) -> frozenset[Capability]:
    if isinstance(on, MiniGame):
        return grants.on_game(on)
    if isinstance(on, Team):
        return grants.on_team(on)
    return grants.everywhere
